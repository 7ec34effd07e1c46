/**
 * Models in other people's formats: Hugging Face's folders, Paddle's, NumPy's archives.
 *
 * @module
 */
import { basename, join, resolve } from "node:path";
import { UserError, writeAtomically } from "../config/mod.ts";
import { describeModel } from "./describe.ts";
import { modelCard, readCardFacts } from "./model_card.ts";
import { huggingFaceNames } from "./names.ts";
import { writeNpz } from "./npz.ts";
import { writePaddle } from "./pickle/paddle_writer.ts";
import { writeSafetensors } from "./safetensors.ts";
import { encoderSizes, readModel, type StoredModel } from "./stored_model.ts";
import type { Weights } from "./read_weights.ts";
import type { LazyTensorData } from "./tensor.ts";

/** Where a model can go. */
export const TARGETS = ["hf", "paddle", "npz"] as const;

/** Where a model can go: Hugging Face's transformers, PaddleNLP, NumPy. */
export type ConversionTarget = (typeof TARGETS)[number];

/** The file of the weights in a folder of each kind. */
const WEIGHTS: Record<ConversionTarget, string> = {
  hf: "model.safetensors",
  paddle: "model_state.pdparams",
  npz: "model.npz",
};

/** What goes along: of the tokenizer. */
const TOKENIZER = "tokenizer_config.json";
const COMPANIONS = ["vocab.txt", "tokenizer.json", TOKENIZER, "special_tokens_map.json"];

/** How a conversion is watched and stopped. */
export interface ConversionOptions {
  /** Aborting it ends the conversion; the file of the weights is then as it was. */
  readonly signal?: AbortSignal | undefined;
  /** Hears how many tensors are done, of how many. */
  readonly onTensor?: ((done: number, total: number) => void) | undefined;
}

/** What a conversion made. */
export interface Conversion {
  /** The file of the weights. */
  readonly file: string;
  /** How many tensors. */
  readonly tensors: number;
  /** What the other side should know. */
  readonly notes: readonly string[];
}

/**
 * Writes a model as others read it; not a bit of a weight changes, but for bfloat16 in `.npz`, which becomes float32.
 *
 * @param path The model: a folder or file of any format that `readWeights` takes.
 * @param to For whom: `hf` has Hugging Face's names and transposed layers; `paddle` and `npz` have ours, which are PaddleNLP's.
 * @param out A folder: weights, `config.json`, vocabulary and tokenizer; for `hf` a model card too, from what the run left.
 * @returns What was written.
 * @throws {UserError} If the model cannot be read, has names that we do not know, or the disk refuses.
 *
 * @example
 * ```ts
 * import { convertModel } from "./convert.ts";
 * const out = await Deno.makeTempDir();
 * console.log(await convertModel("tests/fixtures/weights/torch.bin", "paddle", out)); // 27 tensors
 * await Deno.remove(out, { recursive: true });
 * ```
 */
export async function convertModel(
  path: string,
  to: ConversionTarget,
  out: string,
  options: ConversionOptions = {},
): Promise<Conversion> {
  const model = await readModel(path, { signal: options.signal }),
    { unknown, config } = model,
    tensors = watched(model.tensors, options);
  if (tensors.size === 0) throw new UserError(`Cannot convert "${path}": none of its names is known`);
  await Deno.mkdir(out, { recursive: true });
  const file = join(out, WEIGHTS[to]);
  if (await isSame(file, model.file)) {
    throw new UserError(`Cannot convert "${path}" to itself; choose another --out`);
  }
  const architecture = architectureOf(model);
  if (to === "hf") {
    await writeSafetensors(file, huggingFaceNames(tensors, { architecture }), { metadata: { format: "pt" } });
  } else await (to === "paddle" ? writePaddle : writeNpz)(file, tensors);
  const written = to === "hf" || !config ? huggingFaceConfig(model) : config;
  if (written) await writeText(join(out, "config.json"), JSON.stringify(written, null, 2) + "\n");
  for (const name of COMPANIONS) {
    const text = await Deno.readTextFile(join(model.folder, name)).catch(() => undefined); // not every model has it
    if (text === undefined) continue;
    await writeText(join(out, name), name === TOKENIZER && to === "paddle" ? forPaddle(text) : text);
  }
  if (to === "hf") {
    const title = basename(resolve(out)), description = await describeModel(model.file);
    await writeText(
      join(out, "README.md"),
      modelCard({ title, description, ...await readCardFacts(model.folder) }),
    );
  }
  return { file, tensors: tensors.size, notes: notesOn(model, to, unknown) };
}

