/**
 * How often each label is the answer, as the logits of a head that knows nothing else.
 *
 * With biases of 0 a new head first has to learn these, and all parameters move together until it says how common each
 * label is. In a deep encoder with random weights that makes inputs alike, and hundreds of steps then learn nothing. A head
 * that says it from the start has nothing to move for but what tells inputs apart.
 *
 * @module
 */
import type { TargetedRow } from "./pairs.ts";

/**
 * Logits of classes, one of which is the answer.
 *
 * @param classes The answers, from 0 to `count` - 1; others are passed over.
 * @param count How many classes there are.
 * @returns The logarithm of each one's share, every class counted once more than it is there.
 *
 * @example
 * ```ts
 * import { classPriors } from "./priors.ts";
 * console.log(classPriors([0, 0, 0, 0, 0, 1, 1], 2)); // ln(6 / 9), ln(3 / 9)
 * ```
 */
export function classPriors(classes: Iterable<number>, count: number): Float32Array {
  const counts = new Float64Array(count).fill(1);
  for (const one of classes) if (one >= 0 && one < count) counts[one]!++;
  const all = counts.reduce((sum, own) => sum + own, 0);
  return Float32Array.from(counts, (own) => Math.log(own / all));
}

/**
 * Logits of what tokens and pairs of tokens are.
 *
 * @param rows With targets.
 * @param predicates How many there are.
 * @returns Log odds of a start and an end (2), and of each predicate between two tokens (P).
 */
export function pairPriors(rows: readonly TargetedRow[], predicates: number): [Float32Array, Float32Array] {
  let starts = 0, ends = 0, tokens = 0, pairs = 0;
  const held = new Float64Array(predicates);
  for (const { ids, targets } of rows) {
    starts += new Set(targets.starts).size;
    ends += new Set(targets.ends).size;
    tokens += ids.length;
    pairs += ids.length ** 2;
    for (const [predicate] of targets.pairs) held[predicate]!++;
  }
  return [
    Float32Array.of(logOdds(starts, tokens), logOdds(ends, tokens)),
    Float32Array.from(held, (count) => logOdds(count, pairs)),
  ];
}

function logOdds(count: number, of: number): number {
  return Math.log((count + 1) / (of - count + 1));
}
