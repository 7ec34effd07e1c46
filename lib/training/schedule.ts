/** Learning-rate schedules: pure functions of the step. */

/** Maps a step (0 is the first update) to the learning rate of that update. */
export type LearningRateSchedule = (step: number) => number;

/**
 * Linear warm-up from 0 to the peak, then linear decay to 0 after the last step.
 *
 * @param options - `learningRate`: the peak; `totalSteps`: updates in the whole run; `warmup`: steps when 1
 *   or more, a share of `totalSteps` when below 1.
 * @returns The schedule; the first update of a warm-up has rate 0, steps from `totalSteps` on have rate 0.
 * @throws {RangeError} When a number is out of range.
 *
 * Source: the original's pretraining, `LinearDecayWithWarmup` of PaddleNLP.
 *
 * @example
 * ```ts
 * import { linearDecayWithWarmup } from "./schedule.ts";
 * const schedule = linearDecayWithWarmup({ learningRate: 2e-4, totalSteps: 20, warmup: 5 });
 * console.log([0, 1, 5, 20].map(schedule)); // [0, 0.00004, 0.0002, 0]
 * ```
 */
export function linearDecayWithWarmup(
  { learningRate, totalSteps, warmup }: { learningRate: number; totalSteps: number; warmup: number },
): LearningRateSchedule {
  if (!(learningRate >= 0 && learningRate < Infinity)) {
    throw new RangeError(`Cannot schedule a learning rate of ${learningRate}: it must be 0 or more`);
  }
  if (!(Number.isInteger(totalSteps) && totalSteps > 0)) {
    throw new RangeError(`Cannot schedule ${totalSteps} steps: it must be a positive whole number`);
  }
  if (!(warmup >= 0 && (warmup < 1 || Number.isInteger(warmup)))) {
    throw new RangeError(`Cannot warm up for ${warmup} steps: it must be a whole number, or a share below 1`);
  }
  const warmupSteps = warmup < 1 ? Math.floor(warmup * totalSteps) : warmup;
  return (step) => {
    const share = step < warmupSteps
      ? step / warmupSteps
      : Math.max(0, (totalSteps - step) / Math.max(1, totalSteps - warmupSteps));
    return learningRate * share;
  };
}