/**
 * The configuration that Hugging Face's ELECTRA needs: a pretrained model's is that of its discriminator, with the generator's
 * within it; what else there was stays. Of lone weights the shapes tell it.
 *
 * @returns `undefined` if there is no configuration and the shapes do not tell.
 *
 * @example
 * ```ts
 * import { huggingFaceConfig, readModel } from "./mod.ts";
 * const { tensors } = await readModel("tests/fixtures/tiny"), discriminator = { hidden_size: 32 };
 * console.log(huggingFaceConfig({ tensors, config: { discriminator } })); // ElectraForPreTraining of 32
 * ```
 */
export function huggingFaceConfig(
  model: Pick<StoredModel, "config" | "tensors">,
): Record<string, unknown> | undefined {
  const { tensors } = model,
    main = ["discriminator.", "generator."].find((part) => hasPart(tensors, part)) ?? "";
  const sizes = encoderSizes(tensors, `${main}electra.`);
  if (!model.config && !sizes) return undefined;
  const { discriminator, ...config } = model.config ?? {};
  return {
    hidden_act: "gelu",
    ...sizes,
    ...config,
    ...(main === "discriminator." ? discriminator : main === "generator." ? config.generator : {}) as
      | object
      | undefined,
    model_type: "electra",
    architectures: [architectureOf(model)],
  };
}

/** The class of Hugging Face that the weights are of. */
function architectureOf({ config, tensors }: Pick<StoredModel, "config" | "tensors">): string {
  const [known] = config?.architectures as (string | null)[] | undefined ?? [];
  if (known?.startsWith("Electra")) return known;
  if (hasPart(tensors, "discriminator.")) return "ElectraForPreTraining";
  if (hasPart(tensors, "generator.")) return "ElectraForMaskedLM";
  if (hasPart(tensors, "classifier.out_proj.")) return "ElectraForSequenceClassification";
  return "ElectraModel";
}

function hasPart(tensors: Weights, part: string): boolean {
  return [...tensors.keys()].some((name) => name.startsWith(part));
}

function notesOn(
  { config, tensors }: StoredModel,
  to: ConversionTarget,
  unknown: readonly string[],
): string[] {
  const notes = unknown.length > 0 ? [`left out, since their names are unknown: ${unknown.join(", ")}`] : [];
  if (!config) {
    notes.push("there is no config.json beside the weights; write one, or give the model's folder");
  }
  const { activation } = config?.head as { activation?: string } | undefined ?? {};
  if (to === "hf" && activation === "tanh" && tensors.has("classifier.dense.weight")) {
    notes.push(
      "the classifier was trained with tanh, transformers computes it with gelu: its scores will differ",
    );
  }
  return notes;
}

/** PaddleNLP has no class for tokenizers that are described by `tokenizer.json` alone. */
function forPaddle(tokenizerConfig: string): string {
  return JSON.stringify({ ...JSON.parse(tokenizerConfig), tokenizer_class: "ElectraTokenizer" }, null, 2) +
    "\n";
}

/** Tensors that tell when they are read. */
function watched(tensors: Weights, { signal, onTensor }: ConversionOptions): Weights {
  let done = 0;
  return new Map([...tensors].map(([name, tensor]) => {
    const read = async () => {
      signal?.throwIfAborted();
      const data = await tensor.read();
      onTensor?.(++done, tensors.size);
      return data;
    };
    return [name, { dtype: tensor.dtype, shape: tensor.shape, read } as LazyTensorData];
  }));
}

async function isSame(a: string, b: string): Promise<boolean> {
  const [one, other] = await Promise.all([a, b].map((path) => Deno.realPath(path).catch(() => undefined)));
  return one !== undefined && one === other;
}

async function writeText(path: string, text: string): Promise<void> {
  await writeAtomically(path, [new TextEncoder().encode(text)]);
}
