/** Preprocessing: from files of text to a corpus, in constant memory, by workers, with resume and shards. */
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
export { type EncodedLines, LineEncoder } from "./line_encoder.ts";
export {
  preprocess,
  type PreprocessOptions,
  type PreprocessProgress,
  type PreprocessSummary,
} from "./preprocess.ts";
export { merge, type MergeOptions, type MergeSummary } from "./merge.ts";
