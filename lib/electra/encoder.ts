/**
 * The encoder of generator and discriminator alike: BERT's, with embeddings that may be narrower than it.
 *
 * The tokens of a step lie in rows, of one width or of several; attention never leaves a row. All but attention works on
 * the flat list of tokens.
 *
 * N = tokens of all rows, E = embedding size, H = hidden size, A = attention heads, D = H / A; of one group of rows:
 * B = rows, L = width.
 *
 * @module
 */
import type { Tensor } from "@tensorflow/tfjs-core";
import { type Block, placesOf, type RandomStream, range, recomputed, tf } from "../tensorflow/mod.ts";
import type { ElectraConfig } from "./config.ts";
import {
  addNorm,
  attention,
  type AttentionNoise,
  dropout,
  geluLinear,
  layerNorm,
  linear,
  type Noise,
  rowsAt,
} from "./ops.ts";
import { type Parameters, under } from "./parameters.ts";

/** Rows of one width; a step may have several such groups, one after another. */
export interface RowGroup {
  readonly rows: number;
  /** Tokens a row. */
  readonly width: number;
}

/** What an encoder reads. */
export interface EncoderInputs {
  /** int32 (N): token ids, row after row. */
  ids: Tensor;
  /** How the tokens form rows. */
  groups: readonly RowGroup[];
  /**
   * int32 (N), for rows of several sentences: tokens attend to those of their own number, except to padding.
   * Default: each row is one sentence.
   */
  segmentIds?: Tensor | undefined;
  /** int32 (N), below the number of position embeddings: default 0 … L-1 in every row. */
  positionIds?: Tensor | undefined;
  /** int32 (N): 0 for the first sentence, 1 for the second; default all 0. */
  tokenTypeIds?: Tensor | undefined;
  /**
   * int32 (N): a number for each token, its own as far as chance goes; random draws for a token depend on it and not on where
   * the token stands. Default: its place.
   */
  tokenKeys?: Tensor | undefined;
}

/** How an encoder works. */
export interface EncodingOptions {
  /** Source of dropout masks; none in evaluation. */
  random?: RandomStream | undefined;
  /** Whether each layer's activations are computed again in the backward pass, not kept: less memory, more time. */
  recompute?: boolean | undefined;
  /** Hears the hidden states, (N, H), after each layer. */
  onLayer?: (hidden: Tensor) => void;
}

/** Names of a layer's parameters, without their prefix. */
const LAYER_PARAMETERS = [
  ...["q_proj", "k_proj", "v_proj", "out_proj"].map((name) => `self_attn.${name}`),
  ...["linear1", "linear2", "norm1", "norm2"],
].flatMap((name) => [`${name}.weight`, `${name}.bias`]);

/** Added to attention scores that must not count: the original's finite minus infinity. */
const MASKED = -1e4;

/**
 * Hidden states of every position.
 *
 * @param p Parameters of one encoder, without their prefix (`embeddings.…`, `encoder.layers.…`).
 * @returns (N, H), rows one after another.
 * @throws {RangeError} If rows are longer than the position embeddings.
 */
export function encode(
  p: Parameters,
  config: ElectraConfig,
  inputs: EncoderInputs,
  { random, recompute = false, onLayer }: EncodingOptions = {},
): Tensor {
  const longest = Math.max(...inputs.groups.map(({ width }) => width));
  if (!inputs.positionIds && longest > config.max_position_embeddings) {
    throw new RangeError(
      `Cannot encode rows of ${longest} tokens: the model has ${config.max_position_embeddings} position embeddings`,
    );
  }
  const tokens = tokenKeysOf(inputs);
  const constants = [tokens, positionsOf(inputs), ...attentionBiases(inputs, config.pad_token_id)];
  let x = embed(under(p, "embeddings."), config, inputs, random && { random, tokens }); // (N, E)
  if (config.embedding_size !== config.hidden_size) {
    x = linear(x, p("embeddings_project.weight"), p("embeddings_project.bias")); // (N, H)
  }
  for (let i = 0; i < config.num_hidden_layers; i++) {
    const parameters = under(p, `encoder.layers.${i}.`);
    const run: Block = ([x, ...values], [tokens, positions, ...biases], random) => {
      const named = new Map(LAYER_PARAMETERS.map((name, i) => [name, values[i]]));
      const noise = random && { random, tokens, positions };
      return layer((name) => named.get(name)!, config, x, inputs.groups, biases, noise);
    };
    const all = [x, ...LAYER_PARAMETERS.map(parameters)];
    x = recompute ? recomputed(run, all, constants, random) : run(all, constants, random);
    onLayer?.(x);
  }
  return x;
}

/**
 * What is added to each group's attention scores: 0 where a key may be attended to, -10,000 where it is padding or of
 * another sentence.
 *
 * @returns Per group (B, 1, 1, L), or (B, 1, L, L) with `segmentIds`.
 */
