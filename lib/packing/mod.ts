/** Packing: from corpus files to masked batches. */
export {
  decodeNpy,
  decodeNpyHeader,
  elementBytes,
  encodeNpy,
  encodeNpyHeader,
  type NpyArray,
  type NpyData,
  type NpyDtype,
} from "./npy.ts";
export { decodeNpz, encodeNpz, encodeNpzDirectory, encodeNpzHeader, type NpzEntry } from "./npz.ts";
export { ArrayFile } from "./array_file.ts";
export { mersenneShuffle, RandomStream, shuffledOrder, type StreamPosition } from "./random.ts";
export { checkCorpusVocabulary, corpusVocabularyPath, readCorpusVocabulary } from "./corpus_vocabulary.ts";
export { Corpus, type CorpusOptions } from "./corpus_reader.ts";
export {
  holdOut,
  type Sentence,
  type Sentences,
  SPECIAL_TOKENS_A_SENTENCE,
  type StoredSentences,
} from "./sentences.ts";
export { splitLong } from "./split_long.ts";
export {
  chooseWords,
  dropLastWord,
  IGNORED_LABEL,
  type MaskingDraws,
  maskTokens,
  streamDraws,
} from "./masking.ts";
export { type BatchLayout, paddedLayout, type RowGroup, slots } from "./rows.ts";
export { type LayoutOptions, planLayout, stepsForEpochs } from "./layout_plan.ts";
export {
  type Batch,
  collate,
  type CollateOptions,
  type MaskedPositions,
  maskedPositions,
  type PlacedSentence,
} from "./collator.ts";
export type { DataPosition, Part } from "./batch_plan.ts";
export type { SentenceOrder } from "./sentence_line.ts";
export {
  type BatchOptions,
  type BatchSource,
  onePass,
  openBatches,
  type PlacedBatch,
} from "./batch_source.ts";
