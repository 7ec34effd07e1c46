/**
 * The model of a fine-tuning run: an encoder from a pretraining run, a fine-tuned model or nothing, with a head.
 *
 * @module
 */
import { join } from "node:path";
import { UserError } from "../config/mod.ts";
import {
  type ElectraConfig,
  type FinetuningConfig,
  headBiases,
  type HeadConfig,
  initialFinetuningParameters,
  type ModelVariables,
  type Preset,
  presetConfig,
} from "../electra/mod.ts";
import { hasGpu, type Precision, Variable } from "../tensorflow/mod.ts";
import { AdamW, encoderConfig, MovingAverage } from "../training/mod.ts";
import { encoderSizes, loadTensor, readModel, type TensorData, toFloat32 } from "../weights/mod.ts";
import { layerwiseFactor } from "./layerwise.ts";
import type { FinetuneOptions } from "./options.ts";

/** What a folder or file of weights has for fine-tuning. */
export interface SavedModel {
  /** Where it was read from. */
  readonly path: string;
  /** Where its files are. */
  readonly folder: string;
  readonly encoder: ElectraConfig;
  /** Parameters under the names of a fine-tuned model: `electra.…`, and those of a head. */
  readonly tensors: Map<string, TensorData>;
  /** Names in the file that fine-tuning has no use for, such as the generator's. */
  readonly unused: readonly string[];
  /** The folder's vocab.txt. */
  readonly vocabulary: string;
  /** All of config.json. */
  readonly config: Readonly<Record<string, unknown>>;
}

/** Before the names of the encoder's parameters: of a fine-tuned model, or of a pretrained one, the better one first. */
const TRUNKS = ["", "discriminator.", "generator."];

/**
 * Reads a model: of pretraining, whose discriminator becomes the encoder, of fine-tuning, or of PaddleNLP or Hugging Face.
 *
 * @param path Its folder, a file in it (safetensors, `.bin`, `.pdparams` or `.npz`), or its name on the hub.
 * @throws {UserError} If there are no weights, or they have no encoder.
 */
export async function readSavedModel(path: string): Promise<SavedModel> {
  const { file, folder, tensors: stored, unknown, config = {} } = await readModel(path);
  const trunk = TRUNKS.find((prefix) => hasEncoder(stored, `${prefix}electra.`));
  if (trunk === undefined) {
    throw new UserError(
      `Cannot read model "${path}": "${file}" has no encoder, no parameter "electra.embeddings…"`,
    );
  }
  const tensors = new Map<string, TensorData>(), unused = [...unknown];
  for (const [name, tensor] of stored) {
    if (trunk === "" || name.startsWith(`${trunk}electra.`)) {
      tensors.set(name.slice(trunk.length), await loadTensor(tensor));
    } else unused.push(name);
  }
  const own = config[trunk.replace(".", "")] ?? config; // with generator and discriminator, each has its own
  const sizes = { ...encoderSizes(stored, `${trunk}electra.`), ...own as Partial<ElectraConfig> };
  return {
    path,
    folder,
    encoder: encoderConfig(sizes, join(folder, "config.json")),
    tensors,
    unused,
    vocabulary: join(folder, "vocab.txt"),
    config,
  };
}

function hasEncoder(tensors: ReadonlyMap<string, unknown>, prefix: string): boolean {
  return tensors.has(`${prefix}embeddings.word_embeddings.weight`);
}

/** Parameters on the device, and what they were made from. */
export interface LoadedParameters {
  readonly variables: ModelVariables;
  /** Names of those that were in no file, and begin with random values. */
  readonly fresh: readonly string[];
}

/**
 * Puts a model's parameters on the device: saved values, and new ones where there are none.
 *
 * @param saved From {@linkcode readSavedModel}; without it all are new.
 * @param seed Of new values.
 * @param biases Other first values of new parameters.
 * @throws {UserError} If a saved parameter of the encoder is missing or has another shape.
 */
