/**
 * What a model's head gives, as plain numbers: decoders need no TensorFlow.
 *
 * @module
 */

/** Numbers in rows, the last axis running fastest. */
export interface Logits {
  readonly values: Float32Array;
  readonly shape: readonly number[];
}

/**
 * Takes one entry along the first axis, without copying.
 *
 * @param logits The first axis is over the rows of a batch.
 * @param row From 0.
 * @returns The row's logits; its shape lacks the first axis.
 * @throws {RangeError} If there is no such row.
 *
 * @example
 * ```ts
 * import { rowOf } from "./logits.ts";
 * console.log(rowOf({ values: Float32Array.of(1, 2, 3, 4), shape: [2, 2] }, 1).values); // Float32Array [3, 4]
 * ```
 */
export function rowOf({ values, shape }: Logits, row: number): Logits {
  const [rows = 0, ...rest] = shape;
  if (!(row >= 0 && row < rows)) {
    throw new RangeError(`Cannot take row ${row} of logits of shape [${shape.join(", ")}]`);
  }
  const size = rest.reduce((product, length) => product * length, 1);
  return { values: values.subarray(row * size, (row + 1) * size), shape: rest };
}

/**
 * Checks that logits cover a row of characters between `[CLS]` and `[SEP]`.
 *
 * @param tokenAxes Which axes are over the row's tokens.
 * @param others How long the other axes are, in order.
 * @throws {RangeError} If they do not; the message tells both shapes.
 */
export function checkLogits(
  { values, shape }: Logits,
  characters: number,
  tokenAxes: readonly number[],
  others: readonly number[],
): void {
  const rest = [...others];
  const expected = Array.from(
    { length: tokenAxes.length + others.length },
    (_, axis) => tokenAxes.includes(axis) ? `≥ ${characters + 2}` : `${rest.shift()}`,
  );
  const fits = shape.length === expected.length &&
    values.length === shape.reduce((product, length) => product * length, 1) &&
    expected.every((wanted, axis) =>
      wanted.startsWith("≥") ? shape[axis]! >= characters + 2 : shape[axis] === Number(wanted)
    );
  if (fits) return;
  throw new RangeError(
    `Cannot decode ${values.length} logits of shape [${shape.join(", ")}] for ${characters} characters: ` +
      `expected [${expected.join(", ")}]`,
  );
}
