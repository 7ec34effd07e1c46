/**
 * Finding the standard terms that a text may mean, among tens of thousands, by the characters they have in common.
 *
 * Names: D documents (every term, then every known other spelling of one), P postings (how often which character n-gram
 * stands in which document, sorted by n-gram), T terms.
 *
 * A term's score is a weighted mean of two measures between 0 and 1: BM25 (or the cosine) of character n-grams, which
 * favours rare ones, and the share of the shorter name's distinct characters that the longer one has, which forgives long
 * texts. CBLUE's baseline adds the cosine and the same share, with words in place of n-grams.
 *
 * @module
 */
import { UserError } from "../../config/mod.ts";
import type { NormalizationExample } from "../examples.ts";
import { spellOut } from "./abbreviations.ts";
import { comparisonKey, splitMentions } from "./clean.ts";

/** A term that a text may mean. */
export interface Candidate {
  readonly term: string;
  /** How much its characters have in common with the text's, 0 to 1. */
  readonly recall: number;
}

/** How a {@linkcode TermIndex} is built. */
export interface TermIndexOptions {
  /**
   * Other spellings of terms: a text and a term that it means; above all the training examples ({@linkcode aliasesOf}).
   * A spelling of a term that is not in the list adds the term.
   */
  readonly aliases?: readonly (readonly [text: string, term: string])[];
  /**
   * `bm25`: Lucene's, divided by the score of a document that is spelled as the query, and at most 1; `tfidf`: cosine with
   * smoothed idf, as scikit-learn's. Default `bm25`.
   */
  readonly weighting?: "tfidf" | "bm25";
  /** Weight of the share of common characters in a score, 0 to 1; default 0.25. Half in CBLUE's baseline. */
  readonly commonShare?: number;
  /** Longest n-gram of characters; all shorter ones are counted too. Default 2. */
  readonly maxGram?: number;
}

/** How {@linkcode TermIndex.search} searches. */
export interface SearchOptions {
  /** Also search with each part of a text that seems to name several things; a term keeps its best score. Default true. */
  readonly parts?: boolean;
  /** Leave out aliases that are spelled as the text, as if the text had not been in the training set. Default false. */
  readonly unseen?: boolean;
}

const BM25_SATURATION = 1.2; // k1
const BM25_LENGTH = 0.75; // b

