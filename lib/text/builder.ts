/**
 * Building a vocabulary from text.
 *
 * The order is: special tokens; the printable ASCII characters, and `##` pieces of letters and digits, so that every Latin
 * word and number can be spelled; other characters, most frequent first; at last Latin words, and their runs of letters or
 * digits ("hba1c": `hba`, `##1`, `##c`), most frequent first.
 */
import { UserError } from "../config/mod.ts";
import { ALONE, CharacterTable, LETTER, SEVERAL, SPACE } from "./normalise.ts";
import { Tokenizer } from "./tokenizer.ts";
import { SPECIAL_PATTERN, SPECIAL_TOKENS, Vocabulary } from "./vocabulary.ts";

/** How well a vocabulary spells the text that it was built from; characters are counted after normalisation. */
export interface VocabularyCoverage {
  readonly lines: number;
  /** Words of the basic split: Chinese characters, punctuation marks, Latin words, numbers. */
  readonly words: number;
  /** Words that become `[UNK]`. */
  readonly unknownWords: number;
  /** Different characters in the text. */
  readonly characters: number;
  /** Different characters that the vocabulary holds. */
  readonly knownCharacters: number;
  /** Characters of the running text, white space left out. */
  readonly runningCharacters: number;
  /** Characters of the running text that the vocabulary lacks. */
  readonly unknownRunningCharacters: number;
  /** The characters that the vocabulary lacks, most frequent first. */
  readonly unknownCharacterCounts: readonly SpellingCount[];
  /** The words that become `[UNK]`, most frequent first. */
  readonly unknownWordCounts: readonly SpellingCount[];
  /** Rare words that were not counted, for there were too many different ones. */
  readonly forgottenWords: number;
}

/** How often something occurs. */
export type SpellingCount = readonly [spelling: string, count: number];

/** A vocabulary and what it covers. */
export interface BuiltVocabulary {
  readonly vocabulary: Vocabulary;
  readonly coverage: VocabularyCoverage;
}

/** Options of {@linkcode buildVocabulary}. */
export interface BuildOptions {
  /** Largest number of tokens, special tokens included. */
  readonly maxSize?: number;
  /** Characters and words seen fewer times are left out. */
  readonly minCount?: number;
  /** Lower-case and strip accents, as the tokenizer that will use the vocabulary. */
  readonly lowerCase?: boolean;
  /** Different words that are kept in memory; when there are more, the rarest of several letters are forgotten. */
  readonly maxDistinct?: number;
}

/**
 * Builds a vocabulary from the lines of a corpus.
 *
 * The same lines give the same vocabulary: tokens of equal count are in code point order.
 *
 * @param lines Text; the special tokens in it are ignored.
 * @param options Size, smallest count, lower-casing.
 * @returns The vocabulary, and how much of the text it spells.
 * @throws {UserError} If `maxSize` has no room for the special tokens and ASCII.
 *
 * @example
 * ```ts
 * import { buildVocabulary } from "./builder.ts";
 * const { vocabulary } = await buildVocabulary(["患者发热", "患者咳嗽"], { minCount: 2 });
 * console.log(vocabulary.idOf("患") !== undefined, vocabulary.idOf("咳")); // true undefined
 * ```
 */
export async function buildVocabulary(
  lines: Iterable<string> | AsyncIterable<string>,
  { maxSize = 20_000, minCount = 2, lowerCase = true, maxDistinct = 4_000_000 }: BuildOptions = {},
): Promise<BuiltVocabulary> {
  const base = [...SPECIAL_TOKENS, ...asciiTokens(lowerCase)];
  if (maxSize < base.length) {
    throw new UserError(
      `Cannot build vocabulary: size ${maxSize} has no room for the ${base.length} special and ASCII tokens; ` +
        "give a larger size",
    );
  }
  const { words, ...counted } = await countWords(lines, lowerCase, maxDistinct);
  const characters = new Counter();
  const latin = new Counter();
  for (const [word, count] of words) {
    for (const token of characterTokens(word)) characters.add(token, count);
    for (const token of latinTokens(word)) latin.add(token, count);
  }
  const tokens = new Set(base);
  for (const counter of [characters, latin]) {
    for (const [token] of counter.sorted(minCount)) {
      if (tokens.size >= maxSize) break;
      tokens.add(token);
    }
  }
  const vocabulary = Vocabulary.fromTokens(tokens);
  return { vocabulary, coverage: { ...counted, ...measureCoverage(vocabulary, words, lowerCase) } };
}

/** Counts of strings. */
class Counter extends Map<string, number> {
  add(key: string, count: number): void {
    this.set(key, (this.get(key) ?? 0) + count);
  }

