/**
 * When two sets of learning curves are the same: each set has one curve per random seed, all over the same steps.
 *
 * @module
 */

/** One number per step. */
export type Curve = readonly number[];

/** What a comparison found. */
export interface Likeness {
  /** Mean distance between the mean curves of both sets. */
  readonly difference: number;
  /** Mean distance between the highest and the lowest curve of the reference: what another seed alone makes of it. */
  readonly spread: number;
  /** Whether the difference is within the spread. */
  readonly alike: boolean;
}

/**
 * Compares curves with those of a reference. They are alike if, on average over the steps, their means are no farther apart
 * than the highest and the lowest curve of the reference.
 *
 * With three seeds on each side, of curves that differ by seed alone the difference is expected to be 0.38 of the spread; one
 * side has to be off by 1.7 standard deviations of its seeds, all the time, to exceed it.
 *
 * @param ours one curve per seed, smoothed
 * @param reference at least two, smoothed alike
 *
 * @example
 * ```ts
 * import { compareCurves } from "./curve_statistics.ts";
 * console.log(compareCurves([[3, 2], [3.2, 2.2]], [[3.1, 2.1], [2.9, 2]]).alike); // true
 * ```
 */
export function compareCurves(ours: readonly Curve[], reference: readonly Curve[]): Likeness {
  if (reference.length < 2) {
    throw new RangeError("Cannot tell a spread: the reference needs two curves at least");
  }
  const means = [meanCurve(ours), meanCurve(reference)] as const;
  const difference = mean(means[0].map((value, i) => Math.abs(value - means[1][i]!)));
  const ranges = reference[0]!.map((_, i) => {
    const values = reference.map((curve) => curve[i]!);
    return Math.max(...values) - Math.min(...values);
  });
  const spread = mean(ranges);
  return { difference, spread, alike: difference <= spread };
}

/** Replaces each number by the mean of its neighbourhood of `width` steps, cut off at both ends. */
export function smooth(curve: Curve, width: number): number[] {
  const half = Math.floor(width / 2);
  return curve.map((_, i) => mean(curve.slice(Math.max(0, i - half), i + half + 1)));
}

/** Step by step the mean of several curves. */
export function meanCurve(curves: readonly Curve[]): number[] {
  return curves[0]!.map((_, i) => mean(curves.map((curve) => curve[i]!)));
}

/**
 * Reads a curve between its points.
 *
 * @param x where its points are, ascending
 * @param y its values there
 * @param at where to read it; beyond the ends it stays level
 */
export function interpolate(x: Curve, y: Curve, at: Curve): number[] {
  return at.map((position) => {
    const next = x.findIndex((value) => value >= position);
    if (next <= 0) return next === 0 ? y[0]! : y.at(-1)!;
    const share = (position - x[next - 1]!) / (x[next]! - x[next - 1]!);
    return y[next - 1]! + share * (y[next]! - y[next - 1]!);
  });
}

function mean(values: Curve): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