/**
 * An inverted index of character n-grams over a list of terms.
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
  readonly #termOf: Int32Array; // (D)
  readonly #keys: readonly string[]; // (D)
  readonly #gramIds: ReadonlyMap<string, number>;
  readonly #postingsFrom: Int32Array; // (grams + 1)
  readonly #documents: Int32Array; // (P)
  readonly #weights: Float64Array; // (P)
  readonly #idf: Float64Array; // (grams)
  readonly #distinct: Int32Array; // (D) distinct characters of a document
  readonly #maxGram: number;
  readonly #weighting: "tfidf" | "bm25";
  readonly #commonShare: number;
  readonly #averageGrams: number;

  // Of one query; zero between queries.
  readonly #sums: Float64Array; // (D)
  readonly #common: Int32Array; // (D)
  readonly #touched: Int32Array; // (D)

  /**
   * @param terms the list; repeated terms count once
   * @param options other spellings, how n-grams are weighted
   * @throws {UserError} if there is no term
   */
  constructor(terms: readonly string[], options: TermIndexOptions = {}) {
    const { aliases = [], weighting = "bm25", commonShare = 0.25, maxGram = 2 } = options;
    const termIds = new Map<string, number>();
    for (const term of [...terms, ...aliases.map(([, term]) => term)]) {
      if (!termIds.has(term)) termIds.set(term, termIds.size);
    }
    if (termIds.size === 0) throw new UserError("Cannot index terms: the list is empty");
    this.terms = [...termIds.keys()];
    this.#termIds = termIds;
    this.#termOf = Int32Array.from([...termIds.values(), ...aliases.map(([, term]) => termIds.get(term)!)]);
    this.#keys = [...this.terms, ...aliases.map(([text]) => text)].map(comparisonKey);
    [this.#maxGram, this.#weighting, this.#commonShare] = [maxGram, weighting, commonShare];

    const D = this.#keys.length;
    const gramIds = new Map<string, number>();
    const counts = this.#keys.map((key) => countGrams(key, maxGram));
    const frequencies: number[] = []; // documents that have a gram
    const lengths = new Int32Array(D); // grams of a document
    this.#distinct = new Int32Array(D);
    for (const [document, grams] of counts.entries()) {
      for (const [gram, count] of grams) {
        let id = gramIds.get(gram);
        if (id === undefined) gramIds.set(gram, id = frequencies.push(0) - 1);
        frequencies[id]!++;
        lengths[document]! += count;
        if (isCharacter(gram)) this.#distinct[document]!++;
      }
    }
    this.#gramIds = gramIds;
    this.#averageGrams = lengths.reduce((sum, length) => sum + length, 0) / D;
    this.#idf = Float64Array.from(
      frequencies,
      weighting === "tfidf"
        ? (frequency) => Math.log((1 + D) / (1 + frequency)) + 1
        : (frequency) => Math.log(1 + (D - frequency + 0.5) / (frequency + 0.5)),
    );

    this.#postingsFrom = new Int32Array(frequencies.length + 1);
    for (const [id, frequency] of frequencies.entries()) {
      this.#postingsFrom[id + 1] = this.#postingsFrom[id]! + frequency;
    }
    const filled = this.#postingsFrom.slice();
    this.#documents = new Int32Array(filled.at(-1)!);
    this.#weights = new Float64Array(filled.at(-1)!);
    for (const [document, grams] of counts.entries()) {
      const norm = weighting === "tfidf" ? this.#norm(grams) : 1;
      for (const [gram, count] of grams) {
        const id = gramIds.get(gram)!;
        const place = filled[id]!++;
        this.#documents[place] = document;
        this.#weights[place] = weighting === "tfidf"
          ? count * this.#idf[id]! / norm
          : this.#saturated(id, count, lengths[document]!);
      }
    }
    this.#sums = new Float64Array(D);
    this.#common = new Int32Array(D);
    this.#touched = new Int32Array(D);
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

  /** Every term's score, and which are above zero. */
  #scores(text: string, { parts = true, unseen = false }: SearchOptions) {
    const best = new Float64Array(this.terms.length); // zero: nothing in common
    const found: number[] = [];
    const whole = comparisonKey(text);
    const queries = new Set([text, ...parts ? splitMentions(text) : []].map(comparisonKey));
    for (const query of [...queries]) queries.add(spellOut(query));
    for (const query of queries) this.#addScores(query, unseen ? whole : undefined, best, found);
    return { best, found };
  }

  /** Raises `best` to the terms' scores for a query and adds terms that had none to `found`. */
  #addScores(query: string, left: string | undefined, best: Float64Array, found: number[]): void {
    const grams = countGrams(query, this.#maxGram);
    const [sums, common, touched] = [this.#sums, this.#common, this.#touched];
    let [touchedCount, distinct, queryGrams] = [0, 0, 0];
    for (const [gram, count] of grams) {
      const single = isCharacter(gram) ? 1 : 0;
      distinct += single;
      queryGrams += count;
      const id = this.#gramIds.get(gram);
      if (id === undefined) continue;
      const weight = this.#weighting === "tfidf" ? count * this.#idf[id]! : count;
      const end = this.#postingsFrom[id + 1]!;
      for (let place = this.#postingsFrom[id]!; place < end; place++) {
        const document = this.#documents[place]!;
        // Characters come before longer n-grams: whatever has a longer one in common was touched by its characters.
        if (single === 1 && common[document] === 0) touched[touchedCount++] = document;
        common[document]! += single;
        sums[document]! += weight * this.#weights[place]!;
      }
    }
    const scale = this.#weighting === "tfidf" ? this.#norm(grams) : this.#ownScore(grams, queryGrams);
    for (let i = 0; i < touchedCount; i++) {
      const document = touched[i]!, term = this.#termOf[document]!;
      const share = common[document]! / Math.min(distinct, this.#distinct[document]!);
      const score = (1 - this.#commonShare) * Math.min(1, sums[document]! / scale) +
        this.#commonShare * share;
      sums[document] = common[document] = 0;
      if (left !== undefined && document >= this.terms.length && this.#keys[document] === left) continue;
      if (best[term] === 0) found.push(term);
      if (score > best[term]!) best[term] = score;
    }
  }

  /** Euclidean length of tf · idf of the n-grams that some document has. */
  #norm(grams: ReadonlyMap<string, number>): number {
    let sum = 0;
    for (const [gram, count] of grams) {
      const id = this.#gramIds.get(gram);
      if (id !== undefined) sum += (count * this.#idf[id]!) ** 2;
    }
    return Math.sqrt(sum);
  }

  /** BM25 of a gram that stands `count` times in a document of `length` grams. */
  #saturated(id: number, count: number, length: number): number {
    const lengthFactor = 1 - BM25_LENGTH + BM25_LENGTH * length / this.#averageGrams;
    return this.#idf[id]! * count * (BM25_SATURATION + 1) / (count + BM25_SATURATION * lengthFactor);
  }

  /** BM25 of a query for a document that is spelled the same: about the most that it can get. */
  #ownScore(grams: ReadonlyMap<string, number>, length: number): number {
    let sum = 0;
    for (const [gram, count] of grams) {
      const id = this.#gramIds.get(gram);
      if (id !== undefined) sum += count * this.#saturated(id, count, length);
    }
    return sum;
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

/** How often which n-grams of 1 to `longest` characters stand in a key; characters first. */
function countGrams(key: string, longest: number): Map<string, number> {
  const chars = [...key];
  const counts = new Map<string, number>();
  for (let length = 1; length <= longest; length++) {
    for (let start = 0; start + length <= chars.length; start++) {
      const gram = chars.slice(start, start + length).join("");
      counts.set(gram, (counts.get(gram) ?? 0) + 1);
    }
  }
  return counts;
}

/** Whether an n-gram is one character, be it of two UTF-16 units. */
function isCharacter(gram: string): boolean {
  return gram.length === 1 || gram.length === 2 && gram.codePointAt(0)! > 0xffff;
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
