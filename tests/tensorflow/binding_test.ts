/** The eager binding: dtypes, attributes, errors, no leaks; against tfjs's documented results and Python's numbers. */
import { strict as assert } from "node:assert";
import { attr, backend, DTYPE, TensorFlowError, tensorflowInfo, tf } from "../../lib/tensorflow/mod.ts";
import { binding, eager } from "../../lib/tensorflow/binding.ts";
import { ATTR } from "../../lib/tensorflow/attributes.ts";

const scalarTypes = [
  { dtype: "float32", values: [1.5, -2, 2 ** 127] },
  { dtype: "int32", values: [1, -2, 2147483647] },
  { dtype: "bool", values: [1, 0, 1] },
] as const;

for (const { dtype, values } of scalarTypes) {
  Deno.test(`${dtype} values come back as they went in, through an operation`, () => {
    tf.tidy(() => {
      const tensor = tf.tensor([...values], [3], dtype);
      assert.deepEqual(Array.from(tf.concat([tensor, tensor]).dataSync()), [...values, ...values]);
    });
  });
}

Deno.test("complex64 multiplies as complex numbers do", () => {
  tf.tidy(() => {
    const product = tf.mul(tf.complex([1, 2], [3, -1]), tf.complex([2, 0], [-1, 1])); // (1+3i)(2-i), (2-i)i
    assert.deepEqual(Array.from(tf.real(product).dataSync()), [5, 1]);
    assert.deepEqual(Array.from(tf.imag(product).dataSync()), [5, 2]);
  });
});

Deno.test("strings of every length and of any bytes survive TF_TString, small and large layout alike", () => {
  const texts = ["", "a", "二十二个字节以内", "x".repeat(22), "x".repeat(23), "肺".repeat(10_000)];
  tf.tidy(() => {
    const tensor = tf.tensor1d(texts, "string");
    const [upper] = backend().op("StringUpper", [attr.string("encoding", "")], [tensor]);
    assert.deepEqual(
      upper.dataSync() as unknown as string[],
      texts.map((text) => text.replaceAll(/[a-z]/g, (c) => c.toUpperCase())),
    );
    const [length] = backend().op("StringLength", [attr.string("unit", "BYTE")], [tensor]);
    assert.deepEqual(
      Array.from(length.dataSync()),
      texts.map((text) => new TextEncoder().encode(text).length),
    );
  });
});

Deno.test("int64 goes in as BigInt64Array and comes out whole", () => {
  const big = BigInt64Array.of(2n ** 62n + 1n, -3n);
  const id = binding.createTensor([2], DTYPE.int64, big);
  const [sum] = binding.executeOp("AddV2", [attr.type("T", DTYPE.int64)], [id, id], 1);
  assert.equal(sum.dtype, DTYPE.int64);
  assert.deepEqual(binding.tensorDataSync(id) as unknown, big);
  assert.deepEqual(binding.tensorDataSync(sum.id) as unknown, BigInt64Array.of(-(2n ** 63n) + 2n, -6n)); // wraps
  for (const each of [id, sum.id]) binding.deleteTensor(each);
});

Deno.test("a wrong number of values is refused before any memory is touched", () => {
  const before = eager.size, bytes = new TextEncoder().encode("x");
  for (const strings of [[], [bytes], [bytes, bytes, bytes]]) {
    assert.throws(
      () => binding.createTensor([2], DTYPE.string, strings),
      new RegExp(
        `^RangeError: Cannot create a tensor of shape \\[2\\]: it needs 2 strings, got ${strings.length}$`,
      ),
    );
  }
  assert.throws(() => binding.createTensor([2], DTYPE.float32, Float32Array.of(1)), /needs 8 bytes, got 4$/);
  assert.equal(eager.size, before);
});

Deno.test("float64 goes in and comes out whole", () => {
  const id = eager.createTensor([2], DTYPE.float64, Float64Array.of(1 / 3, -1e300));
  const [twice] = eager.execute("AddV2", [attr.type("T", DTYPE.float64)], [id, id], 1);
  assert.deepEqual(eager.read(twice.id), Float64Array.of(2 / 3, -2e300));
  for (const each of [id, twice.id]) eager.deleteTensor(each);
});

Deno.test("values that do not fill their shape are refused: TensorFlow would read what lies behind them", () => {
  assert.throws(
    () => eager.createTensor([3], DTYPE.string, [new Uint8Array(2)]),
    /^RangeError: Cannot create a tensor of shape \[3\]: it needs 3 strings, got 1$/,
  );
  assert.throws(
    () => eager.createTensor([3], DTYPE.int32, Int32Array.of(1)),
    /^RangeError: Cannot create a tensor of shape \[3\]: it needs 12 bytes, got 4$/,
  );
});

Deno.test("tensors without elements keep their shape", () => {
  tf.tidy(() => {
    const empty = tf.zeros([0, 3]);
    assert.deepEqual(tf.concat([empty, tf.ones([2, 3])]).shape, [2, 3]);
    assert.deepEqual(tf.matMul(empty, tf.ones([3, 4])).shape, [0, 4]);
    assert.equal(tf.sum(empty).dataSync()[0], 0);
  });
});

