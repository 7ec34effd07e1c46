/**
 * A model as others store it: weights under whatever names, a configuration beside them, or none.
 *
 * @module
 */
import { dirname, join } from "node:path";
import { fileError, UserError } from "../config/mod.ts";
import { resolveModel, type ResolveOptions } from "../hub/mod.ts";
import { type NamedWeights, ourNames } from "./names.ts";
import { findWeights, readWeights } from "./read_weights.ts";
import type { LazyTensorData } from "./tensor.ts";

/** Folder in the folder of a model with what only going on with its training needs. */
export const TRAINING_STATE = "training_state";

/** A model, its weights under our names. */
export interface StoredModel extends NamedWeights {
  /** The file of the weights. */
  readonly file: string;
  /** Where it is, with the vocabulary and all else. */
  readonly folder: string;
  /** All of its configuration, if there is one. */
  readonly config: Readonly<Record<string, unknown>> | undefined;
}

/**
 * Opens a model, whoever stored it: a folder, a file of any format that `readWeights` takes, or a name that
 * {@linkcode resolveModel} finds on the hub.
 *
 * @throws {UserError} If there are no weights, a file is damaged, or the hub does not give it.
 *
 * @example
 * ```ts
 * import { readModel } from "./stored_model.ts";
 * const { tensors, layout, config } = await readModel("tests/fixtures/tiny");
 * console.log(tensors.size, layout, config); // 90 paddle undefined
 * ```
 */
export async function readModel(name: string, options?: ResolveOptions): Promise<StoredModel> {
  const path = await resolveModel(name, options),
    file = await findWeights(path),
    folder = file === path ? dirname(file) : path;
  const [weights, config] = [await readWeights(file), await readModelConfig(folder)];
  return { file, folder, config, ...ourNames(weights) };
}

/** Names of configurations in a folder; the second is PaddleNLP's before 2.5. */
const FILES = ["config.json", "model_config.json"];

/**
 * Reads a model's configuration.
 *
 * @param folder Where it is.
 * @returns All of `config.json`, or of PaddleNLP's older `model_config.json`; `undefined` if there is neither.
 * @throws {UserError} If it cannot be read.
 */
async function readModelConfig(folder: string): Promise<Record<string, unknown> | undefined> {
  for (const name of FILES) {
    const path = join(folder, name);
    try {
      const config = JSON.parse(await Deno.readTextFile(path));
      if (typeof config === "object" && config !== null && !Array.isArray(config)) return innermost(config);
      throw new UserError(`Cannot read "${path}": expected a JSON object`);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) continue;
      if (error instanceof SyntaxError) {
        throw new UserError(`Cannot read "${path}": ${error.message}`, { cause: error });
      }
      throw fileError("read", path, error);
    }
  }
  return undefined;
}

/** PaddleNLP's older file has the encoder's configuration among the arguments of a head's. */
function innermost(config: Record<string, unknown>): Record<string, unknown> {
  const [inner] = Array.isArray(config.init_args) ? config.init_args : [];
  if (typeof inner !== "object" || inner === null) return config;
  return { ...innermost(inner), architectures: [config.init_class] };
}

/** Sizes of an encoder, under the names of configurations. */
export interface EncoderSizes {
  readonly vocab_size: number;
  readonly embedding_size: number;
  readonly hidden_size: number;
  readonly num_hidden_layers: number;
  readonly num_attention_heads: number;
  readonly intermediate_size: number;
  readonly max_position_embeddings: number;
  readonly type_vocab_size: number;
}

/** Of an attention head in BERT, ELECTRA and ERNIE, small, base and large; shapes do not tell it. */
const HEAD_SIZE = 64;

/**
 * Tells the sizes of an encoder by its weights.
 *
 * @param tensors By our names.
 * @param prefix Before the names of the encoder: `electra.`, `generator.electra.`.
 * @returns The sizes; the number of attention heads is the usual one, of 64 each. `undefined` if that cannot be, or if there is
 * no encoder.
 *
 * @example
 * ```ts
 * import { encoderSizes } from "./stored_model.ts";
 * const shapes = new Map([
 *   ["electra.embeddings.word_embeddings.weight", { shape: [22608, 768] }],
 *   ["electra.encoder.layers.0.linear1.weight", { shape: [768, 3072] }],
 * ]);
 * console.log(encoderSizes(shapes, "electra.")?.num_attention_heads); // 12
 * ```
 */
export function encoderSizes(
  tensors: ReadonlyMap<string, Pick<LazyTensorData, "shape">>,
  prefix: string,
): EncoderSizes | undefined {
  const shape = (name: string) => tensors.get(`${prefix}${name}.weight`)?.shape ?? [];
  const [vocab_size, embedding_size] = shape("embeddings.word_embeddings");
  const [max_position_embeddings] = shape("embeddings.position_embeddings");
  const [type_vocab_size] = shape("embeddings.token_type_embeddings");
  const [hidden_size, intermediate_size] = shape("encoder.layers.0.linear1");
  if (!vocab_size || !embedding_size || !hidden_size || !intermediate_size || hidden_size % HEAD_SIZE !== 0) {
    return undefined;
  }
  let layers = 1;
  while (tensors.has(`${prefix}encoder.layers.${layers}.linear1.weight`)) layers++;
  return {
    vocab_size,
    embedding_size,
    hidden_size,
    num_hidden_layers: layers,
    num_attention_heads: hidden_size / HEAD_SIZE,
    intermediate_size,
    max_position_embeddings: max_position_embeddings ?? 0,
    type_vocab_size: type_vocab_size ?? 0,
  };
}
