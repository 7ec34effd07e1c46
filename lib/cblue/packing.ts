/**
 * Texts that share rows of the encoder, so that little of its work goes into padding; attention never leaves a text.
 *
 * Losses and answers are those of one text a row, dropout included: what is drawn for a token depends on the token alone.
 *
 * @module
 */

/** How the texts of a batch lie before the encoder. */
export interface Packing {
  readonly rows: number;
  /** Tokens a row. */
  readonly width: number;
  /** For each text the place of its first token, counted through all rows. */
  readonly starts: readonly number[];
}

/** Rows may be this wide, or just as wide as the longest text needs. */
const WIDTHS = [128, 256, 512];
/** A row of this width spends as much on attention's scores as on all else, in an encoder 768 wide. */
const ATTENTION_WIDTH = 6 * 768;

/**
 * Packs texts into as few rows as first-fit decreasing finds.
 *
 * @param lengths Tokens of each text.
 * @param width Of the rows.
 * @throws {RangeError} If a text is longer than a row.
 *
 * @example
 * ```ts
 * import { packTexts } from "./packing.ts";
 * console.log(packTexts([30, 100, 90, 20], 128)); // 2 rows; the texts begin at 128 + 90, 0, 128 and 100
 * ```
 */
export function packTexts(lengths: readonly number[], width: number): Packing {
  const used: number[] = [], starts = new Array<number>(lengths.length);
  for (const text of lengths.keys().toArray().sort((a, b) => lengths[b]! - lengths[a]! || a - b)) {
    const length = lengths[text]!;
    if (length > width) throw new RangeError(`Cannot pack a text of ${length} tokens into rows of ${width}`);
    let row = used.findIndex((tokens) => tokens + length <= width);
    if (row < 0) row = used.push(0) - 1;
    starts[text] = row * width + used[row]!;
    used[row]! += length;
  }
  return { rows: used.length, width, starts };
}

/**
 * The width of rows that makes batches cheapest, attention included.
 *
 * @param batches Lengths of the texts of each.
 * @param narrowest Wide enough for any text.
 */
export function bestWidth(batches: readonly (readonly number[])[], narrowest: number): number {
  const cost = (width: number) => {
    const rows = batches.reduce((sum, lengths) => sum + packTexts(lengths, width).rows, 0);
    return rows * width * (1 + width / ATTENTION_WIDTH);
  };
  const widths = [narrowest, ...WIDTHS.filter((width) => width > narrowest)];
  const costs = widths.map(cost);
  return widths[costs.indexOf(Math.min(...costs))]!;
}

/** Of batches of up to 100 texts, by {@linkcode roundRows}, and of the rest that an evaluation ends with. */
export const BATCH_SHAPES = 32;

/**
 * Rounds a number of rows up, to at most eight values from each power of two to the next: for each the model is compiled.
 *
 * @example
 * ```ts
 * import { roundRows } from "./packing.ts";
 * console.log([5, 15, 17, 40].map(roundRows)); // [5, 15, 18, 40]
 * ```
 */
export function roundRows(rows: number): number {
  const step = Math.max(1, 2 ** Math.floor(Math.log2(rows)) / 8);
  return step * Math.ceil(rows / step);
}
