/**
 * ERNIE-Health pretraining: a small generator fills masked tokens, a discriminator finds what was replaced,
 * picks the right token among candidates, and recognises two maskings of one sentence.
 *
 * R = rows (view a of R / 2 sentences, then view b), L = positions, N = R × L, M = capacity of masked positions,
 * V = vocabulary, E = embedding size, H = hidden size.
 *
 * Work is done only where a loss is: the projection to the vocabulary, the sampling and the candidates are
 * computed at masked positions, about 15 % of all.
 *
 * @module
 */
import type { Tensor } from "@tensorflow/tfjs-core";
import { type RandomStream, tf } from "../tensorflow/mod.ts";
import type { PretrainingConfig } from "./config.ts";
import { criterion, type Losses, type Outputs, type Targets } from "./criterion.ts";
import { encode } from "./encoder.ts";
import { dropout, gelu, layerNorm, linear, replaceAt, stopGradient } from "./ops.ts";
import { type Parameters, storedName, under } from "./parameters.ts";
import { sampleNegatives, sampleTokens, samplingScores } from "./sampling.ts";

/** The generator head's layer norm has an epsilon of its own in the original. */
const GENERATOR_HEAD_EPS = 1e-12;

/** One batch on the device; all int32 except `weights`. */
export interface PretrainingBatch {
  /** (R, L): what the generator sees. */
  maskedIds: Tensor;
  /** (R, L): what was there. */
  rawIds: Tensor;
  /** (M): masked positions in the flattened rows; unused slots hold 0. */
  positions: Tensor;
  /** float32 (M): 1 for a masked position, 0 for an unused slot. */
  weights: Tensor;
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
}

/** Everything one forward pass computes. */
export interface PretrainingResult {
  losses: Losses;
  counts: Counts;
  outputs: Outputs;
  targets: Targets;
  /** int32 (R, L): the rows with the generator's samples put in. */
  discriminatorIds: Tensor;
}

/**
 * One forward pass with all losses.
 *
 * @param p Parameters under the original's names.
 * @param random Source of the generator's samples and of dropout.
 * @param options.training Whether dropout applies.
 * @param options.draws Samples and candidates to use instead of drawing them: for comparison with recorded ones.
 */
export function pretrainingForward(
  p: Parameters,
  config: PretrainingConfig,
  batch: PretrainingBatch,
  random: RandomStream,
  options: { training: boolean; draws?: Draws },
): PretrainingResult {
  const { maskedIds, rawIds, positions, weights } = batch;
  const [R, L] = maskedIds.shape, N = R * L;
  const dropoutRandom = options.training ? random : undefined;
  const raw = tf.gather(tf.reshape(rawIds, [N]), positions as tf.Tensor1D); // (M)

  const generatorLogits = generatorForward(p, config, batch, dropoutRandom); // (M, V)
  const scores = samplingScores(generatorLogits); // (M, V)
  const { sampled, negatives } = options.draws ?? draw(scores, raw, random, config.loss_weights.mts > 0);

  const flatMasked = tf.reshape(maskedIds, [N]);
  const used = tf.cast(weights, "bool");
  const put = tf.where(used, sampled, tf.gather(flatMasked, positions as tf.Tensor1D)); // unused slots change nothing
  const discriminatorIds = tf.reshape(replaceAt(flatMasked, positions, put), [R, L]);
  const replacedAtMasked = tf.mul(tf.cast(tf.notEqual(sampled, raw), "float32"), weights); // (M)
  const replaced = tf.scatterND(tf.expandDims(positions, -1) as tf.Tensor2D, replacedAtMasked, [N]);
  const targets: Targets = {
    masked: raw,
    weights,
    replacedAtMasked,
    replaced: tf.reshape(replaced, [R, L]),
    tokens: tf.cast(tf.notEqual(maskedIds, config.generator.pad_token_id), "float32"),
  };

  const candidates = tf.concat([tf.expandDims(raw, -1), negatives], -1); // (M, 1 + K), the right one first
  const found = discriminatorForward(
    p,
    config,
    { ids: discriminatorIds, positions, candidates },
    dropoutRandom,
  );
  const outputs = { generatorLogits, ...found };
  return {
    losses: criterion(outputs, targets, config),
    counts: count(scores, stopGradient(found.rtdLogits), targets),
    outputs,
    targets,
    discriminatorIds,
  };
}

