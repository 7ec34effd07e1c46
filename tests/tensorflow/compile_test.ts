/** Compiled functions against the same functions run eagerly, and against what `tf.function` promises. */
import { strict as assert } from "node:assert";
import type { Tensor } from "@tensorflow/tfjs-core";
import {
  attr,
  backend,
  compile,
  DTYPE,
  gumbelNoise,
  RandomStream,
  range,
  tf,
  Variable,
} from "../../lib/tensorflow/mod.ts";
import { eager } from "../../lib/tensorflow/binding.ts";
import { groupInputs, opDefinition } from "../../lib/tensorflow/op_definitions.ts";

const values = (tensor: Tensor) => Array.from(tensor.dataSync());
const close = (a: Tensor, b: Tensor, tolerance = 1e-6) => {
  assert.deepEqual(a.shape, b.shape);
  const theirs = b.dataSync();
  a.dataSync().forEach((x, i) =>
    assert.ok(Math.abs(x - theirs[i]) <= tolerance * Math.max(1, Math.abs(theirs[i])), `${x} ${theirs[i]}`)
  );
};

/** Functions that between them use what a transformer and its training use. */
const FUNCTIONS: [string, (x: Tensor) => Tensor][] = [
  ["matrix product, softmax, sum", (x) => tf.sum(tf.softmax(tf.matMul(x, x, false, true)), 0)],
  ["lists of inputs", (x) => tf.concat([tf.stack([x, x]), tf.addN([tf.stack([x, x]), tf.stack([x, x])])], 1)],
  [
    "gather and its gradient",
    (x) => tf.grad((x: Tensor) => tf.sum(tf.square(tf.gather(x, tf.tensor1d([0, 2, 0], "int32")))))(x),
  ],
  ["slices, transposes, reshapes", (x) => tf.reshape(tf.transpose(tf.slice(x, [1, 0], [2, 3])), [3, 2])],
  [
    "one-hot, where, comparison",
    (x) => tf.where(tf.greater(x, 0), x, tf.oneHot(tf.argMax(x, 1), 4).cast("float32")),
  ],
  ["top k, cumulative sum", (x) => tf.cumsum(tf.topk(x, 3).values, 1)],
  [
    "a gradient of a gradient",
    (x) => tf.grad((x: Tensor) => tf.sum(tf.square(tf.grad((x: Tensor) => tf.sum(tf.pow(x, 3)))(x))))(x),
  ],
  ["constants made inside", (x) => tf.add(x, tf.range(0, 4))],
  ["an argument returned as it is", (x) => x],
];

for (const [name, fn] of FUNCTIONS) {
  Deno.test(`compiled equals eager: ${name}`, () => {
    const compiled = compile(fn);
    tf.tidy(() => {
      for (const seed of [1, 2]) {
        const x = tf.randomNormal([3, 4], 0, 1, "float32", seed);
        close(compiled(x), fn(x));
      }
    });
    assert.equal(compiled.traces, 1);
    compiled.dispose();
  });
}

Deno.test("results come back in the form they were returned in", async () => {
  const record = compile((x: Tensor) => ({ twice: tf.mul(x, 2), square: tf.square(x) }));
  const list = compile((x: Tensor) => [x, x]);
  const x = tf.tensor1d([3]);
  assert.deepEqual(Object.entries(record(x)).map(([name, tensor]) => [name, ...values(tensor)]), [[
    "twice",
    6,
  ], ["square", 9]]);
  assert.deepEqual(list(x).map(values), [[3], [3]]);
  assert.deepEqual(values((await record.runAsync(x)).square), [9]);
});

Deno.test("each new shape or dtype is traced once, and the count is visible", () => {
  const double = compile((x: Tensor) => tf.add(x, x));
  tf.tidy(() => {
    for (const x of [tf.ones([2]), tf.zeros([2]), tf.ones([3]), tf.ones([2], "int32"), tf.ones([3])]) {
      double(x);
    }
  });
  assert.equal(double.traces, 3);
  assert.ok(double.operations > 0);
  double.dispose();
});

Deno.test("a value read while compiling is refused, with the operation's name and what to do", () => {
  const reads: [string, (x: Tensor) => Tensor][] = [
    ["Mul", (x) => tf.scalar(tf.mul(x, 2).dataSync()[0])],
    ["Placeholder", (x) => tf.scalar(x.arraySync() as number)],
  ];
  tf.tidy(() => {
    for (const [op, fn] of reads) {
      assert.throws(
        () => compile(fn, { name: "loss" })(tf.scalar(1)),
        new RegExp(
          `Cannot read the value of a tensor made by ${op} while "loss" is being compiled: .*return it from the function`,
        ),
      );
    }
    assert.equal(tf.scalar(2).dataSync()[0], 2); // the engine is as before
  });
});

