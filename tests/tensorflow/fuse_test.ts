/** Chains of element-wise operations compiled by XLA inside a compiled function. */
import { strict as assert } from "node:assert";
import {
  compile,
  fuse,
  fuseUpdate,
  keepMask,
  placesOf,
  RandomStream,
  range,
  tf,
  Variable,
} from "../../lib/tensorflow/mod.ts";

const LARGE = [512, 256]; // small inputs are not worth a call
/** Names of the elements, as for tokens of one sentence. */
const places = ([rows, columns] = LARGE) => {
  const keys = tf.mul(range(rows), tf.scalar(0x85ebca6b | 0, "int32"));
  return placesOf(tf.expandDims(keys, -1), range(columns));
};
const key = (...words: number[]) => tf.tensor1d(words, "int32");
const values = (x: tf.Tensor) => Array.from(x.dataSync());

Deno.test("a fused chain is one operation of the compiled function, and gives the same numbers", () => {
  const chain = fuse(([x, y], factor) => [tf.mul(tf.exp(tf.mul(x, factor)), y), tf.sum(x, -1)]);
  const fused = compile((x: tf.Tensor, y: tf.Tensor) => chain([x, y], -0.5), { name: "fused chain" });
  const [x, y] = [tf.randomUniform(LARGE), tf.randomUniform(LARGE)];
  const results = fused(x, y);
  assert.equal(fused.operations, 2 + 1 + 2); // parameters, the call, results
  chain([x, y], -0.5).forEach((expected, i) => {
    const difference = tf.max(tf.abs(tf.sub(expected, results[i]))).dataSync()[0];
    assert.ok(difference < 1e-5 * 256, `result ${i} differs by ${difference}`);
  });
  assert.deepEqual(results.map(({ shape }) => shape), [LARGE, [512]]);
});

Deno.test("a fused chain is compiled for each shape and each constant", () => {
  const scale = fuse(([x], factor) => [tf.mul(x, factor)]);
  const run = compile((x: tf.Tensor) => [scale([x], 2)[0], scale([x], 3)[0], scale([tf.transpose(x)], 2)[0]]);
  const [two, three, turned] = run(tf.ones([1024, 128]));
  assert.deepEqual([two, three, turned].map((x) => [x.shape, tf.mean(x).dataSync()[0]]), [
    [[1024, 128], 2],
    [[1024, 128], 3],
    [[128, 1024], 2],
  ]);
});

Deno.test("a fused chain that uses a tensor from outside is refused", () => {
  const outside = tf.scalar(2);
  outside.dataSync(); // on the device
  const leaky = fuse(function leaky([x]) {
    return [tf.mul(x, outside)];
  });
  const run = compile((x: tf.Tensor) => leaky([x])[0]);
  assert.throws(() => run(tf.ones(LARGE)), /Cannot fuse "leaky": it uses a tensor from outside; pass it in/);
  const twice = fuse(([x]) => [tf.mul(x, 2)]); // the failure left nothing behind
  assert.equal(tf.mean(compile((x: tf.Tensor) => twice([x])[0])(tf.ones(LARGE))).dataSync()[0], 2);
});

Deno.test("a mask is the same eager, compiled and fused, and depends on both words of its key", () => {
  const masked = fuse(([key, x]) => [tf.where(keepMask(key, places(), 0.9), x, tf.zerosLike(x))]);
  const fused = compile((key: tf.Tensor, x: tf.Tensor) => masked([key, x])[0]);
  const plain = compile((key: tf.Tensor) => tf.cast(keepMask(key, places(), 0.9), "float32"));
  const x = tf.ones(LARGE);
  const eager = values(tf.cast(keepMask(key(7, 9), places(), 0.9), "float32"));
  assert.deepEqual(values(plain(key(7, 9))), eager);
  assert.deepEqual(values(fused(key(7, 9), x)), eager);
  for (const other of [key(8, 9), key(7, 10), key(9, 7)]) {
    const agree = values(fused(other, x)).filter((value, i) => value === eager[i]).length / eager.length;
    assert.ok(Math.abs(agree - 0.82) < 0.01, `${agree}`); // 0.9² + 0.1²: independent
  }
});

Deno.test("masks keep the right share, everywhere and in every neighbourhood", () => {
  const [rows, columns] = [1024, 1024], n = rows * columns;
  for (const keep of [0.9, 0.5, 0.1]) {
    for (const step of [0, 1, 1000]) {
      const random = new RandomStream(42, tf.scalar(step, "int32"));
      const kept = tf.cast(keepMask(random.key(), places([rows, columns]), keep), "float32");
      const deviation = Math.sqrt(keep * (1 - keep));
      const z = (mean: tf.Tensor, count: number) =>
        values(tf.mul(tf.sub(mean, keep), Math.sqrt(count) / deviation));
      const all = z(tf.mean(kept), n)[0];
      assert.ok(Math.abs(all) < 4, `all: ${all}`);
      for (const axis of [0, 1]) {
        const scores = z(tf.mean(kept, axis), rows); // 1,024 standard normal numbers, if all is well
        const variance = scores.reduce((sum, score) => sum + score * score, 0) / scores.length;
        assert.ok(Math.abs(variance - 1) < 0.2, `variance along ${axis}: ${variance}`);
        assert.ok(Math.max(...scores.map(Math.abs)) < 5.5);
      }
      // correlation with the element some places on
      const flat = tf.sub(tf.reshape(kept, [-1]), keep);
      for (const lag of [1, 2, 3, 16, 64, 1024, 65536]) {
        const [a, b] = [tf.slice(flat, 0, n - lag), tf.slice(flat, lag, n - lag)];
        const correlation = tf.mean(tf.mul(a, b)).dataSync()[0] / deviation ** 2 * Math.sqrt(n);
        assert.ok(Math.abs(correlation) < 4.5, `lag ${lag}: ${correlation}`);
      }
    }
  }
});

Deno.test("a fused update changes variables in place, in program order, as single operations would", () => {
  const update = fuseUpdate(([value, sum], [gradient], rate) => {
    const next = tf.add(tf.mul(sum, 0.9), gradient);
    return [tf.sub(value, tf.mul(next, rate)), next];
  });
  for (const shape of [LARGE, [3]]) { // fused, and too small for it
    using value = new Variable(shape, tf.ones(shape)), sum = new Variable(shape, tf.zeros(shape));
    const step = compile((gradient: tf.Tensor) => {
      update([value, sum], [gradient], 0.5);
      const between = value.read();
      update([value, sum], [gradient], 0.5);
      return [between, value.read()];
    });
    const gradient = tf.randomUniform(shape);
    const [between, after] = step(gradient);
    const near = (actual: tf.Tensor, expected: tf.Tensor, name: string) => {
      const difference = tf.max(tf.abs(tf.sub(actual, expected))).dataSync()[0];
      assert.ok(difference < 1e-6, `${name} of [${shape}]: ${difference}`);
    };
    near(between, tf.sub(1, tf.mul(gradient, 0.5)), "between");
    near(after, tf.sub(1, tf.mul(gradient, 0.5 + 0.5 * 1.9)), "after");
    near(sum.read(), tf.mul(gradient, 1.9), "sum");
    step(gradient); // the compiled function once more
    near(sum.read(), tf.mul(gradient, 1 + 0.9 + 0.81 + 0.729), "sum of four");
    step.dispose();
  }
});
