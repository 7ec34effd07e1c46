/**
 * Every option of a pretraining run: the flags of `deno task pretrain`, and what `run.json` beside each
 * checkpoint records.
 *
 * @module
 */
import { COMPUTE_OPTIONS, type OptionsOf, type OptionTable } from "../config/mod.ts";
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
  overwrite_output_dir: {
    type: "boolean",
    default: false,
    help: "Begin afresh: remove the checkpoints and logs of an earlier run in --output_dir",
  },

  preset: {
    type: "string",
    default: "small",
    choices: ["tiny", "small", "base", "large"],
    help: "Size of a new model: layers × width 2 × 128, 12 × 256, 12 × 768 (the published model), 24 × 1024",
  },
  objective: {
    type: "string",
    default: "ernie-health",
    choices: ["ernie-health", "electra", "mlm", "qa-matching"],
    aliases: ["model_type"],
    help:
      "What to train for: the original's four losses, plain ELECTRA, masked words alone, or the original's with questions and their answers as views",
  },
  model_name_or_path: {
    type: "string",
    help:
      "Weights to begin with: a folder, a safetensors, .bin, .pdparams or .npz file, or org/name on the hub; what it lacks is new. With --init_from_ckpt, a checkpoint. ernie-health-chinese: a new model of the base size",
  },
  init_from_ckpt: {
    type: "boolean",
    default: false,
    help: "Begin with weights, optimizer and step of the checkpoint --model_name_or_path",
  },
  resume_from_checkpoint: {
    type: "path",
    help: "Go on from this checkpoint of --output_dir, not from its newest; later ones must be gone first",
  },

  do_train: {
    type: "boolean",
    default: true,
    help: "Train; turned off, --do_eval evaluates the newest checkpoint",
  },
  do_eval: {
    type: "boolean",
    help: "Evaluate on --eval_dir or --eval_share while training and at the end; default where one is given",
  },
  eval_dir: { type: "path", help: "Folder with another corpus of the same vocabulary, for evaluation" },
  eval_share: {
    type: "number",
    default: 0,
    min: 0,
    max: 0.5,
    help: "Share of the sentences that is held out of training, for evaluation",
  },
  eval_steps: {
    type: "integer",
    min: 1,
    unit: "steps",
    help: "Steps from one evaluation to the next; default --save_steps",
  },
  evaluation_strategy: {
    type: "string",
    default: "steps",
    choices: ["no", "steps", "epoch"],
    aliases: ["eval_strategy"],
    help: "When to evaluate while training: every --eval_steps, after each epoch, or at the end only",
  },
  load_best_model_at_end: {
    type: "boolean",
    default: false,
    help: "Keep the checkpoint with the lowest evaluation loss, and name it as the result",
  },
  metric_for_best_model: {
    type: "string",
    default: "eval_loss",
    choices: ["eval_loss", "loss"],
    help: "What --load_best_model_at_end goes by: the evaluation loss under either name",
  },

  packing: {
    type: "string",
    default: "rows",
    choices: ["rows", "none"],
    help: "Lay several sentences into each row, or pad every sentence to --max_seq_length as the original",
  },
  batch_size: {
    type: "integer",
    default: 16,
    min: 1,
    unit: "sentences",
    aliases: ["per_device_train_batch_size"],
    help: "Sentences a step, in two views each; with packed rows on average (original: 256)",
  },
  per_device_eval_batch_size: {
    type: "integer",
    min: 1,
    unit: "sentences",
    help: "Sentences at once in evaluation; default --batch_size",
  },
  gradient_accumulation_steps: {
    type: "integer",
    default: 1,
    min: 1,
    unit: "batches",
    help: "Batches whose gradients are averaged before each update",
  },
  max_seq_length: {
    type: "integer",
    default: 512,
    min: 3,
    unit: "tokens",
    help: "Longest row, with [CLS] and [SEP]",
  },
  long: {
    type: "string",
    default: "split",
    choices: ["split", "truncate"],
    help: "Split sentences beyond --max_seq_length at punctuation, or cut off their tails as the original",
  },
  mlm_prob: {
    type: "number",
    default: 0.15,
    min: 0,
    max: 1,
    aliases: ["masked_lm_prob"],
    help: "Probability that a word is masked",
  },
  dataloader_num_workers: {
    type: "integer",
    default: 0,
    min: 0,
    unit: "workers",
    help: "Workers that prepare batches ahead; 0: the main thread, while the device computes",
  },

  learning_rate: { type: "number", default: 2e-4, min: 0, help: "Highest learning rate, after warm-up" },
  lr_scheduler_type: {
    type: "string",
    default: "linear",
    choices: ["linear", "cosine", "constant", "constant_with_warmup"],
    help: "How the learning rate falls after warm-up; constant has none",
  },
  warmup_steps: {
    type: "integer",
    min: 0,
    unit: "steps",
    help: "Steps over which the learning rate rises from 0; default a tenth of the run, at most 10,000",
  },
  warmup_ratio: {
    type: "number",
    min: 0,
    max: 1,
    help: "The same as a share of the run; --warmup_steps above 0 wins over it",
  },
  optim: { type: "string", default: "adamw", choices: ["adamw"], help: "Optimizer" },
  weight_decay: {
    type: "number",
    default: 0.01,
    min: 0,
    help: "AdamW's decay of weights, not of biases and norms",
  },
  adam_beta1: {
    type: "number",
    default: 0.9,
    min: 0,
    max: 0.999999,
    help: "AdamW's decay of the first moment",
  },
  adam_beta2: {
    type: "number",
    default: 0.999,
    min: 0,
    max: 0.999999,
    help: "AdamW's decay of the second moment",
  },
  adam_epsilon: { type: "number", default: 1e-8, min: 0, help: "AdamW's epsilon" },
  max_grad_norm: {
    type: "number",
    default: 1,
    min: 0,
    help: "Gradients are scaled down to this norm; 0: never",
  },
  num_epochs: {
    type: "number",
    default: 100,
    min: 0.001,
    aliases: ["num_train_epochs"],
    help: "Passes over the corpus, unless --max_steps is given",
  },
  max_steps: {
    type: "integer",
    default: -1,
    min: -1,
    unit: "steps",
    help: "Length of the run, whatever --num_epochs says; -1 or 0: --num_epochs",
  },

  ...COMPUTE_OPTIONS,
  bf16: {
    type: "boolean",
    default: false,
    help: "Mixed precision in bfloat16 (CPU); pays on processors with AVX512_BF16 or AMX",
  },
  fp16: { type: "boolean", default: false, help: "Mixed precision in float16 with loss scaling (GPU)" },
  fp16_opt_level: {
    type: "string",
    default: "O1",
    choices: ["O0", "O1", "O2"],
    help:
      "O0: float32; O1: mixed precision with float32 weights; O2 is refused: its float16 weights make this training diverge",
  },
  scale_loss: {
    type: "number",
    min: 1,
    help: "First loss scale; default 1024 with --fp16, else none",
  },
  recompute: {
    type: "boolean",
    default: false,
    help: "Compute each layer's activations again in the backward pass: less memory, more time",
  },
  eager_run: { type: "boolean", default: false, help: "Run without compiling: slow, for debugging" },

  logging_steps: {
    type: "integer",
    default: 10,
    min: 1,
    unit: "steps",
    help: "Steps from one log line to the next",
  },
  logging_dir: {
    type: "path",
    help: "Folder of TensorBoard's event files; default loss_log in --output_dir",
  },
  log_sentences: {
    type: "boolean",
    default: false,
    help: "Write which sentences each step was given, to sentences-RANK.jsonl in --output_dir",
  },
  disable_tqdm: { type: "boolean", default: false, help: "No progress bar" },
  save_steps: {
    type: "integer",
    default: 500,
    min: 1,
    unit: "steps",
    help: "Steps from one checkpoint to the next",
  },
  save_total_limit: { type: "integer", default: 3, min: 1, help: "Newest checkpoints to keep" },
  on_save_error: {
    type: "string",
    default: "stop",
    choices: ["stop", "continue"],
    help:
      "When a checkpoint cannot be written, a full disk say: stop, or say so and train on to the next one",
  },
  skip_nan: {
    type: "integer",
    default: 0,
    min: 0,
    unit: "steps",
    help:
      "How many steps whose loss or gradients are not finite to skip before stopping; each batch is dumped",
  },
  ignore_data_skip: {
    type: "boolean",
    default: false,
    help: "Accepted for the original's commands: no data is replayed on resume, there is nothing to skip",
  },
  timeout: {
    type: "integer",
    default: 60,
    min: 1,
    unit: "seconds",
    help: "Of several processes, one that is not heard of for so long is lost, and the run ends",
  },
  dry_run: {
    type: "boolean",
    default: false,
    help: "Print parameters, memory, steps and a time estimate, then end",
  },
  seed: { type: "integer", default: 1000, help: "Fixes weights, order, masks, samples and dropout" },
} as const satisfies OptionTable;

