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
  const scaleOf = axis === "rows" ? (row: number) => row : (_: number, column: number) => column;
  for (let row = 0, i = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++, i++) {
      const place = scaleOf(row, column), size = Math.abs(matrix[i]!);
      if (size > scales[place]!) scales[place] = size;
    }
  }
  for (let i = 0; i < scales.length; i++) scales[i] = scales[i]! / 127 || 1; // zeros stay zeros whatever the scale
  const values = new Int8Array(matrix.length);
  for (let row = 0, i = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++, i++) {
      values[i] = Math.round(matrix[i]! / scales[scaleOf(row, column)]!);
    }
  }
  return { values, scales };
}
