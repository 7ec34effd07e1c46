/** Logistic regression against scikit-learn; how many terms, against every other threshold and plainer rules. */
import assert from "node:assert/strict";
import {
  aliasesOf,
  checkDecision,
  combinedScore,
  comparisonKey,
  decideTerms,
  type DecisionExample,
  fitDecision,
  fitNormalization,
  type PairScorer,
  scoreTexts,
  splitMentions,
  TermIndex,
} from "../../lib/cblue/normalization/mod.ts";
import { fitLogistic, logistic } from "../../lib/cblue/normalization/logistic.ts";
import { RandomStream } from "../../lib/packing/mod.ts";
import { hasNames, readNames } from "./normalization_names.ts";

// deno-fmt-ignore
const ROWS = Float64Array.of(
  1.76, 0.4, 0.98, 2.24, 1.87, -0.98, 0.95, -0.15, -0.1, 0.41, 0.14, 1.45, 0.76, 0.12, 0.44, 0.33, 1.49, -0.21,
  0.31, -0.85, -2.55, 0.65, 0.86, -0.74, 2.27, -1.45, 0.05, -0.19, 1.53, 1.47, 0.15, 0.38, -0.89, -1.98, -0.35, 0.16,
  1.23, 1.2, -0.39, -0.3, -1.05, -1.42, -1.71, 1.95, -0.51, -0.44, -1.25, 0.78, -1.61, -0.21, -0.9, 0.39, -0.51, -1.18,
  -0.03, 0.43, 0.07, 0.3, -0.63, -0.36, -0.67, -0.36, -0.81, -1.73, 0.18, -0.4, -1.63, 0.46, -0.91, 0.05, 0.73, 0.13,
);
const OUTCOMES = Uint8Array.of(1, 0, 1, 1, 1, 0, 1, 0, 1, 0, 1, 0, 1, 1, 0, 1, 0, 1, 0, 1, 1, 0, 0, 0);

Deno.test("logistic regression is scikit-learn's", () => {
  // LogisticRegression(C=1 / penalty, tol=1e-12), scikit-learn 1.9.1; it stops at a gradient, hence 1e-4
  const fitted: [penalty: number, weights: number[]][] = [
    [1, [1.1490499690958176, -1.7351833419027891, 0.06175719920965369, 0.5763863416813738]],
    [10, [0.36528635237579443, -0.45908450832360626, -0.012323977428774694, 0.24865602677474574]],
    [0.01, [5.5132256604203, -8.980168259187794, -0.25006389666937023, 3.259988898469221]],
  ];
  for (const [penalty, expected] of fitted) {
    const weights = fitLogistic(ROWS, OUTCOMES, penalty);
    for (const [i, weight] of expected.entries()) {
      assert.ok(Math.abs(weights[i]! - weight) < 1e-4, `${weights}`);
    }
  }
});

Deno.test("logistic regression where the outcome is always the same, or a feature tells all", () => {
  const none = fitLogistic(ROWS, new Uint8Array(24));
  assert.ok(none.every(Number.isFinite));
  assert.ok(logistic(none, ROWS.subarray(0, 3)) < 0.01);
  const clear = fitLogistic(Float64Array.of(-1, -1, 1, 1), Uint8Array.of(0, 0, 1, 1), 1e-6);
  assert.ok(logistic(clear, [1]) > 0.99 && logistic(clear, [-1]) < 0.01);
  assert.throws(() => fitLogistic(Float64Array.of(1, 2, 3), Uint8Array.of(0, 1)), RangeError);
});

/** Texts of one or two names; each name has a right term and a near-miss that the scorer likes nearly as much. */
function doubles(count: number, seed: number): DecisionExample[] {
  const random = new RandomStream({ seed, purpose: "order", epoch: 0 });
  const letters = Array.from({ length: 60 }, (_, i) => String.fromCodePoint(0x5200 + i));
  return Array.from({ length: count }, () => {
    const names = Array.from(
      { length: 1 + random.below(2) },
      () => Array.from({ length: 4 }, () => letters[random.below(60)]).join(""),
    );
    const candidates = names.flatMap((name) => [
      { term: name, recall: 0.9, probability: 0.6 + 0.39 * random.uniform() },
      { term: name + "症", recall: 0.8, probability: 0.4 + 0.5 * random.uniform() },
      { term: letters[random.below(60)]! + name[0], recall: 0.2, probability: 0.2 * random.uniform() },
    ]);
    return { text: names.join("伴"), candidates, terms: names };
  });
}

function microF1(
  examples: readonly DecisionExample[],
  decide: (example: DecisionExample) => string[],
): number {
  let [right, given, gold] = [0, 0, 0];
  for (const example of examples) {
    const terms = decide(example);
    assert.equal(new Set(terms).size, terms.length);
    right += terms.filter((term) => example.terms.includes(term)).length;
    given += terms.length;
    gold += example.terms.length;
  }
  return 2 * right / (given + gold);
}

