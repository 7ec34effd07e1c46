/** Draws from the generator against the original's recorded ones and against exact probabilities. */
import { strict as assert } from "node:assert";
import { fileURLToPath } from "node:url";
import {
  NEGATIVES,
  perturbed,
  sampleNegatives,
  sampleTokens,
  samplingScores,
} from "../../lib/electra/mod.ts";
import type { Tensor } from "@tensorflow/tfjs-core";
import { compile, RandomStream, range, tf } from "../../lib/tensorflow/mod.ts";
import { readSafetensors } from "../../lib/weights/mod.ts";
import { int32 } from "./golden.ts";

const fixture = await readSafetensors(
  fileURLToPath(new URL("../fixtures/sampling.safetensors", import.meta.url)),
);
const M = 10, V = 200;
const logits = tf.tensor(fixture.get("logits")!.data as Float32Array, [M, V]);
const right = tf.reshape(int32(fixture.get("raw_input_ids")!), [M]);
const recorded = (name: string) => Array.from(fixture.get(name)!.data as BigInt64Array, Number);

Deno.test("from the original's uniform noise come the original's samples", () => {
  tf.tidy(() => {
    const uniform = tf.tensor((fixture.get("uniform_noise")!.data as Float32Array).slice(0, M * V), [M, V]);
    const gumbel = tf.neg(tf.log(tf.add(tf.neg(tf.log(tf.add(uniform, 1e-9))), 1e-9)));
    assert.deepEqual(Array.from(sampleTokens(tf.add(logits, gumbel)).dataSync()), recorded("sampled_ids"));
  });
});

Deno.test("without noise: the original's greedy samples and negatives", () => {
  tf.tidy(() => {
    assert.deepEqual(Array.from(sampleTokens(logits).dataSync()), recorded("greedy_sampled_ids"));
    assert.deepEqual(
      Array.from(sampleNegatives(logits, right).dataSync()),
      recorded("greedy_negative_ids"),
    );
  });
});

Deno.test("in mixed precision, scores and noise are added in float32: no ties", () => {
  const rows = 32, tokens = 2000;
  const noisy = compile((a: Tensor, b: Tensor, step: Tensor) => {
    const scores = samplingScores(tf.matMul(a, b));
    return tf.topk(perturbed(scores, new RandomStream(1, step).key(), range(rows)), 6, true).values;
  }, { precision: "mixed_bfloat16" });
  tf.tidy(() => {
    const a = tf.randomNormal([rows, 64], 0, 1, "float32", 1),
      b = tf.randomNormal([64, tokens], 0, 1, "float32", 2);
    const best = noisy(a, b, tf.scalar(0, "int32")).dataSync() as Float32Array;
    const bfloat16 = new Uint32Array(best.slice().buffer).filter((bits) => (bits & 0xffff) === 0);
    assert.ok(noisy.rewrite!.lowPrecisionOps > 0);
    assert.ok(
      bfloat16.length < best.length / 100,
      `${bfloat16.length} of ${best.length} are bfloat16 numbers`,
    );
  });
  noisy.dispose();
});

Deno.test("negatives are distinct, wrong, and drawn in the original's proportions", () => {
  // exact: draw one after another from softmax over the tokens left, the right one (0) never
  const scores = [0.3, 1.2, -0.5, 0.8, 2.0, -1.0, 0.1, 0.6], rows = 40_000, token = 0;
  const weights = scores.map(Math.exp);
  const probability = new Map<string, number>();
  const total = weights.reduce((sum, weight, i) => i === token ? sum : sum + weight, 0);
  weights.forEach((a, i) => {
    weights.forEach((b, j) => {
      if (i !== token && j !== token && i !== j) probability.set(`${i} ${j}`, a / total * b / (total - a));
    });
  });
  tf.tidy(() => {
    const tiled = tf.tile(tf.tensor2d(scores, [1, scores.length]), [rows, 1]);
    const noisy = perturbed(tiled, new RandomStream(5, tf.scalar(0, "int32")).key(), range(rows));
    const drawn = sampleNegatives(noisy, tf.fill([rows], token, "int32")).arraySync() as number[][];
    const counts = new Map<string, number>();
    for (const row of drawn) {
      assert.equal(new Set(row).size, NEGATIVES);
      assert.ok(!row.includes(token));
      counts.set(`${row[0]} ${row[1]}`, (counts.get(`${row[0]} ${row[1]}`) ?? 0) + 1);
    }
    // chi-square over ordered pairs of the first two: 42 cells, 41 degrees of freedom
    let chiSquare = 0;
    for (const [pair, p] of probability) chiSquare += (counts.get(pair)! - rows * p) ** 2 / (rows * p);
    assert.ok(chiSquare < 84, `chi-square ${chiSquare}`); // exceeded once in 10,000 seeds; this seed is fixed
  });
});
