/** A trained model, exported: the predictor's answers and score are those of `deno task predict`. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { FinetunedModel, readSplit } from "../../lib/cblue/mod.ts";
import { UserError } from "../../lib/config/mod.ts";
import {
  exportModel,
  type ExportOptions,
  modelPath,
  Predictor,
  tokenBatch,
  WorkerSession,
} from "../../lib/deploy/mod.ts";
import { testInFolder } from "../folders.ts";
import { train, TRAINED } from "./trained.ts";

const PLAIN = { format: "fp32", packed: false, inputs: 3 } as const;
const silent = { print: () => {} };

for (const task of TRAINED) {
  testInFolder(`${task}: answers as the toolkit does, in whatever batches`, async (folder) => {
    const trained = await train(folder, task), out = join(folder, "export"), lines: string[] = [];
    const options: ExportOptions = { ...PLAIN, out, dataDir: join(folder, "data") };
    const { path, scores } = await exportModel(trained, options, { print: (line) => lines.push(line) });
    assert.equal(path, join(out, "onnx", "model.onnx"));
    assert.equal(scores!.exported.value, scores!.original.value);
    assert.match(lines[0]!, /logits differ from the toolkit's by \S+ at most; the largest is/);
    assert.match(lines[1]!, /, dev: .+ [\d.]+ before, [\d.]+ as fp32$/);

    using model = await FinetunedModel.open(trained);
    const examples = (await readSplit(model.task, options.dataDir!, "dev"))!;
    const labelled = (answers: readonly unknown[]) =>
      model.task.kind === "classification" ? answers.map((one) => (one as { label: string }).label) : answers;
    const expected = labelled(await model.predict(examples));
    await using predictor = await Predictor.open(out);
    for (const batchTokens of [1, 200, 100_000]) {
      const answers = await predictor.predict(examples, { batchTokens });
      assert.deepEqual(
        labelled(answers.map((answer, i) => predictor.model.official(examples[i]!, answer))),
        expected,
      );
    }
  });
}

testInFolder("packed and rounded files answer alike, and texts as examples do", async (folder) => {
  const trained = await train(folder, "CMeEE"), out = join(folder, "export");
  const texts = ["夜间发热，诊断为肺炎", "饭后胸部疼痛，考虑冠心病", "𠮷先生反复咳嗽，排除哮喘"];
  const answers = [];
  for (const [format, packed] of [["fp32", false], ["fp32", true], ["int8", false]] as const) {
    await exportModel(trained, { ...PLAIN, format, packed, out }, silent);
    await using predictor = await Predictor.open(out, { format, worker: packed });
    answers.push(await predictor.predictTexts(texts));
    await Deno.remove(modelPath(out, format, packed)); // the next one is to be found
  }
  assert.deepEqual(answers[1], answers[0]);
  assert.deepEqual(answers[2], answers[0]);
  assert.ok(answers[0]!.every((entities) => (entities as unknown[]).length > 0));
});

testInFolder("errors of people name what is wrong", async (folder) => {
  const trained = await train(folder, "CHIP-STS"), out = join(folder, "export");
  const refused = (doing: Promise<unknown>, message: RegExp) =>
    assert.rejects(doing, (error) => error instanceof UserError && message.test(error.message));
  await refused(Predictor.open(out), /Cannot read ".*config\.json": no such file/);
  await exportModel(trained, { ...PLAIN, out }, silent);
  await refused(
    Predictor.open(out, { format: "int8" }),
    /there is no ".*model_quantized\.onnx"; make it with/,
  );
  await Deno.writeTextFile(modelPath(out, "int8", false), "no model");
  await refused(Predictor.open(out, { format: "int8" }), /Cannot load ".*model_quantized\.onnx": /);
  await using predictor = await Predictor.open(out);
  await refused(predictor.predictTexts(["肺炎怎么治"]), /it takes two texts, text1 and text2, not 1/);
  await assert.rejects(predictor.predictTexts([["肺炎", "哮喘"]], { signal: AbortSignal.abort() }), {
    name: "AbortError",
  });
});

testInFolder("a worker that is refused or closed says so, to all who wait", async (folder) => {
  const trained = await train(folder, "CHIP-STS");
  const { path } = await exportModel(trained, { ...PLAIN, out: join(folder, "export") }, silent);
  const session = await WorkerSession.open(path);
  await assert.rejects(session.run(tokenBatch([{ ids: [2, 1_000_000, 3] }], 0)), /out of .*bounds/i);
  const [output] = await session.run(tokenBatch([{ ids: [2, 5, 3] }], 0)); // goes on
  assert.deepEqual(output!.shape, [1, 2]);
  const closed = assert.rejects(session.run(tokenBatch([{ ids: [2, 5, 3] }], 0)), /the session was closed/);
  await session[Symbol.asyncDispose]();
  await closed;
  await assert.rejects(session.run(tokenBatch([{ ids: [2, 3] }], 0)), /the session was closed/);
});
