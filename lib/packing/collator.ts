/**
 * From sentences to a batch: padded rows, each sentence masked twice over, as the original's collator makes them.
 *
 * B: sentences, L: `maxSeqLength`. Rows 0 … B−1 are view a, rows B … 2B−1 view b of the same sentences: the two views are
 * what contrastive sequence prediction brings together.
 */
import type { Vocabulary } from "../text/mod.ts";
import type { Sentence, SentenceLengths } from "./corpus_reader.ts";
import {
  chooseWords,
  dropLastWord,
  IGNORED_LABEL,
  type MaskingDraws,
  maskTokens,
  streamDraws,
} from "./masking.ts";

/** A sentence and where in training it stands: its masks depend on that, the seed and nothing else. */
export interface PlacedSentence extends Sentence {
  readonly epoch: number;
  /** Number in the corpus. */
  readonly sentence: number;
}

/** How a batch is made. */
export interface CollateOptions {
  readonly vocabulary: Vocabulary;
  /** L: tokens a row, `[CLS]` and `[SEP]` included; the tail of longer sentences is cut off. */
  readonly maxSeqLength: number;
  /** Probability that a word is masked. */
  readonly mlmProb: number;
  readonly seed: number;
  /** Most masked tokens that a batch may have; beyond it, words are left unmasked. Default: no limit. */
  readonly maskCapacity?: number;
  /** Where the random decisions come from; view 0 is a, 1 is b. Default: streams by seed, epoch, sentence and view. */
  readonly draws?: (row: PlacedSentence, view: 0 | 1) => MaskingDraws;
}

/** Rows for one step, row-major. */
export interface Batch {
  /** What the generator sees. */
  readonly maskedIds: Int32Array; // (2B, L)
  /** What was there before masking. */
  readonly rawIds: Int32Array; // (2B, L)
  /** The raw id at masked positions, −100 elsewhere. */
  readonly labels: Int32Array; // (2B, L)
  /** 2B. */
  readonly rows: number;
  /** L. */
  readonly length: number;
  /** Tokens that are not padding, in both views together. */
  readonly tokens: number;
}

const VIEWS = [0, 1] as const;
const SPECIAL_TOKENS_A_ROW = 2;

/**
 * Lays sentences out as `[CLS] … [SEP] [PAD]…` and masks them in two views.
 *
 * @param sentences the B sentences
 * @param options row length, masking, seed
 * @returns 2B rows of L tokens
 * @throws {RangeError} if a row has no room for a token
 *
 * @example
 * ```ts
 * import { collate } from "./collator.ts";
 * import { Vocabulary } from "../text/mod.ts";
 * const vocabulary = Vocabulary.fromTokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "发", "热"]);
 * const row = { ids: Int32Array.of(5, 6), isSuffix: Uint8Array.of(0, 1), epoch: 0, sentence: 0 };
 * const batch = collate([row], { vocabulary, maxSeqLength: 6, mlmProb: 1, seed: 1000 });
 * console.log(batch.rawIds.subarray(0, 6), batch.labels.subarray(0, 6)); // 2 5 6 3 0 0 and -100 5 6 -100 -100 -100
 * ```
 */