/** Resolved options of a run. */
export type PretrainOptions = OptionsOf<typeof PRETRAIN_OPTIONS>;

/** The size of a new model: the published model's name stands for its size. */
export function presetOf(options: Pick<PretrainOptions, "preset" | "model_name_or_path">): Preset {
  return options.model_name_or_path === PUBLISHED_MODEL ? "base" : options.preset;
}

/** Options that may change when a run is resumed; with any other, it would be another run. */
export const RESUMABLE: ReadonlySet<string> = new Set(
  [
    "input_dir", // the corpus's fingerprint is compared instead
    "output_dir",
    "overwrite_output_dir",
    "model_name_or_path",
    "init_from_ckpt",
    "resume_from_checkpoint",
    "do_train",
    "do_eval",
    "eval_dir",
    "eval_steps",
    "evaluation_strategy",
    "load_best_model_at_end",
    "metric_for_best_model",
    "per_device_eval_batch_size",
    "dataloader_num_workers",
    "device",
    "num_threads",
    "recompute",
    "eager_run",
    "logging_steps",
    "logging_dir",
    "log_sentences",
    "disable_tqdm",
    "save_steps",
    "save_total_limit",
    "on_save_error",
    "skip_nan",
    "ignore_data_skip",
    "timeout",
    "dry_run",
  ] satisfies (keyof PretrainOptions)[],
);
