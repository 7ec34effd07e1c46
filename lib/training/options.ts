/**
 * Every option of a pretraining run: the flags of `deno task pretrain`, and what `run.json` beside each
 * checkpoint records.
 *
 * @module
 */
import type { OptionsOf, OptionTable } from "../config/mod.ts";
import type { Preset } from "../electra/mod.ts";

/** The original's name of the published model, which stands for its size here. */
export const PUBLISHED_MODEL = "ernie-health-chinese";

export const PRETRAIN_OPTIONS = {
  input_dir: {
    type: "path",
    required: true,
    help: "Folder with the corpus: *_ids.npy, *_idx.npz and vocab.txt, as `deno task preprocess` writes them",
  },
  output_dir: {
    type: "path",
    required: true,
    help: "Folder of the run: checkpoints, logs, picture; the same command resumes from its last checkpoint",
  },
  preset: {
    type: "string",
    default: "small",
    choices: ["tiny", "small", "base"],
    help: "Size of a new model: 2 layers of 128, 4 of 256, or the published 12 of 768",
  },
  model_name_or_path: {
    type: "string",
    help:
      "Checkpoint folder to begin from, with --init_from_ckpt; ernie-health-chinese: a new model of the base size",
  },
  init_from_ckpt: {
    type: "boolean",
    default: false,
    help: "Begin with weights, optimizer and step of the checkpoint --model_name_or_path",
  },
  batch_size: {
    type: "integer",
    default: 16,
    min: 1,
    unit: "sentences",
    help: "Sentences a step; each gives two rows, masked differently (original: 256)",
  },
  max_seq_length: {
    type: "integer",
    default: 128,
    min: 3,
    unit: "tokens",
    help: "Length of a row with [CLS] and [SEP]; the tail of longer sentences is cut (original: 512)",
  },
  mlm_prob: { type: "number", default: 0.15, min: 0, max: 1, help: "Probability that a word is masked" },
  learning_rate: { type: "number", default: 2e-4, min: 0, help: "Highest learning rate, after warm-up" },
  weight_decay: {
    type: "number",
    default: 0.01,
    min: 0,
    help: "AdamW's decay of weights, not of biases and norms",
  },
  adam_epsilon: { type: "number", default: 1e-8, min: 0, help: "AdamW's epsilon" },
  max_grad_norm: {
    type: "number",
    default: 1,
    min: 0,
    help: "Gradients are scaled down to this norm; 0: never",
  },
  warmup_steps: {
    type: "integer",
    min: 0,
    unit: "steps",
    help: "Steps over which the learning rate rises from 0; default a tenth of the run, at most 10,000",
  },
  num_epochs: {
    type: "integer",
    default: 100,
    min: 1,
    help: "Passes over the corpus, unless --max_steps is given",
  },
  max_steps: {
    type: "integer",
    default: -1,
    min: -1,
    unit: "steps",
    help: "Length of the run, whatever --num_epochs says; -1 or 0: --num_epochs",
  },
  logging_steps: {
    type: "integer",
    default: 10,
    min: 1,
    unit: "steps",
    help: "Steps from one log line to the next",
  },
  save_steps: {
    type: "integer",
    default: 500,
    min: 1,
    unit: "steps",
    help: "Steps from one checkpoint to the next",
  },
  save_total_limit: { type: "integer", default: 3, min: 1, help: "Newest checkpoints to keep" },
  device: {
    type: "string",
    default: "auto",
    choices: ["auto", "cpu", "gpu"],
    help: "Where to train; auto takes a GPU if TensorFlow sees one",
  },
  num_threads: {
    type: "integer",
    default: 0,
    min: 0,
    unit: "threads",
    help: "Threads on the CPU; 0: all cores",
  },
  use_amp: {
    type: "boolean",
    default: false,
    help:
      "Mixed precision in bfloat16, which needs no loss scaling; pays on processors with AVX512_BF16 or AMX",
  },
  eager_run: { type: "boolean", default: false, help: "Run without compiling: slow, for debugging" },
  seed: { type: "integer", default: 1000, help: "Fixes weights, order, masks, samples and dropout" },
} as const satisfies OptionTable;

/** Resolved options of a run. */
export type PretrainOptions = OptionsOf<typeof PRETRAIN_OPTIONS>;

/** The size of a new model: the published model's name stands for its size. */
export function presetOf(options: Pick<PretrainOptions, "preset" | "model_name_or_path">): Preset {
  return options.model_name_or_path === PUBLISHED_MODEL ? "base" : options.preset;
}

/** Options that may change when a run is resumed; with any other, it would be another run. */
export const RESUMABLE: ReadonlySet<string> = new Set([
  "input_dir", // the corpus's fingerprint is compared instead
  "output_dir",
  "model_name_or_path",
  "init_from_ckpt",
  "logging_steps",
  "save_steps",
  "save_total_limit",
  "device",
  "num_threads",
  "eager_run",
]);
