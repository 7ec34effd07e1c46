/**
 * One training step as compiled functions, whatever is learned: gradients of a batch, and what it has to report.
 *
 * Gradients and update are two functions, for the host looks at the numbers between them: it skips a step that is not
 * finite, adds up the gradients of several batches, and works out how much to clip.
 *
 * @module
 */
import type { Tensor } from "@tensorflow/tfjs-core";
import { ALONE, type Exchange, type ModelVariables } from "../electra/mod.ts";
import {
  compile,
  type CompiledFunction,
  type CompileOptions,
  hasGpu,
  RandomStream,
  tf,
} from "../tensorflow/mod.ts";
import { globalNorm } from "./adamw.ts";

/**
 * What a model learns from batches of type B.
 *
 * @typeParam N Names of the numbers that a step reports, beside its loss.
 */
export interface Learner<B, N extends string = never> {
  /** All that is trained. */
  readonly variables: ModelVariables;
  /** Dropout and samples of step n depend on it and n alone. */
  readonly seed: number;
  /** How this process talks to others that train the same model; default: there are none. */
  readonly exchange?: Exchange | undefined;
  /** What a step reports, in this order: first the loss. */
  readonly numbers: readonly ("total" | N)[];
  /** Whether a number is averaged over batches and processes, as losses are; others, counts, are added up. */
  isMean(name: "total" | N): boolean;
  /** Trains on disturbed parameters too; see {@linkcode Adversary}. */
  readonly adversary?: Adversary | undefined;
  /** A batch on the device; the caller disposes of it. */
  tensors(batch: B): Tensor[];
  /**
   * The forward pass, to be called inside a compiled function.
   *
   * @param values Parameters in the order of the variables.
   * @param tensors A batch, as `tensors` makes it.
   * @param options.training Whether there is dropout.
   * @returns Scalars in the order of `numbers`, the first of which is differentiated.
   */
  forward(
    values: Tensor[],
    tensors: Tensor[],
    random: RandomStream,
    options: { readonly training: boolean },
  ): Tensor[];
}

/**
 * Adversarial training by the fast gradient method: each step goes through the batch twice, the second time with one parameter,
 * the word embeddings as a rule, moved up its gradient by a length ε; the two gradients are added up.
 *
 * Source: Miyato et al. 2017, "Adversarial Training Methods for Semi-Supervised Text Classification", here as it is usual for
 * encoders: the table of embeddings is moved, not those of single texts.
 */
export interface Adversary {
  readonly parameter: string;
  /** ε. */
  readonly epsilon: number;
}

/**
 * The numbers of one step by name, of all processes together; `stop`: how many of them were told to end; `gradNorm` before
 * clipping, NaN in evaluation.
 */
export type StepReport<N extends string = never> = Record<"total" | N | "stop" | "gradNorm", number>;

/**
 * Numbers and gradients of one batch.
 *
 * @param values Parameters in the order of the variables.
 * @param tensors A batch, as the learner's `tensors` makes it.
 * @param options.lossScale Factor on the loss that is differentiated, and so on the gradients: a scalar; default 1.
 * @returns `report`: scalars in the order of `numbers`; one gradient per parameter.
 */
export function lossAndGradients<B, N extends string>(
  learner: Pick<Learner<B, N>, "forward">,
  values: Tensor[],
  tensors: Tensor[],
  random: RandomStream,
  { training = true, lossScale }: { training?: boolean; lossScale?: Tensor } = {},
): { report: Tensor[]; gradients: Tensor[] } {
  let report: Tensor[] = [];
  const { grads } = tf.valueAndGrads((...values: Tensor[]) => {
    const numbers = learner.forward(values, tensors, random, { training });
    report = numbers.map((scalar) => tf.keep(tf.clone(scalar))); // they outlive the forward pass
    return (lossScale ? tf.mul(numbers[0], lossScale) : numbers[0]) as tf.Scalar;
  })(values);
  const outside = report.map((scalar) => tf.clone(scalar));
  for (const scalar of report) scalar.dispose();
  return { report: outside, gradients: grads };
}

/**
 * Compiles numbers and gradients of a batch.
 *
 * @param options.local Whether the gradients are to be those of this process alone, to be averaged over all of them later.
 * @returns A function of the batch's tensors, the number of the batch in the run (int32 scalar), the loss scale (scalar), and
 * 1 where the process was told to end, else 0 (scalar); it returns the report for {@linkcode readReport}, and the gradients,
 * still scaled.
 */
