/** Files that PyTorch, Paddle, NumPy and transformers wrote: what they answer with them, we answer. */
import { strict as assert } from "node:assert";
import { join } from "node:path";
import { encoderConfig } from "../../lib/training/mod.ts";
import { finetuningForward, finetuningShapes } from "../../lib/electra/mod.ts";
import { tf } from "../../lib/tensorflow/mod.ts";
import {
  checkFit,
  loadTensor,
  ourNames,
  readModel,
  readWeights,
  type TensorData,
  toFloat32,
  type Weights,
  weightsFormat,
} from "../../lib/weights/mod.ts";
import { testInFolder } from "../folders.ts";

const folder = "tests/fixtures/weights";
const golden = JSON.parse(await Deno.readTextFile(join(folder, "golden.json")));
const encoder = encoderConfig(golden.config, "golden.json");
const config = {
  encoder,
  head: { kind: "sequence-classification", classes: golden.classes, activation: "gelu" },
} as const;

async function load(weights: Weights): Promise<Map<string, TensorData>> {
  const loaded = new Map<string, TensorData>();
  for (const [name, tensor] of weights) loaded.set(name, await loadTensor(tensor));
  return loaded;
}

/** The same model in every format, and what its own library answers with it. */
const MODELS = [
  ["paddle_protocol2.pdparams", "paddle", "paddle"],
  ["paddle_protocol4.pdparams", "paddle", "paddle"],
  ["torch.bin", "torch", "torch"],
  ["torch_legacy.bin", "torch-legacy", "torch"],
  ["shards", "shards", "torch"], // safetensors
  ["shards/model.safetensors.index.json", "shards", "torch"],
  ["numpy.npz", "npz", "paddle"],
] as const;

const reference = await load(ourNames(await readWeights(join(folder, "paddle_protocol4.pdparams"))).tensors);

for (const [file, format, library] of MODELS) {
  Deno.test(`${file}: every bit of every tensor, and the answers of ${library}`, async () => {
    const path = join(folder, file);
    if (file !== "shards") assert.equal(weightsFormat(path), format);
    const { tensors, unknown } = ourNames(await readWeights(path));
    assert.deepEqual(unknown, []);
    checkFit(tensors, finetuningShapes(config), path);
    const loaded = await load(tensors);
    for (const [name, tensor] of reference) assert.deepEqual(loaded.get(name), tensor, name);
    const rows = golden.input_ids.length, width = golden.input_ids[0].length;
    const logits = tf.tidy(() => {
      const flat = (values: number[][]) => tf.tensor1d(values.flat(), "int32");
      const [logits] = finetuningForward(
        (name) => tf.tensor(toFloat32(loaded.get(name)!), loaded.get(name)!.shape),
        config,
        { ids: flat(golden.input_ids), tokenTypeIds: flat(golden.token_type_ids), groups: [{ rows, width }] },
      );
      return logits!.dataSync();
    });
    const expected = golden[library].flat() as number[];
    expected.forEach((value, i) => assert.ok(Math.abs(logits[i]! - value) <= 1e-6, `${logits[i]} ${value}`));
  });
}

/** (element number - 3) / 2, as 3 rows of 4: what the fixtures hold in every type. */
const VALUES = Array.from({ length: 12 }, (_, i) => (i - 3) / 2);

function assertValues(name: string, { dtype, shape, data }: TensorData) {
  assert.deepEqual(shape, [3, 4], name);
  const isFloat = ["F64", "F32", "F16", "BF16"].includes(dtype);
  const values = isFloat ? toFloat32({ dtype, shape, data } as TensorData) : data;
  VALUES.forEach((value, i) => {
    const expected = isFloat ? value : dtype === "BOOL" ? Number(value !== 0) : Math.trunc(value) + 0; // no -0
    assert.equal(Number(values[i]), expected, `${name} ${i}`);
  });
}

const PADDLE_TYPES = {
  ...{ float64: "F64", float32: "F32", float16: "F16", fortran: "F32" },
  ...{ int64: "I64", int32: "I32", int16: "I16", int8: "I8", bool: "BOOL" },
};

for (const protocol of [2, 3, 4, 5]) {
  Deno.test(`arrays of every type and order, pickle protocol ${protocol}`, async () => {
    const tensors = await load(await readWeights(join(folder, `dtypes_protocol${protocol}.pdparams`)));
    for (const [name, dtype] of Object.entries(PADDLE_TYPES)) {
      assert.equal(tensors.get(name)!.dtype, dtype);
      assertValues(name, tensors.get(name)!);
    }
    assert.deepEqual(tensors.get("scalar"), { dtype: "F32", shape: [], data: new Float32Array([3.5]) });
    assert.deepEqual(tensors.get("empty"), { dtype: "F32", shape: [0, 4], data: new Float32Array() });
    assert.equal(tensors.size, Object.keys(PADDLE_TYPES).length + 2);
  });
}

