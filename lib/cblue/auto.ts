/**
 * Models by what they are for, under the names that users of PaddleNLP and transformers know.
 *
 * B = rows, L = tokens of the longest row, C = classes.
 *
 * @module
 */
import { dirname, join } from "node:path";
import type { Tensor } from "@tensorflow/tfjs-core";
import {
  type FinetuningConfig,
  finetuningForward,
  type HeadConfig,
  type ModelVariables,
} from "../electra/mod.ts";
import { resolveModel } from "../hub/mod.ts";
import { tf } from "../tensorflow/mod.ts";
import { type Encoding, Tokenizer, Vocabulary } from "../text/mod.ts";
import { loadParameters, readSavedModel, type SavedModel } from "./open_model.ts";

/** Tokenizers of saved models. */
export class AutoTokenizer {
  /**
   * The tokenizer of a model folder, from its vocab.txt and, where there is one, `do_lower_case` in tokenizer_config.json.
   *
   * @param name The folder, a file of weights in it, or a model's name on the hub.
   * @throws {UserError} If it has no vocabulary, or a file is malformed.
   */
  static async from_pretrained(name: string): Promise<Tokenizer> {
    const path = await resolveModel(name);
    const folder = /\.(safetensors|bin|pt|pth|pdparams|npz)$/.test(path) ? dirname(path) : path;
    return new Tokenizer(await Vocabulary.ofModel(join(folder, "vocab.txt")));
  }
}

/** How a model is loaded. */
export interface LoadOptions {
  /** Classes of the head; default: those of the head in the folder, 2 if it has none. */
  readonly num_classes?: number;
  /** Of a head that the file lacks; default 1000. */
  readonly seed?: number;
  /** Hears which parts are new, and which of the file are not used; default `console.warn`. */
  readonly say?: (line: string) => void;
}

/** A kind of head, as folders have it. */
interface HeadKind {
  /** Its name in config.json. */
  readonly architecture: string;
  /** The layer with an output for each class. */
  readonly outputs: string;
  /** The head of so many classes. */
  readonly head: (classes: number, folder: FolderConfig) => HeadConfig;
}

/** What config.json may tell of a head. */
interface FolderConfig {
  readonly architectures?: readonly (string | null)[];
  /** Of folders that `deno task finetune` saved. */
  readonly head?: { readonly activation?: "tanh" | "gelu" };
  /** Of PaddleNLP from 2.6 on: within the head too. */
  readonly hidden_act?: string;
}

/** A loaded model; disposing of it frees the device's memory. */
export class PretrainedModel implements Disposable {
  readonly config: FinetuningConfig;
  /** Parameters under the original's names. */
  readonly variables: ModelVariables;
  /** Names of those that were not in the file. */
  readonly fresh: readonly string[];

  private constructor(config: FinetuningConfig, { variables, fresh }: ReturnType<typeof loadParameters>) {
    [this.config, this.variables, this.fresh] = [config, variables, fresh];
  }

  /** @internal */
  static async load(
    path: string,
    { architecture, outputs, head }: HeadKind,
    { num_classes, seed = 1000, say = console.warn }: LoadOptions,
  ): Promise<PretrainedModel> {
    const file = await readSavedModel(path), folder = file.config as FolderConfig;
    const isOther = folder.architectures?.some((name) => name !== null && name !== architecture) ?? false;
    const saved = isOther ? withoutHead(file) : file;
    const classes = num_classes ?? saved.tensors.get(`${outputs}.bias`)?.shape[0] ?? 2;
    const config = { encoder: saved.encoder, head: head(classes, folder) };
    const model = new PretrainedModel(config, loadParameters(config, saved, seed));
    const left = [...saved.tensors.keys()].filter((name) => !model.variables.has(name));
    const line = (start: string, modules: readonly string[]) =>
      modules.length > 0 && say(`${start}: ${[...new Set(modules)].join(", ")}`);
    const layers = (names: readonly string[]) => names.map((name) => name.replace(/\.(weight|bias)$/, ""));
    line(`New in "${path}", to be trained first`, layers(model.fresh));
    const unused = layers([...saved.unused, ...left]);
    line(`Not used of "${path}"`, unused.map((name) => name.split(".").slice(0, 2).join(".")));
    return model;
  }

