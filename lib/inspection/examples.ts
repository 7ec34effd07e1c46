/** Sentences of a corpus, drawn at random, as pretraining would mask them. */
import type { Vocabulary } from "../text/mod.ts";
import {
  chooseWords,
  type Corpus,
  IGNORED_LABEL,
  maskTokens,
  RandomStream,
  type Sentence,
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
  /** Number in the corpus, from 0; of the pair in a corpus of pairs. */
  readonly sentence: number;
  /** Which half of the pair it is; absent in a corpus that is not of pairs. */
  readonly half?: "question" | "answer";
  /** Tokens that the row has no room for. */
  readonly cut: number;
  readonly words: readonly (readonly MaskedToken[])[];
}

/** Which examples, and the options of pretraining that decide their masks. */
export interface ExampleOptions {
  readonly vocabulary: Vocabulary;
  /** How many sentences, or pairs. */
  readonly count: number;
  readonly seed: number;
  readonly maxSeqLength: number;
  readonly mlmProb: number;
}

/**
 * Draws random sentences and masks them as the first view of pretraining's first epoch does with the same seed; of a pair
 * the answer as the second view does.
 *
 * @param corpus the open corpus; all corpora of a folder, for the masks to be the very ones
 * @param options which and how
 * @returns different sentences, in the order of the corpus; each question is followed by its answer
 */
export function exampleSentences(corpus: Corpus, options: ExampleOptions): ExampleSentence[] {
  const stream = new RandomStream({ seed: options.seed, purpose: "order", epoch: 0 });
  const numbers = new Set<number>();
  while (numbers.size < Math.min(options.count, corpus.length)) numbers.add(stream.below(corpus.length));
  return [...numbers].sort((a, b) => a - b).flatMap((number) => {
    const sentence = corpus.sentence(number);
    const { partner } = sentence;
    if (partner === undefined) return [{ sentence: number, ...maskSentence(sentence, number, 0, options) }];
    return [
      { sentence: number, half: "question" as const, ...maskSentence(sentence, number, 0, options) },
      { sentence: number, half: "answer" as const, ...maskSentence(partner, number, 1, options) },
    ];
  });
}

function maskSentence(
  whole: Sentence,
  sentence: number,
  view: 0 | 1,
  { vocabulary, seed, maxSeqLength, mlmProb }: ExampleOptions,
): Pick<ExampleSentence, "cut" | "words"> {
  const ids = whole.ids.subarray(0, maxSeqLength - 2);
  const isSuffix = whole.isSuffix.subarray(0, ids.length);
  const draws = streamDraws({ seed, epoch: 0, sentence, view }, mlmProb, vocabulary.size);
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
  return { cut: whole.ids.length - ids.length, words };
}