export function loadParameters(
  config: FinetuningConfig,
  saved: SavedModel | undefined,
  seed: number,
  biases: ReadonlyMap<string, Float32Array> = new Map(),
): LoadedParameters {
  const variables: ModelVariables = new Map(), fresh: string[] = [];
  for (const [name, value] of initialFinetuningParameters(config, seed)) {
    const found = saved?.tensors.get(name), fits = found && `${found.shape}` === `${value.shape}`;
    if (saved && name.startsWith("electra.") && !fits) {
      const what = found ? `has shape [${found.shape}], the model needs [${value.shape}]` : "is missing";
      throw new UserError(`Cannot load "${saved.path}": parameter "${name}" ${what}`);
    }
    if (!fits) fresh.push(name);
    const first = biases.get(name) ?? value;
    variables.set(name, new Variable(value.shape, fits ? toFloat32(found) : first));
    value.dispose();
  }
  return { variables, fresh };
}

/** A model that trains; disposing of it frees the device's memory. */
export interface OpenedModel extends Disposable {
  readonly config: FinetuningConfig;
  readonly variables: ModelVariables;
  readonly optimizer: AdamW;
  /** What is evaluated and kept, where it is not the parameters themselves. */
  readonly average?: MovingAverage | undefined;
  readonly precision: Precision;
  /** For people: where the encoder comes from, what is new. */
  readonly notes: readonly string[];
}

/**
 * Opens the model of a run.
 *
 * @param saved The encoder, where there is one.
 * @param vocabularySize Of a new encoder.
 * @param priors What a new head says at first; default: nothing.
 * @throws {UserError} If the weights do not fit, or rows are longer than the encoder has positions.
 */
export function openModel(
  options: FinetuneOptions,
  head: HeadConfig,
  { saved, vocabularySize, maxSeqLength, priors }: {
    readonly saved: SavedModel | undefined;
    readonly vocabularySize: number;
    readonly maxSeqLength: number;
    readonly priors?: readonly Float32Array[] | undefined;
  },
): OpenedModel {
  const encoder = saved?.encoder ?? newEncoder(options.preset, vocabularySize, maxSeqLength);
  if (maxSeqLength > encoder.max_position_embeddings) {
    throw new UserError(
      `Cannot make rows of ${maxSeqLength} tokens: the encoder has ${encoder.max_position_embeddings} positions; ` +
        "lower --max_seq_length",
    );
  }
  const config: FinetuningConfig = { encoder, head };
  using opened = new DisposableStack();
  const { variables, fresh } = loadParameters(
    config,
    saved,
    options.seed,
    priors && headBiases(config, priors),
  );
  opened.defer(() => variables.forEach((variable) => variable.dispose()));
  const { weight_decay: weightDecay, adam_epsilon: epsilon, layerwise_lr_decay: decay } = options;
  const optimizer = opened.use(
    new AdamW(variables, {
      beta1: 0.9,
      beta2: 0.999,
      epsilon,
      weightDecay,
      ...(decay < 1 && { rateFactor: layerwiseFactor(decay, encoder.num_hidden_layers) }),
    }),
  );
  const average = options.ema_decay > 0
    ? opened.use(new MovingAverage(variables, options.ema_decay))
    : undefined;
  const memory = opened.move();
  return {
    config,
    variables,
    optimizer,
    average,
    precision: !options.use_amp ? "float32" : hasGpu() ? "mixed_float16" : "mixed_bfloat16",
    notes: notesOn(saved, fresh, options.preset),
    [Symbol.dispose]: () => memory.dispose(),
  };
}

function newEncoder(preset: Preset, vocabularySize: number, maxSeqLength: number): ElectraConfig {
  return presetConfig(preset, vocabularySize, { maxPositions: Math.max(512, maxSeqLength) }).discriminator;
}

function notesOn(saved: SavedModel | undefined, fresh: readonly string[], preset: string): string[] {
  if (!saved) return [`Encoder: new, of size ${preset}; --model takes a pretrained one`];
  const modules = new Set(fresh.map((name) => name.replace(/\.(weight|bias)$/, "")));
  const left = new Set(saved.unused.map((name) => name.split(".").slice(0, 2).join(".")));
  return [
    `Encoder: "${saved.path}"`,
    ...(modules.size > 0 ? [`New, since the file has no such head: ${[...modules].join(", ")}`] : []),
    ...(left.size > 0 ? [`Not used: ${[...left].join(", ")}`] : []),
  ];
}
