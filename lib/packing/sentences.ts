/** Lists of sentences: what batches are made of, whether it is a whole corpus or a part of one. */
import { UserError } from "../config/mod.ts";
import { heldOutOrder } from "./random.ts";

/** `[CLS]` before it and `[SEP]` behind it. */
export const SPECIAL_TOKENS_A_SENTENCE = 2;

/** A sentence as the model takes it, without `[CLS]` and `[SEP]`. */
export interface Sentence {
  /** Vocabulary ids, below V. */
  readonly ids: Int32Array;
  /** 1 where a token continues the word before it, else 0. */
  readonly isSuffix: Uint8Array;
  /** In a list of pairs the other half: what view b shows instead. */
  readonly partner?: Sentence;
}

/** Tokens of a corpus that follow each other: all or part of a sentence. */
export interface Span {
  /** Number of the pair of files. */
  readonly file: number;
  /** Number of its first token in that file, and of the first one behind it. */
  readonly start: number;
  readonly end: number;
}

/** A list of sentences. */
export interface Sentences {
  /** Number of sentences. */
  readonly length: number;
  /** Whether each has a partner, which counts as part of it. */
  readonly pairs?: boolean;
  /** @returns sentence `n`, read anew */
  sentence(n: number): Sentence;
  /** @returns number of tokens of sentence `n`; of a pair, those of its longer half */
  tokensOf(n: number): number;
  /** Where they lie on disk, for workers to read; absent if they are in memory only. */
  readonly stored?: StoredSentences;
}

/** Where sentences lie. */
export interface StoredSentences {
  readonly files: TokenFilePaths;
  /** @returns where sentence `n` lies; of a pair, both halves */
  spansOf(n: number): readonly Span[];
}

/** The files of a corpus, as any thread can open them. */
export interface TokenFilePaths {
  readonly files: readonly { readonly ids: string; readonly marks: string | undefined }[];
  /** Whether word pieces are read as the original reads them. */
  readonly originalPieces: boolean;
}

/**
 * Holds sentences out of training, to evaluate on.
 *
 * @param sentences all sentences
 * @param share how much of them, 0 to 1; at least one sentence is held out, and one is left
 * @param seed which
 * @returns the two parts, each in stored order: disjoint, and together everything
 * @throws {UserError} if there are not two sentences
 *
 * @example
 * ```ts
 * import { holdOut } from "./sentences.ts";
 * const sentence = (n: number) => ({ ids: Int32Array.of(5 + n), isSuffix: Uint8Array.of(0) });
 * const { train, evaluation } = holdOut({ length: 10, sentence, tokensOf: () => 1 }, 0.2, 1000);
 * console.log(train.length, evaluation.length); // 8 2
 * ```
 */
export function holdOut(
  sentences: Sentences,
  share: number,
  seed: number,
): { train: Sentences; evaluation: Sentences } {
  const { length } = sentences;
  if (length < 2) {
    throw new UserError(`Cannot hold sentences out of training: there are ${length}, at least 2 are needed`);
  }
  const held = Math.min(length - 1, Math.max(1, Math.round(share * length)));
  const order = heldOutOrder(length, seed);
  return {
    evaluation: part(sentences, order.slice(0, held).sort()),
    train: part(sentences, order.slice(held).sort()),
  };
}

/** The sentences of these numbers. */
function part(sentences: Sentences, numbers: Uint32Array): Sentences {
  const numberOf = (n: number): number => {
    const number = numbers[n];
    if (number === undefined) throw new RangeError(`Cannot read sentence ${n}: there are ${numbers.length}`);
    return number;
  };
  const { stored } = sentences;
  return {
    length: numbers.length,
    pairs: sentences.pairs ?? false,
    sentence: (n) => sentences.sentence(numberOf(n)),
    tokensOf: (n) => sentences.tokensOf(numberOf(n)),
    ...(stored && { stored: { files: stored.files, spansOf: (n) => stored.spansOf(numberOf(n)) } }),
  };
}