Deno.test("a variable's value copied out while compiling is refused: it would be the first call's for ever", () => {
  using counter = new Variable([], Float32Array.of(1));
  const add = compile((x: Tensor) => tf.add(x, counter.data()[0]), { name: "add" });
  tf.tidy(() =>
    assert.throws(() => add(tf.scalar(1)), /^Error: Cannot copy .* while "add" is being compiled/)
  );
});

Deno.test("an attribute that does not fit is refused under its operation's name, eager and compiled alike", () => {
  const cumsum = (x: Tensor) =>
    backend().op("Cumsum", [attr.int("exclusive", 1.5)], [x, tf.scalar(0, "int32")])[0];
  tf.tidy(() => {
    for (const fn of [cumsum, compile(cumsum)]) {
      assert.throws(() => fn(tf.ones([2])), /^Error: Cumsum: The number 1.5 cannot be converted to a BigInt/);
    }
  });
});

Deno.test("an argument that was disposed of is named", () => {
  const add = compile((x: Tensor, y: Tensor) => tf.add(x, y), { name: "add" });
  const x = tf.scalar(1), y = tf.scalar(1);
  y.dispose();
  assert.throws(() => add(x, y), /^Error: Cannot call "add": its argument 2 has been disposed of$/);
  x.dispose();
});

Deno.test("runAsync inside a function being compiled becomes part of it", () => {
  using counter = new Variable([], Float32Array.of(0));
  const count = compile((x: Tensor) => {
    counter.assignAdd(x);
    return x;
  });
  const outer = compile((x: Tensor) => {
    count.runAsync(x).catch(assert.fail);
    return tf.add(x, 1);
  });
  tf.tidy(() => {
    for (let i = 0; i < 3; i++) assert.deepEqual(values(outer(tf.scalar(2))), [3]);
  });
  assert.deepEqual([count.traces, ...counter.data()], [0, 6]);
});

Deno.test("a shape that depends on values is refused", () => {
  tf.tidy(() => {
    const where = (x: Tensor) => backend().op("Where", [attr.type("T", DTYPE.float32)], [x])[0];
    assert.throws(
      () => compile(where, { name: "mask" })(tf.ones([3])),
      /Cannot compile "mask": the shape of Where's result depends on values/,
    );
  });
});

Deno.test("a tensor from outside is captured with its value, even one that is disposed of later", () => {
  const outside = tf.tensor1d([10, 20]); // still on the host: must not be lost with the graph
  const add = compile((x: Tensor) => tf.add(x, outside));
  assert.deepEqual(values(add(tf.tensor1d([1, 2]))), [11, 22]);
  assert.deepEqual(values(outside), [10, 20]);
  outside.dispose();
  assert.deepEqual(values(add(tf.tensor1d([3, 4]))), [13, 24]);
});

Deno.test("variables are read and written in program order, at every call", () => {
  using counter = new Variable([1], Float32Array.of(1));
  const step = compile((x: Tensor) => {
    const before = counter.read();
    counter.assignAdd(x);
    const between = counter.read();
    counter.assign(tf.mul(between, 2));
    counter.assignSub(x);
    return tf.concat([before, between, counter.read()]);
  });
  tf.tidy(() => {
    assert.deepEqual(values(step(tf.tensor1d([3]))), [1, 4, 5]);
    assert.deepEqual(values(step(tf.tensor1d([3]))), [5, 8, 13]);
  });
  assert.deepEqual(Array.from(counter.data()), [13]);
});

Deno.test("an update runs even if no result needs it", () => {
  using counter = new Variable([], Float32Array.of(0));
  const tick = compile((x: Tensor) => {
    counter.assignAdd(tf.scalar(1));
    return tf.square(x);
  });
  tf.tidy(() => {
    for (let i = 0; i < 5; i++) tick(tf.scalar(2));
  });
  assert.equal(counter.data()[0], 5);
});

Deno.test("a compiled function called inside another becomes part of it", () => {
  const inner = compile((x: Tensor) => tf.square(x)), outer = compile((x: Tensor) => tf.add(inner(x), 1));
  tf.tidy(() => assert.deepEqual(values(outer(tf.tensor1d([2, 3]))), [5, 10]));
  assert.equal(inner.traces, 0);
});

