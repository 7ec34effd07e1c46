/** Text: vocabulary, tokenizer, word segmentation and word marks, a generated corpus. */
export {
  type BadLine,
  type BlockPairs,
  blockPairs,
  type BlockTexts,
  blockTexts,
  PAIR_FIELDS,
  type PairFields,
  type TextPair,
} from "./block_texts.ts";
export {
  attempt as attemptRead,
  countLines,
  isGzip,
  nextLineStart,
  readBlocks,
  type TextBlock,
  type TextFormat,
  textFormatOf,
} from "./blocks.ts";
export { type LineOptions, listTextFiles, readLines, refuseInsideText, type TextLine } from "./files.ts";
export { SPECIAL_TOKENS, type TokenizerSettings, Vocabulary } from "./vocabulary.ts";
export { type Encoding, type Token, Tokenizer } from "./tokenizer.ts";
export { tokenizerFiles, type TokenizerFilesOptions, writeTokenizerFiles } from "./tokenizer_json.ts";
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
  type SpellingCount,
  type VocabularyCoverage,
} from "./builder.ts";
export { generateCorpus } from "./synthetic.ts";
