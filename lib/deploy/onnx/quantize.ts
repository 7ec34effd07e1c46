/**
 * Weights as 8-bit integers: each row or column has a scale of its own, so that its greatest element becomes 127.
 *
 * @module
 */

/** Integers and what to multiply them by. */
export interface Quantized {
  /** As many as the matrix has elements, -127 to 127, in its order. */
  readonly values: Int8Array<ArrayBuffer>;
  /** One for each row, or for each column. */
  readonly scales: Float32Array<ArrayBuffer>;
}

/**
 * Rounds a matrix to integers.
 *
 * @param matrix (rows, columns).
 * @param axis Which have a scale: those of `linear` layers, stored [in, out], are columns; those of tables are rows.
 *
 * @example
 * ```ts
 * import { quantize } from "./quantize.ts";
 * const { values, scales } = quantize(Float32Array.of(1, 0.5, -2, 127), 2, 2, "rows");
 * console.log(values, scales); // [127, 64, -2, 127], [1 / 127, 1]
 * ```
 */
export function quantize(
  matrix: Float32Array,
  rows: number,
  columns: number,
  axis: "rows" | "columns",
): Quantized {
  const scales = new Float32Array(axis === "rows" ? rows : columns);
  const perRow = axis === "rows";
  for (let row = 0, i = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++, i++) {
      const place = perRow ? row : column, size = Math.abs(matrix[i]!);
      if (size > scales[place]!) scales[place] = size;
    }
  }
  const inverses = scales.map((size) => size > 0 ? 127 / size : 0);
  const values = new Int8Array(matrix.length);
  for (let row = 0, i = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++, i++) {
      values[i] = Math.round(matrix[i]! * inverses[perRow ? row : column]!);
    }
  }
  return { values, scales: scales.map((size) => size / 127) };
}
