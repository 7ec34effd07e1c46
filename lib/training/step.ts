/**
 * One training step as compiled functions: losses and gradients of a batch, the update, evaluation.
 *
 * Gradients and update are two functions, for the host looks at the numbers between them: it skips a step that is not
 * finite, adds up the gradients of several batches, and works out how much to clip.
 *
 * N = tokens of all rows, M = capacity of masked positions, S = capacity of sentences.
 *
 * @module
 */
import type { Tensor } from "@tensorflow/tfjs-core";
import {
  ALONE,
  type Draws,
  type Exchange,
  lookup,
  LOSS_NAMES,
  type ModelVariables,
  type PretrainingBatch,
  type PretrainingConfig,
  pretrainingForward,
  type PretrainingResult,
  type RowGroup,
} from "../electra/mod.ts";
import {
  compile,
  type CompiledFunction,
  type CompileOptions,
  hasGpu,
  RandomStream,
  tf,
} from "../tensorflow/mod.ts";
import { globalNorm } from "./adamw.ts";

/** What a step reports, in this order in the tensor it returns. */
export const REPORT = [
  "total",
  "generator",
  "rtd",
  "mts",
  "csp",
  "masked",
  "replaced",
  "generatorCorrect",
  "rtdFlagged",
  "rtdFound",
  "mtsCorrect",
  "cspCorrect",
  "views",
  "tokens",
  "stop",
  "gradNorm",
] as const;

/**
 * The numbers of one step by name, of all processes together; `stop`: how many of them were told to end; `gradNorm` before
 * clipping, NaN in evaluation.
 */
export type StepReport = Record<typeof REPORT[number], number>;

/** The tensors of a batch in the order that compiled functions take them; the last two for packed rows only. */
export const BATCH_TENSORS = [
  "maskedIds",
  "rawIds",
  "positions",
  "weights",
  "clsPositions",
  "clsWeights",
  "tokenKeys",
  "segmentIds",
  "positionIds",
] as const;

/** Named as in {@linkcode BATCH_TENSORS}. */
export type BatchTensors = Omit<PretrainingBatch, "groups">;

/** What stays the same for every step of a run. */
export interface StepSetup {
  config: PretrainingConfig;
  variables: ModelVariables;
  /** How the tokens of every batch form rows. */
  groups: readonly RowGroup[];
  /** The run's seed: dropout and samples of step n depend on it and n alone. */
  seed: number;
  /** Compute the activations of each layer a second time in the backward pass instead of keeping them. */
  recompute?: boolean | undefined;
  /** How this process talks to others that train the same model; default: there are none. */
  exchange?: Exchange | undefined;
}

const MEANS: ReadonlySet<string> = new Set(["total", ...LOSS_NAMES, "gradNorm"]);

/** Whether a number of a report is averaged over batches and processes: losses and norm; counts are added up. */
export function isMean(name: typeof REPORT[number]): boolean {
  return MEANS.has(name);
}

/**
 * Losses, counts and gradients of one batch.
 *
 * @param values Parameters in the order of the model's variables.
 * @param batch See {@linkcode PretrainingBatch}; recorded draws for comparisons.
 * @param options.lossScale Factor on the loss that is differentiated, and so on the gradients: a scalar; default 1.
 * @returns `report`: {@linkcode REPORT} without the gradient norm; one gradient per parameter.
 */
export function lossesAndGradients(
  { config, variables, recompute = false, exchange = ALONE }: Omit<StepSetup, "groups" | "seed">,
  values: Tensor[],
  { draws, ...batch }: PretrainingBatch & { draws?: Draws },
  random: RandomStream,
  { training = true, lossScale }: { training?: boolean; lossScale?: Tensor } = {},
): { report: Tensor[]; gradients: Tensor[] } {
  let report: Tensor[] = [];
  const { grads } = tf.valueAndGrads((...values: Tensor[]) => {
    const options = { training, recompute, exchange, ...(draws && { draws }) };
    const result = pretrainingForward(lookup(config, variables, values), config, batch, random, options);
    report = scalars(result).map((scalar) => tf.keep(tf.clone(scalar))); // they outlive the forward pass
    const { total } = result.losses;
    return (lossScale ? tf.mul(total, lossScale) : total) as tf.Scalar;
  })(values);
  const outside = report.map((scalar) => tf.clone(scalar));
  for (const scalar of report) scalar.dispose();
  return { report: outside, gradients: grads };
}

