/**
 * Finding the standard terms that a text may mean, among tens of thousands, by the characters they have in common.
 *
 * @module
 */
import { UserError } from "../../config/mod.ts";
import type { NormalizationExample } from "../examples.ts";
import { spellOut } from "./abbreviations.ts";
import { comparisonKey, splitMentions } from "./clean.ts";
import { GramIndex, type GramIndexOptions } from "./gram_index.ts";

/** A term that a text may mean. */
export interface Candidate {
  readonly term: string;
  /** How much its characters have in common with the text's, 0 to 1. */
  readonly recall: number;
}

/** How a {@linkcode TermIndex} is built. */
export interface TermIndexOptions extends GramIndexOptions {
  /**
   * Other spellings of terms: a text and a term that it means; above all the training examples ({@linkcode aliasesOf}).
   * A spelling of a term that is not in the list adds the term.
   */
  readonly aliases?: readonly (readonly [text: string, term: string])[];
}

/** How {@linkcode TermIndex.search} searches. */
export interface SearchOptions {
  /** Also search with each part of a text that seems to name several things; a term keeps its best score. Default true. */
  readonly parts?: boolean;
  /** Leave out aliases that are spelled as the text, as if the text had not been in the training set. Default false. */
  readonly unseen?: boolean;
}

/**
 * A list of terms that can be searched for what a text may mean.
 *
 * @example
 * ```ts
 * import { TermIndex } from "./recall.ts";
 * const index = new TermIndex(["高血压", "2型糖尿病", "糖尿病性肾病"], { aliases: [["血糖高", "2型糖尿病"]] });
 * console.log(index.search("II型糖尿病", 1)[0]!.term); // 2型糖尿病
 * ```
 */
export class TermIndex {
  /** Every term once, in the order given; terms that only aliases have come last. */
  readonly terms: readonly string[];

  readonly #termIds: ReadonlyMap<string, number>;
  readonly #keys: readonly string[]; // of every term, then of every alias
  readonly #termOf: Int32Array; // of every key
  readonly #index: GramIndex; // of the keys

  /**
   * @param terms the list; repeated terms count once
   * @param options other spellings, how n-grams are weighted
   * @throws {UserError} if there is no term
   */
  constructor(terms: readonly string[], options: TermIndexOptions = {}) {
    const { aliases = [], ...gramOptions } = options;
    this.terms = [...new Set([...terms, ...aliases.map(([, term]) => term)])];
    if (this.terms.length === 0) throw new UserError("Cannot index terms: the list is empty");
    const termIds = this.#termIds = new Map(this.terms.map((term, id) => [term, id]));
    this.#keys = [...this.terms, ...aliases.map(([text]) => text)].map(comparisonKey);
    this.#termOf = Int32Array.from([...termIds.values(), ...aliases.map(([, term]) => termIds.get(term)!)]);
    this.#index = new GramIndex(this.#keys, gramOptions);
  }

  /**
   * Finds the terms that have most in common with a text.
   *
   * Common abbreviations are searched spelled out as well as they stand; a term keeps its best score.
   *
   * @param text a clinician's words
   * @param count how many terms at most
   * @param options whether to search for parts of the text too
   * @returns best first, equal scores in the order of the list; terms without a common character are left out
   */
  search(text: string, count: number, options: SearchOptions = {}): Candidate[] {
    const { best, found } = this.#scores(text, options);
    return highest(found, best, count).map((term) => ({ term: this.terms[term]!, recall: best[term]! }));
  }

  /**
   * Scores given terms for a text, whatever their rank.
   *
   * @param text a clinician's words
   * @param terms of the list; others score 0
   * @param options as for {@linkcode search}
   * @returns 0 to 1 for each term
   */
  recallOf(text: string, terms: readonly string[], options: SearchOptions = {}): Float64Array {
    const { best } = this.#scores(text, options);
    return Float64Array.from(terms, (term) => best[this.#termIds.get(term) ?? -1] ?? 0);
  }

  /** Every term's score, and which terms have one above zero. */
  #scores(text: string, { parts = true, unseen = false }: SearchOptions) {
    const best = new Float64Array(this.terms.length);
    const found: number[] = [];
    const own = comparisonKey(text);
    const queries = new Set([own, ...parts ? splitMentions(text).map(comparisonKey) : []]);
    for (const query of [...queries]) queries.add(spellOut(query));
    for (const query of queries) {
      const { documents, scores } = this.#index.score(query);
      for (let i = 0; i < documents.length; i++) {
        const document = documents[i]!, term = this.#termOf[document]!;
        if (unseen && document >= this.terms.length && this.#keys[document] === own) continue;
        if (best[term] === 0) found.push(term);
        if (scores[i]! > best[term]!) best[term] = scores[i]!;
      }
    }
    return { best, found };
  }
}

/**
 * What training examples teach an index: every text as another spelling of each of its terms.
 *
 * @param examples those without terms teach nothing
 * @returns aliases for {@linkcode TermIndex}; search for the same examples with `unseen`
 */
export function aliasesOf(
  examples: readonly NormalizationExample[],
): (readonly [text: string, term: string])[] {
  return examples.flatMap(({ text, terms }) => (terms ?? []).map((term) => [text, term] as const));
}

/** The `count` items of highest score, best first, smaller items first where equal; a heap whose root is the worst kept. */
function highest(items: readonly number[], scores: Float64Array, count: number): number[] {
  const isWorse = (a: number, b: number) => scores[a] !== scores[b] ? scores[a]! < scores[b]! : a > b;
  const heap: number[] = [];
  for (const item of items) {
    if (heap.length < count) {
      let place = heap.push(item) - 1;
      for (
        let parent = (place - 1) >> 1;
        place > 0 && isWorse(item, heap[parent]!);
        parent = (place - 1) >> 1
      ) {
        heap[place] = heap[parent]!;
        heap[place = parent] = item;
      }
    } else if (count > 0 && isWorse(heap[0]!, item)) {
      let place = 0;
      for (let child = 1; child < count; child = 2 * place + 1) {
        if (child + 1 < count && isWorse(heap[child + 1]!, heap[child]!)) child++;
        if (!isWorse(heap[child]!, item)) break;
        heap[place] = heap[child]!;
        place = child;
      }
      heap[place] = item;
    }
  }
  return heap.sort((a, b) => isWorse(a, b) ? 1 : -1);
}
