/** Blocks whose activations are computed again in the backward pass. */
import { strict as assert } from "node:assert";
import { addNorm, attention, gelu, linear } from "../../lib/electra/ops.ts";
import {
  type Block,
  compile,
  type CompileOptions,
  RandomStream,
  range,
  recomputed,
  tf,
} from "../../lib/tensorflow/mod.ts";

const [B, A, L, D] = [4, 4, 256, 16], H = A * D, N = B * L, RATE = 0.1, EPS = 1e-12; // large enough to be fused

/** Every operation of a transformer's layer, with three draws. */
const layer: Block = ([x, ...parameters], [penalty], random) => {
  const [project, norm] = [0, 2].map((i) => parameters.slice(2 * i, 2 * i + 4));
  const heads = (x: tf.Tensor) => tf.transpose(tf.reshape(x, [B, L, A, D]), [0, 2, 1, 3]);
  const projected = heads(linear(x, project[0], project[1]));
  const tokens = range(N), positions = tf.tile(range(L), [B]);
  const noise = random && { random, tokens };
  const attended = attention(
    projected,
    projected,
    projected,
    penalty,
    RATE,
    noise && { ...noise, positions },
  );
  const change = gelu(
    linear(tf.reshape(tf.transpose(attended, [0, 2, 1, 3]), [N, H]), project[2], project[3]),
  );
  const middle = addNorm(x, change, norm[0], norm[1], EPS, RATE, noise);
  return addNorm(middle, gelu(middle), norm[2], norm[3], EPS, RATE, noise);
};
const PARAMETERS = [[H, H], [H], [H, H], [H], [H], [H], [H], [H]];

/** Value and gradients of two such layers, after and before other draws of the same stream. */
function step(run: (block: Block) => Block) {
  return (number: tf.Tensor, penalty: tf.Tensor, ...inputs: tf.Tensor[]) => {
    const random = new RandomStream(11, number);
    const noise = random.normal([N, H]);
    const { value, grads } = tf.valueAndGrads((x: tf.Tensor, ...parameters: tf.Tensor[]) => {
      for (const own of [parameters.slice(0, PARAMETERS.length), parameters.slice(PARAMETERS.length)]) {
        x = run(layer)([x, ...own], [penalty], random);
      }
      return tf.sum(tf.mul(tf.mul(x, noise), random.uniform([N, H]))) as tf.Scalar;
    })(inputs);
    return [value, ...grads];
  };
}
const plain = step((block) => block), again = step((block) => (...args) => recomputed(block, ...args));

const MODES: CompileOptions[] = [
  { eager: true },
  { precision: "float32" },
  { precision: "mixed_bfloat16" },
];
for (const options of MODES) {
  const mode = options.eager ? "eager" : `compiled ${options.precision}`;
  // TensorFlow's rewrite to bfloat16 treats the two copies of a computation on their own
  const tolerance = options.precision === "mixed_bfloat16" ? 2 ** -6 : 0;
  Deno.test(`recomputed layers give what plain ones do, dropout included: ${mode}`, () => {
    tf.tidy(() => {
      const inputs = [[N, H], ...PARAMETERS, ...PARAMETERS].map((shape, i) =>
        tf.randomNormal(shape, 0, 0.1, "float32", i + 1)
      );
      const args = [tf.scalar(7, "int32"), tf.zeros([B, 1, 1, L]), ...inputs] as const;
      const [expected, results] = [plain, again].map((fn) => {
        const compiled = compile(fn, options);
        const results = compiled(...args).map((x) => x.dataSync() as Float32Array);
        compiled.dispose();
        return results;
      });
      assert.ok(expected.every((values) => values.every(Number.isFinite)));
      expected.forEach((values, i) => {
        const scale = values.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
        const worst = values.reduce((d, value, j) => Math.max(d, Math.abs(value - results[i][j])), 0) / scale;
        assert.ok(
          worst <= tolerance,
          `${i === 0 ? "value" : `gradient ${i}`}: off by ${worst} of the largest`,
        );
      });
    });
  });
}

Deno.test("recomputation leaves no tensor behind, and an outer gradient goes on", () => {
  const block: Block = ([x, w]) => tf.tanh(tf.matMul(tf.tanh(tf.matMul(x, w)), w));
  const [x, w] = [tf.ones([3, 4]), tf.fill([4, 4], 0.1)];
  const gradients = (block: Block) => (x: tf.Tensor, w: tf.Tensor) =>
    tf.square(block([tf.exp(x), w], [], undefined));
  const count = () => tf.memory().numTensors;
  const before = count();
  const [expected, results] = [block, ((...args) => recomputed(block, ...args)) as Block].map((block) => {
    const grads = tf.grads(gradients(block))([x, w]);
    const values = grads.map((gradient) => gradient.dataSync());
    tf.dispose(grads);
    return values;
  });
  assert.deepEqual(results, expected);
  assert.equal(count(), before);
  tf.dispose([x, w]);
});

Deno.test("the barrier keeps TensorFlow from merging both computations", () => {
  const calls = { forward: 0 };
  const block: Block = ([x]) => {
    calls.forward++;
    return tf.exp(tf.sin(x));
  };
  const compiled = compile((x: tf.Tensor) => tf.grad((x) => recomputed(block, [x]))(x));
  const x = tf.linspace(0, 1, 8);
  const [result, expected] = [compiled(x), tf.mul(tf.exp(tf.sin(x)), tf.cos(x))].map((y) => y.dataSync());
  result.forEach((value, i) => assert.ok(Math.abs(value - expected[i]) < 1e-6));
  assert.equal(calls.forward, 2);
});
