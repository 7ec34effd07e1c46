/**
 * A pretraining model under examination: what the generator proposes for masked tokens of a sentence, and which of them the
 * discriminator finds out.
 *
 * N = tokens with `[CLS]` and `[SEP]`, M = masked positions, V = vocabulary.
 *
 * @module
 */
import { UserError } from "../../config/mod.ts";
import {
  createVariables,
  loadVariables,
  lookup,
  type ModelVariables,
  type PretrainingConfig,
  pretrainingForward,
} from "../../electra/mod.ts";
import { chooseWords, IGNORED_LABEL, maskTokens, streamDraws } from "../../packing/mod.ts";
import { RandomStream, tf } from "../../tensorflow/mod.ts";
import { continuations, type Segmenter, Tokenizer, Vocabulary } from "../../text/mod.ts";
import { loadCheckpoint } from "../../training/mod.ts";
import { type AttentionMaps, attentionMaps } from "./attention.ts";

/** A token that the generator would put in, and how sure it is. */
export interface Proposal {
  readonly token: string;
  readonly probability: number;
}

/** What became of a token of a sentence. */
export interface ExaminedToken {
  /** What was there. */
  readonly token: string;
  /** What the generator saw in its place; absent where nothing was asked for. */
  readonly seen?: string;
  /** The generator's first choices; absent where nothing was asked for. */
  readonly proposals?: readonly Proposal[];
  /** What the discriminator saw: the token that was there, or the generator's sample. */
  readonly shown: string;
  /** The discriminator's probability that this is not what was there. */
  readonly suspicion: number;
}

/** How a sentence is examined. */
export interface ExamineOptions {
  /** Fixes masks and samples. Default: 1. */
  readonly seed?: number;
  /** Probability that a word is masked. Default: 0.15; at least one word is. */
  readonly mlmProb?: number;
  /** Proposals for each masked token. Default: 3. */
  readonly proposals?: number;
  /** Finds the words, which are masked as a whole. Default: each token is a word. */
  readonly segmenter?: Segmenter;
}

/** Generator and discriminator with their vocabulary; disposing of it frees the device's memory. */
export class PretrainingModel implements Disposable {
  readonly tokenizer: Tokenizer;

  /**
   * @param config sizes and losses
   * @param variables every parameter
   * @param vocabulary that it was trained with
   * @param step updates done so far
   */
  constructor(
    readonly config: PretrainingConfig,
    readonly variables: ModelVariables,
    readonly vocabulary: Vocabulary,
    readonly step: number,
  ) {
    this.tokenizer = new Tokenizer(vocabulary);
  }

  /**
   * Opens a checkpoint of pretraining.
   *
   * @param folder `<output_dir>/checkpoint-<step>`
   * @throws {UserError} if it is none, or damaged
   */
  static async open(folder: string): Promise<PretrainingModel> {
    const { config, model, vocabulary, step } = await loadCheckpoint(folder);
    const pretraining = config as PretrainingConfig;
    if (pretraining.generator === undefined) {
      throw new UserError(
        `Cannot examine "${folder}": it has no generator; name a checkpoint of \`deno task pretrain\``,
      );
    }
    return new PretrainingModel(
      pretraining,
      loadVariables(pretraining, model, folder),
      Vocabulary.fromTokens(vocabulary),
      step,
    );
  }

  /**
   * Makes a model that has learnt nothing.
   *
   * @param seed fixes every parameter
   */
  static untrained(config: PretrainingConfig, vocabulary: Vocabulary, seed: number): PretrainingModel {
    return new PretrainingModel(config, createVariables(config, seed), vocabulary, 0);
  }

  /** Shape of each parameter by its name. */
  get shapes(): Map<string, readonly number[]> {
    return new Map([...this.variables].map(([name, { shape }]) => [name, shape]));
  }