/** Scores of every token at the masked positions: (M, V). */
function generatorForward(
  p: Parameters,
  config: PretrainingConfig,
  { maskedIds, positions }: PretrainingBatch,
  random?: RandomStream,
): Tensor {
  const g = under(p, "generator.");
  const hidden = encode(under(g, "electra."), config.generator, { ids: maskedIds }, random); // (N, H)
  const at = tf.gather(hidden, positions as tf.Tensor1D); // (M, H)
  const head = under(g, "generator_predictions.");
  const wide = gelu(linear(at, head("dense.weight"), head("dense.bias"))); // (M, E)
  const normed = layerNorm(wide, head("layer_norm.weight"), head("layer_norm.bias"), GENERATOR_HEAD_EPS);
  const words = g("electra.embeddings.word_embeddings.weight"); // (V, E)
  return tf.add(tf.matMul(normed, words, false, true), g("generator_lm_head_bias"));
}

function discriminatorForward(
  p: Parameters,
  config: PretrainingConfig,
  { ids, positions, candidates }: { ids: Tensor; positions: Tensor; candidates: Tensor },
  random?: RandomStream,
): Omit<Outputs, "generatorLogits"> {
  const d = under((name) => p(storedName(config, name)), "discriminator.");
  const { discriminator: sizes, loss_weights: weights } = config;
  const [R, L] = ids.shape, H = sizes.hidden_size;
  const hidden = encode(under(d, "electra."), sizes, { ids }, random); // (N, H)

  const rtd = under(d, "discriminator_rtd.");
  const suspicion = gelu(linear(hidden, rtd("dense.weight"), rtd("dense.bias"))); // (N, H)
  const rtdLogits = linear(suspicion, rtd("dense_prediction.weight"), rtd("dense_prediction.bias")); // (N, 1)

  const selectTokens = () => {
    const at = tf.gather(hidden, positions as tf.Tensor1D); // (M, H)
    const query = gelu(linear(at, d("discriminator_mts.weight"), d("discriminator_mts.bias"))); // (M, H)
    const [M, C] = candidates.shape, flat = tf.reshape(candidates, [M * C]) as tf.Tensor1D;
    const words = tf.reshape(tf.gather(d("electra.embeddings.word_embeddings.weight"), flat), [M, C, H]);
    const scores = tf.reshape(tf.matMul(words, tf.expandDims(query, -1)), [M, C]);
    return tf.add(scores, tf.reshape(tf.gather(d("bias_mts.weight"), flat), [M, C]));
  };

  const contrast = () => {
    const csp = under(d, "discriminator_csp."), rate = sizes.hidden_dropout_prob;
    const cls = tf.reshape(tf.slice(tf.reshape(hidden, [R, L, H]), [0, 0, 0], [R, 1, H]), [R, H]);
    const dense = gelu(linear(dropout(cls, rate, random), csp("dense.weight"), csp("dense.bias"))); // (R, H)
    return linear(dropout(dense, rate, random), csp("out_proj.weight"), csp("out_proj.bias")); // (R, csp_dim)
  };

  return {
    rtdLogits: tf.reshape(rtdLogits, [R, L]),
    mtsLogits: weights.mts > 0 ? selectTokens() : undefined,
    cspVectors: weights.csp > 0 ? contrast() : undefined,
  };
}

/** Draws from the generator; its logits are constants here, no gradient flows through a sample. */
function draw(logits: Tensor, raw: Tensor, random: RandomStream, withNegatives: boolean): Draws {
  const sampled = sampleTokens(logits, random.gumbel(logits.shape));
  const negatives = withNegatives
    ? sampleNegatives(logits, raw, random.gumbel(logits.shape))
    : tf.zeros([raw.shape[0], 0], "int32");
  return { sampled, negatives };
}

function count(generatorLogits: Tensor, rtdLogits: Tensor, targets: Targets): Counts {
  const flagged = tf.mul(tf.cast(tf.greater(rtdLogits, 0), "float32"), targets.tokens); // (R, L)
  const best = tf.argMax(generatorLogits, -1); // (M)
  return {
    masked: tf.sum(targets.weights),
    replaced: tf.sum(targets.replacedAtMasked),
    generatorCorrect: tf.sum(tf.mul(tf.cast(tf.equal(best, targets.masked), "float32"), targets.weights)),
    rtdFlagged: tf.sum(flagged),
    rtdFound: tf.sum(tf.mul(flagged, targets.replaced)),
  };
}