  /**
   * What the head says of texts, without dropout.
   *
   * @param encodings From `tokenizer.encode`; shorter ones are padded to the longest.
   * @returns Logits as `finetuningForward` gives them: (B, C) of sequences, (B, L, C) of tokens, (B, L) twice of answers.
   * @throws {RangeError} If there are none, or one is longer than the model has positions.
   */
  forward(encodings: readonly Pick<Encoding, "ids" | "typeIds">[]): Tensor[] {
    if (encodings.length === 0) throw new RangeError("Cannot encode no texts");
    const { encoder } = this.config, rows = encodings.length;
    const width = Math.max(...encodings.map(({ ids }) => ids.length));
    const padded = (of: (encoding: typeof encodings[number]) => readonly number[], pad: number) =>
      encodings.flatMap((one) => [...of(one), ...Array<number>(width - one.ids.length).fill(pad)]);
    return tf.tidy(() => {
      const flat = (values: number[]) => tf.tensor1d(values, "int32");
      const ids = flat(padded(({ ids }) => ids, encoder.pad_token_id));
      const tokenTypeIds = flat(padded(({ typeIds }) => typeIds, 0));
      const parameter = (name: string) => this.variables.get(name)!.read();
      return finetuningForward(parameter, this.config, { ids, tokenTypeIds, groups: [{ rows, width }] });
    });
  }

  /** Frees the parameters. */
  [Symbol.dispose]() {
    for (const variable of this.variables.values()) variable.dispose();
  }
}

/**
 * Models that give a text, or two, a class.
 *
 * @example
 * ```ts ignore
 * import { AutoModelForSequenceClassification, AutoTokenizer } from "./mod.ts";
 * const path = "output/small/checkpoint-10000"; // of `deno task pretrain` or `finetune`
 * const tokenizer = await AutoTokenizer.from_pretrained(path);
 * using model = await AutoModelForSequenceClassification.from_pretrained(path, { num_classes: 11 });
 * const [logits] = model.forward([tokenizer.encode("感冒吃什么药"), tokenizer.encode("头痛", "头疼")]); // (2, 11)
 * ```
 */
export class AutoModelForSequenceClassification {
  /**
   * @param options.activation Within the head; default: as the folder has it, gelu if PaddleNLP from 2.6 on saved it, else tanh
   * as published.
   */
  static async from_pretrained(
    path: string,
    options: LoadOptions & { readonly activation?: "tanh" | "gelu" } = {},
  ): Promise<PretrainedModel> {
    const activationOf = ({ head, hidden_act }: FolderConfig) =>
      options.activation ?? head?.activation ?? (hidden_act === "gelu" ? "gelu" : "tanh");
    return await PretrainedModel.load(path, {
      architecture: "ElectraForSequenceClassification",
      outputs: "classifier.out_proj",
      head: (classes, folder) => ({
        kind: "sequence-classification",
        classes,
        activation: activationOf(folder),
      }),
    }, options);
  }
}

/** Models that give each token a class. */
export class AutoModelForTokenClassification {
  static async from_pretrained(path: string, options: LoadOptions = {}): Promise<PretrainedModel> {
    return await PretrainedModel.load(path, {
      architecture: "ElectraForTokenClassification",
      outputs: "classifier",
      head: (classes) => ({ kind: "token-classification", classes }),
    }, options);
  }
}

/** Models that find where an answer begins and ends. */
export class AutoModelForQuestionAnswering {
  static async from_pretrained(
    path: string,
    options: Omit<LoadOptions, "num_classes"> = {},
  ): Promise<PretrainedModel> {
    return await PretrainedModel.load(path, {
      architecture: "ElectraForQuestionAnswering",
      outputs: "classifier",
      head: () => ({ kind: "question-answering" }),
    }, options);
  }
}

/** The encoder alone: a layer of another head may have the same name. */
function withoutHead(saved: SavedModel): SavedModel {
  const names = [...saved.tensors.keys()], isEncoder = (name: string) => name.startsWith("electra.");
  const tensors = new Map([...saved.tensors].filter(([name]) => isEncoder(name)));
  return { ...saved, tensors, unused: [...saved.unused, ...names.filter((name) => !isEncoder(name))] };
}
