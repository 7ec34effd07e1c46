/**
 * Pairs of tokens as the start/end and biaffine head has them: targets of a batch on the device, and their loss.
 *
 * B = rows of a batch, L = slots of a row, P = predicates.
 *
 * @module
 */
import type { Tensor } from "@tensorflow/tfjs-core";
import { relationsLoss } from "../electra/mod.ts";
import { tf } from "../tensorflow/mod.ts";
import type { Row, RowBatch } from "./batches.ts";
import { type PairTargets, writeTargets } from "./decoding/pair_targets.ts";
import type { Span } from "./examples.ts";
import { sigmoidDivergence } from "./r_drop.ts";

/** Characters of a text, with what the head shall say of them. */
export interface TargetedRow extends Row {
  readonly window: Span;
  readonly targets: PairTargets;
}

/** Starts and ends (B, L, 2), pairs (B, P, L, L), which slots count (B, L), and the factor on the loss. */
export function pairTargets(
  { rows, capacity: B, width: L, processes }: RowBatch<TargetedRow>,
  P: number,
): Tensor[] {
  const ends = new Float32Array(B * L * 2), pairs = new Float32Array(B * P * L * L);
  const mask = new Float32Array(B * L);
  rows.forEach(({ ids, targets }, i) => {
    const own = (cells: Float32Array, size: number) => cells.subarray(i * size, (i + 1) * size);
    writeTargets(targets, L, own(ends, L * 2), own(pairs, P * L * L));
    mask.fill(1, i * L, i * L + ids.length);
  });
  return [
    tf.tensor3d(ends, [B, L, 2]),
    tf.tensor4d(pairs, [B, P, L, L]),
    tf.tensor2d(mask, [B, L]),
    tf.scalar(processes), // the original's losses are sums: so is that over all processes
  ];
}

/** The loss, its part of starts and ends, and that of pairs. */
export function pairLoss(
  outputs: readonly Tensor[],
  [ends, pairs, mask, factor]: readonly Tensor[],
): Tensor[] {
  const loss = relationsLoss(outputs, ends!, pairs!, mask!);
  return [loss.total, loss.entities, loss.relations].map((part) => tf.mul(part, factor!));
}

/** KL divergence both ways, summed up as the loss is. */
export function pairDivergence(
  one: readonly Tensor[],
  other: readonly Tensor[],
  [, , mask, factor]: readonly Tensor[],
): Tensor {
  const [B, L] = mask!.shape as [number, number];
  const column = tf.reshape(mask!, [B, L, 1]); // (B, L, 1)
  const counts = [column, tf.reshape(tf.matMul(column, column, false, true), [B, 1, L, L])];
  const parts = counts.map((count, i) => tf.sum(tf.mul(sigmoidDivergence(one[i]!, other[i]!), count)));
  return tf.mul(tf.addN(parts), factor!);
}
