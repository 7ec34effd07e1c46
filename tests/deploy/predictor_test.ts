/** A trained model, exported: the predictor's answers and score are those of `deno task predict`. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { finetune, FINETUNE_OPTIONS, FinetunedModel, readSplit } from "../../lib/cblue/mod.ts";
import { resolveOptions } from "../../lib/config/mod.ts";
import { exportModel, Predictor } from "../../lib/deploy/mod.ts";
import { type MadeUp, writeMadeUpSet } from "../cblue/made_up_sets.ts";
import { testInFolder } from "../folders.ts";

/** Trains a little on a made-up set. */
async function train(folder: string, task: MadeUp, given: Record<string, unknown>): Promise<string> {
  const options = resolveOptions(FINETUNE_OPTIONS, {
    dataset: await writeMadeUpSet(join(folder, "data"), task, 120, 40),
    data_dir: join(folder, "data"),
    save_dir: join(folder, "run"),
    preset: "tiny",
    max_seq_length: 32,
    batch_size: 16,
    valid_steps: 1000,
    num_threads: 1,
    ...given,
  });
  return (await finetune(options, { print: () => {} })).folder;
}

const TASKS: [MadeUp, Record<string, unknown>][] = [
  ["KUAKE-QIC", { max_steps: 20, learning_rate: 1e-3 }],
  ["CHIP-STS", { max_steps: 20, learning_rate: 1e-3 }],
  ["CMeEE", { max_steps: 60, learning_rate: 2e-3 }],
  ["CMeIE", { max_steps: 80, learning_rate: 1e-3, max_grad_norm: 1 }],
  ["CHIP-CDN", { max_steps: 60, learning_rate: 1e-3 }],
];
for (const [task, given] of TASKS) {
  testInFolder(`${task}: answers as the toolkit does, in any batches`, async (folder) => {
    const trained = await train(folder, task, given), out = join(folder, "export"), lines: string[] = [];
    const dataDir = join(folder, "data");
    const options = { format: "fp32", packed: false, inputs: 3, out, dataDir } as const;
    const { path, scores } = await exportModel(trained, options, { print: (line) => lines.push(line) });
    assert.equal(path, join(out, "onnx", "model.onnx"));
    assert.equal(scores!.exported.value, scores!.original.value);
    assert.equal(lines.length, 2);

    using model = await FinetunedModel.open(trained);
    const examples = (await readSplit(model.task, dataDir, "dev"))!;
    const expected = await model.predict(examples);
    await using predictor = await Predictor.open(out);
    for (const batchTokens of [1, 200, 100_000]) {
      const answers = await predictor.predict(examples, { batchTokens });
      const official = answers.map((answer, i) => predictor.model.official(examples[i]!, answer));
      if (model.task.kind !== "classification") assert.deepEqual(official, expected);
      else {assert.deepEqual(
          official.map((one) => "label" in one && one.label),
          expected.map((one) => "label" in one && one.label),
        );}
    }
  });
}
