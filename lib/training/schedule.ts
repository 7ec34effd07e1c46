/** Learning-rate schedules: pure functions of the step. */

/** Maps a step (0 is the first update) to the learning rate of that update. */
export type LearningRateSchedule = (step: number) => number;

/** Names of the schedules: how the rate goes on after a linear warm-up from 0, which `constant` goes without. */
export const SCHEDULES = ["linear", "cosine", "constant", "constant_with_warmup"] as const;

/** How a schedule is made. */
export interface ScheduleOptions {
  /** Default "linear". */
  readonly type?: typeof SCHEDULES[number];
  /** The peak. */
  readonly learningRate: number;
  /** Updates in the whole run. */
  readonly totalSteps: number;
  /** Steps when 1 or more, a share of `totalSteps` when below 1. */
  readonly warmup: number;
}

/** Share of the peak while a share (1 to 0) of the steps after warm-up is still to come. */
const DECAYS: Record<typeof SCHEDULES[number], (left: number) => number> = {
  linear: (left) => left,
  cosine: (left) => (1 - Math.cos(Math.PI * left)) / 2,
  constant: () => 1,
  constant_with_warmup: () => 1,
};

/**
 * Linear warm-up from 0 to the peak, then a decay: linear or cosine to 0 after the last step, or none; `constant` is the
 * peak from the first update on.
 *
 * @param options - See {@linkcode ScheduleOptions}.
 * @returns The schedule; the first update of a warm-up has rate 0, steps from `totalSteps` on have the last rate.
 * @throws {RangeError} When a number is out of range.
 *
 * Source: the original's pretraining, `LinearDecayWithWarmup` of PaddleNLP; cosine and constant as its Trainer's.
 *
 * @example
 * ```ts
 * import { scheduleWithWarmup } from "./schedule.ts";
 * const schedule = scheduleWithWarmup({ learningRate: 2e-4, totalSteps: 20, warmup: 5 });
 * console.log([0, 1, 5, 20].map(schedule)); // [0, 0.00004, 0.0002, 0]
 * ```
 */
export function scheduleWithWarmup(
  { type = "linear", learningRate, totalSteps, warmup }: ScheduleOptions,
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
  const warmupSteps = type === "constant" ? 0 : warmup < 1 ? Math.floor(warmup * totalSteps) : warmup;
  return (step) => {
    const share = step < warmupSteps
      ? step / warmupSteps
      : DECAYS[type](Math.max(0, (totalSteps - step) / Math.max(1, totalSteps - warmupSteps)));
    return learningRate * share;
  };
}
