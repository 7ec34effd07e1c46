/** Variables refuse what TensorFlow would let pass in silence, and give back what they took. */
import { strict as assert } from "node:assert";
import { compile, tf, Variable } from "../../lib/tensorflow/mod.ts";
import { eager } from "../../lib/tensorflow/binding.ts";

const refusals: [string, () => tf.Tensor][] = [
  ["a longer tensor", () => tf.ones([3])],
  ["a scalar", () => tf.scalar(1)],
  ["the same number of values in another shape", () => tf.ones([2, 1])],
  ["integers", () => tf.ones([2], "int32")],
];
for (const [what, make] of refusals) {
  Deno.test(`${what} cannot be written to a variable, eager or compiled`, () => {
    using variable = new Variable([2], Float32Array.of(1, 2));
    const write = compile((x: tf.Tensor) => {
      variable.assign(make());
      return x;
    });
    tf.tidy(() => {
      const message = /^Cannot write to a float32 variable of shape \[2\]: the tensor is /;
      for (const method of ["assign", "assignAdd", "assignSub"] as const) {
        assert.throws(() => variable[method](make()), { name: "RangeError", message });
      }
      assert.throws(() => write(tf.scalar(0)), { name: "RangeError", message });
    });
    assert.deepEqual(Array.from(variable.data()), [1, 2]);
  });
}

Deno.test("a variable that cannot begin leaves nothing behind", () => {
  const before = eager.size;
  assert.throws(() => new Variable([2], Float32Array.of(1)), RangeError);
  assert.equal(eager.size, before);
});

Deno.test("a variable may be disposed of twice, as `using` does after an early dispose", () => {
  using variable = new Variable([1], Float32Array.of(1));
  variable.dispose();
  assert.throws(() => variable.read(), /has been disposed of/);
});

Deno.test("a variable made inside a compiled function would begin anew at every call: refused", () => {
  const step = compile((x: tf.Tensor) => {
    const counter = new Variable([], Float32Array.of(0));
    counter.assignAdd(x);
    return counter.read();
  }, { name: "count" });
  tf.tidy(() =>
    assert.throws(
      () => step(tf.scalar(1)),
      /^Error: Cannot create a variable while "count" is being compiled/,
    )
  );
});
