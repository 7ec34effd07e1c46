/**
 * Word marks: how a corpus of token ids remembers which Chinese characters belong to one word.
 *
 * A character that continues a word is spelled `##字` and has an id of its own past the vocabulary: `##` + character
 * U+4E00 + k is V + k, for the 20,902 characters U+4E00 … U+9FA5. So a corpus holds ids 0 … V + 20,901; readers turn them
 * back into vocabulary ids and a flag. V: vocabulary size.
 */
import type { Token } from "./tokenizer.ts";
import type { Vocabulary } from "./vocabulary.ts";

const FIRST_CHARACTER = 0x4e00;
const LAST_CHARACTER = 0x9fa5;

/** Number of ids past the vocabulary. */
export const SUFFIX_COUNT = LAST_CHARACTER - FIRST_CHARACTER + 1;

/** Words of more tokens than this are not looked for. */
const MAX_WORD_TOKENS = 4;

/**
 * Marks the tokens that continue a segmented word with `##`.
 *
 * As in the original, a word is found by its spelling, not by its position: from every token with a Chinese character, the
 * longest run of one to four tokens that spells some word of the sentence is that word.
 *
 * @param tokens Token spellings of one sentence.
 * @param words The sentence's words, from a segmenter.
 * @returns A copy of the tokens with `##` before each that continues a word.
 *
 * @example
 * ```ts
 * import { markWords } from "./word_marks.ts";
 * console.log(markWords(["糖", "尿", "病", "患", "者"], ["糖尿病", "患者"])); // 糖 ##尿 ##病 患 ##者
 * ```
 */
export function markWords(tokens: readonly string[], words: Iterable<string>): string[] {
  const spellings = new Spellings(words);
  const marked = [...tokens];
  for (let start = 0; start < tokens.length;) {
    const length = isChinese(tokens[start]!) ? spellings.longestAt(tokens, start) : 1;
    for (let i = start + 1; i < start + length; i++) marked[i] = `##${tokens[i]}`;
    start += length;
  }
  return marked;
}

/** The words of a sentence by their spelling. */
class Spellings {
  readonly #words = new Set<string>();
  /** Length of the longest word, by its first code unit: most searches end there. */
  readonly #longest = new Map<number, number>();

  constructor(words: Iterable<string>) {
    for (const word of words) {
      if (word.length < 2) continue; // nothing continues it
      this.#words.add(word);
      const first = word.charCodeAt(0);
      this.#longest.set(first, Math.max(word.length, this.#longest.get(first) ?? 0));
    }
  }

