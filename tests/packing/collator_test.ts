import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import {
  type Batch,
  type BatchLayout,
  chooseWords,
  collate,
  type CollateOptions,
  Corpus,
  dropLastWord,
  IGNORED_LABEL,
  maskedPositions,
  type MaskingDraws,
  onePass,
  paddedLayout,
  type PlacedSentence,
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
  const layout = paddedLayout(corpus.length, length);
  const rows = Array.from({ length: corpus.length }, (_, i) => inRow(corpus.sentence(i), i, layout));
  const batch = collate(rows, { layout, vocabulary: VOCABULARY, mlmProb: 0.15, seed: 0, draws });
  assert.deepEqual([...batch.rawIds], numbers("raw_input_ids"));
  assert.deepEqual([...batch.maskedIds], numbers("masked_input_ids"));
  assert.deepEqual([...batch.labels], numbers("generator_labels"));
  assert.deepEqual([...batch.clsPositions], Array.from({ length: 12 }, (_, row) => row * length));
  batch.rawIds.forEach((id, slot) => {
    const isToken = id !== VOCABULARY.padId;
    assert.deepEqual(
      [batch.segmentIds[slot], batch.positionIds[slot]],
      isToken ? [1, slot % length] : [0, 0],
    );
  });
  assert.equal(batch.sentences, 6);
  assert.equal(batch.tokens, batch.rawIds.filter((id) => id !== VOCABULARY.padId).length);
});

/** A sentence in row `row` of both views of a padded layout. */
function inRow(
  text: Pick<PlacedSentence, "ids" | "isSuffix">,
  row: number,
  { groups: [group], sentenceCapacity }: BatchLayout,
): PlacedSentence {
  const { width } = group!;
  const slots = [row * width, (sentenceCapacity + row) * width] as const;
  return {
    ...text,
    epoch: 0,
    sentence: row,
    slots,
    length: Math.min(width, text.ids.length + 2),
    segment: 1,
  };
}

/** Sentences of two-token words, every id distinct from the special ones, each in a row that it fills or loses its tail in. */
function sentences(count: number, length: number, width = length + 2): PlacedSentence[] {
  const layout = paddedLayout(count, width);
  return Array.from({ length: count }, (_, row) =>
    inRow(
      {
        ids: Int32Array.from({ length }, (_, i) => 5 + (row * 7 + i) % 150),
        isSuffix: Uint8Array.from({ length }, (_, i) => i % 2),
      },
      row,
      layout,
    ));
}

const SEEDED: Omit<CollateOptions, "layout"> = { vocabulary: VOCABULARY, mlmProb: 0.15, seed: 1000 };

Deno.test("the shares of masked words and of the three replacements are the rule's", () => {
  const { rawIds, maskedIds, labels } = collate(sentences(512, 64), {
    ...SEEDED,
    layout: paddedLayout(512, 66),
  });
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
  const rows = sentences(3, 64) as [PlacedSentence, PlacedSentence, PlacedSentence];
  const second: PlacedSentence = { ...rows[1], slots: [0, 66] }; // alone
  const labelsOf = (rows: PlacedSentence[], row: number, seed = 1000) =>
    collate(rows, { ...SEEDED, seed, layout: paddedLayout(rows.length, 66) })
      .labels.subarray(row * 66, (row + 1) * 66).join(" ");
  assert.equal(labelsOf(rows, 1), labelsOf([second], 0)); // view a
  assert.equal(labelsOf(rows, 4), labelsOf([second], 1)); // view b
  const distinct = [
    labelsOf([second], 0),
    labelsOf([second], 1),
    labelsOf([second], 0, 1001),
    labelsOf([{ ...second, epoch: 1 }], 0),
    labelsOf([{ ...second, sentence: 9 }], 0),
  ];
  assert.equal(new Set(distinct).size, distinct.length);
});

Deno.test("a partner is what view b shows; what is longer than its place loses its tail", () => {
  const [row] = sentences(1, 64, 5) as [PlacedSentence];
  const partner = { ids: Int32Array.of(9, 8), isSuffix: new Uint8Array(2) };
  const { rawIds } = collate([{ ...row, partner }], { ...SEEDED, layout: paddedLayout(1, 5) });
  const { clsId, sepId, padId } = VOCABULARY;
  assert.deepEqual([...rawIds], [clsId, 5, 6, 7, sepId, clsId, 9, 8, sepId, padId]);
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
  const within = (capacity?: number) => collate(rows, { ...SEEDED, layout: paddedLayout(8, 66, capacity) });
  const free = within();
  const count = free.labels.filter((label) => label !== IGNORED_LABEL).length;
  for (const capacity of [0, 1, count >> 1, count - 1, count, count + 100]) {
    const batch = within(capacity);
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

/** What a batch shows of each sentence in each view, wherever it lies. */
function contents(batch: Batch): string[] {
  const texts: string[] = [];
  for (const view of [0, 1]) {
    for (let i = 0; i < batch.sentences; i++) {
      const start = batch.clsPositions[view * batch.layout.sentenceCapacity + i]!;
      let end = start + 1;
      while (batch.positionIds[end] === end - start) end++;
      const of = (array: Int32Array) => array.subarray(start, end).join(" ");
      texts.push([view, of(batch.rawIds), of(batch.maskedIds), of(batch.labels)].join(" | "));
    }
  }
  return texts.sort();
}

Deno.test("a sentence looks the same whether it shares a row or not", async () => {
  using corpus = await Corpus.open(FIXTURES, VOCABULARY);
  const packed: BatchLayout = {
    groups: [{ rows: 2, width: 40 }, { rows: 4, width: 20 }],
    packed: true,
    maskCapacity: 500,
    sentenceCapacity: 9,
    sentencesPerStep: 6,
  };
  const shown = (layout: BatchLayout) => {
    const batches = [...onePass(corpus, { ...SEEDED, mlmProb: 0.4, layout })];
    return { steps: batches.length, texts: batches.flatMap(contents).sort() };
  };
  const rows = shown(packed), padded = shown(paddedLayout(corpus.length, 40));
  assert.deepEqual(rows.texts, padded.texts);
  assert.deepEqual([padded.texts.length, padded.steps], [2 * corpus.length, 1]);
});
