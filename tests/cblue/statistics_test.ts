/** Tables and intervals of scores. */
import { strict as assert } from "node:assert";
import { bootstrap, classCounts, confusionMatrix, labelTable, scoreCounts } from "../../lib/cblue/mod.ts";

const accuracyOf = (sum: Float64Array) => scoreCounts("accuracy", sum).value;
const rightOf = (right: number, all: number) =>
  Array.from({ length: all }, (_, i) => classCounts(0, i < right ? 0 : 1, 2));

Deno.test("the interval of an accuracy is that of the binomial distribution", () => {
  for (const [right, all] of [[160, 200], [180, 200], [50, 100]] as const) {
    const { low, high } = bootstrap(rightOf(right, all), accuracyOf, { seed: 3, resamples: 4000 });
    // quantiles of Binomial(all, right / all) / all, summed from the exact probabilities
    const p = right / all;
    let probability = (1 - p) ** all, below = probability, n = 0;
    const quantile = (share: number) => {
      while (below < share) {
        probability *= (all - n) / ++n * p / (1 - p);
        below += probability;
      }
      return n / all;
    };
    assert.ok(Math.abs(low - quantile(0.025)) <= 1.5 / all);
    assert.ok(Math.abs(high - quantile(0.975)) <= 1.5 / all);
  }
});

Deno.test("an interval depends on the seed alone, narrows with the level, and is a point where all is sure", () => {
  const examples = rightOf(70, 100);
  const wide = bootstrap(examples, accuracyOf, { seed: 1 });
  assert.deepEqual(bootstrap(examples, accuracyOf, { seed: 1 }), wide);
  assert.notDeepEqual(bootstrap(examples, accuracyOf, { seed: 2 }), wide);
  const narrow = bootstrap(examples, accuracyOf, { seed: 1, level: 0.5 });
  assert.ok(wide.low < narrow.low && narrow.high < wide.high);
  assert.deepEqual(bootstrap(rightOf(9, 9), accuracyOf, { seed: 1 }), { low: 1, high: 1 });
  assert.deepEqual(bootstrap([], accuracyOf, { seed: 1 }), { low: 0, high: 0 });
});

Deno.test("labels and what they are taken for", () => {
  assert.deepEqual(labelTable([3, 4, 6, 0, 0, 0], ["病因", "预防"]), [
    { label: "病因", correct: 3, predicted: 4, answers: 6, precision: 0.75, recall: 0.5, f1: 0.6 },
    { label: "预防", correct: 0, predicted: 0, answers: 0, precision: 0, recall: 0, f1: 0 },
  ]);
  assert.deepEqual(confusionMatrix([2, 0, 2], [1, 0, 2], 3), [[1, 0, 0], [0, 0, 0], [0, 1, 1]]);
  assert.throws(
    () => confusionMatrix([0], [2], 2),
    new RangeError("Cannot count class 2 predicted for 0: the classes are 0 to 1"),
  );
  assert.throws(
    () => confusionMatrix([0], [], 2),
    new RangeError("Cannot compare 0 predictions with 1 answers"),
  );
});
