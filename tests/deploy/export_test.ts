/** Export: the folder's files, a file that costs too much, and what cannot be exported. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { UserError } from "../../lib/config/mod.ts";
import { exportModel } from "../../lib/deploy/mod.ts";
import { readSafetensors, type TensorData, writeSafetensors } from "../../lib/weights/mod.ts";
import { testInFolder } from "../folders.ts";
import { train } from "./trained.ts";

const PLAIN = { format: "fp32", packed: false, inputs: 3 } as const;
const silent = { print: () => {} };

testInFolder("formats share a folder that Hugging Face's libraries read", async (folder) => {
  const trained = await train(folder, "KUAKE-QIC"), out = join(folder, "export");
  for (const format of ["fp32", "fp16", "int8"] as const) {
    for (const packed of [false, true]) await exportModel(trained, { ...PLAIN, format, packed, out }, silent);
  }
  assert.deepEqual(Array.from(Deno.readDirSync(out), ({ name }) => name).sort(), [
    ...[
      "config.json",
      "onnx",
      "special_tokens_map.json",
      "tokenizer.json",
      "tokenizer_config.json",
      "vocab.txt",
    ],
  ]);
  assert.deepEqual(Array.from(Deno.readDirSync(join(out, "onnx")), ({ name }) => name).sort(), [
    ...["model.onnx", "model_fp16.onnx", "model_packed.onnx", "model_packed_fp16.onnx"],
    ...["model_packed_quantized.onnx", "model_quantized.onnx"],
  ]);
  const { model_type, id2label, max_seq_length } = JSON.parse(
    await Deno.readTextFile(join(out, "config.json")),
  );
  assert.deepEqual([model_type, id2label, max_seq_length], ["electra", { 0: "治疗方案", 1: "病情诊断" }, 32]);

  const other = await train(join(folder, "other"), "CHIP-STS");
  await assert.rejects(
    exportModel(other, { ...PLAIN, out }, silent),
    (error) =>
      error instanceof UserError && error.message.endsWith("another model is there; choose another --out"),
  );
});

testInFolder(
  "a file that loses too much on dev is refused with the numbers, and not there",
  async (folder) => {
    const trained = await train(folder, "KUAKE-QIC"),
      out = join(folder, "export"),
      dataDir = join(folder, "data");
    await spoilForRounding(join(trained, "model.safetensors"));
    await exportModel(trained, { ...PLAIN, out, dataDir }, silent); // fp32 has no trouble
    await assert.rejects(
      exportModel(trained, { ...PLAIN, format: "int8", out, dataDir }, silent),
      (error) =>
        error instanceof UserError &&
        /dev: accuracy [\d.]+ before, [\d.]+ as int8, [\d.]+ points less; --max_drop allows 0\.5$/.test(
          error.message,
        ),
    );
    assert.deepEqual(Array.from(Deno.readDirSync(join(out, "onnx")), ({ name }) => name), ["model.onnx"]);
  },
);

/** Outliers that nothing is ever multiplied with: one of the last layer's outputs is always 0, its weights are huge. */
async function spoilForRounding(path: string): Promise<void> {
  const tensors = await readSafetensors(path);
  const values = (name: string) => (tensors.get(name) as TensorData & { dtype: "F32" }).data;
  const [H] = tensors.get("electra.encoder.layer.1.output.LayerNorm.weight")!.shape as [number];
  for (const name of ["weight", "bias"]) values(`electra.encoder.layer.1.output.LayerNorm.${name}`)[0] = 0;
  const weight = values("classifier.dense.weight"); // [out, in]
  for (let i = 0; i < weight.length; i += H) weight[i] = 1e6;
  await writeSafetensors(path, tensors);
}

testInFolder("a folder without a task has no dev score, one without a parameter no file", async (folder) => {
  const trained = await train(folder, "KUAKE-QIC"),
    path = join(trained, "model.safetensors"),
    out = join(folder, "export");
  const refused = (options: Record<string, unknown>, message: RegExp) =>
    assert.rejects(
      exportModel(trained, { ...PLAIN, out, ...options }, silent),
      (error) => error instanceof UserError && message.test(error.message),
    );
  await refused({ dataset: "CMeEE" }, /Cannot use --dataset CMeEE: ".*" is for KUAKE-QIC/);
  await refused({ dataDir: folder }, /Cannot score KUAKE-QIC: ".*" has no dev file/);
  const tensors = await readSafetensors(path);
  tensors.delete("classifier.dense.bias");
  await writeSafetensors(path, tensors);
  await refused({}, /Cannot export ".*": parameter "classifier\.dense\.bias" is missing/);

  const config = JSON.parse(await Deno.readTextFile(join(trained, "config.json")));
  const { head: _, task: __, architectures: ___, ...encoder } = config;
  await Deno.writeTextFile(join(trained, "config.json"), JSON.stringify(encoder));
  await refused({ dataDir: folder }, /its config\.json names no task/);
  const { agreement } = await exportModel(trained, { ...PLAIN, out }, silent); // the encoder alone
  assert.ok(agreement.difference <= 1e-5);
});
