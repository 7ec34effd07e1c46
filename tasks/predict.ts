/** `deno task predict`: a fine-tuned model's answers to a file of records, as the benchmark wants them submitted. */
import { FinetunedModel, readExamples, readSchema, readSplit, writeSubmission } from "../lib/cblue/mod.ts";
import { COMPUTE_OPTIONS, type OptionTable, ProgressBar, UserError } from "../lib/config/mod.ts";
import { configureTensorFlow } from "../lib/tensorflow/mod.ts";
import { runTask } from "./flags.ts";

export const PREDICT_OPTIONS = {
  model: {
    type: "paths",
    required: true,
    help:
      "Checkpoint of `deno task finetune`, the flag itself may be left out; of several the logits are averaged",
  },
  data_dir: {
    type: "path",
    help: "Folder with the task's official files, of which the test file is answered",
  },
  split: {
    type: "string",
    default: "test",
    choices: ["train", "dev", "test"],
    help: "Another of these files",
  },
  input: {
    type: "path",
    help: "Answer this file instead: records of the task's format, with answers or without",
  },
  output: { type: "path", default: ".", help: "Folder of the submission" },
  name: { type: "string", help: "Its name, such as CMeIE_test.jsonl; default: that of the task's test file" },
  long: {
    type: "string",
    choices: ["truncate", "windows"],
    help:
      "Of texts longer than the model's rows, tagging tasks lose the end, or read several windows that overlap; default: as in training",
  },
  batch_size: { type: "integer", default: 32, min: 1, unit: "rows", help: "Rows at once" },
  ...COMPUTE_OPTIONS,
} as const satisfies OptionTable;

await runTask(import.meta, {
  name: "predict",
  summary: "Answer the test file of a task, and write the file to be submitted.",
  table: PREDICT_OPTIONS,
  positional: "model",
  examples: [
    "deno task predict output/qic/checkpoint-800 --data_dir data/KUAKE-QIC --output submission",
    "deno task predict output/cmeie/checkpoint-9000 --data_dir data/CMeIE --name CMeIE_test.jsonl",
  ],
  async main(options, { signal }) {
    const { data_dir: dataDir, input, split, output } = options;
    if ((dataDir === undefined) === (input === undefined)) {
      throw new UserError("Cannot predict: give either --data_dir or --input");
    }
    configureTensorFlow({ device: options.device, threads: options.num_threads });
    using model = await FinetunedModel.open(options.model, {
      ...(options.long && { long: options.long }),
      useAmp: options.use_amp,
    });
    const { task } = model;
    const examples = input !== undefined
      ? await readExamples(task, input)
      : await readSplit(task, dataDir!, split);
    if (!examples) throw new UserError(`Cannot predict for ${task.name}: "${dataDir}" has no ${split} file`);
    const bar = new ProgressBar({ label: "Predicting", unit: "rows" });
    let done = 0;
    const onRows = (rows: number) => bar.update(done += rows);
    const answers = await model.predict(examples, { batchSize: options.batch_size, signal, onRows })
      .finally(() => bar.finish());
    const schema = dataDir !== undefined && task.kind === "relations"
      ? await readSchema(dataDir, task.name)
      : undefined;
    await Deno.mkdir(output, { recursive: true });
    console.log(
      await writeSubmission(task, examples as never, answers as never, output, {
        ...(options.name !== undefined && { name: options.name }),
        ...(schema && { schema }),
      }),
    );
  },
});
