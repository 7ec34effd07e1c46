/** Exported files: every head, format and layout against our own forward and the original's recorded logits. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type GraphOptions, modelGraph, outputNames, writeModel } from "../../lib/deploy/onnx/mod.ts";
import { LocalSession } from "../../lib/deploy/session.ts";
import { largestDifference, tokenBatch, valuesOfRow } from "../../lib/deploy/token_batch.ts";
import type { HeadConfig } from "../../lib/electra/mod.ts";
import { readSafetensors } from "../../lib/weights/mod.ts";
import { maxDifference, readFixture } from "../electra/golden.ts";
import { testInFolder } from "../folders.ts";
import { ENCODER, HEADS, randomRows, tinyModel } from "./models.ts";

/** The most that a format may change logits; int8's bound only tells rounding from mistakes. */
const TOLERANCE = { fp32: 1e-5, fp16: 1e-2, int8: 0.2 };
const VARIANTS = (["fp32", "fp16", "int8"] as const).flatMap((format): GraphOptions[] => [
  { format, packed: false, inputs: 3 },
  { format, packed: true, inputs: 3 },
  { format, packed: false, inputs: 2 },
]);

for (const [name, head] of Object.entries(HEADS)) {
  testInFolder(`${name}: our own logits, the same alone and in a batch`, async (folder) => {
    const model = tinyModel(head), rows = randomRows([20, 7, 33, 2]), path = join(folder, "model.onnx");
    const batch = tokenBatch(rows, 0), expected = model.forward(batch);
    for (const options of VARIANTS) {
      await writeModel(path, modelGraph({ encoder: ENCODER, head }, model.parameters, options));
      await using session = await LocalSession.open(path);
      const outputs = await session.run(batch), label = JSON.stringify(options);
      assert.equal(outputs.length, outputNames(head).length);
      for (const [n, output] of outputs.entries()) {
        assert.deepEqual(output.shape, expected[n]!.shape, label);
        for (const [i, { ids: { length } }] of rows.entries()) {
          const found = valuesOfRow(output, i, { length, width: batch.width });
          const own = valuesOfRow(expected[n]!, i, { length, width: batch.width });
          const difference = largestDifference(found, own);
          assert.ok(difference <= TOLERANCE[options.format], `${label}, row ${i}: ${difference}`);
          const alone = await session.run(tokenBatch([rows[i]!], 0));
          assert.deepEqual(valuesOfRow(alone[n]!, 0, { length, width: length }), found, `${label}, row ${i}`);
        }
      }
    }
  });
}

const GOLDEN: readonly (readonly [string, HeadConfig, readonly string[]])[] = [
  ["seqcls", { kind: "sequence-classification", classes: 3, activation: "gelu" }, ["logits"]],
  ["tokcls", { kind: "token-classification", classes: 5 }, ["logits"]],
  ["qa", { kind: "question-answering" }, ["start_logits", "end_logits"]],
  ["choice", { kind: "multiple-choice" }, ["logits"]],
  ["bintok", { kind: "two-channel-tokens", classes: [9, 5] }, ["logits_oth", "logits_sym"]],
  ["spo", { kind: "relations", predicates: 4 }, ["ent_logits", "rel_logits"]],
];
for (const variant of ["tiny", "tiny_proj"] as const) {
  testInFolder(`the original's recorded logits: ${variant}`, async (folder) => {
    const { config: { discriminator: encoder }, state } = await readFixture(variant);
    const file = fileURLToPath(new URL(`../fixtures/${variant}/heads_golden.safetensors`, import.meta.url));
    const golden = await readSafetensors(file), path = join(folder, "model.onnx");
    const column = (name: string) => golden.get(`in.${name}`)!.data as BigInt64Array<ArrayBuffer>;
    const [rows, width] = golden.get("in.input_ids")!.shape as [number, number];
    const ids = column("input_ids"), mask = ids.map((id) => BigInt(id !== BigInt(encoder.pad_token_id)));
    for (const [name, head, logits] of GOLDEN) {
      const parameters = (parameter: string) => {
        const { shape, data } = golden.get(`weights.${name}.${parameter}`) ??
          state.get(`discriminator.${parameter}`)!;
        return { shape, read: () => data as Float32Array<ArrayBuffer> };
      };
      await writeModel(
        path,
        modelGraph({ encoder, head }, parameters, { format: "fp32", packed: false, inputs: 3 }),
      );
      await using session = await LocalSession.open(path);
      const outputs = await session.run({ rows, width, ids, mask, types: column("token_type_ids") });
      for (const [n, output] of logits.entries()) {
        const recorded = golden.get(`${name}.${output}`)!;
        const difference = maxDifference(outputs[n]!.values, recorded.data as Float32Array);
        assert.ok(difference <= 1e-5, `${name}.${output}: ${difference}`);
      }
    }
  });
}

testInFolder("a model that is too large has its weights in a file beside it", async (folder) => {
  const head = HEADS.tokens, model = tinyModel(head), path = join(folder, "model.onnx");
  const graph = modelGraph({ encoder: ENCODER, head }, model.parameters, {
    format: "fp32",
    packed: false,
    inputs: 3,
  });
  assert.deepEqual(await writeModel(path, graph, { largest: 100_000 }), [path, `${path}_data`]);
  const [small, data] = await Promise.all([path, `${path}_data`].map((one) => Deno.stat(one)));
  assert.ok(small!.size < 100_000 && data!.size > 250_000, `${small!.size}, ${data!.size}`);
  await using session = await LocalSession.open(path);
  const batch = tokenBatch(randomRows([9]), 0);
  const [found] = await session.run(batch), [expected] = model.forward(batch);
  assert.ok(largestDifference(found!.values, expected!.values) <= 1e-5);
});
