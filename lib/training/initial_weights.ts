/**
 * Weights that a new run begins with: of the published model, of another framework, of an earlier run.
 *
 * What there is is taken, what there is not starts fresh: the published model is an encoder alone, so that generator and heads
 * are new.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { UserError } from "../config/mod.ts";
import {
  type ElectraConfig,
  hasDiscriminator,
  type ModelVariables,
  OBJECTIVES,
  parameterShapes,
  presetConfig,
  type PretrainingConfig,
} from "../electra/mod.ts";
import { Vocabulary } from "../text/mod.ts";
import {
  checkFit,
  encoderSizes,
  type LazyTensorData,
  loadTensor,
  readModel,
  type StoredModel,
  toFloat32,
} from "../weights/mod.ts";
import { encoderConfig } from "./encoder_config.ts";
import { type PretrainOptions, PUBLISHED_MODEL } from "./options.ts";

/** Weights to begin with. */
export interface InitialWeights {
  /** Where they come from. */
  readonly path: string;
  /** The model that they make, with what starts fresh. */
  readonly config: PretrainingConfig;
  /** By names of that model's parameters; absent in processes that get the values from the one that reads them. */
  readonly tensors?: ReadonlyMap<string, LazyTensorData>;
  /** Parts of the model that start fresh. */
  readonly fresh: readonly string[];
  /** Parts of the file that the model has no use for. */
  readonly unused: readonly string[];
}

type Tensors = ReadonlyMap<string, LazyTensorData>;

/** Where files keep an encoder: in a pretrained model, or alone. */
const PLACES = ["discriminator.", "generator.", ""] as const;
const WORDS = "electra.embeddings.word_embeddings.weight";

/**
 * The weights that `--model_name_or_path` names, if it does; the published model's name stands for its size alone.
 *
 * @throws {UserError} As {@linkcode readInitialWeights}.
 */
export async function initialWeights(
  options: PretrainOptions,
  vocabulary: Vocabulary,
): Promise<InitialWeights | undefined> {
  const path = options.model_name_or_path;
  if (!path || options.init_from_ckpt || path === PUBLISHED_MODEL) return undefined;
  return await readInitialWeights(path, options, vocabulary);
}

/**
 * Opens weights for a new run.
 *
 * @param path A folder or file of any format that `readWeights` takes.
 * @param options The run's objective decides which encoder and heads there are.
 * @param vocabulary The corpus's; the folder's, if it has one, must be the same.
 * @throws {UserError} If there is no encoder, a parameter of it is missing or mis-shaped, or the vocabulary differs.
 */
export async function readInitialWeights(
  path: string,
  { objective }: Pick<PretrainOptions, "objective">,
  vocabulary: Vocabulary,
): Promise<InitialWeights> {
  const model = await readModel(path), { tensors } = model;
  await checkVocabulary(path, model, vocabulary);
  const config = await configOf(model, objective), shapes = parameterShapes(config);
  const found = new Map<string, LazyTensorData>();
  const main = hasDiscriminator(config.loss_weights) ? "discriminator." : "generator.";
  for (const name of shapes.keys()) {
    const tensor = tensorFor(name, tensors, main);
    if (tensor) found.set(name, tensor);
  }
  const encoder = [...shapes].filter(([name]) => name.startsWith(`${main}electra.`));
  checkFit(found, new Map([...encoder, ...[...shapes].filter(([name]) => found.has(name))]), path);
  const used = new Set(found.values());
  const isShared = (name: string) => config.shared_word_embeddings && name === `discriminator.${WORDS}`;
  const left = [...tensors].flatMap(([name, tensor]) => used.has(tensor) || isShared(name) ? [] : [name]);
  return {
    path,
    config,
    tensors: found,
    fresh: partsOf([...shapes.keys()].filter((name) => !found.has(name))),
    unused: [...partsOf(left), ...model.unknown],
  };
}

/** Puts weights into a model's variables. */
export async function takeWeights(
  variables: ModelVariables,
  { tensors = new Map() }: InitialWeights,
): Promise<void> {
  for (const [name, tensor] of tensors) { // one in memory at a time
    variables.get(name)!.assign(toFloat32(await loadTensor(tensor)));
  }
}

/** What a run should say of weights that it begins with. */
export function notesOn({ path, fresh, unused }: InitialWeights): string[] {
  return [
    ...(fresh.length > 0 ? [`starting fresh, since "${path}" has none: ${fresh.join(", ")}`] : []),
    ...(unused.length > 0 ? [`not used of "${path}": ${unused.join(", ")}`] : []),
  ];
}

