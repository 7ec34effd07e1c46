/**
 * Sides that take turns, step by step, on one machine; what each of them took.
 *
 * @module
 */
import {
  type FinetuneSpec,
  type InferenceSpec,
  type StepCost,
  StepProcess,
  type StepSpec,
} from "./step_process.ts";

/** How a driver is started, and what it trains. */
export interface Side {
  readonly command: readonly string[];
  readonly spec: StepSpec | FinetuneSpec | InferenceSpec;
  /** Steps before the clock runs. */
  readonly warmup: number;
  /** How many batches of the specification it trains on in turn; 1 for a stream, which has but its next. */
  readonly batches: number;
}

/** What a side took. */
export interface Timing {
  /** Seconds of a step on all cores: of each batch the median, of these the mean. */
  readonly cpu: number;
  /** Seconds of a step by the clock, likewise. */
  readonly wall: number;
  /** Cores that other processes kept busy during a step: median and most. */
  readonly others: { readonly median: number; readonly most: number };
  /** Most memory of the process, in bytes. */
  readonly peak: number;
  /** Libraries of the driver. */
  readonly version: string;
}

/**
 * Starts all sides and lets them take turns.
 *
 * @param sides who; all of them have to fit into memory at once
 * @param rounds how often each trains each of its batches; who has fewer does them more often, for all take as many steps
 * @param rate learning rate
 * @returns what each took, in the same order
 */
export async function race(sides: readonly Side[], rounds: number, rate: number): Promise<Timing[]> {
  using started = new DisposableStack();
  const runners: { side: Side; process: StepProcess; costs: StepCost[][] }[] = [];
  for (const side of sides) {
    const process = started.use(await StepProcess.start(side.command, side.spec));
    for (let i = 0; i < side.warmup; i++) await process.step(i % side.batches, rate);
    runners.push({ side, process, costs: Array.from({ length: side.batches }, () => []) });
  }
  const steps = rounds * Math.max(...sides.map(({ batches }) => batches));
  for (let step = 0; step < steps; step++) {
    for (const { side, process, costs } of runners) {
      const batch = step % side.batches;
      costs[batch]!.push(await process.step(batch, rate));
    }
  }
  return await Promise.all(runners.map(async ({ process, costs }) => {
    const others = costs.flat().map((cost) => cost.others);
    return {
      cpu: secondsOf(costs, "cpu"),
      wall: secondsOf(costs, "wall"),
      others: { median: median(others), most: Math.max(...others) },
      peak: await process.peak(),
      version: process.version,
    };
  }));
}

function secondsOf(costs: readonly StepCost[][], clock: "cpu" | "wall"): number {
  const medians = costs.map((ofBatch) => median(ofBatch.map((cost) => cost[clock])));
  return medians.reduce((sum, seconds) => sum + seconds, 0) / medians.length;
}

/** The middle value, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b), half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}
