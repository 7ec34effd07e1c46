/**
 * Rows of tokens as a model file reads them, and its outputs row by row.
 *
 * B = rows, L = slots of a row.
 *
 * @module
 */
import type { Output, TokenBatch } from "./session.ts";

/** A row of tokens: one text or two. */
export interface TokenRow {
  readonly ids: ArrayLike<number>;
  /** 0 for the first text, 1 for the second; default: all 0. */
  readonly typeIds?: ArrayLike<number>;
}

/**
 * Lays rows out, shorter ones padded to the longest.
 *
 * @param padId Of the model's vocabulary.
 * @throws {RangeError} If there are none.
 *
 * @example
 * ```ts
 * import { tokenBatch } from "./token_batch.ts";
 * console.log(tokenBatch([{ ids: [2, 7, 3] }, { ids: [2, 3] }], 0).mask); // [1n, 1n, 1n, 1n, 1n, 0n]
 * ```
 */
export function tokenBatch(rows: readonly TokenRow[], padId: number): TokenBatch {
  if (rows.length === 0) throw new RangeError("Cannot make a batch of no rows");
  const width = rows.reduce((most, { ids }) => Math.max(most, ids.length), 0);
  const cells = () => new BigInt64Array(rows.length * width);
  const ids = cells().fill(BigInt(padId)), mask = cells(), types = cells();
  for (const [i, row] of rows.entries()) {
    for (let j = 0, slot = i * width; j < row.ids.length; j++, slot++) {
      ids[slot] = BigInt(row.ids[j]!);
      mask[slot] = 1n;
      if (row.typeIds?.[j]) types[slot] = 1n;
    }
  }
  return { rows: rows.length, width, ids, mask, types };
}

/**
 * What a model says of one row's tokens, without its padding.
 *
 * @param output Of a batch of that width.
 * @param row Its place in the batch.
 * @param length Its tokens.
 * @returns Numbers in the output's order.
 */
export function valuesOfRow(
  { values, shape: [, ...shape] }: Output,
  row: number,
  { length, width }: { readonly length: number; readonly width: number },
): number[] {
  const size = shape.reduce((product, axis) => product * axis, 1), found: number[] = [];
  const visit = (axis: number, start: number, size: number) => {
    if (axis === shape.length) return found.push(values[start]!);
    const step = size / shape[axis]!, end = shape[axis] === width ? length : shape[axis]!;
    for (let i = 0; i < end; i++) visit(axis + 1, start + i * step, step);
  };
  visit(0, row * size, size);
  return found;
}

/** The largest difference between numbers of the same places. */
export function largestDifference(some: ArrayLike<number>, others: ArrayLike<number>): number {
  if (some.length !== others.length) {
    throw new RangeError(`Cannot compare ${some.length} numbers with ${others.length}`);
  }
  let most = 0;
  for (let i = 0; i < some.length; i++) {
    const difference = Math.abs(some[i]! - others[i]!);
    if (!(difference <= most)) most = difference; // NaN counts
  }
  return most;
}
