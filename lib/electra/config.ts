/**
 * Sizes of the model, under the names of the original's configuration files.
 *
 * @module
 */
import { UserError } from "../config/mod.ts";
import { hasDiscriminator, type LossWeights, type ObjectiveName, OBJECTIVES } from "./objectives.ts";

/** One encoder: the generator's or the discriminator's. */
export interface ElectraConfig {
  vocab_size: number;
  /** Width of the embeddings; projected to `hidden_size` where that differs. */
  embedding_size: number;
  hidden_size: number;
  num_hidden_layers: number;
  num_attention_heads: number;
  /** Width of the feed-forward layer. */
  intermediate_size: number;
  hidden_dropout_prob: number;
  attention_probs_dropout_prob: number;
  /** Longest row, in tokens. */
  max_position_embeddings: number;
  type_vocab_size: number;
  /** Standard deviation of the normal distribution that weights begin with. */
  initializer_range: number;
  layer_norm_eps: number;
  pad_token_id: number;
}

/** Generator and discriminator, their heads and the losses between them. */
export interface PretrainingConfig {
  model_type: "ernie-health";
  discriminator: ElectraConfig;
  generator: ElectraConfig;
  /** Whether both encoders use one table of word embeddings (original) or two (PaddleNLP from 2.6 on). */
  shared_word_embeddings: boolean;
  /** Width of the contrastive vectors: 128; PaddleNLP from 2.6 on: 2. */
  csp_dim: number;
  /** Weights in the total loss; a head whose weight is 0 does not exist (plain ELECTRA: mts and csp 0). */
  loss_weights: LossWeights;
  /** Temperature of the contrastive loss. */
  csp_temperature: number;
  /**
   * Among which vectors each looks for its other view: all of the batch (NT-Xent, Chen et al. 2020), or those of the
   * other view alone, as a question among answers (Karpukhin et al. 2020). Absent in older files: all.
   */
  csp_candidates?: "all" | "other_view";
}

/** Names of the ready-made sizes. */
export type Preset = "tiny" | "small" | "base" | "large";

/** Layers, dropout, and [hidden size, heads, feed-forward size] of both encoders. */
const SIZES: Record<
  Preset,
  { layers: number; dropout: number; discriminator: number[]; generator: number[] }
> = {
  tiny: { layers: 2, dropout: 0, discriminator: [128, 4, 512], generator: [64, 2, 256] },
  small: { layers: 12, dropout: 0.1, discriminator: [256, 4, 1024], generator: [128, 2, 512] },
  base: { layers: 12, dropout: 0.1, discriminator: [768, 12, 3072], generator: [256, 4, 1024] },
  large: { layers: 24, dropout: 0.1, discriminator: [1024, 16, 4096], generator: [256, 4, 1024] },
};

/**
 * The configuration of a ready-made size.
 *
 * `base` is the published model: 114,999,073 parameters with its vocabulary of 22,608 tokens. `small` (12 layers
 * of 256, as ELECTRA-small) learns on a laptop, `tiny` (2 layers of 128, without dropout) in a minute; `large` (24 of
 * 1,024) is ELECTRA-large.
 *
 * @param preset Which size.
 * @param vocabSize Number of tokens in the vocabulary.
 * @param options.maxPositions Longest row in tokens; default 512.
 * @param options.objective What the model is trained for; default "ernie-health". For "mlm", which has no
 * discriminator, the one encoder has the discriminator's size.
 *
 * @example
 * ```ts
 * import { presetConfig } from "./config.ts";
 * const { generator } = presetConfig("base", 22608);
 * console.assert(generator.hidden_size === 256 && generator.embedding_size === 768);
 * ```
 */
export function presetConfig(
  preset: Preset,
  vocabSize: number,
  { maxPositions = 512, objective = "ernie-health" }: {
    maxPositions?: number;
    objective?: ObjectiveName;
  } = {},
): PretrainingConfig {
  const { layers, dropout, discriminator, generator } = SIZES[preset];
  const { lossWeights, views } = OBJECTIVES[objective];
  const encoder = ([hidden, heads, intermediate]: number[]): ElectraConfig => ({
    vocab_size: vocabSize,
    embedding_size: discriminator[0],
    hidden_size: hidden,
    num_hidden_layers: layers,
    num_attention_heads: heads,
    intermediate_size: intermediate,
    hidden_dropout_prob: dropout,
    attention_probs_dropout_prob: dropout,
    max_position_embeddings: maxPositions,
    type_vocab_size: 2,
    initializer_range: 0.02,
    layer_norm_eps: 1e-12,
    pad_token_id: 0,
  });
  return {
    model_type: "ernie-health",
    discriminator: encoder(discriminator),
    generator: encoder(hasDiscriminator(lossWeights) ? generator : discriminator),
    shared_word_embeddings: true,
    csp_dim: 128,
    loss_weights: lossWeights,
    csp_temperature: 0.07,
    csp_candidates: views === "pair" ? "other_view" : "all",
  };
}

/**
 * Refuses sizes that do not fit together.
 *
 * @throws {UserError} Naming the two numbers that disagree.
 */
export function checkConfig(config: PretrainingConfig) {
  const { discriminator: d, generator: g } = config;
  for (const [name, c] of Object.entries({ discriminator: d, generator: g })) {
    if (c.hidden_size % c.num_attention_heads !== 0) {
      throw new UserError(
        `Cannot build the ${name}: hidden_size ${c.hidden_size} is not a multiple of num_attention_heads ` +
          `${c.num_attention_heads}`,
      );
    }
  }
  if (d.vocab_size !== g.vocab_size) {
    throw new UserError(`Cannot build the model: vocab_size differs, ${g.vocab_size} and ${d.vocab_size}`);
  }
  if (config.shared_word_embeddings && d.embedding_size !== g.embedding_size) {
    throw new UserError(
      `Cannot share word embeddings: embedding_size differs, ${g.embedding_size} and ${d.embedding_size}`,
    );
  }
  if (config.loss_weights.mts > 0 && d.embedding_size !== d.hidden_size) {
    throw new UserError(
      `Cannot build the multi-token-selection head: the discriminator's embedding_size ${d.embedding_size} must ` +
        `equal its hidden_size ${d.hidden_size}; set loss_weights.mts to 0 for plain ELECTRA`,
    );
  }
}
