/**
 * The encoder of generator and discriminator alike: BERT's, with embeddings that may be narrower than it.
 *
 * B = rows, L = positions, N = B × L, E = embedding size, H = hidden size, A = attention heads.
 *
 * @module
 */
import type { Tensor } from "@tensorflow/tfjs-core";
import { type RandomStream, tf } from "../tensorflow/mod.ts";
import type { ElectraConfig } from "./config.ts";
import { attention, dropout, gelu, layerNorm, linear } from "./ops.ts";
import { type Parameters, under } from "./parameters.ts";

/** What an encoder reads. */
export interface EncoderInputs {
  /** int32 (B, L): token ids, padded on the right. */
  ids: Tensor;
  /** int32 (B, L): 0 for the first sentence, 1 for the second; default all 0. */
  tokenTypeIds?: Tensor;
  /** int32 (B, L): default 0 … L-1 in every row. */
  positionIds?: Tensor;
  /** float32, broadcast to (B, A, L, L), added to the attention scores; default: no attention to padding. */
  attentionBias?: Tensor;
}

/** Added to attention scores that must not count: the original's finite minus infinity. */
const MASKED = -1e4;

/**
 * Hidden states of every position.
 *
 * @param p Parameters of one encoder, without their prefix (`embeddings.…`, `encoder.layers.…`).
 * @param random Source of dropout masks; none in evaluation.
 * @returns (N, H), rows one after another.
 * @throws {RangeError} If rows are longer than the position embeddings.
 */
export function encode(
  p: Parameters,
  config: ElectraConfig,
  inputs: EncoderInputs,
  random?: RandomStream,
): Tensor {
  const [B, L] = inputs.ids.shape;
  if (L > config.max_position_embeddings) {
    throw new RangeError(
      `Cannot encode rows of ${L} tokens: the model has ${config.max_position_embeddings} position embeddings`,
    );
  }
  const bias = inputs.attentionBias ?? paddingBias(inputs.ids, config.pad_token_id);
  let x = embed(under(p, "embeddings."), config, inputs, random); // (N, E)
  if (config.embedding_size !== config.hidden_size) {
    x = linear(x, p("embeddings_project.weight"), p("embeddings_project.bias")); // (N, H)
  }
  for (let i = 0; i < config.num_hidden_layers; i++) {
    x = layer(under(p, `encoder.layers.${i}.`), config, x, bias, [B, L], random);
  }
  return x;
}

/** 0 where a key may be attended to, -10,000 where it is padding: (B, 1, 1, L). */
export function paddingBias(ids: Tensor, padId: number): Tensor {
  const [B, L] = ids.shape;
  return tf.reshape(tf.mul(tf.cast(tf.equal(ids, padId), "float32"), MASKED), [B, 1, 1, L]);
}

function embed(p: Parameters, config: ElectraConfig, inputs: EncoderInputs, random?: RandomStream): Tensor {
  const { ids, tokenTypeIds, positionIds } = inputs;
  const [B, L] = ids.shape, E = config.embedding_size;
  const flat = (x: Tensor) => tf.reshape(x, [B * L]) as tf.Tensor1D;
  const words = tf.gather(p("word_embeddings.weight"), flat(ids)); // (N, E)
  const positions = positionIds
    ? tf.gather(p("position_embeddings.weight"), flat(positionIds)) // (N, E)
    : tf.tile(tf.slice(p("position_embeddings.weight"), [0, 0], [L, E]), [B, 1]); // (N, E)
  const types = tokenTypeIds
    ? tf.gather(p("token_type_embeddings.weight"), flat(tokenTypeIds)) // (N, E)
    : tf.slice(p("token_type_embeddings.weight"), [0, 0], [1, E]); // (1, E)
  const sum = tf.add(tf.add(words, positions), types);
  const normed = layerNorm(sum, p("layer_norm.weight"), p("layer_norm.bias"), config.layer_norm_eps);
  return dropout(normed, config.hidden_dropout_prob, random);
}

function layer(
  p: Parameters,
  config: ElectraConfig,
  x: Tensor, // (N, H)
  bias: Tensor,
  [B, L]: [number, number],
  random?: RandomStream,
): Tensor {
  const { hidden_size: H, num_attention_heads: A, hidden_dropout_prob: rate, layer_norm_eps: eps } = config;
  const project = (x: Tensor, name: string) => linear(x, p(`${name}.weight`), p(`${name}.bias`));
  const heads = (name: string) =>
    // (B, A, L, H / A)
    tf.transpose(tf.reshape(project(x, `self_attn.${name}`), [B, L, A, H / A]), [0, 2, 1, 3]);

  const [q, k, v] = ["q_proj", "k_proj", "v_proj"].map(heads);
  const attended = attention(q, k, v, bias, config.attention_probs_dropout_prob, random); // (B, A, L, H / A)
  const context = tf.reshape(tf.transpose(attended, [0, 2, 1, 3]), [B * L, H]); // (N, H)
  const self = dropout(project(context, "self_attn.out_proj"), rate, random);
  x = layerNorm(tf.add(x, self), p("norm1.weight"), p("norm1.bias"), eps);

  const wide = gelu(project(x, "linear1")); // (N, F)
  const narrow = dropout(project(wide, "linear2"), rate, random); // (N, H)
  return layerNorm(tf.add(x, narrow), p("norm2.weight"), p("norm2.bias"), eps);
}
