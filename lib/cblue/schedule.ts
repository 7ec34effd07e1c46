/** The learning rate of fine-tuning. */
import type { LearningRateSchedule } from "../training/mod.ts";

/**
 * The original's schedule of fine-tuning: up from 0 in the first steps, then down to 0 along the line that begins at the run's
 * first step, so that the rate falls at once by the warm-up's share when that is over.
 *
 * @param options.learningRate The peak.
 * @param options.totalSteps T, updates in the whole run.
 * @param options.warmupProportion Share of them in which the rate rises.
 * @returns The schedule; the first update has rate 0.
 *
 * Source: `LinearDecayWithWarmup` of the original's `cblue/utils.py`, which is not the one of its pretraining.
 *
 * @example
 * ```ts
 * import { finetuningSchedule } from "./schedule.ts";
 * const schedule = finetuningSchedule({ learningRate: 1, totalSteps: 100, warmupProportion: 0.1 });
 * console.log([0, 5, 10, 55, 100].map(schedule)); // [0, 0.5, 0.9, 0.45, 0]
 * ```
 */
export function finetuningSchedule(
  { learningRate, totalSteps, warmupProportion }: {
    readonly learningRate: number;
    readonly totalSteps: number;
    readonly warmupProportion: number;
  },
): LearningRateSchedule {
  const warmup = Math.floor(warmupProportion * totalSteps);
  return (step) => learningRate * (step < warmup ? step / warmup : Math.max(0, 1 - step / totalSteps));
}