/** The tensor for a parameter: under its name, or where files keep a lone encoder. */
function tensorFor(name: string, tensors: Tensors, main: string): LazyTensorData | undefined {
  const own = tensors.get(name);
  if (own || !name.startsWith(main)) return own ?? sharedWords(name, tensors);
  const place = PLACES.find((place) => tensors.has(place + WORDS));
  return place === undefined ? undefined : tensors.get(place + name.slice(main.length));
}

/** The word embeddings that a generator shares with the encoder. */
function sharedWords(name: string, tensors: Tensors): LazyTensorData | undefined {
  if (name !== `generator.${WORDS}`) return undefined;
  return tensors.get(`discriminator.${WORDS}`) ?? tensors.get(WORDS);
}

async function configOf(
  { config = {}, file, tensors }: StoredModel,
  objective: PretrainOptions["objective"],
): Promise<PretrainingConfig> {
  const { lossWeights, views } = OBJECTIVES[objective];
  const place = PLACES.find((place) => tensors.has(place + WORDS));
  if (place === undefined) {
    throw new UserError(`Cannot begin with "${file}": it has no encoder, no "${WORDS}"`);
  }
  const encoder = (place: string) => {
    const own = place === "" ? config : config[place.slice(0, -1)] ?? config;
    return encoderConfig({ ...encoderSizes(tensors, `${place}electra.`), ...own as object }, file);
  };
  const main = encoder(place),
    hasBoth = ["discriminator.", "generator."].every((place) => tensors.has(place + WORDS));
  const generator = hasDiscriminator(lossWeights) && !hasBoth
    ? smaller(main)
    : encoder(hasBoth ? "generator." : place);
  const cspBias = tensors.get("discriminator.discriminator_csp.out_proj.bias");
  return {
    model_type: "ernie-health",
    discriminator: main,
    generator,
    shared_word_embeddings: !hasBoth ||
      await areEqual(tensors, `discriminator.${WORDS}`, `generator.${WORDS}`),
    csp_dim: cspBias?.shape[0] ?? 128,
    loss_weights: lossWeights,
    csp_temperature: 0.07,
    csp_candidates: views === "pair" ? "other_view" : "all",
  };
}

/** A generator for an encoder: that of the ready-made size of its width, else one of half its width. */
function smaller(encoder: ElectraConfig): ElectraConfig {
  const ready = (["tiny", "small", "base", "large"] as const)
    .map((preset) => presetConfig(preset, encoder.vocab_size))
    .find(({ discriminator }) => discriminator.hidden_size === encoder.hidden_size)?.generator;
  const half = (size: number) => Math.max(1, Math.floor(size / 2));
  return {
    ...encoder,
    hidden_size: ready?.hidden_size ?? half(encoder.hidden_size),
    num_attention_heads: ready?.num_attention_heads ?? half(encoder.num_attention_heads),
    intermediate_size: ready?.intermediate_size ?? half(encoder.intermediate_size),
  };
}

async function areEqual(tensors: Tensors, a: string, b: string): Promise<boolean> {
  const [one, other] = [tensors.get(a)!, tensors.get(b)!];
  if (`${one.shape}` !== `${other.shape}`) return false;
  const values = toFloat32(await loadTensor(one)), others = toFloat32(await loadTensor(other));
  return values.every((value, i) => value === others[i]);
}

async function checkVocabulary(path: string, { folder }: StoredModel, { tokens }: Vocabulary): Promise<void> {
  const file = join(folder, "vocab.txt");
  if (!existsSync(file)) return;
  const own = await Vocabulary.read(file), at = tokens.findIndex((token, id) => own.tokens[id] !== token);
  if (own.size === tokens.length && at < 0) return;
  const fault = own.size === tokens.length
    ? `token ${at} is "${own.tokens[at]}", the corpus has "${tokens[at]}"`
    : `it has ${own.size} tokens, the corpus ${tokens.length}`;
  throw new UserError(
    `Cannot begin with "${path}": its vocabulary is another, ${fault}; preprocess the text with "${file}"`,
  );
}

/** Parts of a model by the names of their parameters: `generator.electra`, `discriminator.discriminator_mts`. */
function partsOf(names: readonly string[]): string[] {
  return [
    ...new Set(names.map((name) => name.replace(/\.(weight|bias)$/, "").split(".").slice(0, 2).join("."))),
  ];
}
