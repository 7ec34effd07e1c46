/**
 * Names of parameters: ours are those of PaddleNLP's ERNIE-Health; Hugging Face's ELECTRA, BERT and ERNIE have others, and
 * keep linear layers transposed.
 *
 * Ours, in a pretrained model: `discriminator.electra.…`, `generator.electra.…` and their heads; in a fine-tuned or published
 * one: `electra.…` and a head. Linear weights are [in, out], as Paddle has them; PyTorch has [out, in].
 *
 * @module
 */
import type { Weights } from "./read_weights.ts";
import { transposed } from "./strided.ts";
import type { DataType, LazyTensorData } from "./tensor.ts";

/** A layer under both names, `#` being the number of its block, and what it has. */
type Row = readonly [ours: string, huggingFace: string, kind: Kind];

/** `linear`: a weight to transpose and a bias; `norm`: weight and bias; `table`: a weight; `value`: itself. */
type Kind = "linear" | "norm" | "table" | "value";

/** Of an encoder, after `electra.`. */
const ENCODER: readonly Row[] = [
  ["embeddings.word_embeddings", "embeddings.word_embeddings", "table"],
  ["embeddings.position_embeddings", "embeddings.position_embeddings", "table"],
  ["embeddings.token_type_embeddings", "embeddings.token_type_embeddings", "table"],
  ["embeddings.layer_norm", "embeddings.LayerNorm", "norm"],
  ["embeddings_project", "embeddings_project", "linear"],
  ["encoder.layers.#.self_attn.q_proj", "encoder.layer.#.attention.self.query", "linear"],
  ["encoder.layers.#.self_attn.k_proj", "encoder.layer.#.attention.self.key", "linear"],
  ["encoder.layers.#.self_attn.v_proj", "encoder.layer.#.attention.self.value", "linear"],
  ["encoder.layers.#.self_attn.out_proj", "encoder.layer.#.attention.output.dense", "linear"],
  ["encoder.layers.#.norm1", "encoder.layer.#.attention.output.LayerNorm", "norm"],
  ["encoder.layers.#.linear1", "encoder.layer.#.intermediate.dense", "linear"],
  ["encoder.layers.#.linear2", "encoder.layer.#.output.dense", "linear"],
  ["encoder.layers.#.norm2", "encoder.layer.#.output.LayerNorm", "norm"],
];

/** Of the generator: ELECTRA's and, last, BERT's. */
const GENERATOR: readonly Row[] = [
  ["generator_predictions.dense", "generator_predictions.dense", "linear"],
  ["generator_predictions.layer_norm", "generator_predictions.LayerNorm", "norm"],
  ["generator_lm_head_bias", "generator_lm_head.bias", "value"],
  ["generator_predictions.dense", "cls.predictions.transform.dense", "linear"],
  ["generator_predictions.layer_norm", "cls.predictions.transform.LayerNorm", "norm"],
  ["generator_lm_head_bias", "cls.predictions.bias", "value"],
];

/** Of the discriminator; where Hugging Face has no such head, its name is ours. */
const DISCRIMINATOR: readonly Row[] = [
  ["discriminator_rtd.dense", "discriminator_predictions.dense", "linear"],
  ["discriminator_rtd.dense_prediction", "discriminator_predictions.dense_prediction", "linear"],
  ["discriminator_mts", "discriminator_mts", "linear"],
  ["bias_mts", "bias_mts", "table"],
  ["discriminator_csp.dense", "discriminator_csp.dense", "linear"],
  ["discriminator_csp.out_proj", "discriminator_csp.out_proj", "linear"],
];

/** Of fine-tuned models. */
const FINETUNING: readonly Row[] = [
  ["classifier.dense", "classifier.dense", "linear"],
  ["classifier.out_proj", "classifier.out_proj", "linear"],
  ["classifier", "classifier", "linear"],
  ["sequence_summary.dense", "sequence_summary.summary", "linear"],
  ["classifier_oth", "classifier_oth", "linear"],
  ["classifier_sym", "classifier_sym", "linear"],
  ["span_attention.q_proj", "span_attention.q_proj", "linear"],
  ["span_attention.k_proj", "span_attention.k_proj", "linear"],
];

/** The head of questions and answers, whose layer we call as that of tokens. */
const ANSWERS: Row = ["classifier", "qa_outputs", "linear"];

/** What a name becomes. */
interface Target {
  readonly name: string;
  readonly isTransposed: boolean;
}

type Table = ReadonlyMap<string, Target>;

