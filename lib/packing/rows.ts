/**
 * How a step's tokens lie: groups of rows of one width, the same in every step, so that one compiled graph serves the run.
 *
 * Attention never leaves a row. Narrow rows therefore cost less, for the scores of a row grow with the square of its width;
 * sentences that need a wide row get one, several short ones share a row.
 *
 * N: token slots of a step, both views; S: sentences a step at most.
 */

/** Rows of one width: half of them for view a, then as many for view b, with the same sentences in the same places. */
export interface RowGroup {
  /** Even: rows of both views. */
  readonly rows: number;
  /** Tokens a row. */
  readonly width: number;
}

/** The shape of every batch of a run. */
export interface BatchLayout {
  /** Group after group lie the N = Σ rows · width slots. */
  readonly groups: readonly RowGroup[];
  /** Whether a row may hold several sentences; else each row is one sentence and padding, as in the original. */
  readonly packed: boolean;
  /** M: most masked tokens of a batch, both views. */
  readonly maskCapacity: number;
  /** S: most sentences of a batch. */
  readonly sentenceCapacity: number;
  /** How many it has on average; for packed rows an estimate. */
  readonly sentencesPerStep: number;
}

/**
 * Lays out one sentence a row, as the original does.
 *
 * @param sentences B
 * @param width L
 * @param maskCapacity M. Default: no limit
 * @returns 2B rows of L tokens
 *
 * @example
 * ```ts
 * import { paddedLayout, slots } from "./rows.ts";
 * console.log(slots(paddedLayout(4, 16))); // 128
 * ```
 */
export function paddedLayout(sentences: number, width: number, maskCapacity = Infinity): BatchLayout {
  return {
    groups: [{ rows: 2 * sentences, width }],
    packed: false,
    maskCapacity,
    sentenceCapacity: sentences,
    sentencesPerStep: sentences,
  };
}

/**
 * Counts the token slots of a batch.
 *
 * @param layout its shape
 * @returns N, both views
 */
export function slots(layout: Pick<BatchLayout, "groups">): number {
  return layout.groups.reduce((sum, { rows, width }) => sum + rows * width, 0);
}
