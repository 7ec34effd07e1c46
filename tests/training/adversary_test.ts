/** Adversarial steps on a loss whose gradient is known: ½ xᵀAx + b·y. */
import assert from "node:assert/strict";
import { tf, Variable } from "../../lib/tensorflow/mod.ts";
import { compileGradients, type Learner } from "../../lib/training/mod.ts";

const A = [[2, 1], [1, 3]], x = [0.5, -1], y = [4, 5], b = [7, -3];
const apply = (v: readonly number[]) => A.map((row) => row[0]! * v[0]! + row[1]! * v[1]!);

function learnerOf(epsilon: number | undefined): Learner<undefined> & Disposable {
  const variables = new Map(
    [["x", x], ["y", y]].map(([name, values]) =>
      [name as string, new Variable([2], Float32Array.from(values as number[]))] as const
    ),
  );
  return {
    variables,
    seed: 1,
    numbers: ["total"],
    isMean: () => true,
    adversary: epsilon === undefined ? undefined : { parameter: "x", epsilon },
    tensors: () => [],
    forward: ([x, y]) => {
      const column = tf.reshape(x!, [2, 1]);
      const square = tf.sum(tf.mul(column, tf.matMul(tf.tensor2d(A), column)));
      return [tf.add(tf.mul(square, 0.5), tf.sum(tf.mul(y!, tf.tensor1d(b))))];
    },
    [Symbol.dispose]: () => variables.forEach((variable) => variable.dispose()),
  };
}

for (const epsilon of [undefined, 0.3]) {
  for (const lossScale of [1, 64]) {
    Deno.test(`gradients with ε ${epsilon ?? "absent"}, scaled by ${lossScale}, are those worked out by hand`, async () => {
      using learner = learnerOf(epsilon);
      const gradients = compileGradients(learner);
      const inputs = [tf.scalar(0, "int32"), tf.scalar(lossScale), tf.scalar(0)];
      const [report, ...found] = await gradients.runAsync(...inputs);
      const first = apply(x), length = Math.hypot(...first);
      const disturbed = apply(x.map((value, i) => value + (epsilon ?? 0) * first[i]! / length));
      const passes = epsilon === undefined ? 1 : 2;
      const expected = [
        first.map((g, i) => lossScale * (g + (passes - 1) * disturbed[i]!)),
        b.map((g) => lossScale * passes * g),
      ];
      const [total] = await report!.data();
      assert.ok(
        Math.abs(total! - (0.5 * (x[0]! * first[0]! + x[1]! * first[1]!) + 13)) < 1e-5,
        "of the first pass",
      );
      for (const [i, gradient] of found.entries()) {
        (await gradient.data()).forEach((g, j) =>
          assert.ok(Math.abs(g - expected[i]![j]!) < 1e-5 * lossScale, `${g}, ${expected[i]![j]}`)
        );
      }
      tf.dispose([inputs, report!, found]);
      gradients.dispose();
    });
  }
}

Deno.test("a parameter that is not there is named", () => {
  using learner = learnerOf(1);
  const wrong = { ...learner, adversary: { parameter: "z", epsilon: 1 } };
  const inputs = [tf.scalar(0, "int32"), tf.scalar(1), tf.scalar(0)];
  const gradients = compileGradients(wrong);
  assert.throws(() => gradients(...inputs), /Cannot disturb parameter "z"/);
  tf.dispose(inputs);
  gradients.dispose();
});
