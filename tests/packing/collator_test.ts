import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import {
  batches,
  chooseWords,
  collate,
  type CollateOptions,
  Corpus,
  dropLastWord,
  IGNORED_LABEL,
  maskCapacity,
  maskedPositions,
  type MaskingDraws,
  mersenneShuffle,
  type PlacedSentence,
  stepsForEpochs,
  stepsPerEpoch,
} from "../../lib/packing/mod.ts";
import { Vocabulary } from "../../lib/text/mod.ts";
import { readSafetensors } from "../../lib/weights/mod.ts";

const FIXTURES = fileURLToPath(new URL("../fixtures/text/", import.meta.url));
const VOCABULARY = await Vocabulary.read(`${FIXTURES}/vocab.txt`);

Deno.test("with the original's draws, the original's batch", async () => {
  const golden = await readSafetensors(`${FIXTURES}/collator.safetensors`);
  const numbers = (name: string) => Array.from(golden.get(name)!.data as ArrayLike<number | bigint>, Number);
  using corpus = await Corpus.open(FIXTURES, VOCABULARY, { originalPieces: true });
  const length = 10;
  const recorded = ["draw.00.word_start_bernoulli", "draw.01.bernoulli_0.8", "draw.02.bernoulli_0.5"];
  const views = [
    [...recorded, "draw.03.random_tokens"].map(numbers),
    [
      "draw.04.word_start_bernoulli",
      "draw.05.bernoulli_0.8",
      "draw.06.bernoulli_0.5",
      "draw.07.random_tokens",
    ]
      .map(numbers),
  ];
  const draws = (row: PlacedSentence, view: 0 | 1): MaskingDraws => {
    const [starts, masks, randoms, tokens] = views[view]!;
    const at = (position: number) => row.sentence * length + 1 + position; // the recorded columns begin with [CLS]
    return {
      isWordChosen: (position) => starts![at(position)] === 1,
      replacement: (position) =>
        masks![at(position)] === 1 ? "mask" : randoms![at(position)] === 1 ? "random" : "keep",
      randomToken: (position) => tokens![at(position)]!,
    };
  };
  const rows = Array.from(
    { length: corpus.length },
    (_, i) => ({ ...corpus.sentence(i), epoch: 0, sentence: i }),
  );
  const batch = collate(rows, {
    vocabulary: VOCABULARY,
    maxSeqLength: length,
    mlmProb: 0.15,
    seed: 0,
    draws,
  });
  assert.deepEqual([...batch.rawIds], numbers("raw_input_ids"));
  assert.deepEqual([...batch.maskedIds], numbers("masked_input_ids"));
  assert.deepEqual([...batch.labels], numbers("generator_labels"));
  assert.deepEqual([batch.rows, batch.length], [12, 10]);
  assert.equal(batch.tokens, batch.rawIds.filter((id) => id !== VOCABULARY.padId).length);
});

/** Sentences of two-token words, every id distinct from the special ones. */
function sentences(count: number, length: number): PlacedSentence[] {
  return Array.from({ length: count }, (_, sentence) => ({
    ids: Int32Array.from({ length }, (_, i) => 5 + (sentence * 7 + i) % 150),
    isSuffix: Uint8Array.from({ length }, (_, i) => i % 2),
    epoch: 0,
    sentence,
  }));
}

const OPTIONS: CollateOptions = { vocabulary: VOCABULARY, maxSeqLength: 66, mlmProb: 0.15, seed: 1000 };

Deno.test("the shares of masked words and of the three replacements are the rule's", () => {
  const { rawIds, maskedIds, labels } = collate(sentences(512, 64), OPTIONS);
  const tokens = 2 * 512 * 64;
  let masked = 0, mask = 0, kept = 0;
  labels.forEach((label, i) => {
    if (label === IGNORED_LABEL) return assert.equal(maskedIds[i], rawIds[i]);
    assert.equal(label, rawIds[i]);
    masked++;
    if (maskedIds[i] === VOCABULARY.maskId) mask++;
    else if (maskedIds[i] === label) kept++;
  });
  const near = (share: number, expected: number, deviation: number) =>
    assert.ok(Math.abs(share - expected) < 4 * deviation, `${share} is far from ${expected}`);
  near(masked / tokens, 0.15, Math.sqrt(0.15 * 0.85 / (tokens / 2)));
  near(mask / masked, 0.8 + 0.1 / 162, Math.sqrt(0.16 / masked));
  near(kept / masked, 0.1 + 0.1 / 162, Math.sqrt(0.09 / masked));
  for (let i = 0; i < labels.length; i++) { // whole words: both tokens or none
    const column = i % 66;
    if (column >= 1 && column <= 64 && column % 2 === 1) {
      assert.equal(labels[i] === IGNORED_LABEL, labels[i + 1] === IGNORED_LABEL);
    }
  }
});

Deno.test("masks depend on seed, epoch, sentence and view, not on the batch", () => {
  const [first, second, third] = sentences(3, 64) as [PlacedSentence, PlacedSentence, PlacedSentence];
  const labelsOf = (rows: PlacedSentence[], row: number, seed = 1000) =>
    collate(rows, { ...OPTIONS, seed }).labels.subarray(row * 66, (row + 1) * 66).join(" ");
  assert.equal(labelsOf([first, second, third], 1), labelsOf([second], 0)); // view a
  assert.equal(labelsOf([first, second, third], 4), labelsOf([second], 1)); // view b
  const distinct = [
    labelsOf([second], 0),
    labelsOf([second], 1),
    labelsOf([second], 0, 1001),
    labelsOf([{ ...second, epoch: 1 }], 0),
    labelsOf([{ ...second, sentence: 9 }], 0),
  ];
  assert.equal(new Set(distinct).size, distinct.length);
});