Deno.test("the second term is another thing, not another spelling", () => {
  const { decision } = fitDecision(doubles(300, 1));
  const unseen = doubles(200, 2);
  const byScore = (count: (example: DecisionExample) => number) =>
    microF1(
      unseen,
      (example) =>
        [...example.candidates].sort((a, b) => combinedScore(b) - combinedScore(a)).slice(0, count(example))
          .map((
            { term },
          ) => term),
    );
  const f1 = microF1(unseen, (example) => decideTerms(example, decision));
  assert.ok(f1 > 0.95, `${f1}`);
  assert.ok(f1 > byScore(() => 1));
  assert.ok(f1 > byScore(({ terms }) => terms.length)); // even with the right count
});

Deno.test("no other threshold does better on the examples it was fitted to, and F1 is as said", () => {
  const examples = doubles(150, 3);
  const { decision, f1, precision, recall } = fitDecision(examples);
  const at = (threshold: number) =>
    microF1(examples, (example) => decideTerms(example, { ...decision, threshold }));
  assert.ok(Math.abs(at(decision.threshold) - f1) < 1e-12);
  assert.ok(Math.abs(2 * precision * recall / (precision + recall) - f1) < 1e-12);
  for (let i = 0; i <= 200; i++) assert.ok(at(i / 200) <= f1 + 1e-12, `${i / 200}`);
});

Deno.test("there is a term wherever there is a candidate, and no more than allowed", () => {
  const { decision } = fitDecision(doubles(50, 4), { maxTerms: 1 });
  const poor = { text: "无关", candidates: [{ term: "胃炎", recall: 0.01, probability: 0 }] };
  assert.deepEqual(decideTerms(poor, decision), ["胃炎"]);
  assert.deepEqual(decideTerms({ text: "无关", candidates: [] }, decision), []);
  for (const example of doubles(50, 5)) assert.equal(decideTerms(example, decision).length, 1);
});

Deno.test("a decision survives its file; a wrong file is refused", async (t) => {
  const { decision } = fitDecision(doubles(50, 6));
  assert.deepEqual(checkDecision(JSON.parse(JSON.stringify(decision)), "d.json"), decision);
  const wrong: [change: unknown, reason: string][] = [
    [null, 'its kind is undefined, not "greedy-logistic"'],
    [{ ...decision, kind: "count" }, 'its kind is "count", not "greedy-logistic"'],
    [{ ...decision, features: ["recall"] }, "it was fitted with other features"],
    [{ ...decision, weights: [1] }, "it needs 10 weights"],
    [{ ...decision, threshold: null }, "its threshold is not a number from 0"],
    [{ ...decision, maxTerms: 0 }, "maxTerms is not a whole number from 1"],
  ];
  for (const [value, reason] of wrong) {
    await t.step(reason, () => {
      assert.throws(() => checkDecision(value, "d.json"), {
        name: "UserError",
        message: `Cannot read decision "d.json": ${reason}; fit it again`,
      });
    });
  }
});

Deno.test("examples none of whose terms are found cannot be fitted to", () => {
  assert.throws(() => fitDecision([{ text: "a", terms: ["b"], candidates: [] }]), { name: "UserError" });
});

Deno.test({
  name: "real names: better than the best term, the best threshold and counting parts",
  ignore: !hasNames,
  fn: async () => {
    const { terms, train, dev } = await readNames();
    const index = new TermIndex(terms, { aliases: aliasesOf(train.slice(0, 3000)) });
    const options = { candidates: 30 };
    const held = train.slice(3000, 3400), texts = dev.slice(0, 400);
    const { decision } = await fitNormalization(held, { index, scorer: likeness, ...options });
    const scored: DecisionExample[] = [];
    for await (const one of scoreTexts(texts.map(({ text }) => text), index, likeness, options)) {
      scored.push({ ...one, terms: texts[scored.length]!.terms! });
    }
    const ranked = (example: DecisionExample) =>
      [...example.candidates].sort((a, b) => combinedScore(b) - combinedScore(a));
    const f1 = microF1(scored, (example) => decideTerms(example, decision));
    const others = [microF1(scored, (example) => ranked(example).slice(0, 1).map(({ term }) => term))];
    others.push(
      microF1(
        scored,
        (example) => ranked(example).slice(0, splitMentions(example.text).length).map(({ term }) => term),
      ),
    );
    for (let i = 0; i < 100; i++) {
      others.push(
        microF1(
          scored,
          (example) =>
            ranked(example).filter((candidate, n) => n === 0 || combinedScore(candidate) >= i / 100)
              .map(({ term }) => term),
        ),
      );
    }
    assert.ok(f1 > Math.max(...others) + 0.02, `${f1}, others at best ${Math.max(...others)}`);
  },
});

/** A scorer without learning: the share of a term's characters, in pairs, that the text has. */
const likeness: PairScorer = (pairs) => {
  const grams = (text: string) => {
    const key = comparisonKey(text);
    return new Set([...key, ...key.slice(1).split("").map((char, i) => key[i] + char)]);
  };
  return Promise.resolve(Float32Array.from(pairs, ([text, term]) => {
    const [a, b] = [grams(text), grams(term)];
    return b.size === 0 ? 0 : a.intersection(b).size / b.size;
  }));
};
