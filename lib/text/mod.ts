/** Text: vocabulary, tokenizer, word segmentation and word marks, a generated corpus. */
export { listTextFiles, readLines, refuseInsideText, type TextLine } from "./files.ts";
export { SPECIAL_TOKENS, Vocabulary } from "./vocabulary.ts";
export { type Encoding, type Token, Tokenizer } from "./tokenizer.ts";
export { normalizeChars, tokenizeSpecialChars } from "./normalise.ts";
export { Lexicon, withLexicon } from "./lexicon.ts";
export { createSegmenter, type Segmenter, type SegmenterOptions, stripLine } from "./segmenter.ts";
export {
  continuations,
  type CorpusIdTable,
  corpusIdTable,
  markWords,
  SUFFIX_COUNT,
  suffixIdOf,
  toCorpusIds,
} from "./word_marks.ts";
export {
  type BuildOptions,
  buildVocabulary,
  type BuiltVocabulary,
  type VocabularyCoverage,
} from "./builder.ts";
export { generateCorpus } from "./synthetic.ts";