export function attentionBiases(
  { ids, groups, segmentIds }: Pick<EncoderInputs, "ids" | "groups" | "segmentIds">,
  padId: number,
): Tensor[] {
  const isPadding = tf.equal(ids, padId); // (N)
  const byGroup = (x: Tensor) => splitGroups(x, groups);
  const penalty = (forbidden: Tensor) => tf.mul(tf.cast(forbidden, "float32"), MASKED);
  if (!segmentIds) {
    return byGroup(penalty(isPadding)).map((bias, i) =>
      tf.reshape(bias, [groups[i].rows, 1, 1, groups[i].width])
    );
  }
  const keys = byGroup(tf.where(isPadding, tf.zerosLike(segmentIds), segmentIds));
  return byGroup(segmentIds).map((queries, i) => {
    const { rows: B, width: L } = groups[i];
    return penalty(tf.notEqual(tf.reshape(queries, [B, 1, L, 1]), tf.reshape(keys[i], [B, 1, 1, L])));
  });
}

/** int32 (N): what names the tokens in random draws. */
export function tokenKeysOf({ ids, tokenKeys }: Pick<EncoderInputs, "ids" | "tokenKeys">): Tensor {
  return tokenKeys ?? placesOf(tf.scalar(0, "int32"), range(ids.size));
}

/** int32 (N): the place of each token in its sentence. */
function positionsOf({ groups, positionIds }: Pick<EncoderInputs, "groups" | "positionIds">): Tensor {
  return positionIds ?? tf.concat(groups.map(({ rows, width }) => tf.tile(range(width), [rows])), 0);
}

/** The part of each group, along the first axis. */
function splitGroups(x: Tensor, groups: readonly RowGroup[]): Tensor[] {
  return groups.length === 1 ? [x] : tf.split(x, groups.map(({ rows, width }) => rows * width), 0);
}

function embed(p: Parameters, config: ElectraConfig, inputs: EncoderInputs, noise?: Noise): Tensor {
  const { ids, groups, tokenTypeIds, positionIds } = inputs;
  const E = config.embedding_size;
  const rowPositions = ({ rows, width }: RowGroup) =>
    tf.tile(tf.slice(p("position_embeddings.weight"), [0, 0], [width, E]), [rows, 1]);
  const words = rowsAt(p("word_embeddings.weight"), ids); // (N, E)
  const positions = positionIds
    ? rowsAt(p("position_embeddings.weight"), positionIds) // (N, E)
    : tf.concat(groups.map(rowPositions), 0); // (N, E)
  const types = tokenTypeIds
    ? rowsAt(p("token_type_embeddings.weight"), tokenTypeIds) // (N, E)
    : tf.slice(p("token_type_embeddings.weight"), [0, 0], [1, E]); // (1, E)
  const sum = tf.add(tf.add(words, positions), types);
  const normed = layerNorm(sum, p("layer_norm.weight"), p("layer_norm.bias"), config.layer_norm_eps);
  return dropout(normed, config.hidden_dropout_prob, noise);
}

function layer(
  p: Parameters,
  config: ElectraConfig,
  x: Tensor, // (N, H)
  groups: readonly RowGroup[],
  biases: Tensor[],
  noise?: AttentionNoise,
): Tensor {
  const { hidden_size: H, num_attention_heads: A, hidden_dropout_prob: rate, layer_norm_eps: eps } = config;
  const project = (x: Tensor, name: string) => linear(x, p(`${name}.weight`), p(`${name}.bias`));

  const [q, k, v] = ["q_proj", "k_proj", "v_proj"].map((name) =>
    splitGroups(project(x, `self_attn.${name}`), groups)
  );
  const [tokens, positions] = [noise?.tokens, noise?.positions].map((x) => x && splitGroups(x, groups));
  const contexts = groups.map(({ rows: B, width: L }, i) => {
    const heads = (x: Tensor) => tf.transpose(tf.reshape(x, [B, L, A, H / A]), [0, 2, 1, 3]); // (B, A, L, D)
    const [queries, keys, values] = [q[i], k[i], v[i]].map(heads);
    const ofGroup = noise && { random: noise.random, tokens: tokens![i], positions: positions![i] };
    const attended = attention(
      queries,
      keys,
      values,
      biases[i],
      config.attention_probs_dropout_prob,
      ofGroup,
    );
    return tf.reshape(tf.transpose(attended, [0, 2, 1, 3]), [B * L, H]);
  });
  const context = contexts.length === 1 ? contexts[0] : tf.concat(contexts, 0); // (N, H)
  const self = project(context, "self_attn.out_proj");
  x = addNorm(x, self, p("norm1.weight"), p("norm1.bias"), eps, rate, noise);

  const wide = project(x, "linear1"); // (N, F)
  const narrow = geluLinear(wide, p("linear2.weight"), p("linear2.bias")); // (N, H)
  return addNorm(x, narrow, p("norm2.weight"), p("norm2.bias"), eps, rate, noise);
}
