/** `deno task evaluate`: a fine-tuned model's score, or a submission's, by the task's official definition. */
import {
  errorPage,
  evaluateAnswers,
  findTask,
  FinetunedModel,
  formatEvaluation,
  formatRecall,
  readSplit,
  readSubmission,
  submittedFile,
} from "../lib/cblue/mod.ts";
import {
  COMPUTE_OPTIONS,
  type OptionTable,
  ProgressBar,
  UserError,
  writeAtomically,
} from "../lib/config/mod.ts";
import { configureTensorFlow } from "../lib/tensorflow/mod.ts";
import { runTask } from "./flags.ts";

export const EVALUATE_OPTIONS = {
  model: {
    type: "paths",
    help: "Checkpoint of `deno task finetune`; of several the logits are averaged",
  },
  predictions: {
    type: "path",
    help: "Score this submission instead of a model: a file as `deno task predict` writes it, or a zip",
  },
  dataset: { type: "string", aliases: ["task"], help: "Task of --predictions; a model knows its own" },
  data_dir: {
    type: "path",
    required: true,
    help: "Folder with the task's official files, unpacked or as zip",
  },
  split: { type: "string", default: "dev", choices: ["train", "dev", "test"], help: "Which of the files" },
  long: {
    type: "string",
    choices: ["truncate", "windows"],
    help:
      "Of texts longer than the model's rows, tagging tasks lose the end, or read several windows that overlap; default: as in training",
  },
  scoring: {
    type: "string",
    default: "official",
    choices: ["official", "original"],
    help:
      "original: beside the official score that of the original's script, which cuts texts before it scores CMeEE and compares " +
      "places in CMeIE",
  },
  batch_size: { type: "integer", default: 32, min: 1, unit: "rows", help: "Rows at once" },
  json: { type: "path", help: "Write the score and the table of labels there too" },
  errors: { type: "path", help: "Write a page that lists what was answered wrongly, beside what is right" },
  ...COMPUTE_OPTIONS,
} as const satisfies OptionTable;

await runTask(import.meta, {
  name: "evaluate",
  summary: "Score a fine-tuned model, or a file of predictions, on a part of the data that has answers.",
  table: EVALUATE_OPTIONS,
  positional: "model",
  examples: [
    "deno task evaluate output/qic/checkpoint-800 --data_dir data/KUAKE-QIC --errors errors.html",
    "deno task evaluate --predictions CMeEE_test.json --dataset CMeEE --data_dir data/CMeEE --split dev",
  ],
  async main(options, { signal }) {
    const { model: folder, predictions, split, data_dir: dataDir } = options;
    if ((folder === undefined) === (predictions === undefined)) {
      throw new UserError("Cannot evaluate: give either a model's folder or --predictions");
    }
    if (predictions !== undefined && options.dataset === undefined) {
      throw new UserError("Cannot evaluate --predictions without --dataset");
    }
    if (predictions !== undefined && options.scoring === "original") {
      throw new UserError("Cannot score as the original from --predictions: it needs the model");
    }
    configureTensorFlow({ device: options.device, threads: options.num_threads });
    using model = folder === undefined ? undefined : await FinetunedModel.open(folder, {
      ...(options.long && { long: options.long }),
      useAmp: options.use_amp,
    });
    const task = model?.task ?? await findTask(options.dataset!);
    const examples = await readSplit(task, dataDir, split, { answered: true });
    if (!examples) throw new UserError(`Cannot evaluate ${task.name}: "${dataDir}" has no ${split} file`);
    const bar = new ProgressBar({ label: "Predicting", unit: "rows", terminalOnly: true });
    let done = 0;
    const answers = model
      ? await model.predict(examples, {
        batchSize: options.batch_size,
        signal,
        onRows: (rows) => bar.update(done += rows),
      })
      : await readSubmission(task, examples as never, await submittedFile(task, predictions!));
    bar.finish();
    const evaluation = evaluateAnswers(task, examples as never, answers as never);
    console.log(formatEvaluation(task, split, evaluation));
    const recall = model?.recallOfCandidates(examples);
    if (recall) console.log(formatRecall(recall));
    const original = options.scoring === "original"
      ? await model!.scoreAsPublished(examples, { batchSize: options.batch_size, signal })
      : undefined;
    if (original) console.log(`As the original scores, ${split}: micro F1 ${(100 * original.f1).toFixed(2)}`);
    if (options.errors) {
      const page = errorPage(task, examples as never, answers as never, `${task.name}, ${split}`);
      await writeAtomically(options.errors, [new TextEncoder().encode(page)]);
      console.log(options.errors);
    }
    if (options.json) {
      const text = JSON.stringify({ split, ...evaluation, recall, original }, null, 2) + "\n";
      await writeAtomically(options.json, [new TextEncoder().encode(text)]);
    }
  },
});
