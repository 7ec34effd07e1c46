/**
 * ERNIE-Health pretraining: a small generator fills masked tokens, a discriminator finds what was replaced,
 * picks the right token among candidates, and recognises two maskings of one sentence.
 *
 * N = tokens of all rows, M = capacity of masked positions, S = capacity of sentences (each in two views), V = vocabulary,
 * E = embedding size, H = hidden size.
 *
 * Work is done only where a loss is: the projection to the vocabulary, the sampling and the candidates are
 * computed at masked positions, about 15 % of all.
 *
 * @module
 */
import type { Tensor } from "@tensorflow/tfjs-core";
import { type RandomStream, tf } from "../tensorflow/mod.ts";
import type { PretrainingConfig } from "./config.ts";
import { criterion, type Losses, otherViews, type Outputs, similarities, type Targets } from "./criterion.ts";
import { encode, type EncodingOptions, type RowGroup, tokenKeysOf } from "./encoder.ts";
import { ALONE, type Exchange } from "./exchange.ts";
import { hasDiscriminator } from "./objectives.ts";
import { dropout, gelu, layerNorm, linear, replaceAt, rowsAt, stopGradient } from "./ops.ts";
import { type Parameters, storedName, under } from "./parameters.ts";
import { perturbed, sampleNegatives, sampleTokens, samplingScores } from "./sampling.ts";

/** The generator head's layer norm has an epsilon of its own in the original. */
const GENERATOR_HEAD_EPS = 1e-12;

/** One batch on the device; int32 but for the weights. */
export interface PretrainingBatch {
  /** How the tokens form rows. */
  groups: readonly RowGroup[];
  /** (N): what the generator sees. */
  maskedIds: Tensor;
  /** (N): what was there. */
  rawIds: Tensor;
  /** (N): number of the sentence within its row, 0 on padding; absent where each row is one sentence. */
  segmentIds?: Tensor | undefined;
  /** (N): position within the sentence; absent where each row is one sentence. */
  positionIds?: Tensor | undefined;
  /** (M): masked positions among the N; unused slots hold 0. */
  positions: Tensor;
  /** float32 (M): 1 for a masked position, 0 for an unused slot. */
  weights: Tensor;
  /** (2S): where each sentence begins, in view a and then in view b; unused slots hold 0. */
  clsPositions: Tensor;
  /** float32 (2S): 1 for a sentence, 0 for an unused slot. */
  clsWeights: Tensor;
  /** (N): a number for each token, that its random draws depend on; default its place. */
  tokenKeys?: Tensor | undefined;
}

/** Sampled token and wrong candidates at each masked position, int32 (M) and (M, K). */
export interface Draws {
  sampled: Tensor;
  negatives: Tensor;
}

/** Counts of one step, each a scalar: the numbers that show whether generator and discriminator are in balance. */
export interface Counts {
  masked: Tensor;
  /** Masked positions where the generator's sample differs from the token that was there. */
  replaced: Tensor;
  /** Masked positions where the generator's best token is the one that was there. */
  generatorCorrect: Tensor;
  /** Tokens that the discriminator calls replaced, and how many of those are. */
  rtdFlagged: Tensor;
  rtdFound: Tensor;
  /** Replaced positions where the best candidate is the token that was there. */
  mtsCorrect: Tensor;
  /** Views whose nearest other one is the other view of the same sentence, and all views. */
  cspCorrect: Tensor;
  views: Tensor;
  /** Tokens that are not padding, in both views. */
  tokens: Tensor;
}

/** Everything one forward pass computes. */
export interface PretrainingResult {
  losses: Losses;
  counts: Counts;
  outputs: Outputs;
  targets: Targets;
  /** int32 (N): the rows with the generator's samples put in. */
  discriminatorIds: Tensor;
}

/**
 * One forward pass with all losses.
 *
 * @param p Parameters under the original's names.
 * @param random Source of the generator's samples and of dropout.
 * @param options.training Whether dropout applies.
 * @param options.recompute Whether each layer's activations are computed again in the backward pass, not kept.
 * @param options.draws Samples and candidates to use instead of drawing them: for comparison with recorded ones.
 * @param options.exchange How this process talks to others that have the other parts of the batch; default: there are none.
 */
