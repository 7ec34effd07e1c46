/**
 * The four losses of ERNIE-Health.
 *
 * N = tokens of all rows, S = sentences (each in two views), M = masked positions, V = vocabulary, K = negatives.
 *
 * @module
 */
import type { Tensor } from "@tensorflow/tfjs-core";
import { tf } from "../tensorflow/mod.ts";
import type { PretrainingConfig } from "./config.ts";
import { ALONE, type Exchange } from "./exchange.ts";
import { LOSS_NAMES, type LossWeights } from "./objectives.ts";
import { binaryCrossEntropy, crossEntropy } from "./ops.ts";

/** What the model computed. */
export interface Outputs {
  /** (M, V) */
  generatorLogits: Tensor;
  /** (N): positive where the discriminator thinks that the token was replaced; absent without a discriminator. */
  rtdLogits?: Tensor | undefined;
  /** (M, 1 + K), the right token first; absent without that head. */
  mtsLogits?: Tensor | undefined;
  /** (2S, csp_dim), view a of every sentence, then view b, those of all processes; absent without that head. */
  cspVectors?: Tensor | undefined;
}

/** What is right, and what counts. */
export interface Targets {
  /** int32 (M): the tokens that were there. */
  masked: Tensor;
  /** (M): 1, or 0 for a slot of the fixed capacity that holds no masked position. */
  weights: Tensor;
  /** (M): 1 where the generator's sample differs from the token that was there. */
  replacedAtMasked: Tensor;
  /** (N): the same at all positions. */
  replaced: Tensor;
  /** (N): 1 on tokens, 0 on padding. */
  tokens: Tensor;
  /** (2S): 1, or 0 for a slot of the fixed capacity that holds no sentence; those of all processes. */
  sentences: Tensor;
}

/** Scalars: the weighted total and its unweighted parts. */
export interface Losses {
  total: Tensor;
  generator: Tensor;
  rtd: Tensor;
  mts: Tensor;
  csp: Tensor;
}

/**
 * total = generator + 50 · rtd + 20 · mts + csp (weights from the configuration).
 *
 * - generator: mean cross-entropy over masked positions, 0 if there are none
 * - rtd (replaced-token detection): mean binary cross-entropy over all tokens
 * - mts (multi-token selection): mean cross-entropy over replaced positions, 0 if there are none
 * - csp (contrastive sequence prediction): NT-Xent between the two views of each sentence (Chen et al. 2020), or between
 *   the two halves of each pair
 *
 * Of processes that share a batch, each has its part of the sums over the whole batch's numbers, times their count: the mean
 * over processes is the loss of the whole.
 */
export function criterion(
  outputs: Outputs,
  targets: Targets,
  config: PretrainingConfig,
  exchange: Exchange = ALONE,
): Losses {
  const { generatorLogits, rtdLogits, mtsLogits, cspVectors } = outputs;
  const { masked, weights, replacedAtMasked, replaced, tokens, sentences } = targets;
  const counted = [weights, tokens, replacedAtMasked].map((where) => tf.sum(where));
  const [ofMasked, ofTokens, ofReplaced] = tf.unstack(exchange.sum(tf.stack(counted)))
    .map((count) => tf.div(tf.maximum(count, 1), exchange.size));
  /** Sum of `values` where `weights` is 1, over a number of them. */
  const mean = (values: Tensor, weights: Tensor, count: Tensor) =>
    tf.div(tf.sum(tf.mul(values, weights)), count);

  const none = () => tf.scalar(0);
  const generator = mean(crossEntropy(generatorLogits, masked), weights, ofMasked);
  const rtd = rtdLogits ? mean(binaryCrossEntropy(rtdLogits, replaced), tokens, ofTokens) : none();
  const first = () => tf.zeros(masked.shape, "int32"); // the right one is candidate 0
  const mts = mtsLogits ? mean(crossEntropy(mtsLogits, first()), replacedAtMasked, ofReplaced) : none();
  const csp = cspVectors
    ? mean(
      crossEntropy(similarities(cspVectors, sentences, config), otherViews(sentences)),
      sentences,
      tf.maximum(tf.sum(sentences), 1),
    )
    : none();
  return { total: weighted({ generator, rtd, mts, csp }, config.loss_weights), generator, rtd, mts, csp };
}

function weighted(losses: Record<keyof LossWeights, Tensor>, weights: LossWeights): Tensor {
  return LOSS_NAMES.map((name) => tf.mul(losses[name], weights[name])).reduce((a, b) => tf.add(a, b));
}

/**
 * Among which vectors each must find its other view: cosines over the temperature, without itself, without unused slots
 * and, where only the other view counts, without its own.
 *
 * @param vectors (2S, csp_dim)
 * @param used (2S)
 * @returns (2S, 2S)
 */
export function similarities(vectors: Tensor, used: Tensor, config: PretrainingConfig): Tensor {
  const norm = tf.maximum(tf.sqrt(tf.sum(tf.square(vectors), -1, true)), 1e-12);
  const z = tf.div(vectors, norm); // (2S, csp_dim)
  const cosines = tf.div(tf.matMul(z, z, false, true), config.csp_temperature); // (2S, 2S)
  const [count] = used.shape;
  const own = config.csp_candidates === "other_view" ? sameView(count) : tf.eye(count); // (2S, 2S)
  const excluded = tf.maximum(own, tf.sub(1, used)); // (2S, 2S)
  return tf.sub(cosines, tf.mul(excluded, 1e4));
}

/** 1 where two of `count` vectors are of the same view, else 0. */
function sameView(count: number): Tensor {
  const isSecond = tf.range(0, count).greaterEqual(count / 2);
  return tf.cast(tf.equal(tf.expandDims(isSecond, 0), tf.expandDims(isSecond, 1)), "float32");
}

/** The place of each vector's other view, int32 (2S). */
export function otherViews(used: Tensor): Tensor {
  const [count] = used.shape, half = count / 2;
  return tf.tensor1d(Array.from({ length: count }, (_, i) => (i + half) % count), "int32");
}
