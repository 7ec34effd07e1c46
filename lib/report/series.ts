/**
 * Records as columns of numbers, few enough for a browser to draw.
 *
 * @module
 */
import type { LogRecord } from "../training/mod.ts";

/** One field of the records, in their order; `null` where a record lacks it or it was not finite. */
export interface Column {
  /** Values of the records or, of a long run, means of neighbouring ones. */
  values: (number | null)[];
  /** The least and the greatest of the neighbours; absent if each value is of one record. */
  low?: (number | null)[];
  high?: (number | null)[];
}

/** Columns of equal length by field name. */
export type Columns = Record<string, Column>;

const MOST_POINTS = 1000; // of a curve: a panel is hardly as many pixels wide
const DIGITS = 7; // of means, as many as float32 has

/**
 * Turns records into columns: one for each field that is a number in any of them.
 *
 * @param records - Of one kind, in the order of their steps.
 * @param most - Longest column; of more records, neighbours share an entry as their mean, with their range.
 * @returns The columns; up to `most` records are kept to the last digit.
 *
 * @example
 * ```ts
 * import { columnsOf } from "./series.ts";
 * const records = [{ kind: "training", step: 1, rtd: 0.7 }, { kind: "training", step: 2, rtd: null }];
 * console.log(columnsOf(records as never).rtd); // { values: [0.7, null] }
 * ```
 */
export function columnsOf(records: readonly LogRecord[], most: number = MOST_POINTS): Columns {
  const rows = records as readonly unknown[] as readonly Record<string, unknown>[];
  const fields = new Set<string>();
  for (const row of rows) {
    for (const field of Object.keys(row)) if (typeof row[field] !== "string") fields.add(field);
  }
  const size = Math.ceil(rows.length / most);
  const numberOf = (row: Record<string, unknown>, field: string) => {
    const value = row[field];
    return typeof value === "number" && Number.isFinite(value) ? value : null;
  };
  const columnOf = (field: string): Column => {
    if (size <= 1) return { values: rows.map((row) => numberOf(row, field)) };
    const column = { values: [], low: [], high: [] } as Required<Column>;
    for (let start = 0; start < rows.length; start += size) {
      const { mean, least, greatest } = summary(
        rows.slice(start, start + size).map((row) => numberOf(row, field)),
      );
      column.values.push(mean);
      column.low.push(least);
      column.high.push(greatest);
    }
    return column;
  };
  return Object.fromEntries([...fields].map((field) => [field, columnOf(field)]));
}

function summary(values: (number | null)[]) {
  const finite = values.filter((value) => value !== null);
  if (finite.length === 0) return { mean: null, least: null, greatest: null };
  const mean = finite.reduce((sum, value) => sum + value, 0) / finite.length;
  return {
    mean: Number(mean.toPrecision(DIGITS)),
    least: Math.min(...finite),
    greatest: Math.max(...finite),
  };
}