Deno.test("timers run while a compiled function computes on its own thread", async () => {
  const slow = compile((x: Tensor) => {
    for (let i = 0; i < 30; i++) x = tf.tanh(tf.matMul(x, x));
    return tf.sum(x);
  });
  const x = tf.randomNormal([700, 700], 0, 0.01);
  (await slow.runAsync(x)).dispose(); // traced and optimised
  let ticks = 0;
  const timer = setInterval(() => ticks++, 1);
  (await slow.runAsync(x)).dispose();
  clearInterval(timer);
  assert.ok(ticks > 0, "the event loop stood still");
  x.dispose();
});

Deno.test("1,000 calls leave no tensor, no handle behind; nor does compiling and disposing", () => {
  using weight = new Variable([2], Float32Array.of(1, 2));
  const x = tf.tensor1d([1, 1]);
  const make = () =>
    compile((x: Tensor) => {
      const { value, grads } = tf.valueAndGrads((w: Tensor) => tf.sum(tf.mul(tf.square(w), x)) as tf.Scalar)([
        weight.read(),
      ]);
      weight.assignSub(tf.mul(grads[0], 1e-3));
      return value;
    });
  const step = make();
  step(x).dispose();
  const before = { tensors: tf.memory().numTensors, handles: eager.size };
  for (let i = 0; i < 1000; i++) step(x).dispose();
  assert.deepEqual({ tensors: tf.memory().numTensors, handles: eager.size }, before);
  for (let i = 0; i < 20; i++) {
    const other = make();
    other(x).dispose();
    other.dispose();
  }
  assert.deepEqual({ tensors: tf.memory().numTensors, handles: eager.size }, before);
  step.dispose();
});

for (const precision of ["mixed_bfloat16"] as const) {
  Deno.test(`${precision}: the rewrite really happened, and results are near float32's`, () => {
    const layer = (x: Tensor) => tf.sum(tf.relu(tf.matMul(tf.relu(tf.matMul(x, x)), x)), 0);
    const low = compile(layer, { precision }), full = compile(layer);
    tf.tidy(() => {
      const x = tf.randomUniform([64, 64], 0, 1, "float32", 3);
      const a = low(x), b = full(x);
      close(a, b, 2 ** -5);
      assert.notDeepEqual(values(a), values(b)); // bfloat16 has 8 bits of precision: equality would mean no rewrite
    });
    assert.equal(full.rewrite, undefined);
    assert.ok(low.rewrite!.casts >= 1 && low.rewrite!.lowPrecisionOps >= 2, JSON.stringify(low.rewrite));
  });
}

Deno.test("mixed_float16 on a processor: said aloud, not silently float32", () => {
  if (backend().isUsingGpuDevice) return;
  const product = compile((x: Tensor) => tf.matMul(x, x), { precision: "mixed_float16", name: "product" });
  tf.tidy(() =>
    assert.throws(
      () => product(tf.ones([8, 8])),
      /Cannot run "product" in mixed_float16: .*use precision "float32"/,
    )
  );
  tf.tidy(() => assert.throws(() => product(tf.ones([8, 8])), /Cannot run "product"/)); // the next call no less
});

Deno.test("a graph without matrix products has nothing to lower, and is refused as such", () => {
  const halve = compile((x: Tensor) => tf.div(tf.exp(x), 2), { precision: "mixed_bfloat16", name: "halve" });
  tf.tidy(() => assert.throws(() => halve(tf.ones([8])), /Cannot run "halve" in mixed_bfloat16/));
});

Deno.test("XLA gives the same numbers", () => {
  const fn = (x: Tensor) => tf.softmax(tf.matMul(tf.tanh(x), x, false, true));
  const compiled = compile(fn, { xla: true });
  tf.tidy(() => {
    const x = tf.randomNormal([5, 7], 0, 1, "float32", 4);
    close(compiled(x), fn(x), 1e-5);
  });
});

Deno.test("eager: true runs the function as it is", () => {
  const read = compile((x: Tensor) => tf.scalar(x.dataSync()[0] + 1), { eager: true });
  tf.tidy(() => assert.deepEqual(values(read(tf.scalar(1))), [2]));
});

Deno.test("the library's own definitions tell lists from single inputs", () => {
  assert.deepEqual(groupInputs(opDefinition("ConcatV2"), [1, 2, 3], () => 2), [[1, 2], 3]);
  assert.deepEqual(groupInputs(opDefinition("AddN"), [], () => 0), [[]]);
  assert.deepEqual(groupInputs(opDefinition("MatMul"), [1, 2], () => undefined), [1, 2]);
  assert.throws(() => groupInputs(opDefinition("MatMul"), [1], () => undefined), /1 inputs do not fit/);
  assert.throws(() => opDefinition("NoSuchOp"), /Cannot find operation "NoSuchOp"/);
});