export function compileGradients<B, N extends string>(
  learner: Learner<B, N>,
  { local = false, ...options }: CompileOptions & { local?: boolean } = {},
): CompiledFunction<Tensor[], Tensor[]> {
  const { variables, exchange = ALONE } = learner;
  return compile((...inputs: Tensor[]): Tensor[] => {
    const [stop, lossScale, step] = [inputs.pop()!, inputs.pop()!, inputs.pop()!];
    const values = [...variables.values()].map((variable) => variable.read());
    const random = drawsOf(learner, step);
    const pass = (values: Tensor[]) => {
      const { report, gradients } = lossAndGradients(learner, values, inputs, random, { lossScale });
      return { report, gradients: local ? gradients : exchange.mean(gradients) };
    };
    let { report, gradients } = pass(values);
    if (learner.adversary) {
      const disturbed = pass(disturb(learner.adversary, variables, values, gradients));
      gradients = gradients.map((gradient, i) => tf.add(gradient, disturbed.gradients[i]!));
    }
    const norm = local ? tf.scalar(NaN) : globalNorm(gradients);
    return [ofAll(learner, [...report, stop, norm]), ...gradients];
  }, { name: "training step", ...options });
}

/**
 * Compiles the numbers of a batch without dropout, for evaluation.
 *
 * @returns A function of the batch's tensors, its number, and 1 where the process was told to end; it returns the report,
 * without a gradient norm.
 */
export function compileEvaluation<B, N extends string>(
  learner: Learner<B, N>,
  options: CompileOptions = {},
): CompiledFunction<Tensor[], Tensor> {
  return compile((...inputs: Tensor[]): Tensor => {
    const stop = inputs.pop()!, random = drawsOf(learner, inputs.pop()!);
    const values = [...learner.variables.values()].map((variable) => variable.read());
    return ofAll(learner, [...learner.forward(values, inputs, random, { training: false }), stop]);
  }, { name: "evaluation", ...options });
}

/** Names the numbers of a step's report. */
export function readReport<N extends string>(
  { numbers }: Pick<Learner<never, N>, "numbers">,
  report: ArrayLike<number>,
): StepReport<N> {
  const names = [...numbers, "stop", "gradNorm"];
  return Object.fromEntries(names.map((name, i) => [name, report[i] ?? NaN])) as StepReport<N>;
}

/** Mean losses and summed counts of several batches. */
export function combined<N extends string>(
  { isMean }: Pick<Learner<never, N>, "isMean">,
  reports: readonly StepReport<N>[],
): StepReport<N> {
  const names = Object.keys(reports[0]) as (keyof StepReport<N>)[];
  return Object.fromEntries(names.map((name) => {
    const sum = reports.reduce((sum, report) => sum + report[name], 0);
    const averaged = name === "gradNorm" || name !== "stop" && isMean(name as "total" | N);
    return [name, averaged ? sum / reports.length : sum];
  })) as StepReport<N>;
}

/** Parameters, one of them moved by ε in the direction in which the loss rises most. */
function disturb(
  { parameter, epsilon }: Adversary,
  variables: ModelVariables,
  values: readonly Tensor[],
  gradients: readonly Tensor[],
): Tensor[] {
  const i = [...variables.keys()].indexOf(parameter);
  if (i < 0) throw new RangeError(`Cannot disturb parameter "${parameter}": the model has none of this name`);
  const length = tf.maximum(globalNorm([gradients[i]!]), 1e-30);
  return values.with(i, tf.add(values[i]!, tf.mul(gradients[i]!, tf.div(epsilon, length))));
}

/** What a step draws from; on a processor, tokens draw the same in whatever process they are. */
function drawsOf<B, N extends string>(
  { seed, exchange: { rank, size } = ALONE }: Learner<B, N>,
  step: Tensor,
): RandomStream {
  const number = hasGpu() ? tf.add(tf.mul(step, tf.scalar(size, "int32")), tf.scalar(rank, "int32")) : step;
  return new RandomStream(seed, number);
}

/** The report of all processes from those of each, with losses and norm averaged: the same to the bit everywhere. */
function ofAll<B, N extends string>(
  { numbers, isMean, exchange = ALONE }: Learner<B, N>,
  report: Tensor[],
): Tensor {
  const sum = exchange.sum(tf.stack(report));
  if (exchange.size === 1) return sum;
  const averaged = [...numbers.map((name) => isMean(name)), false, true]; // then `stop` and `gradNorm`
  return tf.mul(sum, averaged.slice(0, report.length).map((yes) => yes ? 1 / exchange.size : 1));
}
