/**
 * How a kind of task goes through the model: from examples to rows of tokens, from the head's outputs to a loss and to answers.
 *
 * B = rows of a batch, L = slots of a row.
 *
 * @module
 */
import type { Tensor } from "@tensorflow/tfjs-core";
import type { HeadConfig } from "../electra/mod.ts";
import type { Row, RowBatch } from "./batches.ts";
import type { Example } from "./examples.ts";
import type { Logits } from "./decoding/logits.ts";
import type { Counts } from "./scores/metrics.ts";

/** A row, and what the head gives for it. */
export interface AnsweredRow<R extends Row> {
  readonly row: R;
  readonly outputs: readonly Logits[];
}

/**
 * A kind of task.
 *
 * @typeParam E Its examples.
 * @typeParam R What becomes of one of them for the model.
 * @typeParam P Its answers, as {@linkcode Approach.predict} gives them.
 */
export interface Approach<E extends Example = Example, R extends Row = Row, P = unknown> {
  readonly head: HeadConfig;
  /** What a step reports beside its loss, in the order of `loss`: further losses and counts. */
  readonly numbers: readonly string[];
  /** Whether such a number is averaged over batches and processes; others are added up. */
  isMean(name: string): boolean;
  /** Rows of tokens of an example: one, or several for a long text. Without an answer they can only be predicted. */
  rows(example: E): R[];
  /** The logits of each output of the head, one for each of its classes, that say how often rows have which; see `priors.ts`. */
  priors(rows: readonly R[]): Float32Array[];
  /** Answers of a batch and whatever else `loss` takes, on the device; the shapes depend on B and L alone. */
  targets(batch: RowBatch<R>): Tensor[];
  /**
   * The loss and the numbers of `numbers`, all scalars; called inside a compiled function. The losses of all processes average
   * to that of one which has all their rows.
   *
   * @param outputs What the head gives, with B rows.
   */
  loss(outputs: readonly Tensor[], targets: readonly Tensor[]): Tensor[];
  /**
   * How much the outputs of two passes disagree, a scalar averaged as the loss is: KL both ways. See `r_drop.ts`.
   *
   * @param one The outputs of one pass, with B rows; `other`: of the other pass.
   */
  divergence(one: readonly Tensor[], other: readonly Tensor[], targets: readonly Tensor[]): Tensor;
  /**
   * The answer to an example.
   *
   * @param rows What `rows` made of it, with the head's outputs for them.
   */
  predict(example: E, rows: readonly AnsweredRow<R>[]): P;
  /**
   * What a model would answer that has learned all targets of an example: less than is right where rows or labels cannot say it.
   * Absent where they always can.
   *
   * @param rows What `rows` made of it.
   */
  ideal?(example: E, rows: readonly R[]): P;
  /**
   * Compares outputs with the right answer as the original does where that is not the official definition; see
   * `published_scores.ts`. Absent elsewhere.
   *
   * @param rows As for `predict`, of an example with its answer.
   */
  publishedCounts?(example: E, rows: readonly AnsweredRow<R>[]): Counts;
}
