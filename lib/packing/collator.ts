/**
 * From sentences to a batch: each in its place, masked twice over, as the original's collator does it.
 *
 * N: slots of the batch, S: most sentences, M: most masked positions. The two views of a sentence, masked by themselves, are
 * what contrastive sequence prediction brings together.
 */
import type { Vocabulary } from "../text/mod.ts";
import type { PlannedSentence } from "./batch_plan.ts";
import {
  chooseWords,
  dropLastWord,
  IGNORED_LABEL,
  type MaskingDraws,
  maskTokens,
  streamDraws,
} from "./masking.ts";
import { RandomStream } from "./random.ts";
import { type BatchLayout, slots } from "./rows.ts";
import { type Sentence, SPECIAL_TOKENS_A_SENTENCE } from "./sentences.ts";

/** A sentence and where it stands, in training and in the batch. */
export type PlacedSentence = Sentence & PlannedSentence;

/** How a batch is made. */
export interface CollateOptions {
  /** Its shape; masked tokens beyond its capacity are left unmasked, word by word. */
  readonly layout: BatchLayout;
  readonly vocabulary: Vocabulary;
  /** Probability that a word is masked. */
  readonly mlmProb: number;
  readonly seed: number;
  /** Where the random decisions come from; view 0 is a, 1 is b. Default: streams by seed, epoch, sentence and view. */
  readonly draws?: (sentence: PlacedSentence, view: 0 | 1) => MaskingDraws;
}

/** The sentences of one step, in two views each. */
export interface Batch {
  readonly layout: BatchLayout;
  /** What the generator sees. */
  readonly maskedIds: Int32Array<ArrayBuffer>; // (N)
  /** What was there before masking. */
  readonly rawIds: Int32Array<ArrayBuffer>; // (N)
  /** The raw id at masked positions, −100 elsewhere. */
  readonly labels: Int32Array<ArrayBuffer>; // (N)
  /** From 0 at each `[CLS]`; 0 in padding. */
  readonly positionIds: Int32Array<ArrayBuffer>; // (N)
  /** 1 for the first sentence of a row, 2 for the second …; 0 in padding. */
  readonly segmentIds: Int32Array<ArrayBuffer>; // (N)
  /**
   * A number for each token, from seed, epoch, sentence, view and position: what the device draws for a token, as dropout,
   * depends on it, and so not on where in which batch the token stands; 0 in padding.
   */
  readonly tokenKeys: Int32Array<ArrayBuffer>; // (N)
  /** Slots of the `[CLS]` of view a, then those of view b; 0 where there is no sentence. */
  readonly clsPositions: Int32Array<ArrayBuffer>; // (2S)
  /** How many sentences there are, at most S. */
  readonly sentences: number;
  /** Tokens that are not padding, in both views together. */
  readonly tokens: number;
}

const VIEWS = [0, 1] as const;

/** From one token's key to the next one's: odd, and no small multiple of what is between the elements of one token. */
const KEY_STRIDE = 0x85ebca6b;

/**
 * Puts sentences into their places as `[CLS] … [SEP]`, and masks them in two views.
 *
 * @param sentences at most S; the tail of one that is longer than its place is cut off
 * @param options shape of the batch, masking, seed
 * @returns the batch
 *
 * @example
 * ```ts
 * import { collate } from "./collator.ts";
 * import { paddedLayout } from "./rows.ts";
 * import { Vocabulary } from "../text/mod.ts";
 * const vocabulary = Vocabulary.fromTokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "发", "热"]);
 * const text = { ids: Int32Array.of(5, 6), isSuffix: Uint8Array.of(0, 1) };
 * const sentence = { ...text, epoch: 0, sentence: 0, slots: [0, 6], length: 4, segment: 1 } as const;
 * const batch = collate([sentence], { layout: paddedLayout(1, 6), vocabulary, mlmProb: 1, seed: 1000 });
 * console.log(batch.rawIds.subarray(0, 6), batch.labels.subarray(0, 6)); // 2 5 6 3 0 0 and -100 5 6 -100 -100 -100
 * ```
 */
export function collate(sentences: readonly PlacedSentence[], options: CollateOptions): Batch {
  const { layout, vocabulary, mlmProb, seed } = options;
  const drawsOf = options.draws ??
    (({ epoch, sentence }, view) => streamDraws({ seed, epoch, sentence, view }, mlmProb, vocabulary.size));

  const texts = VIEWS.flatMap((view) =>
    sentences.map((sentence) => {
      const { slots, segment, length, partner = sentence } = sentence;
      const room = length - SPECIAL_TOKENS_A_SENTENCE;
      const content = view === 0 ? sentence : partner;
      const ids = content.ids.subarray(0, room);
      const isSuffix = content.isSuffix.subarray(0, room);
      const draws = drawsOf(sentence, view);
      const chosen = chooseWords(isSuffix, draws);
      const { epoch, sentence: number } = sentence;
      const key = new RandomStream({ seed, purpose: "token", epoch, sentence: number, view }).uint32();
      return { slot: slots[view], segment, ids, isSuffix, draws, chosen, key };
    })
  );
  unmaskBeyond(layout.maskCapacity, texts);

  const size = slots(layout);
  const rawIds = new Int32Array(size).fill(vocabulary.padId); // (N)
  const maskedIds = new Int32Array(size).fill(vocabulary.padId); // (N)
  const labels = new Int32Array(size).fill(IGNORED_LABEL); // (N)
  const positionIds = new Int32Array(size); // (N)
  const segmentIds = new Int32Array(size); // (N)
  const tokenKeys = new Int32Array(size); // (N)
  let tokens = 0;
  for (const { slot, segment, ids, chosen, draws, key } of texts) {
    const end = slot + 1 + ids.length;
    const text = maskTokens(ids, chosen, draws, vocabulary.maskId);
    for (const [target, content] of [[rawIds, ids], [maskedIds, text.masked]] as const) {
      target[slot] = vocabulary.clsId;
      target.set(content, slot + 1);
      target[end] = vocabulary.sepId;
    }
    labels.set(text.labels, slot + 1);
    for (let i = slot; i <= end; i++) {
      positionIds[i] = i - slot;
      tokenKeys[i] = key + Math.imul(i - slot, KEY_STRIDE);
    }
    segmentIds.fill(segment, slot, end + 1);
    tokens += ids.length + SPECIAL_TOKENS_A_SENTENCE;
  }
  const clsPositions = new Int32Array(2 * layout.sentenceCapacity); // (2S)
  for (const view of VIEWS) {
    clsPositions.set(sentences.map(({ slots }) => slots[view]), view * layout.sentenceCapacity);
  }
  return {
    layout,
    maskedIds,
    rawIds,
    labels,
    positionIds,
    segmentIds,
    tokenKeys,
    clsPositions,
    sentences: sentences.length,
    tokens,
  };
}

/** Takes masks back, a word a sentence, last ones first, until they fit: before replacement, so that labels agree. */
function unmaskBeyond(
  capacity: number,
  texts: readonly { chosen: Uint8Array; isSuffix: Uint8Array }[],
): void {
  let count = texts.reduce((sum, { chosen }) => sum + chosen.reduce((n, mark) => n + mark, 0), 0);
  while (count > capacity) {
    for (let t = texts.length - 1; t >= 0 && count > capacity; t--) {
      count -= dropLastWord(texts[t]!.chosen, texts[t]!.isSuffix);
    }
  }
}

/** Where a batch is masked, padded to a fixed count M. */
export interface MaskedPositions {
  /** Slots; 0 where nothing is left. */
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
