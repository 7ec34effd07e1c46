/**
 * What the tokenizer makes of single characters.
 *
 * Every step of BERT's basic split (drop control characters, lower-case, strip accents, isolate CJK, punctuation and
 * symbols) looks at one code point at a time, so the whole chain is one table lookup per character. The table fills
 * itself on first use of a character, from Unicode properties.
 */

/** The character gives nothing and does not end a word: control characters, U+FFFD, lone surrogates, accents. */
export const DROP = 1;
/** The character ends a word and gives nothing: white space. */
export const SPACE = 2;
/** The character is a word of its own: CJK, punctuation, symbols. */
export const ALONE = 3;
/** The character is part of a word. */
export const LETTER = 4;
/** The character gives something other than one letter or one stand-alone UTF-16 code unit. */
export const SEVERAL = 5;

/** A piece of what a character turns into. */
export interface NormalPiece {
  readonly text: string;
  /** Whether the piece is a word of its own. */
  readonly alone: boolean;
}

/**
 * The table of normalised characters.
 *
 * @example
 * ```ts
 * import { CharacterTable, LETTER } from "./normalise.ts";
 * const table = new CharacterTable({ lowerCase: true });
 * console.log(table.kindOf(0xc9) === LETTER, String.fromCharCode(table.unitOf(0xc9))); // true "e" (from É)
 * ```
 */
export class CharacterTable {
  readonly #lowerCase: boolean;
  readonly #kinds = new Uint8Array(0x10000);
  readonly #units = new Uint16Array(0x10000);
  readonly #several = new Map<number, readonly NormalPiece[]>();

  /**
   * @param options.lowerCase Lower-case and strip accents (NFD, then drop category Mn).
   */
  constructor({ lowerCase }: { lowerCase: boolean }) {
    this.#lowerCase = lowerCase;
  }

  /**
   * Says what becomes of a character.
   *
   * @param codePoint A Unicode code point; a lone surrogate is dropped.
   * @returns One of {@linkcode DROP}, {@linkcode SPACE}, {@linkcode ALONE}, {@linkcode LETTER} and
   * {@linkcode SEVERAL}; always {@linkcode SEVERAL} above U+FFFF unless nothing or a space is left.
   */
  kindOf(codePoint: number): number {
    if (codePoint < 0x10000) {
      return this.#kinds[codePoint] || (this.#kinds[codePoint] = this.#classify(codePoint));
    }
    if (this.#several.has(codePoint)) return SEVERAL;
    return this.#classify(codePoint);
  }

  /** Gives the normalised UTF-16 code unit of a character of kind {@linkcode ALONE} or {@linkcode LETTER}. */
  unitOf(codePoint: number): number {
    return this.#units[codePoint]!;
  }

  /** Gives the normalised pieces of a character of kind {@linkcode SEVERAL}. */
  piecesOf(codePoint: number): readonly NormalPiece[] {
    return this.#several.get(codePoint)!;
  }

  #classify(codePoint: number): number {
    const char = String.fromCodePoint(codePoint);
    if (isWhiteSpace(char)) return SPACE;
    if (isDropped(char)) return DROP;
    const normal = this.#lowerCase ? char.toLowerCase().normalize("NFD").replace(/\p{Mn}/gu, "") : char;
    if (normal === "") return DROP;
    const cjk = isCjk(codePoint);
    if (normal.length === 1 && codePoint < 0x10000) {
      this.#units[codePoint] = normal.charCodeAt(0);
      return cjk || isPunctuationOrSymbol(normal) ? ALONE : LETTER;
    }
    this.#several.set(codePoint, cjk ? [{ text: normal, alone: true }] : splitPieces(normal));
    return SEVERAL;
  }
}

/** Splits normalised text at its punctuation and symbols. */
function splitPieces(text: string): NormalPiece[] {
  return [...text].map((char) => ({ text: char, alone: isPunctuationOrSymbol(char) }));
}

/** Category Zs, tab, line feed, carriage return; also what Python's `str.split` takes for white space. */
function isWhiteSpace(char: string): boolean {
  return /^[\p{Zs}\t\n\r\u2028\u2029]$/u.test(char);
}

/**
 * Tells what gives nothing and belongs to no word.
 *
 * @param char One character.
 * @returns Whether it is U+FFFD or of category C, and not white space.
 */
export function isDropped(char: string): boolean {
  return /^[\p{C}\ufffd]$/u.test(char) && !isWhiteSpace(char);
}

/**
 * Tells BERT's CJK ranges: ideographs, not kana and not hangul.
 *
 * @param codePoint A Unicode code point.
 * @returns Whether it is in one of the ranges, assigned or not.
 */
