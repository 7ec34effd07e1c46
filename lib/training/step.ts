/**
 * One training step as one compiled function: forward pass, gradients, clipping and update.
 *
 * @module
 */
import type { Tensor } from "@tensorflow/tfjs-core";
import {
  type Draws,
  lookup,
  type ModelVariables,
  type PretrainingConfig,
  pretrainingForward,
} from "../electra/mod.ts";
import { compile, type CompiledFunction, type CompileOptions, RandomStream, tf } from "../tensorflow/mod.ts";
import type { AdamW } from "./adamw.ts";

/** What a step reports, in this order in the tensor it returns. */
export const REPORT = [
  "total",
  "generator",
  "rtd",
  "mts",
  "csp",
  "gradNorm",
  "masked",
  "replaced",
  "generatorCorrect",
  "rtdFlagged",
  "rtdFound",
] as const;

/** What a step takes: maskedIds, rawIds (R, L), positions, weights (M), step (scalar), rates (3). */
export type StepInputs = [Tensor, Tensor, Tensor, Tensor, Tensor, Tensor];

/** The numbers of one step by name. */
export type StepReport = Record<typeof REPORT[number], number>;

/**
 * Losses, counts and gradients of one batch.
 *
 * @param values Parameters in the order of `variables`.
 * @param inputs maskedIds, rawIds (R, L), positions, weights (M); recorded draws for comparisons.
 * @returns `report` (10): {@linkcode REPORT} without the gradient norm; one gradient per parameter.
 */
export function lossesAndGradients(
  config: PretrainingConfig,
  variables: ModelVariables,
  values: Tensor[],
  inputs: { maskedIds: Tensor; rawIds: Tensor; positions: Tensor; weights: Tensor; draws?: Draws },
  random: RandomStream,
  training = true,
): { report: Tensor[]; gradients: Tensor[] } {
  const { draws, ...batch } = inputs;
  let report: Tensor[] = [];
  const { grads } = tf.valueAndGrads((...values: Tensor[]) => {
    const parameters = lookup(config, variables, values);
    const { losses, counts } = pretrainingForward(parameters, config, batch, random, {
      training,
      ...(draws && { draws }),
    });
    const { total, generator, rtd, mts, csp } = losses;
    const { masked, replaced, generatorCorrect, rtdFlagged, rtdFound } = counts;
    report = [total, generator, rtd, mts, csp, masked, replaced, generatorCorrect, rtdFlagged, rtdFound].map(
      (scalar) => tf.keep(tf.clone(scalar)), // they outlive the forward pass
    );
    return total as tf.Scalar;
  })(values);
  const outside = report.map((scalar) => tf.clone(scalar));
  for (const scalar of report) scalar.dispose();
  return { report: outside, gradients: grads };
}

/**
 * Compiles the training step.
 *
 * @param seed The run's seed: dropout and samples of step n depend on it and n alone.
 * @returns A function of maskedIds, rawIds (R, L), positions, weights (M), step (int32 scalar) and the
 * optimizer's rates (3); it returns the step's report as one tensor, ordered as {@linkcode REPORT}.
 */
export function compileTrainingStep(
  config: PretrainingConfig,
  variables: ModelVariables,
  optimizer: AdamW,
  seed: number,
  options: CompileOptions = {},
): CompiledFunction<StepInputs, Tensor> {
  return compile(
    (...[maskedIds, rawIds, positions, weights, step, rates]: StepInputs): Tensor => {
      const values = [...variables.values()].map((variable) => variable.read());
      const batch = { maskedIds, rawIds, positions, weights };
      const random = new RandomStream(seed, step);
      const { report, gradients } = lossesAndGradients(config, variables, values, batch, random);
      const norm = optimizer.apply(gradients, rates);
      return tf.stack([...report.slice(0, 5), norm, ...report.slice(5)]);
    },
    { name: "training step", ...options },
  );
}

/** Names the numbers of a step's report. */
export function readReport(report: ArrayLike<number>): StepReport {
  return Object.fromEntries(REPORT.map((name, i) => [name, report[i]])) as StepReport;
}
