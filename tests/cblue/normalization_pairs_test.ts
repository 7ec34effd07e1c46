/** Pairs for training, CHIP-CDN-2C's rows, and the way back. */
import assert from "node:assert/strict";
import {
  candidatePairs,
  groupPairs,
  pairLine,
  TermIndex,
  trainingPairs,
} from "../../lib/cblue/normalization/mod.ts";

const TERMS = [
  "胃炎",
  "胃溃疡",
  "急性胃炎",
  "慢性胃炎",
  "胃息肉",
  "胃下垂",
  "胃痛",
  "胃胀",
  "胃癌",
  "胃穿孔",
];
const index = new TermIndex(TERMS);
const example = { key: "1", record: {}, text: '"急性胃炎、胃痛"', terms: ["急性胃炎", "胃痛", "别处的名字"] };

Deno.test("right terms are repeated, wrong ones are the most similar and drawn ones", () => {
  const options = { repeats: 3, negatives: 4, hardNegatives: 2 };
  const pairs = trainingPairs([example], index, options);
  const labelled = (label: string) =>
    pairs.filter((pair) => pair.label === label).map(({ texts }) => texts[1]);
  assert.deepEqual(labelled("1"), example.terms.flatMap((term) => [term, term, term]));
  const wrong = labelled("0");
  const similar = index.search(example.text, 99).map(({ term }) => term).filter((term) =>
    !example.terms.includes(term)
  );
  assert.deepEqual(wrong.slice(0, 2), similar.slice(0, 2));
  assert.equal(new Set(wrong).size, 4);
  for (const term of wrong) assert.ok(term !== undefined && similar.includes(term));
  assert.ok(pairs.every(({ texts }) => texts[0] === "急性胃炎;胃痛"));
});

Deno.test("the same seed and epoch draw the same negatives, another epoch others", () => {
  const many = Array.from({ length: 20 }, () => example);
  const draw = (seed: number, epoch: number) => trainingPairs(many, index, { seed, epoch, negatives: 3 });
  assert.deepEqual(draw(1, 0), draw(1, 0));
  assert.notDeepEqual(draw(1, 0), draw(1, 1));
  assert.notDeepEqual(draw(1, 0), draw(2, 0));
});

Deno.test("fewer candidates than negatives give all candidates", () => {
  const pairs = trainingPairs([example], index, { repeats: 1, negatives: 50 });
  assert.equal(pairs.length, 3 + TERMS.length - 2);
});

Deno.test("training pairs need answers", () => {
  assert.throws(() => trainingPairs([{ ...example, terms: undefined }], index), {
    name: "UserError",
    message: 'Cannot learn from example "1": it has no terms; give a file with answers',
  });
});

Deno.test("a pair file's rows come back as candidates with their recall", () => {
  const unlabelled = { key: "2", record: {}, text: "胃 胀？", terms: undefined };
  const pairs = [...candidatePairs([example, unlabelled], index, 3)];
  const lines = pairs.map(pairLine);
  assert.deepEqual(lines.slice(0, 2), ["急性胃炎;胃痛\t急性胃炎\t1", "急性胃炎;胃痛\t胃痛\t1"]);
  assert.equal(lines[3], "胃 胀;\t胃胀");

  const groups = groupPairs(pairs, pairs.map((_, n) => n / 10), ["“胃胀”"]);
  assert.deepEqual(groups.map(({ text, terms }) => [text, terms]), [
    ["急性胃炎;胃痛", ["急性胃炎", "胃痛"]],
    ["胃 胀;", undefined],
  ]);
  assert.deepEqual(groups[1]!.candidates.map(({ term, probability }) => [term, probability]), [
    ["“胃胀”", 0.3], // as the list spells it
    [pairs[4]!.texts[1], 0.4],
    [pairs[5]!.texts[1], 0.5],
  ]);
  assert.deepEqual(groups[0]!.candidates.slice(0, 2).map(({ recall }) => recall), [1, 1]);
  assert.throws(() => groupPairs(pairs, [0.5]), RangeError);
  assert.deepEqual(groupPairs([], []), []);
});