const draws: [string, (r: RandomStream) => Tensor, mean: number, variance: number][] = [
  ["uniform", (r) => r.uniform([100_000]), 1 / 2, 1 / 12],
  ["normal", (r) => r.normal([100_000]), 0, 1],
  ["gumbel", (r) => gumbelNoise(r.key(), range(100_000)), 0.5772156649, Math.PI ** 2 / 6],
  ["bernoulli 0.9", (r) => tf.cast(r.bernoulli([100_000], 0.9), "float32"), 0.9, 0.09],
];
for (const [name, draw, mean, variance] of draws) {
  Deno.test(`${name}: mean and variance, same numbers for the same step, others for another`, () => {
    const at = compile((step: Tensor) => draw(new RandomStream(1000, step)));
    tf.tidy(() => {
      const first = at(tf.scalar(1, "int32")),
        again = at(tf.scalar(1, "int32")),
        second = at(tf.scalar(2, "int32"));
      const moments = tf.moments(first);
      assert.ok(Math.abs(moments.mean.dataSync()[0] - mean) < 5 * Math.sqrt(variance / 100_000));
      assert.ok(Math.abs(moments.variance.dataSync()[0] / variance - 1) < 0.05);
      assert.deepEqual(first.dataSync(), again.dataSync());
      assert.notDeepEqual(first.dataSync(), second.dataSync());
      assert.deepEqual(draw(new RandomStream(1000, tf.scalar(1, "int32"))).dataSync(), first.dataSync()); // eager alike
    });
  });
}

Deno.test("draws of one stream are independent, a permutation holds every number once", () => {
  tf.tidy(() => {
    const stream = new RandomStream(7, tf.scalar(0, "int32"));
    const a = stream.uniform([50_000]), b = stream.uniform([50_000]);
    const covariance = tf.mean(tf.mul(tf.sub(a, 0.5), tf.sub(b, 0.5))).dataSync()[0];
    assert.ok(Math.abs(covariance) < 5 / 12 / Math.sqrt(50_000));
    const permutation = values(stream.permutation(1000));
    assert.deepEqual(permutation.toSorted((x, y) => x - y), Array.from({ length: 1000 }, (_, i) => i));
    assert.notDeepEqual(permutation, values(stream.permutation(1000)));
  });
});

Deno.test("a function may return any number of tensors", async () => {
  const count = 400;
  const many = compile((x: Tensor) => Array.from({ length: count }, (_, i) => tf.add(x, i)));
  const x = tf.scalar(0.5);
  for (const results of [many(x), await many.runAsync(x)]) {
    assert.deepEqual(
      results.map((result) => values(result)[0]),
      Array.from({ length: count }, (_, i) => i + 0.5),
    );
    tf.dispose(results);
  }
  many.dispose();
  x.dispose();
});

Deno.test("a compiled function can be differentiated from outside", () => {
  const square = compile((x: Tensor) => tf.square(x));
  tf.tidy(() => {
    const x = tf.tensor1d([2, 3]);
    const gradient = tf.grad((x: Tensor) => tf.sum(tf.mul(x, square(x)))); // of x³
    assert.deepEqual(values(gradient(x)), [12, 27]);
    assert.deepEqual(values(square(x)), [4, 9]);
  });
  assert.equal(square.traces, 1);
  square.dispose();
});

const notTensors: [string, unknown][] = [
  ["a promise", Promise.resolve()],
  ["nothing", undefined],
  ["null", null],
  ["a number", 1],
  ["a list with a number", [1]],
];
for (const [what, result] of notTensors) {
  Deno.test(`a function that returns ${what} is refused`, () => {
    const compiled = compile(() => result as Tensor, { name: "wrong" });
    assert.throws(compiled, /^TypeError: Cannot compile "wrong": it must return a tensor/);
  });
}

Deno.test("functions that start at once in mixed precision are each shown their own rewrite", async () => {
  const layers = (count: number) =>
    compile((x: Tensor) => {
      for (let i = 0; i < count; i++) x = tf.relu(tf.matMul(x, x));
      return x;
    }, { precision: "mixed_bfloat16", name: "层" });
  const functions = [1, 2, 3].map(layers);
  const x = tf.ones([64, 64]);
  const running = functions.slice(1).map((one) => one.runAsync(x));
  functions[0](x).dispose(); // and one that does not wait
  for (const result of await Promise.all(running)) result.dispose();
  const [one, two, three] = functions.map(({ rewrite }) => rewrite!.operations);
  assert.ok(0 < one && one < two && two < three, `${one} ${two} ${three}`);
  for (const each of functions) each.dispose();
  x.dispose();
});
