/** Traces as they are sent: plain arrays, few points, few digits; and what they say in words. */
import { formatCount } from "../../chart/mod.ts";
import type { Layout, Trace } from "./figure.ts";
import { thin } from "./thin.ts";

const MOST_POINTS = 800; // of a curve: a figure is hardly as many pixels wide
const DIGITS = 5;

/**
 * Makes a trace small: a curve of many points is thinned, numbers are rounded to five digits.
 *
 * @param trace as plotly.js takes it, arrays of numbers perhaps typed
 * @returns a trace of plain arrays
 */
export function compact(trace: Trace): Trace {
  const { y } = trace;
  const points = isCurve(trace) && isList(y)
    ? thin({
      x: isList(trace.x) ? Array.from(trace.x as number[]) : [...y.keys()],
      y: Array.from(y as number[]),
    }, MOST_POINTS)
    : {};
  return rounded({ ...trace, ...points }) as Trace;
}

/**
 * Says what a figure shows.
 *
 * @param data the traces before they were thinned
 * @param layout with or without a title
 * @returns a line for the title and a line for each trace
 */
export function describe(data: readonly Trace[], layout: Layout): string {
  const { title } = layout as { title?: { text?: string } };
  return [title?.text ?? "Figure", ...data.map((trace) => `  ${describeTrace(trace)}`)].join("\n");
}

function describeTrace(trace: Trace): string {
  const { type = "scatter", name, y, z } = trace;
  const label = name ?? type;
  if (isList(z)) return `${label}: ${z.length} × ${(z[0] as { length?: number })?.length ?? 0}`;
  if (!isList(y)) return label;
  const numbers = Array.from(y as ArrayLike<number>).filter((value) => Number.isFinite(value));
  const write = (value: number) => String(round(value));
  if (numbers.length === 0) return `${label}: no values`;
  const isThinned = isCurve(trace) && y.length > MOST_POINTS;
  const { least, greatest } = range(numbers);
  return `${label}: ${formatCount(y.length)} ${y.length === 1 ? "value" : "values"}, ` +
    `${write(numbers[0]!)} to ${write(numbers.at(-1)!)}, within ${write(least)} … ${write(greatest)}` +
    (isThinned ? `; drawn: the least and the greatest of neighbours, ${MOST_POINTS} in all` : "");
}

function range(numbers: readonly number[]) {
  let least = Infinity, greatest = -Infinity;
  for (const value of numbers) {
    if (value < least) least = value;
    if (value > greatest) greatest = value;
  }
  return { least, greatest };
}

function isCurve({ type = "scatter" }: Trace): boolean {
  return type === "scatter";
}

function isList(value: unknown): value is ArrayLike<unknown> & { keys(): Iterable<number> } {
  return Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView));
}

/** Numbers rounded, typed arrays plain, all else as it is; what is no number is a gap. */
function rounded(value: unknown): unknown {
  if (typeof value === "number") return Number.isFinite(value) ? round(value) : null;
  if (isList(value)) return Array.from(value, rounded);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, rounded(part)]));
}

function round(value: number): number {
  return Number.isInteger(value) ? value : Number(value.toPrecision(DIGITS));
}
