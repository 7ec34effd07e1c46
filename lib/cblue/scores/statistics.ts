/**
 * What a score alone does not tell: labels one by one, what is taken for what, how far chance goes.
 *
 * @module
 */
import { RandomStream } from "../../packing/mod.ts";
import { type Counts, countsByLabel, type PrecisionRecallF1, precisionRecallF1 } from "./metrics.ts";

/** A row of the table by labels. */
export interface LabelScore extends Counts, PrecisionRecallF1 {
  readonly label: string;
}

/**
 * Scores each label for itself.
 *
 * @param counts Three numbers for each label, added up over examples.
 * @param labels Their names.
 * @returns A row for each label.
 *
 * @example
 * ```ts
 * import { labelTable } from "./statistics.ts";
 * console.log(labelTable([3, 4, 6], ["dis"])); // precision 0.75, recall 0.5, f1 0.6 …
 * ```
 */
export function labelTable(counts: ArrayLike<number>, labels: readonly string[]): LabelScore[] {
  return countsByLabel(counts).map((own, i) => ({ label: labels[i]!, ...own, ...precisionRecallF1(own) }));
}

/**
 * Counts which class was taken for which.
 *
 * @param answers Right classes, from 0.
 * @param predictions Predicted classes, of the same examples.
 * @param classes How many there are.
 * @returns A row for each right class, in it a number for each predicted one.
 * @throws {RangeError} If the examples are not as many, or a class is beyond the classes.
 *
 * @example
 * ```ts
 * import { confusionMatrix } from "./statistics.ts";
 * console.log(confusionMatrix([0, 0, 1], [0, 1, 1], 2)); // [[1, 1], [0, 1]]
 * ```
 */
export function confusionMatrix(
  answers: ArrayLike<number>,
  predictions: ArrayLike<number>,
  classes: number,
): number[][] {
  if (answers.length !== predictions.length) {
    throw new RangeError(`Cannot compare ${predictions.length} predictions with ${answers.length} answers`);
  }
  const matrix = Array.from({ length: classes }, () => Array<number>(classes).fill(0));
  for (let i = 0; i < answers.length; i++) {
    const answer = answers[i]!, prediction = predictions[i]!;
    if (matrix[answer]?.[prediction] === undefined) {
      throw new RangeError(
        `Cannot count class ${prediction} predicted for ${answer}: the classes are 0 to ${classes - 1}`,
      );
    }
    matrix[answer]![prediction]!++;
  }
  return matrix;
}

/** Within which a score would lie were the examples drawn anew. */
export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** How often, and how sure. */
export interface BootstrapOptions {
  /** Fixes the draws. */
  readonly seed: number;
  /** Sets drawn; default 1000. */
  readonly resamples?: number;
  /** Share of the sets whose score the interval holds; default 0.95. */
  readonly level?: number;
}

/**
 * Estimates how far chance moves a score: the percentile bootstrap (Efron 1979) over examples.
 *
 * @param examples Counts of each example, all as long.
 * @param score Of counts added up over examples.
 * @returns The interval; both ends 0 if there are no examples.
 *
 * @example
 * ```ts
 * import { classCounts, scoreCounts } from "./metrics.ts";
 * import { bootstrap } from "./statistics.ts";
 * const examples = Array.from({ length: 100 }, (_, i) => classCounts(0, i < 80 ? 0 : 1, 2));
 * console.log(bootstrap(examples, (sum) => scoreCounts("accuracy", sum).value, { seed: 1 })); // about 0.72 to 0.88
 * ```
 */
export function bootstrap(
  examples: readonly ArrayLike<number>[],
  score: (sum: Float64Array) => number,
  { seed, resamples = 1000, level = 0.95 }: BootstrapOptions,
): Interval {
  if (examples.length === 0) return { low: 0, high: 0 };
  const sparse = examples.map(nonZeros), length = examples[0]!.length;
  const scores = Float64Array.from({ length: resamples }, (_, sample) => {
    const stream = new RandomStream({ seed, purpose: "order", epoch: sample });
    const sum = new Float64Array(length);
    for (let drawn = 0; drawn < sparse.length; drawn++) {
      for (const [place, count] of sparse[stream.below(sparse.length)]!) sum[place]! += count;
    }
    return score(sum);
  }).sort();
  return { low: quantile(scores, (1 - level) / 2), high: quantile(scores, (1 + level) / 2) };
}

/** Most examples have to do with few labels. */
function nonZeros(counts: ArrayLike<number>): [place: number, count: number][] {
  return Array.from(counts, (count, place): [number, number] => [place, count]).filter(([, count]) =>
    count !== 0
  );
}

/** Interpolates linearly between the two numbers that are next to a share of a sorted list. */
function quantile(sorted: Float64Array, share: number): number {
  const place = share * (sorted.length - 1), below = Math.floor(place);
  const next = sorted[Math.min(below + 1, sorted.length - 1)]!;
  return sorted[below]! + (place - below) * (next - sorted[below]!);
}
