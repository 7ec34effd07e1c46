/**
 * What a run will be, worked out before it starts: model, precision, steps, memory.
 *
 * @module
 */
import { formatDuration, UserError } from "../config/mod.ts";
import {
  checkConfig,
  countParameters,
  type ElectraConfig,
  hasDiscriminator,
  parameterShapes,
  presetConfig,
  type PretrainingConfig,
} from "../electra/mod.ts";
import { stepsForEpochs } from "../packing/mod.ts";
import { hasGpu, type Precision } from "../tensorflow/mod.ts";
import type { TrainingData } from "./data.ts";
import { availableMemory, estimateMemory } from "./memory.ts";
import { presetOf, type PretrainOptions } from "./options.ts";
import { estimateStepSeconds } from "./throughput.ts";

/** A run before its first step. */
export interface RunPlan {
  config: PretrainingConfig;
  precision: Precision;
  parameters: number;
  totalSteps: number;
  /** Steps in which every sentence is seen once; with packed rows, about. */
  stepsPerEpoch: number;
  /** Steps of warm-up. */
  warmup: number;
  /** Estimated peak, in bytes. */
  memory: number;
}

const MOST_WARMUP_STEPS = 10_000;

/**
 * Works out a run.
 *
 * @param from.config The model's configuration where there is one already, of a checkpoint.
 * @param from.processes How many processes have a batch each; default 1.
 * @throws {UserError} If options disagree with each other, with the data or with the device.
 */
export function planRun(
  options: PretrainOptions,
  data: TrainingData,
  { config, processes = 1 }: { config?: PretrainingConfig | undefined; processes?: number } = {},
): RunPlan {
  const { vocabulary, layout, train } = data;
  const { max_seq_length: L, gradient_accumulation_steps: accumulation } = options;
  config ??= presetConfig(presetOf(options), vocabulary.size, {
    maxPositions: Math.max(512, L),
    objective: options.objective,
  });
  checkConfig(config);
  checkRows(config, vocabulary.size, options);
  const stepsOf = (epochs: number) =>
    Math.ceil(stepsForEpochs(train, layout, epochs) / accumulation / processes);
  const totalSteps = options.max_steps > 0 ? options.max_steps : stepsOf(options.num_epochs);
  const precision = precisionOf(options);
  return {
    config,
    precision,
    parameters: countParameters(parameterShapes(config)),
    totalSteps,
    stepsPerEpoch: stepsOf(1),
    warmup: warmupOf(options, totalSteps),
    memory: estimateMemory(config, {
      groups: layout.groups,
      masked: layout.maskCapacity,
      recompute: options.recompute,
      accumulation,
    }),
  };
}

/**
 * Tells a plan in lines of text: model, memory, steps, time.
 *
 * @returns lines to print
 */
export async function describePlan(
  plan: RunPlan,
  { layout, train, evaluation }: TrainingData,
  options: PretrainOptions,
): Promise<string[]> {
  const { config: { generator: g, discriminator: d }, parameters, totalSteps, stepsPerEpoch, warmup } = plan;
  const accumulation = options.gradient_accumulation_steps;
  const work = { groups: layout.groups, masked: layout.maskCapacity, recompute: options.recompute };
  const seconds = accumulation * await estimateStepSeconds(plan.config, work);
  const n = (value: number) => value.toLocaleString("en-US");
  const gb = (bytes: number) => `${(bytes / 2 ** 30).toFixed(2)} GB`;
  const size = (c: ElectraConfig) => `${c.num_hidden_layers} layers of ${c.hidden_size}`;
  const networks = hasDiscriminator(plan.config.loss_weights)
    ? `generator ${size(g)}, discriminator ${size(d)}`
    : size(g);
  const rows = layout.groups.map(({ rows, width }) => `${rows} × ${width}`).join(" + ");
  const held = evaluation ? `, ${n(evaluation.sentences.length)} for evaluation` : "";
  return [
    `Model:      ${n(parameters)} parameters (${networks}), objective ${options.objective}`,
    `Data:       ${n(train.length)} sentences${held}`,
    `Batch:      ${rows} tokens (both views), at most ${n(layout.maskCapacity)} masked` +
    (accumulation > 1 ? `, ${accumulation} batches an update` : ""),
    `Steps:      ${n(totalSteps)}, ${n(stepsPerEpoch)} an epoch, ${n(warmup)} of warm-up`,
    `Precision:  ${plan.precision}${options.recompute ? ", activations computed again" : ""}`,
    `Memory:     about ${gb(plan.memory)} of ${gb(availableMemory())} free`,
    `Checkpoint: ${gb(12 * parameters)} each`,
    `Time:       roughly ${seconds < 10 ? `${seconds.toPrecision(2)} s` : formatDuration(seconds)} a step, ${
      formatDuration(seconds * totalSteps)
    } in all`,
  ];
}

function warmupOf(
  { lr_scheduler_type, warmup_steps, warmup_ratio }: PretrainOptions,
  totalSteps: number,
): number {
  if (lr_scheduler_type === "constant") return 0;
  if (warmup_steps) return warmup_steps;
  if (warmup_ratio !== undefined) return Math.floor(warmup_ratio * totalSteps);
  return warmup_steps ?? Math.min(MOST_WARMUP_STEPS, Math.floor(totalSteps / 10));
}

function precisionOf({ use_amp, bf16, fp16, fp16_opt_level }: PretrainOptions): Precision {
  if (fp16_opt_level === "O2") {
    throw new UserError(
      "Cannot train with --fp16_opt_level O2: it keeps the weights themselves in float16, with which this pretraining " +
        "diverges, as the original's authors warn; use O1",
    );
  }
  if (bf16 && fp16) {
    throw new UserError("Cannot use both --bf16 and --fp16: they are two kinds of mixed precision");
  }
  if (fp16_opt_level === "O0") return "float32";
  if (fp16 && !hasGpu()) throw new UserError("Cannot use --fp16 on a CPU: float16 is slow there; use --bf16");
  if (bf16 && hasGpu()) {
    throw new UserError(
      "Cannot use --bf16 on a GPU: TensorFlow rewrites graphs to bfloat16 on CPUs only; use --fp16",
    );
  }
  if (fp16 || (use_amp && hasGpu())) return "mixed_float16";
  return bf16 || use_amp ? "mixed_bfloat16" : "float32";
}

function checkRows(config: PretrainingConfig, vocabularySize: number, options: PretrainOptions) {
  const { generator, discriminator } = config, { input_dir, max_seq_length } = options;
  const positions = Math.min(generator.max_position_embeddings, discriminator.max_position_embeddings);
  if (discriminator.vocab_size !== vocabularySize) {
    throw new UserError(
      `Cannot train: the model has ${discriminator.vocab_size} tokens, the vocabulary of "${input_dir}" ${vocabularySize}`,
    );
  }
  if (max_seq_length > positions) {
    throw new UserError(
      `Cannot train: --max_seq_length ${max_seq_length} is beyond the model's ${positions} positions`,
    );
  }
}