  /**
   * Looks at the attention of an encoder, layer by layer and head by head.
   *
   * @param text a sentence
   * @param encoder whose attention; default: the discriminator's
   */
  async attention(
    text: string,
    encoder: "generator" | "discriminator" = "discriminator",
  ): Promise<AttentionMaps> {
    const { ids, tokens } = this.#encode(text);
    return await attentionMaps(() => this.#readParameters(), this.config, encoder, { ids, tokens });
  }

  /**
   * Masks a sentence and lets generator and discriminator work on it, as a step of pretraining does.
   *
   * @param text a sentence
   * @param options masks, number of proposals
   * @returns its tokens, `[CLS]` and `[SEP]` left out
   * @throws {RangeError} if it has no tokens
   */
  async examine(text: string, options: ExamineOptions = {}): Promise<ExaminedToken[]> {
    const { seed = 1, proposals: count = 3 } = options;
    const { ids, tokens } = this.#encode(text);
    const { seen, positions } = await this.#mask(text, ids, options);
    const [logits, suspicion, shown] = tf.tidy(() => {
      const int32 = (values: ArrayLike<number>) => tf.tensor1d(Array.from(values), "int32");
      const batch = {
        groups: [{ rows: 1, width: ids.length }],
        maskedIds: int32(seen), // (N)
        rawIds: int32(ids), // (N)
        positions: int32(positions), // (M)
        weights: tf.ones([positions.length]), // (M)
        clsPositions: int32([0, 0]), // one sentence, taken for both of its views
        clsWeights: tf.ones([2]),
      };
      const random = new RandomStream(seed, tf.scalar(0, "int32"));
      const { outputs, discriminatorIds } = pretrainingForward(
        this.#readParameters(),
        this.config,
        batch,
        random,
        {
          training: false,
        },
      );
      const suspicion = outputs.rtdLogits ? tf.sigmoid(outputs.rtdLogits) : tf.zeros([ids.length]); // (N)
      return [tf.softmax(outputs.generatorLogits), suspicion, discriminatorIds]; // (M, V), (N), (N)
    });
    const [best, suspicions, shownIds] = await Promise.all([
      topOf(logits, count),
      suspicion.data(),
      shown.data(),
    ]);
    tf.dispose([logits, suspicion, shown]);
    const spelled = (id: number) => this.vocabulary.tokenOf(id);
    return tokens.map((token, at) => {
      const asked = positions.indexOf(at);
      return {
        token,
        ...(asked >= 0 && {
          seen: spelled(seen[at]!),
          proposals: best[asked]!.map(({ id, probability }) => ({ token: spelled(id), probability })),
        }),
        shown: spelled(shownIds[at]!),
        suspicion: suspicions[at]!,
      };
    }).slice(1, -1);
  }

  /** Frees the parameters. */
  [Symbol.dispose]() {
    for (const variable of this.variables.values()) variable.dispose();
  }

  #readParameters() {
    const values = [...this.variables.values()].map((variable) => variable.read());
    return lookup(this.config, this.variables, values);
  }

  #encode(text: string): { ids: number[]; tokens: string[] } {
    const maxLength = this.config.discriminator.max_position_embeddings;
    const ids = [...this.tokenizer.encode(text, undefined, { maxLength }).ids];
    if (ids.length === 2) throw new RangeError(`Cannot look at ${JSON.stringify(text)}: it has no tokens`);
    return { ids, tokens: ids.map((id) => this.vocabulary.tokenOf(id)) };
  }

  /** Draws masks until there are any: what the generator sees (N), and where it is asked (M). */
  async #mask(text: string, ids: readonly number[], { seed = 1, mlmProb = 0.15, segmenter }: ExamineOptions) {
    const inner = Int32Array.from(ids.slice(1, -1));
    const words = segmenter ? (await segmenter.cut([text]))[0]! : undefined;
    const isSuffix = words
      ? continuations(this.tokenizer.tokenize(text), words).subarray(0, inner.length)
      : new Uint8Array(inner.length);
    for (let sentence = 0;; sentence++) {
      const draws = streamDraws({ seed, epoch: 0, sentence, view: 0 }, mlmProb, this.vocabulary.size);
      const { masked, labels } = maskTokens(
        inner,
        chooseWords(isSuffix, draws),
        draws,
        this.vocabulary.maskId,
      );
      const positions = [...labels.keys()].filter((i) => labels[i] !== IGNORED_LABEL).map((i) => i + 1);
      if (positions.length > 0) return { seen: [ids[0]!, ...masked, ids.at(-1)!], positions };
    }
  }
}

/** The likeliest tokens of each row. */
async function topOf(
  probabilities: tf.Tensor,
  count: number,
): Promise<{ id: number; probability: number }[][]> {
  const { values, indices } = tf.topk(probabilities, count);
  const [likely, ids] = await Promise.all([values.array(), indices.array()]) as [number[][], number[][]];
  tf.dispose([values, indices]);
  return ids.map((row, i) => row.map((id, j) => ({ id, probability: likely[i]![j]! })));
}