for (const file of ["views.pt", "views_legacy.pt"]) {
  Deno.test(`${file}: views, transposes and types, in nested containers`, async () => {
    const tensors = await load(await readWeights(join(folder, file)));
    const expect = (name: string, shape: number[], data: number[]) => {
      const tensor = tensors.get(`state_dict.${name}`)!;
      assert.deepEqual({ shape: tensor.shape, data: [...tensor.data].map(Number) }, { shape, data }, name);
    };
    const all = Array.from({ length: 24 }, (_, i) => i); // 2 × 3 × 4
    expect("base", [2, 3, 4], all);
    expect("part", [1, 3, 4], all.slice(12));
    expect("columns", [2, 3, 2], all.filter((i) => i % 4 === 1 || i % 4 === 2));
    expect("transposed", [4, 3], [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11]);
    expect("permuted", [4, 2, 3], [0, 1, 2, 3].flatMap((k) => all.filter((i) => i % 4 === k)));
    expect("parameter", [4], [4, 5, 6, 7]);
    expect("scalar", [], [23]);
    expect("empty", [0, 3, 4], []);
    expect("double", [4, 3], [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11]);
    const types = {
      float16: "F16",
      bfloat16: "BF16",
      int64: "I64",
      int32: "I32",
      int16: "I16",
      int8: "I8",
      bool: "BOOL",
    };
    for (const [name, dtype] of Object.entries(types)) {
      assert.equal(tensors.get(`state_dict.${name}`)!.dtype, dtype);
      assertValues(name, tensors.get(`state_dict.${name}`)!);
    }
    assert.equal(tensors.size, 9 + Object.keys(types).length); // "sizes", "names" and numbers are no tensors
  });
}

Deno.test("tensors that Paddle nests or splits", async () => {
  const nested = await load(await readWeights(join(folder, "nested.pdparams")));
  assert.deepEqual([...nested.keys()], ["model.w", "model.list.0"]);
  for (const [name, tensor] of nested) assertValues(name, tensor);
  const split = await load(await readWeights(join(folder, "split.pdparams")));
  assert.deepEqual(
    split,
    new Map<string, TensorData>([
      ["b", { dtype: "F32", shape: [2], data: new Float32Array([0, 1]) }],
      ["w", { dtype: "F32", shape: [2, 5], data: new Float32Array([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]) }],
    ]),
  );
});

Deno.test("a compressed archive", async () => {
  const plain = await load(await readWeights(join(folder, "numpy.npz")));
  const compressed = await load(await readWeights(join(folder, "numpy_compressed.npz")));
  assert.equal(compressed.size, 7);
  for (const [name, tensor] of compressed) assert.deepEqual(tensor, plain.get(name), name);
});

Deno.test("only the names that are asked for; of shards only the files that have them are opened", async () => {
  const copy = await Deno.makeTempDir();
  try {
    for (const name of ["model.safetensors.index.json", "model-00002-of-00002.safetensors"]) {
      await Deno.copyFile(join(folder, "shards", name), join(copy, name));
    }
    const heads = await readWeights(copy, { only: (name) => name.startsWith("classifier.") });
    assert.deepEqual([...heads.keys()].sort(), [
      "classifier.dense.bias",
      "classifier.dense.weight",
      "classifier.out_proj.bias",
      "classifier.out_proj.weight",
    ]);
    await assert.rejects(readWeights(copy), /^UserError: .*model-00001-of-00002.safetensors": no such file/);
  } finally {
    await Deno.remove(copy, { recursive: true });
  }
});

Deno.test("BERT's names, gamma and beta; what we have no place for is told", async () => {
  const { tensors, unknown, layout } = ourNames(await readWeights(join(folder, "bert.bin")));
  assert.equal(layout, "huggingface");
  assert.deepEqual(unknown, ["bert.pooler.dense.weight"]);
  const encoder = [...reference].filter(([name]) => name.startsWith("electra."));
  assert.deepEqual([...tensors.keys()].sort(), encoder.map(([name]) => name).sort());
  for (const [name, tensor] of encoder) assert.deepEqual(await loadTensor(tensors.get(name)!), tensor, name);
});

const oracle = "../shared/oracle/fixtures";
Deno.test({
  name: "files of the original: the same parameters from Paddle, safetensors and transformers",
  ignore: !(await Deno.stat(oracle).catch(() => undefined)),
  async fn() {
    for (const variant of ["tiny", "tiny_legacy", "tiny_proj"]) {
      const expected = await load(
        ourNames(await readWeights(join(oracle, variant, "model.safetensors"))).tensors,
      );
      const found = await load(
        ourNames(await readWeights(join(oracle, variant, "model_state.pdparams"))).tensors,
      );
      assert.deepEqual([...found.keys()].sort(), [...expected.keys()].sort());
      for (const [name, tensor] of expected) assert.deepEqual(found.get(name), tensor, name);
    }
    const ours = await load((await readModel(join(oracle, "tiny"))).tensors);
    const theirs = await readModel(join(oracle, "tiny/hf_ElectraForPreTraining"));
    assert.deepEqual([theirs.layout, theirs.tensors.size, theirs.unknown], ["huggingface", 41, []]);
    for (const [name, tensor] of await load(theirs.tensors)) assert.deepEqual(tensor, ours.get(name), name);
    for (const protocol of [2, 3, 4]) {
      const bits = await load(await readWeights(join(oracle, `dtypes_protocol${protocol}.pdparams`)));
      assert.equal(bits.get("bfloat16")!.dtype, "BF16");
    }
  },
});

testInFolder("a folder without weights: what it is, and what to give instead", async (empty) => {
  const refusal = (remedy: RegExp) =>
    assert.rejects(readWeights(empty), { name: "UserError", message: remedy });
  await refusal(/: none of model\.safetensors,.* is there$/);
  for (const step of [200, 1000, 30]) await Deno.mkdir(join(empty, `checkpoint-${step}`));
  await refusal(/: it is the folder of a run; give a checkpoint: ".*checkpoint-1000"$/);
  await Deno.create(join(empty, "a.npz")).then((file) => file.close());
  await Deno.create(join(empty, "b.npz")).then((file) => file.close());
  for (const step of [200, 1000, 30]) await Deno.remove(join(empty, `checkpoint-${step}`));
  await refusal(/: it has several files, a\.npz, b\.npz; give one of them$/);
});
