/**
 * Draws from the generator: the token put in at each masked position, and the wrong candidates beside the right one.
 *
 * M = masked positions, V = vocabulary, K = negatives.
 *
 * @module
 */
import type { Tensor } from "@tensorflow/tfjs-core";
import { fuse, gumbelNoise, placesOf, range, tf } from "../tensorflow/mod.ts";
import { stopGradient } from "./ops.ts";

/** Wrong candidates per position in multi-token selection. */
export const NEGATIVES = 5;

/**
 * The generator's logits as constants to draw from: log-probabilities, through which no gradient flows.
 *
 * The logarithm of the softmax moves each row by a constant, which no draw sees. It is there for mixed precision:
 * TensorFlow keeps it, and what is added to it, in float32; the plain logits it would add to the noise in bfloat16,
 * whose many ties go to the lower token.
 *
 * @param logits (M, V)
 * @returns (M, V)
 */
export function samplingScores(logits: Tensor): Tensor {
  return tf.logSoftmax(stopGradient(logits));
}

/**
 * Scores with standard Gumbel noise: the largest of a row is a sample from the softmax of its scores (Gumbel-max trick).
 *
 * @param scores (M, V)
 * @param key int32 (2): of the draw.
 * @param tokens int32 (M): a number for each row; the same ones draw the same.
 * @returns (M, V)
 */
export function perturbed(scores: Tensor, key: Tensor, tokens: Tensor): Tensor {
  return addNoise([scores, key, tokens])[0];
}

const addNoise = fuse(function addNoise([scores, key, tokens]) {
  return [tf.add(scores, gumbelNoise(key, placesOf(tf.expandDims(tokens, -1), range(scores.shape[1]!))))];
});

/**
 * One sample per row from softmax(scores).
 *
 * @param noisy (M, V): scores, {@linkcode perturbed}.
 * @returns int32 (M)
 */
export function sampleTokens(noisy: Tensor): Tensor {
  return tf.argMax(noisy, -1);
}

/**
 * K different wrong tokens per row, drawn one after another from softmax(scores) without the right one and
 * without those already drawn.
 *
 * The original draws K times with fresh noise over the whole vocabulary. The K largest of one `scores + noise`,
 * in order, have the very same distribution (Gumbel top-k: Vieira 2014; Kool et al. 2019).
 *
 * @param noisy (M, V): scores, {@linkcode perturbed}.
 * @param right int32 (M)
 * @returns int32 (M, K)
 */
export function sampleNegatives(noisy: Tensor, right: Tensor, count = NEGATIVES): Tensor {
  const best = tf.topk(noisy, count + 1, true).indices; // (M, K + 1)
  const [M] = best.shape;
  // drop the right token: from its place on, take the next best instead
  const isRight = tf.cast(tf.equal(best, tf.expandDims(right, -1)), "int32");
  const passed = tf.cast(tf.cumsum(isRight, -1), "bool"); // true from the right token's place on
  const head = (x: Tensor) => tf.slice(x, [0, 0], [M, count]);
  return tf.where(head(passed), tf.slice(best, [0, 1], [M, count]), head(best));
}
