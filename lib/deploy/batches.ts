/**
 * Which rows go through the model together: those of like lengths, so many that the processor's caches hold what is computed.
 *
 * @module
 */

/** Tokens of a batch, padding included: with more the time of each token rises, on a CPU, int8's by a quarter at 512. */
export const BATCH_TOKENS = 256;

/**
 * Sorts rows by length and cuts the list.
 *
 * @param lengths Tokens of each row.
 * @param tokens The most that a batch may have, padding included; a longer row is alone.
 * @returns Numbers of the rows of each batch, longest first.
 *
 * @example
 * ```ts
 * import { planBatches } from "./batches.ts";
 * console.log(planBatches([10, 300, 12, 250], 512)); // [[1], [3, 2], [0]]
 * ```
 */
export function planBatches(lengths: readonly number[], tokens: number = BATCH_TOKENS): number[][] {
  const order = Array.from(lengths, (_, row) => row).sort((a, b) => lengths[b]! - lengths[a]! || a - b);
  const batches: number[][] = [];
  let width = 0;
  for (const row of order) {
    const batch = batches.at(-1);
    if (batch && (batch.length + 1) * width <= tokens) batch.push(row);
    else {
      batches.push([row]);
      width = lengths[row]!;
    }
  }
  return batches;
}
