/** The average of parameters against the recursion written out. */
import assert from "node:assert/strict";
import { tf, Variable } from "../../lib/tensorflow/mod.ts";
import { MovingAverage } from "../../lib/training/mod.ts";

Deno.test("the average follows the parameters, quickly at first", async () => {
  using parameter = new Variable([2], Float32Array.of(1, -2));
  const path = [[3, 0], [5, 1], [4, 8], [0, 0]], decay = 0.25; // 2/11, 3/12, then 4/13 and 5/14 are above it
  using average = new MovingAverage(new Map([["w", parameter]]), decay);
  let expected = [1, -2];
  for (const [i, value] of path.entries()) {
    parameter.assign(Float32Array.from(value));
    await average.follow(i + 1);
    const d = Math.min(decay, (2 + i) / (11 + i));
    expected = expected.map((a, j) => d * a + (1 - d) * value[j]!);
    const read = average.variables.get("w")!.read();
    (await read.data()).forEach((x, j) =>
      assert.ok(Math.abs(x - expected[j]!) < 1e-6, `${x}, ${expected[j]}`)
    );
    read.dispose();
  }
  const before = tf.memory().numTensors;
  await average.follow(5);
  assert.equal(tf.memory().numTensors, before);
});
