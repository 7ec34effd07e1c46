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
import { type PairTargets, writeEnds } from "./decoding/pair_targets.ts";
import type { Span } from "./examples.ts";
import { sigmoidDivergence } from "./r_drop.ts";

/** Characters of a text, with what the head shall say of them. */
export interface TargetedRow extends Row {
  readonly window: Span;
  readonly targets: PairTargets;
}

/**
 * Targets of batches on the device. Of the pairs (B, P, L, L), nearly all of which are none, only the places go there.
 *
 * There is room for as many pairs a row as any row has that was made before the first batch, those of the training set: shapes
 * stay the same, and are the same in all processes.
 */
export class PairTargeting {
  readonly #predicates: number;
  #most = 1;
  #room: number | undefined;

  /** @param predicates P. */
  constructor(predicates: number) {
    this.#predicates = predicates;
  }

  /** Takes notice of a row's targets. */
  see(targets: PairTargets): PairTargets {
    this.#most = Math.max(this.#most, targets.pairs.length);
    return targets;
  }

  /**
   * Starts and ends (B, L, 2); places of pairs in (B, P, L, L) and whether each is one, both (B · room); which slots count
   * (B, L); the factor on the loss.
   */
  tensors({ rows, capacity: B, width: L, processes }: RowBatch<TargetedRow>): Tensor[] {
    const P = this.#predicates, room = this.#room ??= this.#most;
    const ends = new Float32Array(B * L * 2), mask = new Float32Array(B * L);
    const places = new Int32Array(B * room), isPair = new Float32Array(B * room);
    rows.forEach(({ ids, targets }, i) => {
      writeEnds(targets, ends.subarray(i * L * 2, (i + 1) * L * 2));
      targets.pairs.forEach(([predicate, subject, object], n) => {
        places[i * room + n] = ((i * P + predicate) * L + subject) * L + object;
        isPair[i * room + n] = 1;
      });
      mask.fill(1, i * L, i * L + ids.length);
    });
    return [
      tf.tensor3d(ends, [B, L, 2]),
      tf.tensor2d(places, [B * room, 1], "int32"),
      tf.tensor1d(isPair),
      tf.tensor2d(mask, [B, L]),
      tf.scalar(processes), // the original's losses are sums: so is that over all processes
    ];
  }
}

/** The loss, its part of starts and ends, and that of pairs. */
export function pairLoss(
  outputs: readonly Tensor[],
  [ends, places, isPair, mask, factor]: readonly Tensor[],
): Tensor[] {
  const shape = outputs[1]!.shape;
  const pairs = tf.reshape(tf.scatterND(places!, isPair!, [shape.reduce((a, b) => a * b)]), shape); // (B, P, L, L)
  const loss = relationsLoss(outputs, ends!, pairs, mask!);
  return [loss.total, loss.entities, loss.relations].map((part) => tf.mul(part, factor!));
}

/** KL divergence both ways, summed up as the loss is. */
export function pairDivergence(
  one: readonly Tensor[],
  other: readonly Tensor[],
  [, , , mask, factor]: readonly Tensor[],
): Tensor {
  const [B, L] = mask!.shape as [number, number];
  const column = tf.reshape(mask!, [B, L, 1]); // (B, L, 1)
  const counts = [column, tf.reshape(tf.matMul(column, column, false, true), [B, 1, L, L])];
  const parts = counts.map((count, i) => tf.sum(tf.mul(sigmoidDivergence(one[i]!, other[i]!), count)));
  return tf.mul(tf.addN(parts), factor!);
}
