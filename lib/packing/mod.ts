/** Packing: from lines of text to corpus files, and from corpus files to masked batches. */
export { decodeNpy, encodeNpy, encodeNpyHeader, type NpyArray, type NpyData, type NpyDtype } from "./npy.ts";
export { decodeNpz, encodeNpz } from "./npz.ts";
export { mersenneShuffle, RandomStream, shuffledOrder, type StreamPosition } from "./random.ts";
export {
  type CorpusFormat,
  type CorpusState,
  CorpusWriter,
  emptyCorpus,
  type PackedSentences,
  workFolderPath,
} from "./corpus_writer.ts";
export { type CorpusReport } from "./corpus_report.ts";
export { WorkFolder, type WorkFolderOptions } from "./work_folder.ts";
export { type Shard } from "./input_plan.ts";
export { corpusVocabularyPath, readCorpusVocabulary } from "./corpus_vocabulary.ts";
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
export { type EncodedLines, LineEncoder } from "./line_encoder.ts";
export {
  preprocess,
  type PreprocessOptions,
  type PreprocessProgress,
  type PreprocessSummary,
} from "./preprocess.ts";
export {
  type CorpusPlace,
  inspectCorpus,
  type Inspection,
  inspectionPicturePath,
  type InspectOptions,
  type LengthHistogram,
  locateCorpus,
} from "./inspect.ts";
export {
  type ExampleOptions,
  type ExampleSentence,
  exampleSentences,
  type MaskedToken,
} from "./inspect_examples.ts";
export { inspectionPicture } from "./inspect_picture.ts";
export { EXAMPLE_LEGEND, exampleText, inspectionText } from "./inspect_text.ts";
export { type Report, type ReportCounts } from "./inspect_report.ts";
export { merge, type MergeOptions, type MergeSummary } from "./merge.ts";
