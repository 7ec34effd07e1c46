/**
 * From CHIP-CDN-2C back to CHIP-CDN: the judged pairs of a text are its candidates.
 *
 * @module
 */
import type { ClassificationExample } from "../examples.ts";
import { cleanName } from "./clean.ts";
import type { ScoredText } from "./features.ts";
import { PAIR_LABELS } from "./pairs.ts";
import { TermIndex } from "./recall.ts";

/** A text of a pair file with its judged candidates. */
export interface PairGroup extends ScoredText {
  /** The candidates that are labelled as meant; undefined if the pairs have no labels. */
  readonly terms: string[] | undefined;
}

/**
 * Gathers judged pairs by their text, so that a decision can be fitted to them or made.
 *
 * @param pairs of a text and a term each, as CHIP-CDN-2C's files have them
 * @param probabilities for each pair, that the text means the term
 * @param terms the list as submissions spell it; default: the pairs' own spelling
 * @returns texts in the order of their first pairs
 * @throws {RangeError} if there are not as many probabilities as pairs
 *
 * @example
 * ```ts
 * import { groupPairs } from "./pair_groups.ts";
 * const pair = (term: string) => ({ key: "", record: {}, texts: ["血压高", term] as const, label: undefined });
 * const [group] = groupPairs([pair("高血压"), pair("低血压")], [0.9, 0.2]);
 * console.log(group!.text, group!.candidates.map(({ term }) => term)); // 血压高 [ "高血压", "低血压" ]
 * ```
 */
export function groupPairs(
  pairs: readonly ClassificationExample[],
  probabilities: ArrayLike<number>,
  terms: readonly string[] = [],
): PairGroup[] {
  if (pairs.length !== probabilities.length) {
    throw new RangeError(
      `Cannot group ${pairs.length} pairs: there are ${probabilities.length} probabilities`,
    );
  }
  const spelling = new Map(terms.map((term) => [cleanName(term), term]));
  const groups = new Map<string, { term: string; probability: number; label: string | undefined }[]>();
  for (const [n, { texts: [text, name = ""], label }] of pairs.entries()) {
    const term = spelling.get(cleanName(name)) ?? name;
    const group = groups.get(text) ?? [];
    if (group.length === 0) groups.set(text, group);
    group.push({ term, probability: probabilities[n]!, label });
  }
  if (groups.size === 0) return [];
  const index = new TermIndex([...groups.values()].flat().map(({ term }) => term));
  return [...groups].map(([text, group]) => {
    const recall = index.recallOf(text, group.map(({ term }) => term));
    const candidates = group.map(({ term, probability }, n) => ({ term, probability, recall: recall[n]! }));
    const isLabelled = group.every(({ label }) => label !== undefined);
    const meant = group.filter(({ label }) => label === PAIR_LABELS.yes).map(({ term }) => term);
    return { text, candidates, terms: isLabelled ? meant : undefined };
  });
}
