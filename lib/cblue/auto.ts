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
import { tf } from "../tensorflow/mod.ts";
import { type Encoding, Tokenizer, Vocabulary } from "../text/mod.ts";
import { loadParameters, readSavedModel } from "./open_model.ts";

/** Tokenizers of saved models. */
export class AutoTokenizer {
  /**
   * The tokenizer of a model folder, from its vocab.txt.
   *
   * @param path The folder, or a safetensors file in it.
   * @throws {UserError} If it has no vocabulary.
   */
  static async from_pretrained(path: string): Promise<Tokenizer> {
    const folder = path.endsWith(".safetensors") ? dirname(path) : path;
    return new Tokenizer(await Vocabulary.read(join(folder, "vocab.txt")));
  }
}

/** How a model is loaded. */
export interface LoadOptions {
  /** Classes of the head; default 2. */
  readonly num_classes?: number;
  /** Of a head that the file lacks; default 1000. */
  readonly seed?: number;
  /** Hears which parts are new; default `console.warn`. */
  readonly say?: (line: string) => void;
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
    head: HeadConfig,
    { seed = 1000, say = console.warn }: LoadOptions,
  ): Promise<PretrainedModel> {
    const saved = await readSavedModel(path), config = { encoder: saved.encoder, head };
    const model = new PretrainedModel(config, loadParameters(config, saved, seed));
    const modules = new Set(model.fresh.map((name) => name.replace(/\.(weight|bias)$/, "")));
    if (modules.size > 0) say(`New in "${path}", to be trained first: ${[...modules].join(", ")}`);
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
  /** @param options.activation Within a head: tanh as published, gelu as PaddleNLP from 2.6 on. */
  static async from_pretrained(
    path: string,
    options: LoadOptions & { readonly activation?: "tanh" | "gelu" } = {},
  ): Promise<PretrainedModel> {
    const { num_classes: classes = 2, activation = "tanh" } = options;
    return await PretrainedModel.load(
      path,
      { kind: "sequence-classification", classes, activation },
      options,
    );
  }
}

/** Models that give each token a class. */
export class AutoModelForTokenClassification {
  static async from_pretrained(path: string, options: LoadOptions = {}): Promise<PretrainedModel> {
    const { num_classes: classes = 2 } = options;
    return await PretrainedModel.load(path, { kind: "token-classification", classes }, options);
  }
}

/** Models that find where an answer begins and ends. */
export class AutoModelForQuestionAnswering {
  static async from_pretrained(
    path: string,
    options: Omit<LoadOptions, "num_classes"> = {},
  ): Promise<PretrainedModel> {
    return await PretrainedModel.load(path, { kind: "question-answering" }, options);
  }
}
