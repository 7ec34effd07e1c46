/** The criterion against the numbers of the original's own class, and what it does at the borders. */
import { strict as assert } from "node:assert";
import type { Tensor } from "@tensorflow/tfjs-core";
import { criterion, presetConfig } from "../../lib/electra/mod.ts";
import { compile, tf } from "../../lib/tensorflow/mod.ts";

const V = 4, R = 4, L = 3, K = 5;
const config = presetConfig("tiny", V);
const range = (n: number, value: (i: number) => number, shape: number[]) =>
  tf.tensor(Array.from({ length: n }, (_, i) => value(i)), shape);
const labels = [-100, 2, -100, -100, -100, 1, -100, 3, -100, -100, 0, -100]; // -100: not masked
const csp = [[1, 0, 2], [0, 1, 1], [1, .5, 2], [.2, 1, -1]];

/** The original's worked example; every position is a slot, its weight says whether it is masked. */
function inputs(
  masked = labels.map((label) => Number(label !== -100)),
  replaced = [0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0],
) {
  return [
    range(R * L * V, (n) => (n % 7) / 10, [R * L, V]),
    range(R * L, (n) => n % 5 - 2, [R * L]),
    range(R * L * (1 + K), (n) => (n % 11) / 5, [R * L, 1 + K]),
    tf.tensor2d(csp),
    tf.tensor1d(labels.map((label) => Math.max(label, 0)), "int32"),
    tf.tensor1d(masked),
    tf.tensor1d(replaced),
    tf.tensor1d(replaced),
    tf.tensor1d([1, 1, 1, 1, 1, 1, 1, 1, 0, 1, 1, 1]),
    tf.ones([R]),
  ];
}

function losses(
  ...[
    generatorLogits,
    rtdLogits,
    mtsLogits,
    cspVectors,
    masked,
    weights,
    replacedAtMasked,
    replaced,
    tokens,
    sentences,
  ]: Tensor[]
) {
  const outputs = { generatorLogits, rtdLogits, mtsLogits, cspVectors };
  return {
    ...criterion(outputs, { masked, weights, replacedAtMasked, replaced, tokens, sentences }, config),
  };
}
const numbers = (record: { [name: string]: Tensor }) =>
  Object.fromEntries(Object.entries(record).map(([name, tensor]) => [name, tensor.dataSync()[0]]));
const ORIGINAL = { total: 104.010147, generator: 1.3213174, rtd: 1.2067256, mts: 1.9774543, csp: 2.8034687 };

for (const [mode, fn] of [["eager", losses], ["compiled", compile(losses)]] as const) {
  Deno.test(`${mode}: the four losses of the original's worked example`, () => {
    tf.tidy(() => {
      const ours = numbers(fn(...inputs()));
      for (const [name, theirs] of Object.entries(ORIGINAL)) {
        assert.ok(Math.abs(ours[name] / theirs - 1) < 1e-6, `${name}: ${ours[name]}, original ${theirs}`);
      }
    });
  });
}

Deno.test("without a masked position the generator's loss is 0, without a replaced one the selection's", () => {
  tf.tidy(() => {
    const none = new Array(R * L).fill(0);
    const { generator, mts, total } = numbers(losses(...inputs(none, none)));
    assert.deepEqual([generator, mts], [0, 0]);
    assert.ok(Number.isFinite(total));
  });
});

Deno.test("logits of any size give finite losses", () => {
  tf.tidy(() => {
    const [generator, rtd, mts, ...rest] = inputs();
    const huge = losses(tf.mul(generator, 1e6), tf.mul(rtd, 1e6), tf.mul(mts, 1e6), ...rest);
    for (const [name, value] of Object.entries(numbers(huge))) assert.ok(Number.isFinite(value), name);
  });
});