export function pretrainingForward(
  p: Parameters,
  config: PretrainingConfig,
  batch: PretrainingBatch,
  random: RandomStream,
  options: { training: boolean; recompute?: boolean; draws?: Draws; exchange?: Exchange },
): PretrainingResult {
  const { maskedIds, rawIds, positions, weights } = batch;
  const [N] = maskedIds.shape;
  const { exchange = ALONE } = options;
  const encoding = { random: options.training ? random : undefined, recompute: options.recompute };
  const at = (x: Tensor) => rowsAt(x, positions);
  const raw = at(rawIds); // (M)

  const generatorLogits = generatorForward(p, config, batch, encoding); // (M, V)
  const scores = samplingScores(generatorLogits); // (M, V)
  const keys = at(tokenKeysOf({ ...batch, ids: maskedIds })); // (M)
  const { sampled, negatives } = options.draws ?? draw(scores, raw, keys, random, config);

  const put = tf.where(tf.cast(weights, "bool"), sampled, at(maskedIds)); // unused slots change nothing
  const discriminatorIds = replaceAt(maskedIds, positions, put); // (N)
  const replacedAtMasked = tf.mul(tf.cast(tf.notEqual(sampled, raw), "float32"), weights); // (M)
  const targets: Targets = {
    masked: raw,
    weights,
    replacedAtMasked,
    replaced: tf.scatterND(tf.expandDims(positions, -1) as tf.Tensor2D, replacedAtMasked, [N]),
    tokens: tf.cast(tf.notEqual(maskedIds, config.generator.pad_token_id), "float32"),
    sentences: ofAllViews(batch.clsWeights, exchange),
  };

  const candidates = tf.concat([tf.expandDims(raw, -1), negatives], -1); // (M, 1 + K), the right one first
  const found = hasDiscriminator(config.loss_weights)
    ? discriminatorForward(p, config, { ...batch, ids: discriminatorIds, candidates }, encoding)
    : {};
  const cspVectors = found.cspVectors && ofAllViews(found.cspVectors, exchange);
  const outputs: Outputs = { generatorLogits, ...found, cspVectors };
  return {
    losses: criterion(outputs, targets, config, exchange),
    counts: count(scores, outputs, targets, config, exchange),
    outputs,
    targets,
    discriminatorIds,
  };
}

/** (2S, …) of this process, views a and then views b, to the same of all processes. */
function ofAllViews(x: Tensor, { size, gather }: Exchange): Tensor {
  if (size === 1) return x;
  const [views, ...rest] = x.shape, dimensions = rest.map((_, i) => i + 3);
  const byProcess = tf.reshape(gather(x), [size, 2, views / 2, ...rest]);
  return tf.reshape(tf.transpose(byProcess, [1, 0, 2, ...dimensions]), [size * views, ...rest]);
}

/** Scores of every token at the masked positions: (M, V). */
function generatorForward(
  p: Parameters,
  config: PretrainingConfig,
  batch: PretrainingBatch,
  options: EncodingOptions,
): Tensor {
  const g = under(p, "generator.");
  const hidden = encode(under(g, "electra."), config.generator, { ...batch, ids: batch.maskedIds }, options); // (N, H)
  const at = rowsAt(hidden, batch.positions); // (M, H)
  const head = under(g, "generator_predictions.");
  const wide = gelu(linear(at, head("dense.weight"), head("dense.bias"))); // (M, E)
  const normed = layerNorm(wide, head("layer_norm.weight"), head("layer_norm.bias"), GENERATOR_HEAD_EPS);
  const words = g("electra.embeddings.word_embeddings.weight"); // (V, E)
  return tf.add(tf.matMul(normed, words, false, true), g("generator_lm_head_bias"));
}