export function collate(sentences: readonly PlacedSentence[], options: CollateOptions): Batch {
  const { vocabulary, maxSeqLength: length, mlmProb, seed } = options;
  const room = length - SPECIAL_TOKENS_A_ROW;
  if (!(room >= 1)) throw new RangeError(`Cannot make rows of ${length} tokens: the smallest length is 3`);
  const drawsOf = options.draws ??
    ((row, view) =>
      streamDraws({ seed, epoch: row.epoch, sentence: row.sentence, view }, mlmProb, vocabulary.size));

  const rows = VIEWS.flatMap((view) =>
    sentences.map((row) => {
      const draws = drawsOf(row, view);
      const ids = row.ids.subarray(0, room);
      const isSuffix = row.isSuffix.subarray(0, room);
      return { ids, isSuffix, draws, chosen: chooseWords(isSuffix, draws) };
    })
  );
  if (options.maskCapacity !== undefined) unmaskBeyond(options.maskCapacity, rows);

  const size = rows.length * length;
  const rawIds = new Int32Array(size).fill(vocabulary.padId); // (2B, L)
  const maskedIds = new Int32Array(size).fill(vocabulary.padId); // (2B, L)
  const labels = new Int32Array(size).fill(IGNORED_LABEL); // (2B, L)
  let tokens = 0;
  rows.forEach(({ ids, chosen, draws }, r) => {
    const start = r * length;
    const end = start + 1 + ids.length;
    const row = maskTokens(ids, chosen, draws, vocabulary.maskId);
    for (const [target, content] of [[rawIds, ids], [maskedIds, row.masked]] as const) {
      target[start] = vocabulary.clsId;
      target.set(content, start + 1);
      target[end] = vocabulary.sepId;
    }
    labels.set(row.labels, start + 1);
    tokens += ids.length + SPECIAL_TOKENS_A_ROW;
  });
  return { maskedIds, rawIds, labels, rows: rows.length, length, tokens };
}

/** Takes masks back, a word a row, last rows first, until they fit: before replacement, so that labels agree. */
function unmaskBeyond(capacity: number, rows: readonly { chosen: Uint8Array; isSuffix: Uint8Array }[]): void {
  let count = rows.reduce((sum, { chosen }) => sum + chosen.reduce((n, mark) => n + mark, 0), 0);
  while (count > capacity) {
    for (let r = rows.length - 1; r >= 0 && count > capacity; r--) {
      count -= dropLastWord(rows[r]!.chosen, rows[r]!.isSuffix);
    }
  }
}

/**
 * Suggests room for the masked positions of every batch, for a compiled step of fixed shapes.
 *
 * The expected count and six standard deviations (of sentence lengths, which both views share, and of the masking;
 * words average about two tokens), rounded up to a multiple of eight: batches practically never overflow it.
 *
 * @param rows 2B
 * @param lengths of the corpus's sentences, as `Corpus.lengths` tells
 * @param mlmProb probability that a word is masked
 * @returns number of positions, at least 8 and at most all
 *
 * @example
 * ```ts
 * import { maskCapacity } from "./collator.ts";
 * console.log(maskCapacity(64, { mean: 30, variance: 200, max: 126 }, 0.15)); // 480 of 8064 positions
 * ```
 */
export function maskCapacity(rows: number, lengths: SentenceLengths, mlmProb: number): number {
  const { mean, variance, max } = lengths;
  const expected = rows * mean * mlmProb;
  const deviation = Math.sqrt(2 * rows * variance * mlmProb ** 2 + 2 * expected * (1 - mlmProb));
  return 8 * Math.max(1, Math.ceil(Math.min(rows * max, expected + 6 * deviation) / 8));
}

/** Where a batch is masked, padded to a fixed count M. */
export interface MaskedPositions {
  /** Row × L + column; 0 where nothing is left. */
  readonly positions: Int32Array; // (M)
  /** The raw id there; 0 where nothing is left. */
  readonly labels: Int32Array; // (M)
  /** 1 for a masked position, 0 for padding. */
  readonly weights: Float32Array; // (M)
}

/**
 * Lists the masked positions of a batch for a step that works only there.
 *
 * @param batch a batch made with at most this `maskCapacity`
 * @param capacity M, the fixed count
 * @returns flat positions, their labels and weights
 * @throws {RangeError} if the batch has more masked positions
 */
export function maskedPositions(batch: Pick<Batch, "labels">, capacity: number): MaskedPositions {
  const positions = new Int32Array(capacity);
  const labels = new Int32Array(capacity);
  const weights = new Float32Array(capacity);
  let count = 0;
  batch.labels.forEach((label, position) => {
    if (label === IGNORED_LABEL) return;
    if (count < capacity) {
      positions[count] = position;
      labels[count] = label;
      weights[count] = 1;
    }
    count++;
  });
  if (count > capacity) {
    throw new RangeError(
      `Cannot list ${count} masked positions in ${capacity}: collate with this maskCapacity`,
    );
  }
  return { positions, labels, weights };
}
