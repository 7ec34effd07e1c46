import assert from "node:assert/strict";
import { planBatches } from "../../lib/packing/batch_plan.ts";
import { type BatchLayout, planLayout, slots, stepsForEpochs } from "../../lib/packing/mod.ts";

const PRETRAIN = new URL("../../../shared/data/pretrain/", import.meta.url);
const hasPretrain = await Deno.stat(PRETRAIN).then(() => true, () => false);

/** Tokens of each line: Chinese characters, words, numbers and signs, nearly as the tokenizer counts them. */
async function realLengths(): Promise<number[]> {
  const lengths: number[] = [];
  for await (const { name } of Deno.readDir(PRETRAIN)) {
    for (const line of (await Deno.readTextFile(new URL(name, PRETRAIN))).split("\n")) {
      const tokens = line.match(/[a-z]+|\d+|\S/gi)?.length ?? 0;
      if (tokens > 0) lengths.push(tokens);
    }
  }
  return lengths;
}

/** Lengths as in real text: many short sentences, few that are ten times as long (log-normal quantiles), in a mixed order. */
function syntheticLengths(count: number, median: number, spread: number, longest: number): number[] {
  const uniform = (i: number) => (i * 0.6180339887498949 + 0.5 / count) % 1; // golden ratio sequence
  return Array.from({ length: count }, (_, i) => {
    const [u, v] = [uniform(i + 1), (i * 0.7548776662466927 + 0.3) % 1];
    const normal = Math.sqrt(-2 * Math.log(u)) * Math.cos(2 * Math.PI * v); // Box and Muller
    return Math.max(1, Math.min(longest, Math.round(median * Math.exp(spread * normal))));
  });
}

/** What comes of a layout over some batches, counted anew from the plans. */
function measure(lengths: readonly number[], layout: BatchLayout, steps: number) {
  const sentences = { length: lengths.length, tokensOf: (n: number) => lengths[n]! };
  let tokens = 0, placed = 0, most = 0, longestWait = 0;
  const plans = planBatches(sentences, { layout, seed: 1000 });
  for (let step = 0; step < steps; step++) {
    const { sentences, position } = plans.next().value;
    placed += sentences.length;
    most = Math.max(most, sentences.length);
    for (const { length } of sentences) tokens += length;
    longestWait = Math.max(longestWait, position.taken - Math.min(position.taken, ...position.waiting));
  }
  return { fill: 2 * tokens / (steps * slots(layout)), sentencesPerStep: placed / steps, most, longestWait };
}

function checkFill(lengths: readonly number[]): void {
  const sentences = { length: lengths.length, tokensOf: (n: number) => lengths[n]! };
  for (const batchSize of [16, 64, 256]) {
    const layout = planLayout(sentences, { batchSize, maxSeqLength: 512, mlmProb: 0.15, packing: "rows" });
    const steps = Math.ceil(Math.min(20_000, lengths.length) / batchSize);
    const { fill, sentencesPerStep, most, longestWait } = measure(lengths, layout, steps);
    const said = JSON.stringify({ batchSize, layout, fill, sentencesPerStep, most, longestWait });
    assert.ok(fill >= 0.97, said);
    assert.ok(Math.abs(sentencesPerStep / batchSize - 1) < 0.08, said);
    assert.ok(Math.abs(sentencesPerStep / layout.sentencesPerStep - 1) < 0.02, said);
    assert.ok(most < layout.sentenceCapacity, said); // never the reason why a row is not filled
    assert.ok(longestWait < 100 * batchSize, said);
    assert.equal(Math.max(...layout.groups.map(({ width }) => width)), 512);
    const positions = slots(layout);
    const attention = layout.groups.reduce((sum, { rows, width }) => sum + rows * width ** 2, 0) / positions;
    if (batchSize >= 64) assert.ok(attention < 256, said); // positions that each one attends to, of 512
    const expected = 0.15 * positions; // [CLS] and [SEP] included, which are never masked
    assert.ok(layout.maskCapacity > 0.9 * expected && layout.maskCapacity < 2 * expected, said);
  }
}

Deno.test("rows of 512 and less are full: lengths as in real text", () => {
  checkFill(syntheticLengths(30_000, 25, 0.75, 510));
});

Deno.test({
  name: "rows of 512 and less are full: the pretraining corpus",
  ignore: !hasPretrain,
  fn: async () => checkFill(await realLengths()),
});

const uniform = (from: number, to: number) =>
  Array.from({ length: 500 }, (_, i) => from + i * 7 % (to - from + 1));

/** Lengths, L, B, and the width of the widest rows. */
const SMALL: [string, number[], number, number, number][] = [
  ["one short sentence", [1], 16, 1, 8],
  ["six sentences", [15, 12, 9, 7, 6, 4], 16, 4, 16],
  ["L of 16, longer sentences", uniform(3, 40), 16, 1, 16],
  ["no multiple of eight", uniform(3, 40), 27, 8, 27],
  ["the smallest rows", uniform(1, 5), 3, 4, 3],
  ["nobody needs 512", uniform(5, 100), 512, 1, 104],
  [
    "pieces of long documents",
    uniform(5, 510).map((length, i) => i % 5 === 0 ? length : 300 + length % 211),
    512,
    64,
    512,
  ],
  ["sentences longer than half a row", uniform(24, 33), 48, 4, 40],
  ["one batch is more than the corpus", uniform(5, 100).slice(0, 10), 128, 64, 72],
];

for (const [name, lengths, maxSeqLength, batchSize, widest] of SMALL) {
  Deno.test(`a layout for ${name}`, () => {
    const sentences = { length: lengths.length, tokensOf: (n: number) => lengths[n]! };
    const layout = planLayout(sentences, { batchSize, maxSeqLength, mlmProb: 0.15, packing: "rows" });
    assert.deepEqual(
      layout,
      planLayout(sentences, { batchSize, maxSeqLength, mlmProb: 0.15, packing: "rows" }),
    );
    const widths = layout.groups.map(({ width }) => width);
    assert.equal(Math.max(...widths), widest, JSON.stringify(layout));
    assert.ok(layout.groups.every(({ rows }) => rows >= 2 && rows % 2 === 0));
    const { sentencesPerStep, fill } = measure(lengths, layout, 200);
    assert.ok(
      sentencesPerStep > 0.85 * batchSize && fill > 0.5 && fill <= 1,
      JSON.stringify({ fill, ...layout }),
    );
  });
}

Deno.test("without packing there are 2B rows of L", () => {
  const lengths = uniform(5, 100);
  const sentences = { length: lengths.length, tokensOf: (n: number) => lengths[n]! };
  const layout = planLayout(sentences, { batchSize: 4, maxSeqLength: 64, mlmProb: 0.15, packing: "none" });
  assert.deepEqual(layout.groups, [{ rows: 8, width: 64 }]);
  assert.deepEqual([layout.packed, layout.sentenceCapacity, layout.sentencesPerStep], [false, 4, 4]);
  assert.deepEqual([stepsForEpochs(sentences, layout, 1), stepsForEpochs(sentences, layout, 2.5)], [
    125,
    313,
  ]);
  assert.throws(
    () => planLayout(sentences, { batchSize: 4, maxSeqLength: 2, mlmProb: 0.15, packing: "rows" }),
    RangeError,
  );
});
