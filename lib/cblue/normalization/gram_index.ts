/**
 * An inverted index of character n-grams.
 *
 * D documents, G n-grams, P postings (which n-gram stands in which document, sorted by n-gram, then document).
 *
 * @module
 */

/** How n-grams are counted and weighted. */
export interface GramIndexOptions {
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

const BM25_SATURATION = 1.2; // k1
const BM25_LENGTH = 0.75; // b

/** How often which n-gram stands in a document, characters first. */
type GramCounts = ReadonlyMap<string, number>;

/**
 * Documents by their n-grams.
 *
 * A document's score is a weighted mean of two measures between 0 and 1: BM25 (or the cosine) of n-grams, which favours rare
 * ones, and the share of the shorter text's distinct characters that the longer one has, which forgives long texts. CBLUE's
 * baseline adds the cosine and the same share, with words in place of n-grams.
 */
export class GramIndex {
  readonly #maxGram: number;
  readonly #commonShare: number;
  readonly #isCosine: boolean;
  readonly #averageLength: number; // in n-grams
  readonly #gramIds = new Map<string, number>();
  readonly #idf: Float64Array; // (G)
  readonly #postingsFrom: Int32Array; // (G + 1)
  readonly #documents: Int32Array; // (P)
  readonly #weights: Float64Array; // (P)
  readonly #distinct: Int32Array; // (D) distinct characters

  // Of one query. Sums and counts are zero between queries.
  readonly #sums: Float64Array; // (D)
  readonly #common: Int32Array; // (D) distinct characters in common
  readonly #touched: Int32Array; // (D) documents with any, first come first
  readonly #scores: Float64Array; // (D) theirs

  /**
   * @param documents texts as they are compared, at least one
   * @param options how n-grams are counted and weighted
   */
  constructor(documents: readonly string[], options: GramIndexOptions = {}) {
    const { weighting = "bm25", commonShare = 0.25, maxGram = 2 } = options;
    [this.#maxGram, this.#commonShare, this.#isCosine] = [maxGram, commonShare, weighting === "tfidf"];
    const D = documents.length;
    const counts = documents.map((document) => countGrams(document, maxGram));
    const lengths = counts.map(lengthOf);
    this.#averageLength = lengths.reduce((sum, length) => sum + length, 0) / D;

    const frequencies: number[] = []; // (G) documents that have the n-gram
    this.#distinct = new Int32Array(D);
    for (const [document, grams] of counts.entries()) {
      for (const gram of grams.keys()) {
        let id = this.#gramIds.get(gram);
        if (id === undefined) this.#gramIds.set(gram, id = frequencies.push(0) - 1);
        frequencies[id]!++;
        if (isCharacter(gram)) this.#distinct[document]!++;
      }
    }
    this.#idf = Float64Array.from(
      frequencies,
      this.#isCosine
        ? (frequency) => Math.log((1 + D) / (1 + frequency)) + 1
        : (frequency) => Math.log(1 + (D - frequency + 0.5) / (frequency + 0.5)),
    );

    this.#postingsFrom = new Int32Array(frequencies.length + 1);
    for (const [id, frequency] of frequencies.entries()) {
      this.#postingsFrom[id + 1] = this.#postingsFrom[id]! + frequency;
    }
    const places = this.#postingsFrom.slice(); // where each n-gram's next posting goes
    this.#documents = new Int32Array(places.at(-1)!);
    this.#weights = new Float64Array(places.at(-1)!);
    for (const [document, grams] of counts.entries()) {
      const norm = this.#isCosine ? this.#norm(grams) : 1;
      for (const [gram, count] of grams) {
        const id = this.#gramIds.get(gram)!;
        const place = places[id]!++;
        this.#documents[place] = document;
        this.#weights[place] = this.#isCosine
          ? count * this.#idf[id]! / norm
          : this.#saturated(id, count, lengths[document]!);
      }
    }
    this.#sums = new Float64Array(D);
    this.#common = new Int32Array(D);
    this.#touched = new Int32Array(D);
    this.#scores = new Float64Array(D);
  }

  /**
   * Scores the documents that have a character in common with a query.
   *
   * @param query a text as it is compared
   * @returns those documents' places, always in the same order, and their scores, above 0 and at most 1; the next call
   *   overwrites both
   */
  score(query: string): { documents: Int32Array; scores: Float64Array } {
    const [sums, common, touched, scores] = [this.#sums, this.#common, this.#touched, this.#scores];
    const [documents, weights] = [this.#documents, this.#weights];
    const grams = countGrams(query, this.#maxGram);
    let [touchedCount, distinct] = [0, 0];
    for (const [gram, count] of grams) {
      const single = isCharacter(gram) ? 1 : 0;
      distinct += single;
      const id = this.#gramIds.get(gram);
      if (id === undefined) continue;
      const weight = this.#isCosine ? count * this.#idf[id]! : count;
      const end = this.#postingsFrom[id + 1]!;
      for (let place = this.#postingsFrom[id]!; place < end; place++) {
        const document = documents[place]!;
        // Characters come before longer n-grams: whatever has a longer one in common was touched by its characters.
        if (single === 1 && common[document] === 0) touched[touchedCount++] = document;
        common[document]! += single;
        sums[document]! += weight * weights[place]!;
      }
    }
    const scale = this.#isCosine ? this.#norm(grams) : this.#ownScore(grams);
    for (let i = 0; i < touchedCount; i++) {
      const document = touched[i]!;
      const likeness = Math.min(1, sums[document]! / scale);
      const share = common[document]! / Math.min(distinct, this.#distinct[document]!);
      sums[document] = common[document] = 0;
      scores[i] = (1 - this.#commonShare) * likeness + this.#commonShare * share;
    }
    return { documents: touched.subarray(0, touchedCount), scores: scores.subarray(0, touchedCount) };
  }

  /** Euclidean length of tf · idf of the n-grams that some document has. */
  #norm(grams: GramCounts): number {
    let sum = 0;
    for (const [gram, count] of grams) {
      const id = this.#gramIds.get(gram);
      if (id !== undefined) sum += (count * this.#idf[id]!) ** 2;
    }
    return Math.sqrt(sum);
  }

  /** BM25 of a query for a document that is spelled the same: about the most that it can get. */
  #ownScore(grams: GramCounts): number {
    const length = lengthOf(grams);
    let sum = 0;
    for (const [gram, count] of grams) {
      const id = this.#gramIds.get(gram);
      if (id !== undefined) sum += count * this.#saturated(id, count, length);
    }
    return sum;
  }

  /** BM25 of an n-gram that stands `count` times in a document of `length` n-grams. */
  #saturated(id: number, count: number, length: number): number {
    const lengthFactor = 1 - BM25_LENGTH + BM25_LENGTH * length / this.#averageLength;
    return this.#idf[id]! * count * (BM25_SATURATION + 1) / (count + BM25_SATURATION * lengthFactor);
  }
}

function countGrams(text: string, longest: number): Map<string, number> {
  const chars = [...text];
  const counts = new Map<string, number>();
  for (let length = 1; length <= longest; length++) {
    for (let start = 0; start + length <= chars.length; start++) {
      const gram = chars.slice(start, start + length).join("");
      counts.set(gram, (counts.get(gram) ?? 0) + 1);
    }
  }
  return counts;
}

function lengthOf(grams: GramCounts): number {
  let sum = 0;
  for (const count of grams.values()) sum += count;
  return sum;
}

/** Whether an n-gram is one character, be it of two UTF-16 units. */
function isCharacter(gram: string): boolean {
  return gram.length === 1 || gram.length === 2 && gram.codePointAt(0)! > 0xffff;
}
