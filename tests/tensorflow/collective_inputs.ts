/** What the processes of the test of collectives compute on, known to the test too. */
import { tf } from "../../lib/tensorflow/mod.ts";

/** Of the tensors that are reduced in buckets of 64 bytes: some large, some small, a scalar. */
export const SHAPES: number[][] = [[40], [3, 2], [], [2, 2, 2], [1, 30], [7], [5]];

/** Numbers between -1 and 1 whose sum depends on its order in the last bits; a linear congruential generator. */
export function noise(rank: number, count: number): Float32Array {
  let state = 12345 + 7919 * rank;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return state / 2 ** 31;
  });
}

/** Two examples of a rank: (2, 3). */
export const examples = (rank: number) => tf.tensor2d(noise(100 + rank, 6), [2, 3]);

/** A weight that all share: (3, 4). */
export const WEIGHT = () => tf.tensor2d(noise(99, 12), [3, 4]);

/** A loss in which every vector meets every other: (n, 4) → scalar. */
export const contrastiveLoss = (vectors: tf.Tensor): tf.Scalar =>
  tf.sum(tf.logSumExp(tf.matMul(vectors as tf.Tensor2D, vectors as tf.Tensor2D, false, true), 1));