Deno.test("attributes of every kind reach TensorFlow", () => {
  tf.tidy(() => {
    const b = backend(), x = tf.tensor4d([1, 2, 3, 4], [1, 2, 2, 1]);
    // list(int), string, type
    const [pooled] = b.op("MaxPool", [
      attr.type("T", DTYPE.float32),
      { name: "ksize", type: ATTR.int, value: [1, 2, 2, 1] },
      { name: "strides", type: ATTR.int, value: [1, 2, 2, 1] },
      attr.string("padding", "VALID"),
      attr.string("data_format", "NHWC"),
    ], [x]);
    assert.deepEqual(Array.from(pooled.dataSync()), [4]);
    // float
    const [leaky] = b.op("LeakyRelu", [attr.type("T", DTYPE.float32), {
      name: "alpha",
      type: ATTR.float,
      value: 0.5,
    }], [tf.tensor1d([-2, 4])]);
    assert.deepEqual(Array.from(leaky.dataSync()), [-1, 4]);
    // list(float)
    const edges = { name: "boundaries", type: ATTR.float, value: [0, 10] };
    const [bucket] = b.op("Bucketize", [attr.type("T", DTYPE.float32), edges], [tf.tensor1d([-1, 5, 50])]);
    assert.deepEqual(Array.from(bucket.dataSync()), [0, 1, 2]);
    // bool
    const [product] = b.op("MatMul", [
      attr.type("T", DTYPE.float32),
      attr.bool("transpose_a", true),
      attr.bool("transpose_b", false),
    ], [tf.tensor2d([[1], [2]]), tf.tensor2d([[3], [4]])]);
    assert.deepEqual(Array.from(product.dataSync()), [11]);
    // shape, list(type), list(string): a parsed table
    const [word] = b.op("DecodeCSV", [
      { name: "OUT_TYPE", type: ATTR.type, value: [DTYPE.string] },
      attr.string("field_delim", ";"),
      attr.bool("use_quote_delim", true),
      attr.string("na_value", ""),
      { name: "select_cols", type: ATTR.int, value: [1] },
    ], [tf.scalar("a;发热;c"), tf.tensor1d(["x"], "string")]);
    assert.equal(word.dataSync()[0], "发热");
    const [placeholder] = binding.executeOp(
      "VarHandleOp",
      [
        attr.type("dtype", DTYPE.float32),
        attr.shape("shape", [2, 3]),
        attr.string("shared_name", "attribute test"),
        attr.string("container", ""),
        { name: "allowed_devices", type: ATTR.string, value: ["/device:CPU:0", "/device:CPU:0"] },
      ],
      [],
      1,
    );
    assert.equal(placeholder.dtype, DTYPE.resource);
    binding.deleteTensor(placeholder.id);
  });
});

Deno.test("operations with several outputs return them all", () => {
  tf.tidy(() => {
    const { values, indices } = tf.topk(tf.tensor1d([3, 9, 5]), 2);
    assert.deepEqual([Array.from(values.dataSync()), Array.from(indices.dataSync())], [[9, 5], [1, 2]]);
  });
});

Deno.test("an error carries the operation's name and TensorFlow's message", () => {
  tf.tidy(() => {
    const types = [
      attr.type("T", DTYPE.float32),
      attr.bool("transpose_a", false),
      attr.bool("transpose_b", false),
    ];
    assert.throws(
      () => backend().op("MatMul", types, [tf.ones([2, 3]), tf.ones([2, 3])]),
      (error: TensorFlowError) => {
        assert.ok(error instanceof TensorFlowError);
        assert.equal(error.op, "MatMul");
        assert.equal(error.code, 3);
        assert.match(error.message, /^MatMul: Matrix size-incompatible: In\[0\]: \[2,3\], In\[1\]: \[2,3\]/);
        return true;
      },
    );
    assert.throws(() => backend().op("NoSuchOp", [], []), /NoSuchOp/);
  });
});

Deno.test("a failure is told once: what is called next does not inherit it", () => {
  assert.throws(() => eager.execute("NoSuchOp", [], [], 0), TensorFlowError);
  assert.ok(tensorflowInfo().devices.length >= 1);
});

Deno.test("a tensor that was disposed of is refused", () => {
  const x = tf.square(tf.tensor1d([1, 2]));
  const [id] = backend().inputIds([x]);
  x.dispose();
  assert.throws(() => eager.handle(id), /has been disposed of/);
});

Deno.test("1,000 steps of a small training loop leave not one handle behind", () => {
  const weights = tf.variable(tf.tensor2d([[0.5], [-0.5]]));
  const x = tf.tensor2d([[1, 2], [3, 4]]), y = tf.tensor2d([[1], [2]]);
  const optimizer = tf.train.sgd(0.01);
  const label = tf.tensor1d(["a string that needs heap memory of its own"]);
  const step = () =>
    tf.tidy(() => {
      optimizer.minimize(() => tf.losses.meanSquaredError(y, tf.matMul(x, weights)) as never);
      backend().op("StringUpper", [attr.string("encoding", "")], [label]);
      tf.tensor1d(["another string that needs heap memory"]).dataSync();
      assert.throws(() => tf.matMul(x, tf.ones([3, 1])));
    });
  step();
  const before = { tensors: tf.memory().numTensors, handles: eager.size };
  for (let i = 0; i < 1000; i++) step();
  assert.deepEqual({ tensors: tf.memory().numTensors, handles: eager.size }, before);
  tf.dispose([weights, x, y, label]);
  optimizer.dispose();
});
