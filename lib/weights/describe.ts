/**
 * What a file of weights is: its parameters, its parts, what it can be used for.
 *
 * @module
 */
import type { Layout } from "./names.ts";
import { type WeightsFormat, weightsFormat } from "./read_weights.ts";
import { readModel } from "./stored_model.ts";
import { type DataType, ELEMENT_BYTES, elementCount, type LazyTensorData } from "./tensor.ts";

/** A parameter. */
export interface ParameterInfo {
  /** Under our names. */
  readonly name: string;
  readonly dtype: DataType;
  readonly shape: readonly number[];
}

/** What {@linkcode describeModel} tells. */
export interface ModelDescription {
  readonly file: string;
  readonly format: WeightsFormat;
  /** Whose names it has. */
  readonly names: Layout;
  /** Number of values. */
  readonly parameters: number;
  /** Of all values. */
  readonly bytes: number;
  /** How many tensors of each data type. */
  readonly dtypes: Readonly<Partial<Record<DataType, number>>>;
  /** Encoders and heads, with their number of values. */
  readonly parts: readonly { readonly part: string; readonly what: string; readonly parameters: number }[];
  /** What can be done with it, as commands. */
  readonly uses: readonly string[];
  /** Names in the file that stand for nothing that we know. */
  readonly unknown: readonly string[];
  readonly tensors: readonly ParameterInfo[];
}

/** What parts of a model are, by the beginning of their names after `discriminator.` or `generator.`; the first that fits counts. */
const PARTS: readonly (readonly [prefix: string, what: string])[] = [
  ["electra.", "encoder"],
  ["generator_", "head of masked tokens"],
  ["discriminator_rtd.", "head of replaced tokens"],
  ["discriminator_mts.", "head of token selection"],
  ["bias_mts.", "head of token selection"],
  ["discriminator_csp.", "head of sentence contrast"],
  ["classifier.dense.", "head of sequence classification"],
  ["classifier.out_proj.", "head of sequence classification"],
  ["classifier_", "head of two label sets for tokens"],
  ["span_attention.", "head of relations"],
  ["sequence_summary.", "head of multiple choice"],
  ["classifier.", "head of tokens or answers"],
];

/**
 * Describes a model without reading its weights.
 *
 * @param path A folder or file of any format that `readWeights` takes.
 * @throws {UserError} If it cannot be read.
 *
 * @example
 * ```ts
 * import { describeModel } from "./describe.ts";
 * const { parameters, format, uses } = await describeModel("tests/fixtures/weights/torch.bin");
 * console.log(parameters, format, uses); // 3459 torch …
 * ```
 */
export async function describeModel(path: string): Promise<ModelDescription> {
  const { file, layout, tensors: weights, unknown } = await readModel(path);
  const tensors = [...weights].map(([name, { dtype, shape }]) => ({ name, dtype, shape }));
  const dtypes: Partial<Record<DataType, number>> = {};
  let bytes = 0;
  for (const { dtype, shape } of tensors) {
    bytes += elementCount(shape) * ELEMENT_BYTES[dtype];
    dtypes[dtype] = (dtypes[dtype] ?? 0) + 1;
  }
  const format = weightsFormat(file), names = layout, { parameters, parts } = partsOf(weights);
  return { file, format, names, parameters, bytes, dtypes, parts, uses: usesOf(parts), unknown, tensors };
}

/** Counts the values of weights under our names, and those of each encoder and head. */
export function partsOf(
  weights: ReadonlyMap<string, Pick<LazyTensorData, "shape">>,
): Pick<ModelDescription, "parameters" | "parts"> {
  const parts = new Map<string, ModelDescription["parts"][number]>();
  let parameters = 0;
  for (const [name, { shape }] of weights) {
    const count = elementCount(shape), place = placeOf(name), key = `${place.part} ${place.what}`;
    parameters += count;
    parts.set(key, { ...place, parameters: count + (parts.get(key)?.parameters ?? 0) });
  }
  return { parameters, parts: [...parts.values()] };
}

function placeOf(name: string): { part: string; what: string } {
  const [, part, rest] = /^(generator|discriminator)?\.?(.*)$/.exec(name)!;
  const what = PARTS.find(([prefix]) => rest!.startsWith(prefix))?.[1] ?? "unknown";
  return { part: part ?? "model", what };
}

function usesOf(parts: readonly { part: string; what: string }[]): string[] {
  const has = (what: string, part?: string) =>
    parts.some((one) => one.what === what && (part === undefined || one.part === part));
  if (!has("encoder")) return [];
  const isWhole = has("encoder", "generator") && has("encoder", "discriminator");
  const head = parts.find(({ part, what }) => part === "model" && what !== "encoder")?.what;
  return [
    isWhole
      ? "go on pretraining with all of its parts: deno task pretrain --model_name_or_path"
      : "go on pretraining, what it lacks starting fresh: deno task pretrain --model_name_or_path",
    "fine-tune its encoder with a new head: deno task finetune --model",
    ...(head
      ? [`answer with its ${head}, if config.json tells the task: deno task evaluate, predict, export`]
      : []),
    "give it to others: deno task convert --to hf, paddle or npz",
  ];
}
