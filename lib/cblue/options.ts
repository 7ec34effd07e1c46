/**
 * Every option of a fine-tuning run: the flags of `deno task finetune`, and what `run.json` beside each checkpoint records.
 *
 * Where none is given, epochs, batch, rate and length are those of the original's recipe for the task.
 *
 * @module
 */
import { COMPUTE_OPTIONS, type OptionsOf, type OptionTable } from "../config/mod.ts";

export const FINETUNE_OPTIONS = {
  dataset: {
    type: "string",
    required: true,
    aliases: ["task"],
    help: "Task, such as KUAKE-QIC or CMeEE, or a JSON file that describes one of your own",
  },
  data_dir: {
    type: "path",
    required: true,
    help: "Folder with the task's official files, unpacked or as zip",
  },
  save_dir: {
    type: "path",
    default: "./checkpoint",
    aliases: ["output_dir"],
    help: "Folder of the run: checkpoints, log; the same command resumes from its last checkpoint",
  },
  overwrite_output_dir: {
    type: "boolean",
    default: false,
    help: "Begin afresh: remove the checkpoints and logs of an earlier run in --save_dir",
  },

  model: {
    type: "path",
    aliases: ["init_from_ckpt", "model_name_or_path"],
    help:
      "Encoder to begin with: a folder or file, as pretraining writes them, or org/name on the hub; none: a new one, see --preset",
  },
  preset: {
    type: "string",
    default: "small",
    choices: ["tiny", "small", "base", "large"],
    help: "Size of a new encoder",
  },
  vocab: {
    type: "path",
    help: "Vocabulary of a new encoder; default vocab.txt in --data_dir, else built from the training texts",
  },
  head_bias: {
    type: "string",
    default: "zero",
    choices: ["zero", "frequency"],
    help:
      "First biases of a new head: 0 as published, or how common each label is in training, without which deep encoders " +
      "with random weights may learn nothing for hundreds of steps",
  },
  activation: {
    type: "string",
    default: "tanh",
    choices: ["tanh", "gelu"],
    help: "Within the classification head: tanh as published, gelu as PaddleNLP from 2.6 on",
  },

  epochs: {
    type: "number",
    min: 0.001,
    aliases: ["num_epochs", "num_train_epochs"],
    help: "Passes over the training set",
  },
  max_steps: {
    type: "integer",
    default: -1,
    min: -1,
    unit: "steps",
    help: "Length of the run, whatever --epochs says; -1 or 0: --epochs",
  },
  batch_size: {
    type: "integer",
    min: 1,
    unit: "examples",
    aliases: ["per_device_train_batch_size"],
    help: "Examples a step",
  },
  eval_batch_size: {
    type: "integer",
    min: 1,
    unit: "examples",
    aliases: ["per_device_eval_batch_size"],
    help: "Examples at once in evaluation; default --batch_size",
  },
  gradient_accumulation_steps: {
    type: "integer",
    default: 1,
    min: 1,
    unit: "batches",
    help: "Batches whose gradients are averaged before each update",
  },
  max_seq_length: { type: "integer", min: 3, unit: "tokens", help: "Longest row, with [CLS] and [SEP]" },
  long: {
    type: "string",
    default: "truncate",
    choices: ["truncate", "windows"],
    help:
      "Of texts that are longer, tagging tasks lose the end, as published, or read several windows that overlap",
  },
  occurrences: {
    type: "string",
    default: "first",
    choices: ["first", "all"],
    help:
      "Which places of a triple's names to train on: the first ones, as published, or every pair of places",
  },
  scheme: {
    type: "string",
    default: "channels",
    choices: ["channels", "spans"],
    help:
      "How entities are told: two channels of labels, as published, or pairs of first and last character, nested as they may be",
  },
  packing: {
    type: "string",
    default: "rows",
    choices: ["rows", "none"],
    help: "Several texts in each row of the encoder, with the same losses, or one each, as the original",
  },
  length_pool: {
    type: "integer",
    default: 1,
    min: 1,
    unit: "batches",
    help:
      "Sort so many batches by length before they are cut: less padding; 1: the order is drawn, as the original's",
  },

  learning_rate: { type: "number", min: 0, help: "Highest learning rate, after warm-up" },
  warmup_proportion: {
    type: "number",
    default: 0.1,
    min: 0,
    max: 1,
    aliases: ["warmup_ratio"],
    help: "Share of the run over which the learning rate rises from 0",
  },
  layerwise_lr_decay: {
    type: "number",
    default: 1,
    min: 0.1,
    max: 1,
    help: "Factor on the learning rate from each layer to the one below; 1: all the same, as published",
  },
  weight_decay: {
    type: "number",
    default: 0.01,
    min: 0,
    help: "AdamW's decay of weights, not of biases and norms",
  },
  adam_epsilon: { type: "number", default: 1e-8, min: 0, help: "AdamW's epsilon" },
  max_grad_norm: {
    type: "number",
    default: 0,
    min: 0,
    help: "Gradients are scaled down to this norm; 0: never, as published",
  },

  class_weights: {
    type: "string",
    default: "none",
    choices: ["none", "balanced"],
    help:
      "Classification: how much a text of each label counts; balanced: rare labels as much as frequent ones",
  },
  rdrop_alpha: {
    type: "number",
    default: 0,
    min: 0,
    help: "R-Drop: weight of how much two passes with other dropout disagree, 1 to 5 as a rule; 0: one pass",
  },
  fgm_epsilon: {
    type: "number",
    default: 0,
    min: 0,
    help: "FGM: a second pass with word embeddings moved so far to where the loss is higher; 0: none",
  },
  ema_decay: {
    type: "number",
    default: 0,
    min: 0,
    max: 0.99999,
    help: "Evaluate and keep a moving average of the weights, with this decay, 0.999 say; 0: the weights",
  },
  fold: {
    type: "string",
    help: "Hold part K of N out of the training set as dev, given as K/N: `1/5` to `5/5` make an ensemble",
  },

  ...COMPUTE_OPTIONS,
  scale_loss: { type: "number", default: 128, min: 1, help: "First loss scale in float16" },

  logging_steps: {
    type: "integer",
    default: 10,
    min: 1,
    unit: "steps",
    help: "Steps from one log line to the next",
  },
  valid_steps: {
    type: "integer",
    default: 100,
    min: 1,
    unit: "steps",
    aliases: ["eval_steps"],
    help: "Steps from one evaluation on the dev set to the next",
  },
  eval_examples: {
    type: "integer",
    min: 1,
    unit: "examples",
    help: "Score only so many of the dev set while training; default all",
  },
  save_steps: {
    type: "integer",
    default: 100,
    min: 1,
    unit: "steps",
    help: "Steps from one checkpoint to the next",
  },
  save_total_limit: {
    type: "integer",
    default: 2,
    min: 1,
    help: "Newest checkpoints to keep, beside the best",
  },
  patience: {
    type: "integer",
    min: 1,
    unit: "evaluations",
    aliases: ["early_stopping_patience"],
    help: "End the run after so many evaluations without a better score; default: never",
  },
  disable_tqdm: { type: "boolean", default: false, help: "No progress bar" },
  timeout: {
    type: "integer",
    default: 60,
    min: 1,
    unit: "seconds",
    help: "Of several processes, one that is not heard of for so long is lost, and the run ends",
  },
  seed: { type: "integer", default: 1000, help: "Fixes a new head's weights, order and dropout" },
} as const satisfies OptionTable;

/** Resolved options of a run. */
export type FinetuneOptions = OptionsOf<typeof FINETUNE_OPTIONS>;

/** Options that may change when a run is resumed; with any other, it would be another run. */
export const RESUMABLE: ReadonlySet<string> = new Set(
  [
    "data_dir", // the training set's fingerprint is compared instead
    "save_dir",
    "overwrite_output_dir",
    "model", // its parameters are compared, too
    "vocab",
    "eval_batch_size",
    "device",
    "num_threads",
    "logging_steps",
    "save_steps",
    "save_total_limit",
    "patience",
    "disable_tqdm",
    "timeout",
  ] satisfies (keyof FinetuneOptions)[],
);
