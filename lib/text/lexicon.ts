/**
 * A medical lexicon: terms that masking shall hide as a whole.
 *
 * Segmenters made for general text cut "慢性阻塞性肺疾病" into four words; a model that has to guess one of them from the
 * other three learns little about the disease. ERNIE-Health masks entities; the open original cannot.
 */
import { fileError, UserError } from "../config/mod.ts";
import type { Segmenter } from "./segmenter.ts";
import { splitLines } from "./vocabulary.ts";

/** A node of the tree of all terms: what may follow, by UTF-16 code unit. */
interface Node {
  readonly next: Map<number, Node>;
  isTerm: boolean;
}

/** Where a term starts and ends. */
export type TermMatch = readonly [start: number, end: number];

/** Terms, found in text by longest match: of those that overlap the longest counts, of equals the first. */
export class Lexicon {
  /** The terms, each once. */
  readonly terms: readonly string[];
  readonly #root: Node = emptyNode();

  /** @param terms Terms in any order; repeated and empty ones count once and not at all. */
  constructor(terms: Iterable<string>) {
    this.terms = [...new Set(terms)].filter((term) => term !== "");
    for (const term of this.terms) this.#insert(term);
  }

  /**
   * Reads a lexicon file: one term a line, in UTF-8; what follows a tab (a frequency, a tag) is passed over.
   *
   * @param path The file.
   * @returns The lexicon.
   * @throws {UserError} If the file cannot be read, is not UTF-8, or holds no term.
   *
   * @example
   * ```ts
   * import { Lexicon } from "./lexicon.ts";
   * const file = await Deno.makeTempFile();
   * await Deno.writeTextFile(file, "心肌梗死\t4711\n高血压\n");
   * console.log((await Lexicon.read(file)).terms); // ["心肌梗死", "高血压"]
   * await Deno.remove(file);
   * ```
   */
  static async read(path: string): Promise<Lexicon> {
    const source = `read lexicon "${path}"`;
    let bytes: Uint8Array;
    try {
      bytes = await Deno.readFile(path);
    } catch (error) {
      throw fileError("read lexicon", path, error);
    }
    const lines = splitLines(bytes, source);
    const lexicon = new Lexicon(lines.map((line) => line.replace(/\t.*$/, "").trim()));
    if (lexicon.terms.length > 0) return lexicon;
    throw new UserError(`Cannot ${source}: it holds no term; write one term a line`);
  }

  /**
   * Finds terms, the longest first; none overlaps another.
   *
   * @param text Any text.
   * @returns Where each term starts and ends, in UTF-16 code units, from left to right.
   */
  matches(text: string): TermMatch[] {
    const found = [...this.#occurrences(text)];
    if (found.length < 2) return found;
    const isTaken = new Uint8Array(text.length);
    const chosen = found.sort((a, b) => (b[1] - b[0]) - (a[1] - a[0]) || a[0] - b[0]).filter(
      ([start, end]) => {
        if (isTaken.subarray(start, end).includes(1)) return false;
        isTaken.fill(1, start, end);
        return true;
      },
    );
    return chosen.sort((a, b) => a[0] - b[0]);
  }

  /**
   * Makes words of the terms in a segmented sentence.
   *
   * Cuts inside a term go, cuts round it are added. What the segmenter knows better stays: a term within a longer word is
   * masked with that word, and one that starts and ends inside words ("阳白" in "沈阳 白癜风") is none.
   *
   * @param words The sentence's words.
   * @returns Its words with terms made whole.
   *
   * @example
   * ```ts
   * import { Lexicon } from "./lexicon.ts";
   * const lexicon = new Lexicon(["慢性阻塞性肺疾病", "肺"]);
   * console.log(lexicon.merge(["慢性", "阻塞", "性", "肺疾病患者"])); // ["慢性阻塞性肺疾病", "患者"]
   * ```
   */
  merge(words: readonly string[]): string[] {
    const text = words.join("");
    const isCut = new Uint8Array(text.length + 1);
    isCut[0] = 1;
    let length = 0;
    for (const word of words) isCut[length += word.length] = 1;
    const wasCut = isCut.slice();
    for (const [start, end] of this.matches(text)) {
      const isWithinWord = wasCut.indexOf(1, start + 1) >= end;
      if (isWithinWord || (wasCut[start] === 0 && wasCut[end] === 0)) continue;
      isCut.fill(0, start + 1, end);
      isCut[start] = isCut[end] = 1;
    }
    const merged: string[] = [];
    for (let start = 0; start < text.length;) {
      const end = isCut.indexOf(1, start + 1);
      merged.push(text.slice(start, end));
      start = end;
    }
    return merged;
  }

  #insert(term: string): void {
    let node = this.#root;
    for (let i = 0; i < term.length; i++) {
      const unit = term.charCodeAt(i);
      let next = node.next.get(unit);
      if (next === undefined) node.next.set(unit, next = emptyNode());
      node = next;
    }
    node.isTerm = true;
  }

  /** Every occurrence of every term. */
  *#occurrences(text: string): Generator<TermMatch> {
    for (let start = 0; start < text.length; start++) {
      let node = this.#root.next.get(text.charCodeAt(start));
      for (let end = start + 1; node !== undefined; end++) {
        if (node.isTerm) yield [start, end];
        node = end < text.length ? node.next.get(text.charCodeAt(end)) : undefined;
      }
    }
  }
}

/**
 * Makes a segmenter that takes the terms of a lexicon for words.
 *
 * @param segmenter Cuts first.
 * @param lexicon Has the last word.
 * @returns The two as one segmenter.
 */
export function withLexicon(segmenter: Segmenter, lexicon: Lexicon): Segmenter {
  return {
    name: segmenter.name,
    cut: async (texts) => (await segmenter.cut(texts)).map((words) => lexicon.merge(words)),
  };
}

function emptyNode(): Node {
  return { next: new Map(), isTerm: false };
}
