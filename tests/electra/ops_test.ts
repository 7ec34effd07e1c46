/** The model's operations and their gradients: eager against compiled and fused, and against tfjs's own gradients. */
import { strict as assert } from "node:assert";
import { addNorm, attention, dropout, gelu, geluLinear, layerNorm, linear } from "../../lib/electra/ops.ts";
import { compile, keepMask, RandomStream, tf } from "../../lib/tensorflow/mod.ts";

type Tensors = tf.Tensor[];
const [N, H] = [512, 192], [B, A, L, D] = [2, 4, 128, 16], RATE = 0.1, EPS = 1e-12;

const random = () => new RandomStream(5, tf.scalar(3, "int32"));
const int32 = (values: number[], shape: number[]) => tf.tensor(Int32Array.from(values), shape, "int32");
const noise = () => ({ random: random(), tokens: int32(Array.from({ length: N }, (_, n) => 37 * n), [N]) });
const attentionNoise = () => ({
  random: random(),
  tokens: int32(Array.from({ length: B * L }, (_, i) => 37 * i), [B * L]),
  positions: int32(Array.from({ length: B * L }, (_, i) => i % L), [B * L]),
});
/** Dropout of x, whose elements are named by a number of the row and one of the column. */
const drop = (
  x: tf.Tensor,
  key: tf.Tensor,
  nameOf: (...index: number[]) => [row: number, column: number],
) => {
  const strides = x.shape.map((_, axis) => tf.util.sizeFromShape(x.shape.slice(axis + 1)));
  const names = Array.from({ length: x.size }, (_, i) => {
    const [row, column] = nameOf(...strides.map((stride, axis) => Math.floor(i / stride) % x.shape[axis]!));
    return row + Math.imul(column, 0x9e3779b1) | 0;
  });
  const kept = keepMask(key, int32(names, x.shape), 1 - RATE);
  return tf.where(kept, tf.mul(x, 1 / (1 - RATE)), tf.zerosLike(x));
};
const ofRow = (n: number, h: number): [number, number] => [37 * n, h];
const plainNorm = (x: tf.Tensor, weight: tf.Tensor, bias: tf.Tensor) => {
  const { mean, variance } = tf.moments(x, -1, true);
  return tf.add(tf.mul(tf.div(tf.sub(x, mean), tf.sqrt(tf.add(variance, EPS))), weight), bias);
};

/** Ours, the same from tfjs's elementary operations (given the key of the first draw), and shapes of the inputs. */
const OPERATIONS: {
  name: string;
  ours: (...inputs: Tensors) => tf.Tensor;
  plain: (key: tf.Tensor, ...inputs: Tensors) => tf.Tensor;
  shapes: number[][];
}[] = [
  {
    name: "linear",
    ours: linear,
    plain: (_, x, weight, bias) => tf.add(tf.matMul(x, weight), bias),
    shapes: [[N, H], [H, 256], [256]],
  },
  {
    name: "gelu",
    ours: gelu,
    plain: (_, x) => tf.mul(tf.mul(x, 0.5), tf.add(1, tf.erf(tf.div(x, Math.SQRT2)))),
    shapes: [[N, H]],
  },
  {
    name: "gelu and linear",
    ours: geluLinear,
    plain: (_, x, weight, bias) =>
      tf.add(tf.matMul(tf.mul(tf.mul(x, 0.5), tf.add(1, tf.erf(tf.div(x, Math.SQRT2)))), weight), bias),
    shapes: [[N, H], [H, 64], [64]],
  },
  {
    name: "layer norm",
    ours: (x, weight, bias) => layerNorm(x, weight, bias, EPS),
    plain: (_, ...inputs) => plainNorm(...inputs as [tf.Tensor, tf.Tensor, tf.Tensor]),
    shapes: [[N, H], [H], [H]],
  },
  {
    name: "dropout",
    ours: (x) => dropout(x, RATE, noise()),
    plain: (key, x) => drop(x, key, ofRow),
    shapes: [[N, H]],
  },
  {
    name: "addition, dropout and layer norm",
    ours: (x, change, weight, bias) => addNorm(x, change, weight, bias, EPS, RATE, noise()),
    plain: (key, x, change, weight, bias) => plainNorm(tf.add(x, drop(change, key, ofRow)), weight, bias),
    shapes: [[N, H], [N, H], [H], [H]],
  },
  {
    name: "addition and layer norm in evaluation",
    ours: (x, change, weight, bias) => addNorm(x, change, weight, bias, EPS, RATE, undefined),
    plain: (_, x, change, weight, bias) => plainNorm(tf.add(x, change), weight, bias),
    shapes: [[N, H], [N, H], [H], [H]],
  },
  ...[RATE, 0].map((rate) => ({
    name: `attention, dropout ${rate}`,
    ours: (q: tf.Tensor, k: tf.Tensor, v: tf.Tensor) => attention(q, k, v, penalty(), rate, attentionNoise()),
    plain: (key: tf.Tensor, q: tf.Tensor, k: tf.Tensor, v: tf.Tensor) => {
      const p = tf.softmax(tf.add(tf.div(tf.matMul(q, k, false, true), Math.sqrt(D)), penalty()));
      return tf.matMul(rate > 0 ? drop(p, key, (b, a, i, j) => [37 * (b * L + i), j * A + a]) : p, v);
    },
    shapes: [[B, A, L, D], [B, A, L, D], [B, A, L, D]],
  })),
];

/** The last quarter of every row is padding. */
function penalty(): tf.Tensor {
  const row = Float32Array.from({ length: L }, (_, i) => i < 0.75 * L ? 0 : -1e4);
  return tf.tile(tf.tensor(row, [1, 1, 1, L]), [B, 1, 1, 1]);
}

for (const { name, ours, plain, shapes } of OPERATIONS) {
  Deno.test(`${name}: value and gradients, eager and compiled, are those of tfjs's elementary operations`, () => {
    tf.tidy(() => {
      const inputs = shapes.map((shape, i) => tf.randomNormal(shape, 0, 1, "float32", i + 1));
      const weights = tf.randomNormal(ours(...inputs).shape, 0, 1, "float32", 9);
      /** Value and gradients of the weighted sum. */
      const differentiated = (fn: (...inputs: Tensors) => tf.Tensor) => (...inputs: Tensors) => {
        const { value, grads } = tf.valueAndGrads((...inputs: Tensors) =>
          tf.sum(tf.mul(fn(...inputs), weights)) as tf.Scalar
        )(inputs);
        return [value, ...grads];
      };
      const expected = differentiated((...inputs) => plain(random().key(), ...inputs))(...inputs);
      const compiled = compile(differentiated(ours), { name });
      for (
        const [mode, results] of [["eager", differentiated(ours)(...inputs)], [
          "compiled",
          compiled(...inputs),
        ]]
      ) {
        (results as Tensors).forEach((result, i) => {
          const scale = Math.max(1, tf.max(tf.abs(expected[i])).dataSync()[0]);
          const difference = tf.max(tf.abs(tf.sub(result, expected[i]))).dataSync()[0] / scale;
          assert.ok(difference < 1e-5, `${mode}, ${i === 0 ? "value" : `gradient ${i}`}: ${difference}`);
        });
      }
      compiled.dispose();
    });
  });
}