export function isCjk(codePoint: number): boolean {
  return (codePoint >= 0x4e00 && codePoint <= 0x9fff) || (codePoint >= 0x3400 && codePoint <= 0x4dbf) ||
    (codePoint >= 0xf900 && codePoint <= 0xfaff) || (codePoint >= 0x20000 && codePoint <= 0x2a6df) ||
    (codePoint >= 0x2a700 && codePoint <= 0x2b73f) || (codePoint >= 0x2b740 && codePoint <= 0x2b81f) ||
    (codePoint >= 0x2b820 && codePoint <= 0x2ceaf) || (codePoint >= 0x2f800 && codePoint <= 0x2fa1f);
}

// Eight characters that the original treats as symbols though Unicode does not: ­ ² º 〇 µ Ø ŋ Ʊ.
const SYMBOL = /^[\p{S}\u00ad\u00b2\u00ba\u3007\u00b5\u00d8\u014b\u01b1]$/u;
const PUNCTUATION = /^[\p{P}!-/:-@[-`{-~]$/u;

/**
 * Tells punctuation and symbols, each a word of its own.
 *
 * @param char One normalised character.
 * @returns Whether it is ASCII punctuation, of category P or S, or one of the original's eight more.
 */
export function isPunctuationOrSymbol(char: string): boolean {
  return PUNCTUATION.test(char) || SYMBOL.test(char);
}

/**
 * Replaces width variants, enclosed and Roman numerals, and unit squares by plain characters (the original's
 * `normalize_chars`; fine-tuning applies it, pretraining does not).
 *
 * @param text Any text.
 * @returns Text whose full-width and compatibility characters are NFKC-normalised and whose numerals such as ② or Ⅳ are
 * decimal numbers between spaces.
 *
 * @example
 * ```ts
 * import { normalizeChars } from "./normalise.ts";
 * console.log(normalizeChars("３８.５ ＷＢＣ②")); // "38.5 WBC 2 "
 * ```
 */
export function normalizeChars(text: string): string {
  return text.replace(VARIANT, (char) => char === "\uf979" ? "\u51c9" : char.normalize("NFKC"))
    .replace(NUMERAL, (char) => ` ${numeralValue(char.charCodeAt(0))} `);
}

const VARIANT = /[\uff00-\uffef\ufe50-\ufe6b\u3358-\u33ff\u249c-\u24e9\u3200-\u32ff\uf979]/g;
const NUMERAL = /[\u2460-\u249b\u24ea-\u24ff\u2776-\u2793\u2160-\u217f]/g;

/** Runs of consecutive numerals: first code point, last code point, value of the first. */
const NUMERAL_RUNS: readonly (readonly [number, number, number])[] = [
  [0x2160, 0x216b, 1], // Ⅰ–Ⅻ
  [0x2170, 0x217b, 1], // ⅰ–ⅻ
  [0x2460, 0x2473, 1], // ①–⑳
  [0x2474, 0x2487, 1], // ⑴–⒇
  [0x2488, 0x249b, 1], // ⒈–⒛
  [0x24ea, 0x24ea, 0], // ⓪
  [0x24eb, 0x24f4, 11], // ⓫–⓴
  [0x24f5, 0x24fe, 1], // ⓵–⓾
  [0x24ff, 0x24ff, 0], // ⓿
  [0x2776, 0x277f, 1], // ❶–❿
  [0x2780, 0x2789, 1], // ➀–➉
  [0x278a, 0x2793, 1], // ➊–➓
];
const LARGE_ROMAN = [50, 100, 500, 1000]; // Ⅼ Ⅽ Ⅾ Ⅿ, and the small ones

function numeralValue(codePoint: number): number {
  const run = NUMERAL_RUNS.find(([first, last]) => codePoint >= first && codePoint <= last);
  return run ? codePoint - run[0] + run[2] : LARGE_ROMAN[(codePoint & 0xf) - 0xc]!;
}

/**
 * Puts spaces round kana, Greek, Cyrillic, phonetic letters and symbols (the original's `tokenize_special_chars`).
 *
 * @param text Any text, usually from {@linkcode normalizeChars}.
 * @returns The text with each such character between two spaces.
 *
 * @example
 * ```ts
 * import { tokenizeSpecialChars } from "./normalise.ts";
 * console.log(tokenizeSpecialChars("38℃")); // "38 ℃ "
 * ```
 */
export function tokenizeSpecialChars(text: string): string {
  return text.replace(SPECIAL, " $& ");
}

const SPECIAL =
  /[\u3040-\u30ff\u0370-\u04ff\u0250-\u02af\p{S}\u00ad\u00b2\u00ba\u3007\u00b5\u00d8\u014b\u01b1]/gu;