/**
 * Compiles losses and gradients of a batch.
 *
 * @param options.local Whether the gradients are to be those of this process alone, to be averaged over all of them later.
 * @returns A function of the batch's tensors ({@linkcode BATCH_TENSORS}), the number of the batch in the run (int32
 * scalar), the loss scale (scalar), and 1 where the process was told to end, else 0 (scalar); it returns the report, ordered
 * as {@linkcode REPORT}, and the gradients, still scaled.
 */
export function compileGradients(
  setup: StepSetup,
  { local = false, ...options }: CompileOptions & { local?: boolean } = {},
): CompiledFunction<Tensor[], Tensor[]> {
  const { groups, variables, exchange = ALONE } = setup;
  return compile((...inputs: Tensor[]): Tensor[] => {
    const [stop, lossScale, step] = [inputs.pop()!, inputs.pop()!, inputs.pop()!];
    const batch = { groups, ...namedTensors(inputs) };
    const values = [...variables.values()].map((variable) => variable.read());
    const random = drawsOf(setup, step);
    const { report, gradients: own } = lossesAndGradients(setup, values, batch, random, { lossScale });
    const gradients = local ? own : exchange.mean(own);
    const norm = local ? tf.scalar(NaN) : globalNorm(gradients);
    return [ofAll([...report, stop, norm], exchange), ...gradients];
  }, { name: "training step", ...options });
}

/**
 * Compiles the losses of a batch without dropout, for evaluation.
 *
 * @returns A function of the batch's tensors, its number, and 1 where the process was told to end; it returns the report,
 * without a gradient norm.
 */
export function compileEvaluation(
  setup: StepSetup,
  options: CompileOptions = {},
): CompiledFunction<Tensor[], Tensor> {
  const { config, groups, variables, exchange = ALONE } = setup;
  return compile((...inputs: Tensor[]): Tensor => {
    const stop = inputs.pop()!, random = drawsOf(setup, inputs.pop()!);
    const batch = { groups, ...namedTensors(inputs) };
    const values = [...variables.values()].map((variable) => variable.read());
    const parameters = lookup(config, variables, values);
    const options = { training: false, exchange };
    const result = pretrainingForward(parameters, config, batch, random, options);
    return ofAll([...scalars(result), stop], exchange);
  }, { name: "evaluation", ...options });
}

/** Names the numbers of a step's report. */
export function readReport(report: ArrayLike<number>): StepReport {
  return Object.fromEntries(REPORT.map((name, i) => [name, report[i] ?? NaN])) as StepReport;
}

function namedTensors(tensors: Tensor[]): BatchTensors {
  return Object.fromEntries(
    tensors.map((tensor, i) => [BATCH_TENSORS[i], tensor]),
  ) as unknown as BatchTensors;
}

/** What a step draws from; on a processor, tokens draw the same in whatever process they are. */
function drawsOf({ seed, exchange: { rank, size } = ALONE }: StepSetup, step: Tensor): RandomStream {
  const number = hasGpu() ? tf.add(tf.mul(step, tf.scalar(size, "int32")), tf.scalar(rank, "int32")) : step;
  return new RandomStream(seed, number);
}

/** The report of all processes from those of each, with losses and norm averaged: the same to the bit everywhere. */
function ofAll(report: Tensor[], exchange: Exchange): Tensor {
  const factors = REPORT.slice(0, report.length).map((name) => isMean(name) ? 1 / exchange.size : 1);
  const sum = exchange.sum(tf.stack(report));
  return exchange.size === 1 ? sum : tf.mul(sum, factors);
}

/** The report of the model alone. */
function scalars({ losses, counts }: PretrainingResult): Tensor[] {
  const all: Record<string, Tensor> = { ...losses, ...counts };
  return REPORT.filter((name) => name in all).map((name) => all[name]);
}
