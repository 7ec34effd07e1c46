/**
 * What processes that train one model on parts of one batch tell each other, so that the losses are those of the whole batch.
 *
 * @module
 */
import type { Tensor } from "@tensorflow/tfjs-core";

/** How one process of several talks to the others, inside a step; every process makes the same calls in the same order. */
export interface Exchange {
  /** Which process this is, from 0. */
  readonly rank: number;
  /** How many processes there are. */
  readonly size: number;
  /**
   * Adds up, element by element, what the processes have; a constant to gradients.
   *
   * @param x Of the same shape everywhere.
   */
  sum(x: Tensor): Tensor;
  /**
   * Puts what the processes have one after another. Every process then computes the same loss from the whole; the gradient
   * that comes back to its own part is multiplied by `size`, since gradients are averaged over processes in the end.
   *
   * @param x (n, …)
   * @returns (size · n, …), in the order of the processes.
   */
  gather(x: Tensor): Tensor;
  /**
   * What the process of rank 0 has.
   *
   * @param x Of the same shape everywhere.
   */
  first(x: Tensor): Tensor;
  /**
   * Averages gradients.
   *
   * @param gradients Of the same shapes everywhere.
   */
  mean(gradients: Tensor[]): Tensor[];
}

/** The only process. */
export const ALONE: Exchange = {
  rank: 0,
  size: 1,
  sum: (x) => x,
  gather: (x) => x,
  first: (x) => x,
  mean: (gradients) => gradients,
};