Deno.test("long sentences lose their tail, rows too short for a token are refused", () => {
  const batch = collate(sentences(1, 64), { ...OPTIONS, maxSeqLength: 5 });
  assert.deepEqual([...batch.rawIds.subarray(0, 5)], [VOCABULARY.clsId, 5, 6, 7, VOCABULARY.sepId]);
  assert.throws(() => collate(sentences(1, 4), { ...OPTIONS, maxSeqLength: 2 }), RangeError);
});

Deno.test("choosing and dropping whole words", () => {
  const isSuffix = Uint8Array.of(1, 0, 1, 1, 0, 0, 1);
  const all = chooseWords(isSuffix, { isWordChosen: () => true });
  assert.deepEqual([...all], [0, 1, 1, 1, 1, 1, 1]); // the first token continues a word that is not here
  assert.equal(dropLastWord(all, isSuffix), 2);
  assert.equal(dropLastWord(all, isSuffix), 1);
  assert.deepEqual([...all], [0, 1, 1, 1, 0, 0, 0]);
  assert.equal(dropLastWord(all, isSuffix), 3);
  assert.equal(dropLastWord(all, isSuffix), 0);
});

Deno.test("masks beyond the capacity are taken back before labels are made", () => {
  const rows = sentences(8, 64);
  const free = collate(rows, OPTIONS);
  const count = free.labels.filter((label) => label !== IGNORED_LABEL).length;
  for (const capacity of [0, 1, count >> 1, count - 1, count, count + 100]) {
    const batch = collate(rows, { ...OPTIONS, maskCapacity: capacity });
    const left = batch.labels.filter((label) => label !== IGNORED_LABEL).length;
    assert.ok(left <= capacity && left >= Math.min(count, capacity) - 1, `${left} of ${capacity}`);
    batch.labels.forEach((label, i) => {
      if (label === IGNORED_LABEL) assert.equal(batch.maskedIds[i], batch.rawIds[i]);
      else assert.deepEqual([label, batch.maskedIds[i]], [free.labels[i], free.maskedIds[i]]);
    });
    const { positions, labels, weights } = maskedPositions(batch, capacity);
    assert.equal(weights.reduce((sum, weight) => sum + weight, 0), left);
    for (let i = 0; i < left; i++) assert.equal(labels[i], batch.labels[positions[i]!]);
    assert.ok(positions.subarray(left).every((position) => position === 0));
  }
  assert.throws(() => maskedPositions(free, count - 1), RangeError);
});

Deno.test("the suggested capacity is a multiple of 8 that real batches stay below", () => {
  for (const [rows, length] of [[2, 4], [2, 16], [16, 66], [64, 128]] as const) {
    const capacity = maskCapacity(rows, { mean: length - 2, variance: 0, max: length - 2 }, 0.15);
    assert.equal(capacity % 8, 0);
    assert.ok(capacity < rows * (length - 2) + 8);
    for (let seed = 0; seed < 20; seed++) {
      const batch = collate(sentences(rows / 2, length - 2), { ...OPTIONS, maxSeqLength: length, seed });
      assert.ok(batch.labels.filter((label) => label !== IGNORED_LABEL).length <= capacity);
    }
  }
});

/** A corpus in memory whose sentence n is the one token 5 + n. */
const tiny = {
  length: 10,
  sentence: (i: number) => ({ ids: Int32Array.of(5 + i), isSuffix: Uint8Array.of(0) }),
};

function take(
  count: number,
  options: Partial<Parameters<typeof batches>[1]>,
): { order: number[]; text: string[] } {
  const stream = batches(tiny, { ...OPTIONS, maxSeqLength: 3, batchSize: 4, ...options });
  const made = Array.from({ length: count }, () => stream.next().value);
  const order = made.flatMap((batch) =>
    Array.from({ length: batch.rows / 2 }, (_, row) => batch.rawIds[row * 3 + 1]! - 5)
  );
  return { order, text: made.map((batch) => JSON.stringify({ ...batch, labels: [...batch.labels] })) };
}

Deno.test("every epoch sees every sentence once, across the borders of batches", () => {
  const { order, text } = take(5, {});
  const epochs = [order.slice(0, 10), order.slice(10)];
  for (const epoch of epochs) {
    assert.deepEqual(epoch.toSorted((a, b) => a - b), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  }
  assert.notDeepEqual(epochs[0], epochs[1]);
  assert.deepEqual(text.map((batch) => JSON.parse(batch).epoch), [0, 0, 0, 1, 1]);
  assert.deepEqual([stepsPerEpoch(10, 4), stepsForEpochs(10, 4, 2)], [3, 5]);
});

Deno.test("a stream started at a step goes on exactly as the one that came there", () => {
  const whole = take(9, { mlmProb: 0.5 }).text;
  for (const startStep of [1, 2, 3, 7]) {
    assert.deepEqual(take(9 - startStep, { mlmProb: 0.5, startStep }).text, whole.slice(startStep));
  }
});

Deno.test("the original's order is numpy's by epoch, whatever the seed; stored is as it is", () => {
  const numpys = [...mersenneShuffle(10, 0), ...mersenneShuffle(10, 1)];
  assert.deepEqual(take(5, { order: "original" }).order, numpys);
  assert.deepEqual(take(5, { order: "original", seed: 7 }).order, numpys);
  assert.notDeepEqual(take(5, { seed: 7 }).order, take(5, {}).order);
  assert.deepEqual(take(3, { order: "stored" }).order, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]);
  assert.equal(take(1, { batchSize: 25 }).order.length, 25); // a batch larger than the corpus
});