function discriminatorForward(
  p: Parameters,
  config: PretrainingConfig,
  batch: PretrainingBatch & { ids: Tensor; candidates: Tensor },
  options: EncodingOptions,
): Omit<Outputs, "generatorLogits"> {
  const d = under((name) => p(storedName(config, name)), "discriminator.");
  const { discriminator: sizes, loss_weights: weights } = config;
  const { positions, candidates, clsPositions } = batch;
  const H = sizes.hidden_size;
  const hidden = encode(under(d, "electra."), sizes, batch, options); // (N, H)

  const suspect = () => {
    const rtd = under(d, "discriminator_rtd.");
    const suspicion = gelu(linear(hidden, rtd("dense.weight"), rtd("dense.bias"))); // (N, H)
    const logits = linear(suspicion, rtd("dense_prediction.weight"), rtd("dense_prediction.bias")); // (N, 1)
    return tf.reshape(logits, [-1]);
  };

  const selectTokens = () => {
    const at = rowsAt(hidden, positions); // (M, H)
    const query = gelu(linear(at, d("discriminator_mts.weight"), d("discriminator_mts.bias"))); // (M, H)
    const [M, C] = candidates.shape, flat = tf.reshape(candidates, [M * C]);
    const words = tf.reshape(rowsAt(d("electra.embeddings.word_embeddings.weight"), flat), [M, C, H]);
    const scores = tf.reshape(tf.matMul(words, tf.expandDims(query, -1)), [M, C]);
    return tf.add(scores, tf.reshape(rowsAt(d("bias_mts.weight"), flat), [M, C]));
  };

  const contrast = () => {
    const csp = under(d, "discriminator_csp."), rate = sizes.hidden_dropout_prob, { random } = options;
    const ofCls = (x: Tensor) => rowsAt(x, clsPositions);
    const noise = random && { random, tokens: ofCls(tokenKeysOf(batch)) }; // (2S)
    const cls = dropout(ofCls(hidden), rate, noise); // (2S, H)
    const dense = gelu(linear(cls, csp("dense.weight"), csp("dense.bias"))); // (2S, H)
    return linear(dropout(dense, rate, noise), csp("out_proj.weight"), csp("out_proj.bias")); // (2S, csp_dim)
  };

  return {
    rtdLogits: weights.rtd > 0 ? suspect() : undefined,
    mtsLogits: weights.mts > 0 ? selectTokens() : undefined,
    cspVectors: weights.csp > 0 ? contrast() : undefined,
  };
}

/** Draws from the generator; its scores are constants here, no gradient flows through a sample. */
function draw(
  scores: Tensor,
  raw: Tensor,
  tokens: Tensor,
  random: RandomStream,
  { loss_weights }: PretrainingConfig,
): Draws {
  const noisy = () => perturbed(scores, random.key(), tokens); // (M, V)
  return {
    sampled: hasDiscriminator(loss_weights) ? sampleTokens(noisy()) : raw,
    negatives: loss_weights.mts > 0 ? sampleNegatives(noisy(), raw) : tf.zeros([raw.shape[0], 0], "int32"),
  };
}

function count(
  scores: Tensor,
  outputs: Outputs,
  targets: Targets,
  config: PretrainingConfig,
  { size }: Exchange,
): Counts {
  const { rtdLogits, mtsLogits, cspVectors } = outputs;
  /** How many of `where` (0 or 1) hold. */
  const hits = (isHit: Tensor, where: Tensor) => tf.sum(tf.mul(tf.cast(isHit, "float32"), where));
  const flagged = rtdLogits && tf.cast(tf.greater(stopGradient(rtdLogits), 0), "float32"); // (N)
  const nearest = cspVectors &&
    tf.argMax(similarities(stopGradient(cspVectors), targets.sentences, config), -1); // (2S)
  const none = () => tf.scalar(0);
  return {
    masked: tf.sum(targets.weights),
    replaced: tf.sum(targets.replacedAtMasked),
    generatorCorrect: hits(tf.equal(tf.argMax(scores, -1), targets.masked), targets.weights),
    rtdFlagged: flagged ? hits(flagged, targets.tokens) : none(),
    rtdFound: flagged ? hits(flagged, tf.mul(targets.tokens, targets.replaced)) : none(),
    mtsCorrect: mtsLogits
      ? hits(tf.equal(tf.argMax(stopGradient(mtsLogits), -1), 0), targets.replacedAtMasked)
      : none(),
    // of the views of all processes, which each of them looks at
    cspCorrect: nearest
      ? tf.div(hits(tf.equal(nearest, otherViews(targets.sentences)), targets.sentences), size)
      : none(),
    views: tf.div(tf.sum(targets.sentences), size),
    tokens: tf.sum(targets.tokens),
  };
}