  /** Keys and counts from the most to the least frequent, ties in code unit order. */
  sorted(minCount = 1): SpellingCount[] {
    return [...this].filter(([, count]) => count >= minCount)
      .sort(([a, countA], [b, countB]) => countB - countA || (a < b ? -1 : 1));
  }

  /** All counts together. */
  total(): number {
    return this.values().reduce((sum, count) => sum + count, 0);
  }

  /** Removes the rarest keys of several code units until at most half of `limit` are left, or no such key; returns their total. */
  forgetRarest(limit: number): number {
    let forgotten = 0;
    for (let rarest = 1; this.size > limit / 2; rarest++) {
      let longer = 0;
      for (const [key, count] of this) {
        if (key.length < 2) continue;
        if (count > rarest) {
          longer++;
        } else {
          this.delete(key);
          forgotten += count;
        }
      }
      if (longer === 0) break;
    }
    return forgotten;
  }
}

/** Printable ASCII without what lower-casing removes, then the pieces that continue a word. */
function asciiTokens(lowerCase: boolean): string[] {
  const printable = Array.from({ length: 0x7f - 0x21 }, (_, i) => String.fromCharCode(0x21 + i))
    .filter((char) => !lowerCase || char === char.toLowerCase());
  return [...printable, ...printable.filter((char) => /[a-z0-9]/i.test(char)).map((char) => `##${char}`)];
}

/** Counts the words of the tokenizer's basic split. */
async function countWords(
  text: Iterable<string> | AsyncIterable<string>,
  lowerCase: boolean,
  maxDistinct: number,
): Promise<{ lines: number; words: Counter; forgottenWords: number }> {
  const table = new CharacterTable({ lowerCase });
  const words = new Counter();
  let [lines, forgottenWords] = [0, 0];
  for await (const line of text) {
    lines++;
    for (const word of basicSplit(line.replace(SPECIAL_PATTERN, " "), table)) words.add(word, 1);
    if (words.size > maxDistinct) forgottenWords += words.forgetRarest(maxDistinct);
  }
  return { lines, words, forgottenWords };
}

/** Splits text into normalised words: what the tokenizer does before it looks for word pieces. */
function basicSplit(text: string, table: CharacterTable): string[] {
  let spaced = "";
  for (const char of text) spaced += spacedOut(char.codePointAt(0)!, table);
  return spaced.split(" ").filter((word) => word !== "");
}

/** What a character turns into, stand-alone characters between spaces. */
function spacedOut(codePoint: number, table: CharacterTable): string {
  switch (table.kindOf(codePoint)) {
    case LETTER:
      return String.fromCharCode(table.unitOf(codePoint));
    case ALONE:
      return ` ${String.fromCharCode(table.unitOf(codePoint))} `;
    case SEVERAL:
      return table.piecesOf(codePoint).map(({ text, alone }) => alone ? ` ${text} ` : text).join("");
    case SPACE:
      return " ";
    default:
      return "";
  }
}

/** The characters of a word as tokens: the first one plain, the others as continuations. */
function characterTokens(word: string): string[] {
  return [...word].map((char, index) => index === 0 ? char : `##${char}`);
}

/** A Latin word as tokens: the whole, and its runs of letters or of digits. */
function latinTokens(word: string): string[] {
  if (!/^[\p{Script=Latin}\p{Nd}]{2,}$/u.test(word)) return [];
  const runs = word.match(/\p{Nd}+|\P{Nd}+/gu)!;
  const pieces = runs.map((run, index) => index === 0 ? run : `##${run}`);
  return runs.length === 1 ? pieces : [word, ...pieces];
}

function measureCoverage(vocabulary: Vocabulary, words: Counter, lowerCase: boolean) {
  const tokenizer = new Tokenizer(vocabulary, { lowerCase });
  const characters = new Counter();
  const unknownWords = new Counter();
  for (const [word, count] of words) {
    for (const char of word) characters.add(char, count);
    if (tokenizer.tokenize(word).some((token) => token.id === vocabulary.unkId)) {
      unknownWords.add(word, count);
    }
  }
  const unknownCharacters = new Counter(
    [...characters].filter(([char]) =>
      vocabulary.idOf(char) === undefined && vocabulary.idOf(`##${char}`) === undefined
    ),
  );
  return {
    words: words.total(),
    unknownWords: unknownWords.total(),
    characters: characters.size,
    knownCharacters: characters.size - unknownCharacters.size,
    runningCharacters: characters.total(),
    unknownRunningCharacters: unknownCharacters.total(),
    unknownCharacterCounts: unknownCharacters.sorted(),
    unknownWordCounts: unknownWords.sorted(),
  };
}
