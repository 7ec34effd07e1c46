/**
 * The jieba segmenter: the Rust port compiled to WebAssembly, corrected to cut as Python's jieba 0.42.1 does.
 *
 * Three things differ in the port. Its pattern for numbers has an unescaped dot, so that "Ki-67" and "7-14" stay whole; it
 * takes every Unicode ideograph for Chinese, where Python only takes U+4E00 … U+9FD5; and it rounds the probabilities of
 * new words to six decimals, which turns one near tie of common characters: "常在" before a single character.
 */
import { add_word, cut } from "jieba-wasm";
import type { Segmenter } from "./segmenter.ts";

/** Ideographs that Python's jieba leaves alone, each a word of its own; the group keeps them in `split`. */
const FOREIGN_IDEOGRAPH = /([\u3400-\u4dbf\u9fd6-\u9fff\uf900-\ufaff\u{20000}-\u{3ffff}])/u;

/** What jieba can take for one word; before and after other characters it always cuts. */
const POSSIBLE_WORD = /^[\u4e00-\u9fd5a-zA-Z0-9+#&._%-]+$/;

/** A word that Python's jieba would cut by its pattern for Latin letters and numbers. */
const LATIN_RUN = /^[a-zA-Z0-9+#&._%-]+$/;

/** That pattern: a run of letters and digits, with decimals and a per cent sign; what is between stays together. */
const LATIN_WORD = /([a-zA-Z0-9]+(?:\.\d+)?%?)/;

/** All dictionary words made of such characters only: they are words before the pattern is tried. */
const LATIN_DICTIONARY = new Set(["AT&T", "c#", "C#", "c++", "C++"]);

/** Two words to Python by 1.5e-7, one to the port by 3.5e-7, where a word of one character follows. */
const NEAR_TIE = "常在";
const SINGLE_CHARACTER = /^[\u4e00-\u9fd5]$/;

/** Python jieba's accurate mode, with new-word discovery (HMM). */
export class JiebaSegmenter implements Segmenter {
  /** Longest line that it takes in one piece, in UTF-16 code units: the port copies what it cuts several times. */
  static readonly longestLine = 100_000;

  readonly name = "jieba";
  readonly #terms: ReadonlySet<string>;

  /**
   * @param terms Words for the dictionary, with the frequency that makes them win over their parts. There is one
   *     dictionary in the process: other segmenters get them too.
   */
  constructor(terms: readonly string[] = []) {
    this.#terms = new Set(terms);
    for (const term of terms) {
      add_word(term);
      if (LATIN_RUN.test(term)) LATIN_DICTIONARY.add(term);
    }
  }

  /**
   * Tells whether a term of the dictionary can be a word; "β受体阻滞剂" and "维生素 C" never are.
   *
   * @param term A term.
   */
  static canBeWord(term: string): boolean {
    return POSSIBLE_WORD.test(term);
  }

  cut(texts: readonly string[]): Promise<string[][]> {
    return Promise.resolve(texts.map((text) => this.#cut(text)));
  }

  #cut(text: string): string[] {
    if (!FOREIGN_IDEOGRAPH.test(text)) return this.#cutChinese(text);
    return text.split(FOREIGN_IDEOGRAPH).flatMap((part, index) => {
      if (part === "") return [];
      const isIdeograph = index % 2 === 1;
      return isIdeograph ? [part] : this.#cutChinese(part);
    });
  }

  #cutChinese(text: string): string[] {
    const words = recutLatin(cut(text, true));
    return text.includes(NEAR_TIE) && !this.#terms.has(NEAR_TIE) ? splitNearTies(words) : words;
  }
}

/** Cuts {@linkcode NEAR_TIE} where Python does. */
function splitNearTies(words: readonly string[]): string[] {
  return words.flatMap((word, i) =>
    word === NEAR_TIE && SINGLE_CHARACTER.test(words[i + 1] ?? "") ? [...word] : [word]
  );
}

/** Joins neighbouring Latin words and numbers and cuts them again by Python's pattern. */
function recutLatin(words: readonly string[]): string[] {
  const result: string[] = [];
  let run = "";
  const endRun = () => {
    if (run !== "") result.push(...run.split(LATIN_WORD).filter((part) => part !== ""));
    run = "";
  };
  for (const word of words) {
    if (LATIN_RUN.test(word) && !LATIN_DICTIONARY.has(word)) {
      run += word;
    } else {
      endRun();
      result.push(word);
    }
  }
  endRun();
  return result;
}
