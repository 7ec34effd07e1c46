/**
 * The table of the bench over CBLUE's tasks: a set a line, seeds as mean and spread.
 *
 * @module
 */
import type { BenchSet } from "./bench_sets.ts";

/** A score on dev. */
export interface Result {
  readonly metric: string;
  /** 0 to 1. */
  readonly score: number;
  readonly seconds: number;
}

/** What is known of a set. */
export interface Row {
  readonly set: BenchSet;
  readonly majority: Result;
  readonly characters: Result;
  /** One for each seed. */
  readonly random: Result[];
  readonly pretrained: Result[];
}

/**
 * Writes the table as Markdown.
 *
 * @param notes Lines below it.
 */
export function formatTable(rows: readonly Row[], notes: readonly string[]): string {
  const header = [
    ...["set", "train, dev", "metric", "majority", "characters", "random trunk", "pretrained trunk"],
    ...["pretrained − random", "steps × batch, rate, tokens"],
  ];
  const lines = rows.map(({ set, majority, characters, random, pretrained }) => {
    const { steps, batch_size, learning_rate, max_seq_length } = set.budget;
    const gain = meanScore(pretrained) - meanScore(random);
    return [
      set.isSynthetic ? `${set.name} (synthetic)` : set.name,
      `${set.records.train}, ${set.records.dev}`,
      majority.metric,
      percent(majority.score),
      percent(characters.score),
      spread(random),
      spread(pretrained),
      Number.isNaN(gain) ? "–" : `${gain > 0 ? "+" : ""}${percent(gain)}`,
      `${steps} × ${batch_size}, ${learning_rate}, ${max_seq_length}`,
    ];
  });
  const done = rows.filter(({ random, pretrained }) => random.length > 0 && pretrained.length > 0);
  const count = (what: (row: Row) => boolean) => `${done.filter(what).length} of ${done.length}`;
  const better = [
    `Of the sets with both, pretrained is above random on ${
      count((row) => meanScore(row.pretrained) > meanScore(row.random))
    }`,
    `above characters on ${count((row) => meanScore(row.pretrained) > row.characters.score)}`,
    `above majority on ${count((row) => meanScore(row.pretrained) > row.majority.score)} (means)`,
  ].join(", ");
  return [
    ...[header, header.map(() => "---"), ...lines].map((cells) => `| ${cells.join(" | ")} |`),
    "",
    ...(done.length > 0 ? [better, ""] : []),
    ...notes.map((note) => `- ${note}`),
    "",
  ].join("\n");
}

/** A score with two digits. */
export function percent(share: number): string {
  return (100 * share).toFixed(2);
}

/** The mean, and the standard deviation of several. */
export function spread(results: readonly Result[]): string {
  if (results.length === 0) return "–";
  if (results.length === 1) return percent(results[0]!.score);
  const middle = meanScore(results);
  const squares = results.reduce((sum, { score }) => sum + (score - middle) ** 2, 0);
  return `${percent(middle)} ± ${percent(Math.sqrt(squares / (results.length - 1)))}`;
}

/** The mean of their scores. */
export function meanScore(results: readonly Result[]): number {
  return results.reduce((sum, { score }) => sum + score, 0) / results.length;
}
