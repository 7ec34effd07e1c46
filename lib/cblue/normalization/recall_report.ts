/**
 * How many of the right terms are among the candidates: what no scorer can make good afterwards.
 *
 * @module
 */
import type { NormalizationExample } from "../examples.ts";
import { answerOf } from "./pairs.ts";
import type { SearchOptions, TermIndex } from "./recall.ts";

/** Recall among the first k candidates. */
export interface RecallAt {
  readonly k: number;
  /** Right terms that are among the first k candidates, of all right terms. */
  readonly terms: number;
  /** Texts all of whose terms are among the first k candidates, of all texts with terms. */
  readonly texts: number;
}

/** What {@linkcode measureRecall} finds. */
export interface RecallReport {
  readonly at: readonly RecallAt[];
  /** Right terms in all examples. */
  readonly terms: number;
  /** Right terms that are not in the list, and so never found. */
  readonly unlisted: number;
}

/**
 * Counts right terms among the first candidates.
 *
 * @param examples with their terms
 * @param index the list of terms
 * @param ks numbers of candidates, ascending
 * @param search as candidates are searched; `unseen` where the examples' own texts are among the index's aliases
 * @returns recall at each k
 * @throws {UserError} if an example has no answer
 *
 * @example Two terms, one of them second among the candidates: recall 0.5 at 1, 1 at 2
 * ```ts
 * import { TermIndex } from "./recall.ts";
 * import { measureRecall } from "./recall_report.ts";
 * const index = new TermIndex(["高血压", "高血压性肾病"]);
 * const example = { key: "高血压", record: {}, text: "高血压", terms: ["高血压", "高血压性肾病"] };
 * console.log(measureRecall([example], index, [1, 2]).at.map(({ terms }) => terms)); // [ 0.5, 1 ]
 * ```
 */
export function measureRecall(
  examples: Iterable<NormalizationExample>,
  index: TermIndex,
  ks: readonly number[] = [1, 10, 100, 200],
  search: SearchOptions = {},
): RecallReport {
  const listed = new Set(index.terms);
  const found = ks.map(() => ({ terms: 0, texts: 0 }));
  let [terms, texts, unlisted] = [0, 0, 0];
  for (const example of examples) {
    const right = new Set(answerOf(example));
    if (right.size === 0) continue;
    texts++;
    terms += right.size;
    for (const term of right) if (!listed.has(term)) unlisted++;
    const candidates = index.search(example.text, Math.max(0, ...ks), search);
    const ranks = candidates.flatMap(({ term }, rank) => right.has(term) ? [rank] : []);
    for (const [n, k] of ks.entries()) {
      const within = ranks.filter((rank) => rank < k).length;
      found[n]!.terms += within;
      if (within === right.size) found[n]!.texts++;
    }
  }
  const share = (part: number, whole: number) => whole === 0 ? 0 : part / whole;
  const at = ks.map((k, n) => ({
    k,
    terms: share(found[n]!.terms, terms),
    texts: share(found[n]!.texts, texts),
  }));
  return { at, terms, unlisted };
}

/** Tells of recall in a line for people. */
export function formatRecall({ at, terms, unlisted }: RecallReport): string {
  const shares = at.map(({ k, terms }) => `${k}: ${(100 * terms).toFixed(2)} %`).join(", ");
  return `Of ${terms} right terms among the first candidates, ${shares}; ${unlisted} are not in the list`;
}
