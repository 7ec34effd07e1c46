/** How many terms of a lexicon masking can hide as a whole: what word marks are worth for entities. */
import { Lexicon, Tokenizer, type Vocabulary } from "../text/mod.ts";
import type { Sentence } from "../packing/mod.ts";

/** Terms met in a corpus; those of a single token are always whole and not counted. */
export interface TermCoverage {
  /** Occurrences of terms. */
  readonly terms: number;
  /** Occurrences that lie within one word, so that they are masked as a whole or not at all. */
  readonly wholeTerms: number;
  /** Tokens of all occurrences. */
  readonly tokens: number;
  readonly wholeTokens: number;
}

/** Stands for what the vocabulary lacks; in no term and no token. */
const UNKNOWN = "\u0000";

/**
 * Counts a lexicon's terms in sentences of a corpus, the longest first where they overlap.
 *
 * @example
 * ```ts
 * import { TermCounter } from "./term_coverage.ts";
 * import { Lexicon, Vocabulary } from "../text/mod.ts";
 * const vocabulary = Vocabulary.fromTokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ..."心肌梗死"]);
 * const counter = new TermCounter(vocabulary, new Lexicon(["心肌梗死"]));
 * counter.add({ ids: Int32Array.of(5, 6, 7, 8), isSuffix: Uint8Array.of(0, 1, 0, 1) }); // 心肌 梗死
 * console.log(counter.coverage); // { terms: 1, wholeTerms: 0, tokens: 4, wholeTokens: 0 }
 * ```
 */
export class TermCounter {
  /** What is counted so far. */
  readonly coverage: TermCoverage;
  readonly #counts: { -readonly [name in keyof TermCoverage]: number };
  readonly #spellings: readonly string[];
  readonly #terms: Lexicon;

  /**
   * @param vocabulary the vocabulary of the corpus
   * @param lexicon the terms, spelled as in the raw text
   */
  constructor(vocabulary: Vocabulary, lexicon: Lexicon) {
    this.coverage = this.#counts = { terms: 0, wholeTerms: 0, tokens: 0, wholeTokens: 0 };
    this.#spellings = vocabulary.tokens.map((token, id) =>
      id === vocabulary.unkId ? UNKNOWN : token.replace(/^##/, "")
    );
    const tokenizer = new Tokenizer(vocabulary);
    const asTokens = lexicon.terms.map((term) =>
      this.#spell(tokenizer.tokenize(term).map(({ id }) => id)).join("")
    );
    this.#terms = new Lexicon(asTokens.filter((term) => !term.includes(UNKNOWN)));
  }

  /** Counts the terms of one more sentence. */
  add({ ids, isSuffix }: Sentence): void {
    const tokens = this.#spell(ids);
    const tokenAt = new Map<number, number>(); // number of the token that starts at a place in the text
    let length = 0;
    tokens.forEach((token, i) => {
      tokenAt.set(length, i);
      length += token.length;
    });
    tokenAt.set(length, tokens.length);
    for (const [start, end] of this.#terms.matches(tokens.join(""))) {
      const [first, last] = [tokenAt.get(start), tokenAt.get(end)];
      if (first === undefined || last === undefined || last - first < 2) continue;
      const isWhole = isSuffix.subarray(first + 1, last).every((mark) => mark === 1);
      this.#counts.terms++;
      this.#counts.tokens += last - first;
      if (!isWhole) continue;
      this.#counts.wholeTerms++;
      this.#counts.wholeTokens += last - first;
    }
  }

  #spell(ids: Iterable<number>): string[] {
    return Array.from(ids, (id) => this.#spellings[id]!);
  }
}
