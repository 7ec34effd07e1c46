/** `deno task export`: a model as a folder that onnxruntime, Python and transformers.js load, compared with the toolkit. */
import { NUM_THREADS, type OptionTable } from "../lib/config/mod.ts";
import { exportModel, FORMATS } from "../lib/deploy/mod.ts";
import { configureTensorFlow } from "../lib/tensorflow/mod.ts";
import { runTask } from "./flags.ts";

export const EXPORT_OPTIONS = {
  model: {
    type: "path",
    required: true,
    aliases: ["params_path"],
    help: "Folder that `deno task finetune` or `deno task pretrain` saved; the flag itself may be left out",
  },
  out: {
    type: "path",
    default: "./export",
    aliases: ["output_path"],
    help: "Folder of the exported model; several formats of one model may share it",
  },
  format: {
    type: "string",
    default: "fp32",
    choices: [...FORMATS, "all"],
    help:
      "fp32; fp16: half the size, computed with as fp32; int8: a quarter of the size, less than half of the time, rounded",
  },
  packed: {
    type: "boolean",
    default: false,
    help:
      "Leave the work on padding out, for servers and mixed lengths: model_packed….onnx beside the plain file",
  },
  inputs: {
    type: "integer",
    default: 3,
    min: 2,
    max: 3,
    help:
      "3: input_ids, attention_mask, token_type_ids; 2: without the mask, as Paddle's, padding being the pad id",
  },
  data_dir: {
    type: "path",
    aliases: ["data"],
    help: "Folder with the task's official files: print the dev score of model and file",
  },
  max_drop: {
    type: "number",
    default: 0.5,
    min: 0,
    unit: "points",
    help: "With --data_dir: refuse a file that loses more of the dev score",
  },
  dataset: {
    type: "string",
    aliases: ["train_dataset"],
    help: "Task, as the original's export needs it; a model knows its own",
  },
  num_threads: NUM_THREADS,
} as const satisfies OptionTable;

await runTask(import.meta, {
  name: "export",
  summary: "Export a model as an ONNX file, compare it with the original, and say what it costs.",
  table: EXPORT_OPTIONS,
  positional: "model",
  examples: [
    "deno task export output/qic/checkpoint-800 --out export/qic",
    "deno task export output/qic/checkpoint-800 --out export/qic --format int8 --packed --data_dir data/KUAKE-QIC",
  ],
  async main(options, { signal }) {
    configureTensorFlow({ device: "cpu", threads: options.num_threads });
    for (const format of FORMATS.filter((one) => options.format === "all" || one === options.format)) {
      signal.throwIfAborted();
      await exportModel(options.model, {
        format,
        packed: options.packed,
        inputs: options.inputs as 2 | 3,
        out: options.out,
        dataset: options.dataset,
        dataDir: options.data_dir,
        maxDrop: options.max_drop,
      }, { signal });
    }
  },
});
