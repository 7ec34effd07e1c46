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
export { Corpus, type CorpusOptions, type Sentence, type SentenceLengths } from "./corpus_reader.ts";
export {
  chooseWords,
  dropLastWord,
  IGNORED_LABEL,
  type MaskingDraws,
  maskTokens,
  streamDraws,
} from "./masking.ts";
export {
  type Batch,
  collate,
  type CollateOptions,
  maskCapacity,
  type MaskedPositions,
  maskedPositions,
  type PlacedSentence,
} from "./collator.ts";
export { batches, type BatchOptions, type PlacedBatch, stepsForEpochs, stepsPerEpoch } from "./batches.ts";
