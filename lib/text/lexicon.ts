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

/** Terms, found in text by longest match. */
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
   * Finds terms: from left to right the longest one at each place, none within another.
   *
   * @param text Any text.
   * @returns Where each term starts and ends, in UTF-16 code units.
   */
  *matches(text: string): Generator<readonly [start: number, end: number]> {
    for (let start = 0; start < text.length;) {
      const end = this.#longestAt(text, start);
      if (end > start) yield [start, end];
      start = Math.max(end, start + 1);
    }
  }

  /**
   * Makes words of the terms in a segmented sentence.
   *
   * Cuts inside a term go, cuts round it are added. A term within a longer word changes nothing: there the segmenter knew
   * better, and the term is masked with its word.
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
    let end = 0;
    for (const word of words) isCut[end += word.length] = 1;
    for (const [start, end] of this.matches(text)) {
      if (isCut.indexOf(1, start + 1) >= end) continue; // within a longer word, or one already
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

  /** Where the longest term that starts here ends; `start` if none does. */
  #longestAt(text: string, start: number): number {
    let end = start;
    let node = this.#root.next.get(text.charCodeAt(start));
    for (let at = start + 1; node !== undefined; at++) {
      if (node.isTerm) end = at;
      if (at === text.length) break;
      node = node.next.get(text.charCodeAt(at));
    }
    return end;
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
