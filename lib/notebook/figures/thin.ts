/** Long curves with fewer points, which look the same. */

/** The points of a curve; `null` where there is a gap. */
export interface Points {
  readonly x: readonly (number | string)[];
  readonly y: readonly (number | null)[];
}

/**
 * Thins a curve: of neighbouring points the least and the greatest stay, so that no peak is lost.
 *
 * @param points in the order of x
 * @param most points that may stay, at least 4
 * @returns the same points if they are not too many; else their first, their last, and two of each bucket between
 *
 * @example
 * ```ts
 * import { thin } from "./thin.ts";
 * const y = Array.from({ length: 100_000 }, (_, i) => i === 777 ? 9 : 0);
 * const { x, y: left } = thin({ x: [...y.keys()], y }, 1000);
 * console.log(x.length <= 1000, Math.max(...left as number[])); // true 9
 * ```
 */
export function thin({ x, y }: Points, most: number): Points {
  const count = y.length;
  if (count <= most) return { x, y };
  const buckets = Math.floor((most - 2) / 2);
  const kept = [0];
  for (let bucket = 0; bucket < buckets; bucket++) {
    const start = 1 + Math.floor(bucket * (count - 2) / buckets);
    const end = 1 + Math.floor((bucket + 1) * (count - 2) / buckets);
    kept.push(...extremes(y, start, end));
  }
  kept.push(count - 1);
  return { x: kept.map((i) => x[i]!), y: kept.map((i) => y[i]!) };
}

/** Where the least and the greatest value of a bucket are, in order; one place if they are one, or none is a number. */
function extremes(y: readonly (number | null)[], start: number, end: number): number[] {
  let least = -1, greatest = -1;
  for (let i = start; i < end; i++) {
    const value = y[i];
    if (value === null || !Number.isFinite(value)) continue;
    if (least < 0 || value! < y[least]!) least = i;
    if (greatest < 0 || value! > y[greatest]!) greatest = i;
  }
  if (least < 0) return [start];
  return least === greatest ? [least] : [Math.min(least, greatest), Math.max(least, greatest)];
}
