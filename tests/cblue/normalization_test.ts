/** Candidates, scorer and decision together. */
import assert from "node:assert/strict";
import {
  fitNormalization,
  normalizeExamples,
  type PairScorer,
  scoreTexts,
  TermIndex,
} from "../../lib/cblue/normalization/mod.ts";

const index = new TermIndex(["高血压", "低血压", "糖尿病", "糖尿病性肾病", "胃 炎"]);
const MEANINGS: Record<string, string[]> = {
  "血压高": ["高血压"],
  "血压偏低": ["低血压"],
  "血压低，糖尿": ["低血压", "糖尿病"],
  "糖尿肾": ["糖尿病性肾病"],
  "血压高+糖尿肾": ["高血压", "糖尿病性肾病"],
  "胃炎？": ["胃 炎"],
};
const examples = Object.entries(MEANINGS).map(([text, terms], n) => ({
  key: text,
  record: { text, n },
  text,
  terms,
}));

/** Knows the answers, and sees cleaned names alone. */
const oracle: PairScorer = (pairs) =>
  Promise.resolve(Float32Array.from(pairs, ([text, term]) => {
    const found = examples.find((example) => text === example.text.replace("，", ";").replace("？", ";"));
    assert.ok(found, text);
    return found.terms.includes(term) ? 0.95 : 0.05;
  }));

Deno.test("terms are written into examples in their order, records left as they are", async () => {
  const { decision, f1 } = await fitNormalization(examples, { index, scorer: oracle });
  assert.equal(f1, 1);
  const unanswered = examples.map((example) => ({ ...example, terms: undefined })).reverse();
  const normalized = await normalizeExamples(unanswered, { index, scorer: oracle, decision });
  for (const [n, { key, record, terms }] of normalized.entries()) {
    assert.equal(record, unanswered[n]!.record);
    assert.deepEqual(new Set(terms), new Set(MEANINGS[key]), key);
  }
});

Deno.test("pairs come in batches of a bounded size, whole texts together", async () => {
  const sizes: number[] = [];
  const done: number[] = [];
  const counting: PairScorer = (pairs) => {
    sizes.push(pairs.length);
    return oracle(pairs);
  };
  const options = { candidates: 2, pairsAtOnce: 5, onProgress: (texts: number) => done.push(texts) };
  const texts = examples.map(({ text }) => text);
  const batched = await Array.fromAsync(scoreTexts(texts, index, counting, options));
  assert.deepEqual(sizes, [4, 4, 3]); // 胃炎 has one candidate
  assert.deepEqual(done, [2, 4, 6]);
  assert.deepEqual(batched, await Array.fromAsync(scoreTexts(texts, index, oracle, { candidates: 2 })));
  assert.deepEqual(batched.map(({ text }) => text), texts);
});

Deno.test("a text without candidates asks the scorer nothing and gets no term", async () => {
  const { decision } = await fitNormalization(examples, { index, scorer: oracle });
  const nothing = { key: "x", record: {}, text: "xyz", terms: undefined };
  const scorer: PairScorer = () => assert.fail("asked");
  assert.deepEqual(await normalizeExamples([nothing], { index, scorer, decision }), [{
    ...nothing,
    terms: [],
  }]);
});

Deno.test("a scorer that gives too few probabilities is refused", async () => {
  const scorer: PairScorer = () => Promise.resolve(new Float32Array(1));
  await assert.rejects(Array.fromAsync(scoreTexts(["血压高"], index, scorer)), {
    name: "RangeError",
    message: "Cannot score 2 pairs: the scorer gave 1 probabilities",
  });
});
