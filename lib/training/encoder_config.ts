/**
 * An encoder's configuration as this toolkit, PaddleNLP and Hugging Face write it.
 *
 * @module
 */
import { UserError } from "../config/mod.ts";
import type { ElectraConfig } from "../electra/mod.ts";

/** What an encoder cannot be built without. */
const SIZES = [
  ...["vocab_size", "embedding_size", "hidden_size", "num_hidden_layers", "num_attention_heads"],
  ...["intermediate_size", "max_position_embeddings", "type_vocab_size"],
] as (keyof ElectraConfig)[];

/**
 * An encoder's configuration from a folder's.
 *
 * @param config Of this toolkit, PaddleNLP or Hugging Face; BERT and ERNIE have no `embedding_size`.
 * @param source Where it comes from, for the message.
 * @throws {UserError} If a size is missing, or the activation is another than ours.
 *
 * @example
 * ```ts
 * import { presetConfig } from "../electra/mod.ts";
 * import { encoderConfig } from "./encoder_config.ts";
 * const { embedding_size, ...bert } = presetConfig("base", 21128).discriminator;
 * console.log(encoderConfig(bert, "config.json").embedding_size); // 768, as hidden_size
 * ```
 */
export function encoderConfig(config: Readonly<Record<string, unknown>>, source: string): ElectraConfig {
  const sizes: Readonly<Record<string, unknown>> = { embedding_size: config.hidden_size, ...config };
  for (const name of SIZES) {
    const value = sizes[name];
    if (Number.isInteger(value) && value as number > 0) continue;
    throw new UserError(
      `Cannot read "${source}": its ${name} is ${value ?? "missing"}; expected a positive number`,
    );
  }
  const { hidden_act: activation = "gelu" } = config;
  if (activation !== "gelu") {
    throw new UserError(
      `Cannot use "${source}": its hidden_act is "${activation}", the encoder has gelu alone`,
    );
  }
  const defaults = {
    hidden_dropout_prob: 0.1,
    attention_probs_dropout_prob: 0.1,
    initializer_range: 0.02,
    layer_norm_eps: 1e-12,
    pad_token_id: 0,
  };
  return { ...defaults, ...sizes as unknown as ElectraConfig };
}
