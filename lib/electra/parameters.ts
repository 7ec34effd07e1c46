/**
 * The model's parameters: names (those of the original's state dict), shapes, first values, weight decay.
 *
 * @module
 */
import type { Tensor } from "@tensorflow/tfjs-core";
import { RandomStream, tf } from "../tensorflow/mod.ts";
import type { ElectraConfig, PretrainingConfig } from "./config.ts";
import { hasDiscriminator } from "./objectives.ts";

/** Looks a parameter up by its name. */
export type Parameters = (name: string) => Tensor;

/** The parameters whose names begin with `prefix`, by the rest of their names. */
export function under(parameters: Parameters, prefix: string): Parameters {
  return (name) => parameters(prefix + name);
}

/** The name of the word embeddings that both encoders use when they are shared. */
const GENERATOR_WORDS = "generator.electra.embeddings.word_embeddings.weight";
const DISCRIMINATOR_WORDS = "discriminator.electra.embeddings.word_embeddings.weight";

/**
 * The name under which a parameter is kept: with shared embeddings the discriminator's word embeddings are the
 * generator's.
 */
export function storedName(config: PretrainingConfig, name: string): string {
  return config.shared_word_embeddings && name === DISCRIMINATOR_WORDS ? GENERATOR_WORDS : name;
}

/**
 * Every name that a state dict of the original has, with the parameter that holds its value: a shared table is
 * written under both its names.
 */
export function stateDictNames(config: PretrainingConfig): Map<string, string> {
  const names = new Map([...parameterShapes(config).keys()].map((name) => [name, name]));
  if (config.shared_word_embeddings && hasDiscriminator(config.loss_weights)) {
    names.set(DISCRIMINATOR_WORDS, GENERATOR_WORDS);
  }
  return names;
}

/**
 * Name and shape of every parameter, in a fixed order.
 *
 * @example
 * ```ts
 * import { presetConfig } from "./config.ts";
 * import { countParameters, parameterShapes } from "./parameters.ts";
 * console.assert(countParameters(parameterShapes(presetConfig("base", 22608))) === 114_999_073);
 * ```
 */
export function parameterShapes(config: PretrainingConfig): Map<string, number[]> {
  const { generator: g, discriminator: d, loss_weights: weights } = config;
  const shapes = new Map<string, number[]>();
  const linear = (name: string, from: number, to: number) =>
    shapes.set(`${name}.weight`, [from, to]).set(`${name}.bias`, [to]);
  const norm = (name: string, size: number) =>
    shapes.set(`${name}.weight`, [size]).set(`${name}.bias`, [size]);

  const encoder = (prefix: string, config: ElectraConfig, ownWords: boolean) => {
    for (const [name, shape] of encoderShapes(prefix, config)) {
      if (ownWords || name !== `${prefix}embeddings.word_embeddings.weight`) shapes.set(name, shape);
    }
  };

  encoder("generator.electra.", g, true);
  linear("generator.generator_predictions.dense", g.hidden_size, g.embedding_size);
  norm("generator.generator_predictions.layer_norm", g.embedding_size);
  shapes.set("generator.generator_lm_head_bias", [g.vocab_size]);

  if (!hasDiscriminator(weights)) return shapes;
  const H = d.hidden_size;
  encoder("discriminator.electra.", d, !config.shared_word_embeddings);
  if (weights.rtd > 0) {
    linear("discriminator.discriminator_rtd.dense", H, H);
    linear("discriminator.discriminator_rtd.dense_prediction", H, 1);
  }
  if (weights.mts > 0) {
    linear("discriminator.discriminator_mts", H, H);
    shapes.set("discriminator.bias_mts.weight", [d.vocab_size, 1]);
  }
  if (weights.csp > 0) {
    linear("discriminator.discriminator_csp.dense", H, H);
    linear("discriminator.discriminator_csp.out_proj", H, config.csp_dim);
  }
  return shapes;
}

/** Name and shape of an encoder's parameters, in a fixed order. */
export function encoderShapes(prefix: string, c: ElectraConfig): Map<string, number[]> {
  const { embedding_size: E, hidden_size: H, intermediate_size: F } = c;
  const embeddings = `${prefix}embeddings`, shapes = new Map<string, number[]>();
  const linear = (name: string, from: number, to: number) =>
    shapes.set(`${name}.weight`, [from, to]).set(`${name}.bias`, [to]);
  const norm = (name: string, size: number) =>
    shapes.set(`${name}.weight`, [size]).set(`${name}.bias`, [size]);

  shapes.set(`${embeddings}.word_embeddings.weight`, [c.vocab_size, E]);
  shapes.set(`${embeddings}.position_embeddings.weight`, [c.max_position_embeddings, E]);
  shapes.set(`${embeddings}.token_type_embeddings.weight`, [c.type_vocab_size, E]);
  norm(`${embeddings}.layer_norm`, E);
  if (E !== H) linear(`${embeddings}_project`, E, H);
  for (let i = 0; i < c.num_hidden_layers; i++) {
    const layer = `${prefix}encoder.layers.${i}`;
    for (const name of ["q_proj", "k_proj", "v_proj", "out_proj"]) {
      linear(`${layer}.self_attn.${name}`, H, H);
    }
    linear(`${layer}.linear1`, H, F);
    linear(`${layer}.linear2`, F, H);
    norm(`${layer}.norm1`, H);
    norm(`${layer}.norm2`, H);
  }
  return shapes;
}

/** Number of values in all parameters. */
export function countParameters(shapes: Map<string, number[]>): number {
  return [...shapes.values()].reduce((sum, shape) => sum + shape.reduce((a, b) => a * b, 1), 0);
}

/**
 * Whether weight decay applies: not to names with "bias" or "norm" in them, the original's rule
 * (so `discriminator.bias_mts.weight`, an embedding, is spared too).
 */
export function hasWeightDecay(name: string): boolean {
  return !name.includes("bias") && !name.includes("norm");
}

/**
 * First values: weights and embeddings from N(0, `initializer_range`), biases 0, layer norms 1 and 0.
 *
 * @param seed Fixes every value.
 * @returns Each parameter's name and value, in the order of {@linkcode parameterShapes}; the caller disposes of them.
 */
export function* initialParameters(config: PretrainingConfig, seed: number): Generator<[string, Tensor]> {
  const random = new RandomStream(seed, tf.scalar(-1, "int32")); // steps of training begin at 0
  for (const [name, shape] of parameterShapes(config)) {
    const { initializer_range } = name.startsWith("generator") ? config.generator : config.discriminator;
    yield [name, firstValue(name, shape, initializer_range, random)];
  }
  random.step.dispose();
}

/** The first value of a parameter; the caller disposes of it. */
export function firstValue(name: string, shape: number[], deviation: number, random: RandomStream): Tensor {
  const isNorm = name.includes("norm"), isBias = name.endsWith("bias");
  if (isBias) return tf.zeros(shape);
  return isNorm ? tf.ones(shape) : tf.tidy(() => tf.mul(random.normal(shape), deviation));
}