const tableOf = (rows: readonly (readonly [string, string, Kind])[]): Table =>
  new Map(rows.toReversed().flatMap(([from, to, kind]) => parametersOf(from, to, kind))); // the first of two counts

function parametersOf(from: string, to: string, kind: Kind): [string, Target][] {
  const target = (suffix: string, isTransposed = false) => ({ name: `${to}${suffix}`, isTransposed });
  switch (kind) {
    case "linear":
      return [[`${from}.weight`, target(".weight", true)], [`${from}.bias`, target(".bias")]];
    case "norm": // gamma and beta in older files
      return [
        ...[".weight", ".gamma"].map((suffix): [string, Target] => [`${from}${suffix}`, target(".weight")]),
        ...[".bias", ".beta"].map((suffix): [string, Target] => [`${from}${suffix}`, target(".bias")]),
      ];
    case "table":
      return [[`${from}.weight`, target(".weight")]];
    case "value":
      return [[from, target("")]];
  }
}

const backwards = (rows: readonly Row[]) =>
  rows.map(([ours, theirs, kind]): [string, string, Kind] => [theirs, ours, kind]);

const ENCODER_TO_OURS = tableOf(backwards(ENCODER)), ENCODER_FROM_OURS = tableOf(ENCODER);
const GENERATOR_TO_OURS = tableOf(backwards(GENERATOR));
const DISCRIMINATOR_TO_OURS = tableOf(backwards(DISCRIMINATOR));
const HEADS_TO_OURS = new Map([
  ...tableOf(backwards([...FINETUNING, ANSWERS])),
  ...GENERATOR_TO_OURS,
  ...DISCRIMINATOR_TO_OURS,
]);
const HEADS_FROM_OURS = tableOf([...GENERATOR, ...DISCRIMINATOR, ...FINETUNING]);
const OUR_GENERATOR = new Set([...GENERATOR_TO_OURS.values()].map(({ name }) => name));
const OUR_DISCRIMINATOR = new Set([...DISCRIMINATOR_TO_OURS.values()].map(({ name }) => name));

/** What programs put before all names of what they save. */
const WRAPPERS = /^(?:(?:model_)?state_dict\.|model\.|module\.)+/;
/** What is before and after the encoder in a name; without a name of its own it is a base model saved alone. */
const ENCODER_NAME =
  /^(generator\.|discriminator\.)?(?:(?:electra|bert|ernie|roberta)\.)?((?:embeddings|embeddings_project|encoder)\..*)$/;
/** No parameters: numbers from 0 on, and second copies of word embeddings and biases. */
const NOT_PARAMETERS =
  /embeddings\.(position_ids|token_type_ids)$|^generator_lm_head\.weight$|^cls\.predictions\.decoder\.(weight|bias)$/;

/** What parameters are of; whole numbers are none, whatever they are called. */
const FLOATS: ReadonlySet<DataType> = new Set(["F64", "F32", "F16", "BF16"]);

/** Whose names a file has. */
export type Layout = "paddle" | "huggingface";

/** Weights under our names. */
export interface NamedWeights {
  /** Whose names the file has. */
  readonly layout: Layout;
  /** By our names, linear weights [in, out]. */
  readonly tensors: Map<string, LazyTensorData>;
  /** Names in the file that stand for no parameter that we know. */
  readonly unknown: readonly string[];
}

/**
 * Gives weights our names, whoever named them: PaddleNLP (ERNIE-Health before and after its refactoring, ELECTRA, BERT, ERNIE,
 * RoBERTa-zh) or Hugging Face (ELECTRA, BERT and so RoBERTa-zh, ERNIE).
 *
 * A lone encoder is `electra.…`; with a head of the generator it is `generator.electra.…`, with one of the discriminator, or
 * beside a generator, `discriminator.electra.…`.
 *
 * @param weights From `readWeights`; their elements are not read.
 *
 * @example
 * ```ts
 * import { ourNames, readWeights } from "./mod.ts";
 * const { layout, tensors } = ourNames(await readWeights("tests/fixtures/tiny/model.safetensors"));
 * console.log(layout, tensors.has("discriminator.electra.embeddings.layer_norm.weight")); // paddle true
 * ```
 */
