/**
 * R-Drop: a text goes through the model twice with other dropout, and the two answers are to agree.
 *
 * Source: Liang et al. 2021, "R-Drop: Regularized Dropout for Neural Networks": L = L₁ + L₂ + α (KL(P₁‖P₂) + KL(P₂‖P₁)) / 2.
 *
 * @module
 */
import type { Tensor } from "@tensorflow/tfjs-core";
import { tf } from "../tensorflow/mod.ts";

/**
 * Half of the paper's loss, so that learning rates keep their meaning: the mean of both losses + α/4 of the divergence.
 *
 * @param losses Of both passes, scalars.
 * @param divergence KL both ways, a scalar.
 */
export function rDropLoss(
  [one, other]: readonly [Tensor, Tensor],
  divergence: Tensor,
  alpha: number,
): Tensor {
  return tf.add(tf.mul(tf.add(one, other), 0.5), tf.mul(divergence, alpha / 4));
}

/**
 * KL(P‖Q) + KL(Q‖P) of two distributions over the last axis: Σ (p − q)(a − b), for what makes them sum up to 1 cancels.
 *
 * @param a Logits of P, of any shape.
 * @param b Logits of Q.
 * @returns One axis less.
 */
export function softmaxDivergence(a: Tensor, b: Tensor): Tensor {
  return tf.sum(tf.mul(tf.sub(tf.softmax(a), tf.softmax(b)), tf.sub(a, b)), -1);
}

/** The same for answers of yes or no, each on its own: as their logits. */
export function sigmoidDivergence(a: Tensor, b: Tensor): Tensor {
  return tf.mul(tf.sub(tf.sigmoid(a), tf.sigmoid(b)), tf.sub(a, b));
}
