/** Text: vocabulary, tokenizer, word segmentation and word marks, a generated corpus. */
export { listTextFiles, readLines, type TextLine } from "./files.ts";
export { SPECIAL_TOKENS, Vocabulary } from "./vocabulary.ts";
export { type Encoding, type Token, Tokenizer } from "./tokenizer.ts";
export { normalizeChars, tokenizeSpecialChars } from "./normalise.ts";