export function ourNames(weights: Weights): NamedWeights {
  const layout = layoutOf(weights.keys());
  const named: { file: string; part: string; name: string; tensor: LazyTensorData }[] = [];
  const tensors = new Map<string, LazyTensorData>(), unknown: string[] = [];
  for (const [file, tensor] of weights) {
    const inFile = file.replace(WRAPPERS, "");
    const [, part = "", inEncoder] = ENCODER_NAME.exec(inFile) ??
      /^(generator\.|discriminator\.)?/.exec(inFile)!;
    const rest = inEncoder ?? inFile.slice(part.length);
    if (NOT_PARAMETERS.test(rest)) continue;
    const isRoberta = layout === "huggingface" && inFile.startsWith("roberta."); // its positions begin at 2
    const target = layout === "paddle"
      ? { name: rest.replace(/^discriminator_predictions\./, "discriminator_rtd."), isTransposed: false } // of plain ELECTRA
      : lookUp(inEncoder === undefined ? HEADS_TO_OURS : ENCODER_TO_OURS, rest);
    if (!target || isRoberta || !FLOATS.has(tensor.dtype)) {
      unknown.push(file);
      continue;
    }
    const name = inEncoder === undefined ? target.name : `electra.${target.name}`;
    const isMatrix = tensor.shape.length === 2; // what is none will fit nowhere
    named.push({ file, part, name, tensor: target.isTransposed && isMatrix ? transposed(tensor) : tensor });
  }
  const lone = loneEncoder(named.filter(({ part }) => part === "").map(({ name }) => name));
  const main = lone === "" && named.some(({ part }) => part === "generator.") ? "discriminator." : lone;
  for (const { file, part, name, tensor } of named) {
    const ours = (part || main) + name;
    if (tensors.has(ours)) unknown.push(file); // a second of that name
    else tensors.set(ours, tensor);
  }
  return { layout, tensors, unknown };
}

/**
 * Gives weights the names of Hugging Face's ELECTRA.
 *
 * The discriminator (without one, the generator) becomes the model itself, `electra.…` with its head; a generator beside it
 * keeps `generator.` before its names, and heads that Hugging Face does not have keep theirs: its models pass over both, and
 * {@linkcode ourNames} gives back all that was there.
 *
 * @param tensors By our names; their elements are not read.
 * @param options.architecture The class in config.json; `ElectraForQuestionAnswering` calls its layer `qa_outputs`.
 *
 * @example
 * ```ts
 * import { huggingFaceNames, readWeights } from "./mod.ts";
 * const names = huggingFaceNames(await readWeights("tests/fixtures/tiny/model.safetensors"));
 * console.log(names.has("electra.encoder.layer.0.attention.self.query.weight")); // true
 * ```
 */
export function huggingFaceNames(
  tensors: Weights,
  { architecture }: { architecture?: string | undefined } = {},
): Map<string, LazyTensorData> {
  const heads = architecture === "ElectraForQuestionAnswering"
    ? new Map([...HEADS_FROM_OURS, ...tableOf([ANSWERS])])
    : HEADS_FROM_OURS;
  const hasDiscriminator = [...tensors.keys()].some((name) => name.startsWith("discriminator."));
  const main = hasDiscriminator ? "discriminator." : "generator.";
  return new Map([...tensors].map(([name, tensor]) => {
    const [, part = "", electra = "", rest] = /^(generator\.|discriminator\.)?(electra\.)?(.*)$/.exec(name)!;
    const target = lookUp(electra ? ENCODER_FROM_OURS : heads, rest!) ?? { name: rest!, isTransposed: false };
    const theirs = (part === main ? "" : part) + electra + target.name;
    const isMatrix = tensor.shape.length === 2;
    return [theirs, target.isTransposed && isMatrix ? transposed(tensor) : tensor];
  }));
}

function lookUp(table: Table, name: string): Target | undefined {
  const number = /\.(\d+)\./.exec(name)?.[1] ?? "";
  const target = table.get(name.replace(/\.\d+\./, ".#."));
  return target && { ...target, name: target.name.replace("#", number) };
}

/** Hugging Face's blocks are `layer.0`, Paddle's `layers.0`; without blocks the norm of the embeddings tells. */
function layoutOf(names: Iterable<string>): Layout {
  for (const name of names) {
    if (/(^|\.)encoder\.layer\.\d|embeddings\.LayerNorm\./.test(name)) return "huggingface";
  }
  return "paddle";
}

/** Which part of a pretrained model an encoder is that is saved without the other. */
function loneEncoder(names: readonly string[]): "" | "generator." | "discriminator." {
  if (names.some((name) => OUR_GENERATOR.has(name))) return "generator.";
  return names.some((name) => OUR_DISCRIMINATOR.has(name)) ? "discriminator." : "";
}
