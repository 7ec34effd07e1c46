/** Sentences of a corpus, drawn at random, as pretraining would mask them. */
import type { Vocabulary } from "../text/mod.ts";
import {
  chooseWords,
  type Corpus,
  IGNORED_LABEL,
  maskTokens,
  RandomStream,
  streamDraws,
} from "../packing/mod.ts";

/** A token of a sentence as the model would see it. */
export interface MaskedToken {
  readonly spelling: string;
  /** What masking makes of it; `none` where no loss is. */
  readonly masking: "none" | "mask" | "random" | "keep";
  /** The spelling that the model sees. */
  readonly seen: string;
}

/** A sentence of a corpus, cut to a row's room. */
export interface ExampleSentence {
  /** Number in the corpus, from 0. */
  readonly sentence: number;
  /** Tokens that the row has no room for. */
  readonly cut: number;
  readonly words: readonly (readonly MaskedToken[])[];
}

/** Which examples, and the options of pretraining that decide their masks. */
export interface ExampleOptions {
  readonly vocabulary: Vocabulary;
  readonly count: number;
  readonly seed: number;
  readonly maxSeqLength: number;
  readonly mlmProb: number;
}

/**
 * Draws random sentences and masks them as the first view of pretraining's first epoch does with the same seed.
 *
 * @param corpus the open corpus; all corpora of a folder, for the masks to be the very ones
 * @param options which and how
 * @returns different sentences, in the order of the corpus
 */
export function exampleSentences(corpus: Corpus, options: ExampleOptions): ExampleSentence[] {
  const stream = new RandomStream({ seed: options.seed, purpose: "order", epoch: 0 });
  const numbers = new Set<number>();
  while (numbers.size < Math.min(options.count, corpus.length)) numbers.add(stream.below(corpus.length));
  return [...numbers].sort((a, b) => a - b).map((sentence) => maskedSentence(corpus, sentence, options));
}

function maskedSentence(
  corpus: Corpus,
  sentence: number,
  { vocabulary, seed, maxSeqLength, mlmProb }: ExampleOptions,
): ExampleSentence {
  const whole = corpus.sentence(sentence);
  const ids = whole.ids.subarray(0, maxSeqLength - 2);
  const isSuffix = whole.isSuffix.subarray(0, ids.length);
  const draws = streamDraws({ seed, epoch: 0, sentence, view: 0 }, mlmProb, vocabulary.size);
  const { masked, labels } = maskTokens(ids, chooseWords(isSuffix, draws), draws, vocabulary.maskId);
  const words: MaskedToken[][] = [];
  ids.forEach((id, i) => {
    const masking = labels[i] === IGNORED_LABEL
      ? "none"
      : masked[i] === vocabulary.maskId
      ? "mask"
      : masked[i] === id
      ? "keep"
      : "random";
    const token = {
      spelling: vocabulary.tokenOf(id),
      masking,
      seen: vocabulary.tokenOf(masked[i]!),
    } as const;
    if (i > 0 && isSuffix[i] === 1) words.at(-1)!.push(token);
    else words.push([token]);
  });
  return { sentence, cut: whole.ids.length - ids.length, words };
}