  /** Number of tokens of the longest word at `start`; 1 if none is there. */
  longestAt(tokens: readonly string[], start: number): number {
    let text = tokens[start]!;
    const room = this.#longest.get(text.charCodeAt(0)) ?? 0;
    const most = Math.min(MAX_WORD_TOKENS, tokens.length - start);
    let found = 1;
    for (let length = 2; length <= most; length++) {
      text += tokens[start + length - 1]!;
      if (text.length > room) break;
      if (this.#words.has(text)) found = length;
    }
    return found;
  }
}

/**
 * Tells which tokens continue a word, by where the segmenter cut.
 *
 * A token continues the token before it if no cut lies between the last character of the one and the first of the other:
 * whatever the length of the word, its case, and its script.
 *
 * @param tokens Tokens with offsets in the joined words.
 * @param words The sentence's words.
 * @returns 1 for each token that continues a word, else 0.
 *
 * @example
 * ```ts
 * import { continuations } from "./word_marks.ts";
 * const tokens = [{ start: 0, end: 1 }, { start: 1, end: 2 }, { start: 2, end: 3 }];
 * console.log(continuations(tokens, ["B超", "好"])); // Uint8Array [0, 1, 0]
 * ```
 */
export function continuations(
  tokens: readonly Pick<Token, "start" | "end">[],
  words: readonly string[],
): Uint8Array {
  const continues = new Uint8Array(tokens.length);
  let word = 0;
  let wordEnd = words[0]?.length ?? 0; // of words[word], in the joined text
  const advanceTo = (position: number) => {
    while (position >= wordEnd && word < words.length - 1) wordEnd += words[++word]!.length;
    return word;
  };
  for (let i = 1; i < tokens.length; i++) {
    const previous = advanceTo(tokens[i - 1]!.end - 1);
    continues[i] = advanceTo(tokens[i]!.start) === previous ? 1 : 0;
  }
  return continues;
}

const CHINESE = /[\u4e00-\u9fa5]/;

/** Whether a token has a character that the suffix ids know. */
function isChinese(token: string): boolean {
  if (token.length > 1) return CHINESE.test(token);
  const character = token.charCodeAt(0);
  return character >= FIRST_CHARACTER && character <= LAST_CHARACTER;
}

/**
 * Gives the corpus ids of marked tokens.
 *
 * The suffix ids have priority: a `##字` of the vocabulary itself is never used for a Chinese character.
 *
 * @param marked Token spellings from {@linkcode markWords}.
 * @param vocabulary The model's vocabulary, V tokens.
 * @returns Ids from 0 to V + {@linkcode SUFFIX_COUNT} − 1; `[UNK]` for what neither table knows.
 *
 * @example
 * ```ts
 * import { toCorpusIds } from "./word_marks.ts";
 * import { Vocabulary } from "./vocabulary.ts";
 * const vocabulary = Vocabulary.fromTokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "患"]);
 * console.log(toCorpusIds(["患", "##者"], vocabulary)); // [5, 6 + "者" − U+4E00]
 * ```
 */
export function toCorpusIds(marked: readonly string[], vocabulary: Vocabulary): number[] {
  return marked.map((token) =>
    (token.startsWith("##") ? suffixIdOf(token.slice(2), vocabulary.size) : undefined) ??
      vocabulary.idOf(token) ?? vocabulary.unkId
  );
}

/**
 * Gives the corpus id of a character that continues a word.
 *
 * @param token Spelling of the token, without `##`.
 * @param vocabularySize V.
 * @returns V + k for the character U+4E00 + k; `undefined` for what is no such character.
 *
 * @example
 * ```ts
 * import { suffixIdOf } from "./word_marks.ts";
 * console.log(suffixIdOf("丁", 22608), suffixIdOf("mg", 22608)); // 22609 undefined
 * ```
 */
export function suffixIdOf(token: string, vocabularySize: number): number | undefined {
  if (token.length !== 1) return undefined;
  const character = token.charCodeAt(0);
  if (character < FIRST_CHARACTER || character > LAST_CHARACTER) return undefined;
  return vocabularySize + character - FIRST_CHARACTER;
}

/** What each corpus id stands for; both arrays are indexed by corpus id and have V + 20,902 entries. */
export interface CorpusIdTable {
  /** The id that the model sees, below V. */
  readonly vocabularyIds: Int32Array;
  /** 1 where the id continues a word, else 0. */
  readonly isSuffix: Uint8Array;
}

/**
 * Builds the table that reads a corpus back.
 *
 * As in the original, every spelling with `##` stands for its last character, word pieces such as `##ing` included.
 *
 * @param vocabulary The vocabulary that wrote the corpus, V tokens.
 * @returns Two arrays over the corpus ids 0 … V + {@linkcode SUFFIX_COUNT} − 1.
 *
 * @example
 * ```ts
 * import { corpusIdTable, toCorpusIds } from "./word_marks.ts";
 * import { Vocabulary } from "./vocabulary.ts";
 * const vocabulary = Vocabulary.fromTokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "患", "者"]);
 * const { vocabularyIds, isSuffix } = corpusIdTable(vocabulary);
 * const [, id] = toCorpusIds(["患", "##者"], vocabulary);
 * console.log(vocabularyIds[id!], isSuffix[id!]); // 6 1
 * ```
 */
export function corpusIdTable(vocabulary: Vocabulary): CorpusIdTable {
  const V = vocabulary.size;
  const vocabularyIds = new Int32Array(V + SUFFIX_COUNT); // (V + 20902)
  const isSuffix = new Uint8Array(V + SUFFIX_COUNT); // (V + 20902)
  vocabulary.tokens.forEach((token, id) => {
    const continues = token.includes("##");
    vocabularyIds[id] = continues ? vocabulary.idOf([...token].at(-1)!) ?? vocabulary.unkId : id;
    isSuffix[id] = continues ? 1 : 0;
  });
  for (let k = 0; k < SUFFIX_COUNT; k++) {
    vocabularyIds[V + k] = vocabulary.idOf(String.fromCharCode(FIRST_CHARACTER + k)) ?? vocabulary.unkId;
  }
  isSuffix.fill(1, V);
  return { vocabularyIds, isSuffix };
}
