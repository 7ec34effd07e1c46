/** Gradients of gathers added in place, against the same sums made one operation at a time. */
import { strict as assert } from "node:assert";
import type { Tensor } from "@tensorflow/tfjs-core";
import { rowsAt } from "../../lib/electra/ops.ts";
import { compile, scatterGradient, tf } from "../../lib/tensorflow/mod.ts";

const V = 7, E = 3;
const some = (shape: number[], seed: number) => tf.randomNormal(shape, 0, 1, "float32", seed);
const int32 = (...values: number[]) => tf.tensor1d(values, "int32");
const first = int32(2, 5, 2, 2), second = int32(6, 5, 0);

/** Losses of a table that is read in several places; the gradients of the later ones come first. */
const losses: [string, (table: Tensor, x: Tensor) => Tensor[]][] = [
  ["one gather", (table) => [rowsAt(table, first)]],
  ["two gathers", (table) => [rowsAt(table, first), rowsAt(table, second)]],
  ["gather, product", (table, x) => [rowsAt(table, first), tf.matMul(x, table)]],
  ["product, gathers", (table, x) => [tf.matMul(x, table), rowsAt(table, first), rowsAt(table, second)]],
  ["gather, product, gathers", (table, x) => [
    rowsAt(table, first),
    tf.matMul(x, table),
    rowsAt(table, second),
    rowsAt(table, first),
  ]],
  ["gather, square", (table) => [rowsAt(table, first), tf.square(table)]],
];

for (const [name, read] of losses) {
  Deno.test(`gradient of a table, compiled as eager: ${name}`, () => {
    tf.tidy(() => {
      const table = some([V, E], 1), x = some([2, V], 2);
      const gradient = (table: Tensor, x: Tensor) =>
        tf.grad((table) => tf.addN(read(table, x).map((part) => tf.sum(tf.square(part)))))(table);
      const compiled = compile(gradient);
      const expected = Array.from(gradient(table, x).dataSync());
      for (let call = 0; call < 2; call++) { // what was added to in place is new at each call
        const found = Array.from(compiled(table, x).dataSync());
        found.forEach((value, i) => assert.ok(Math.abs(value - expected[i]) < 1e-4, `${found} ${expected}`));
      }
      compiled.dispose();
    });
  });
}

Deno.test("what has been added to in place cannot be read again", () => {
  const wrong = compile((a: Tensor, rows: Tensor) => {
    const product = tf.matMul(a, a);
    const sum = tf.add(product, scatterGradient(rows, second, 3));
    return tf.add(sum, product);
  });
  tf.tidy(() => assert.throws(() => wrong(some([3, 3], 1), some([3, 3], 2)), /result of MatMul again/));
});

Deno.test("what was read before is not added to in place", () => {
  tf.tidy(() => {
    const fn = (a: Tensor, rows: Tensor) => {
      const product = tf.matMul(a, a), double = tf.mul(product, 2);
      return tf.add(tf.add(product, scatterGradient(rows, second, 7)), double);
    };
    const a = some([7, 7], 1), rows = some([3, 7], 2);
    const compiled = compile(fn);
    const expected = fn(a, rows).dataSync();
    compiled(a, rows).dataSync().forEach((value, i) => assert.ok(Math.abs(value - expected[i]) < 1e-5));
    compiled.dispose();
  });
});
