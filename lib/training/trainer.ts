/**
 * What one update takes: gradients of one or several batches, the look at them, the optimizer.
 *
 * @module
 */
import type { Tensor } from "@tensorflow/tfjs-core";
import { UserError } from "../config/mod.ts";
import type { Batch } from "../packing/mod.ts";
import { maskedPositions } from "../packing/mod.ts";
import { type CompileOptions, tf } from "../tensorflow/mod.ts";
import { GradientAccumulator } from "./accumulation.ts";
import { type AdamW, clipFactor } from "./adamw.ts";
import type { LossScaler } from "./loss_scale.ts";
import { compileGradients, isMean, readReport, type StepReport, type StepSetup } from "./step.ts";

/** How updates are made. */
export interface TrainerOptions {
  /** Gradients are scaled down to this global norm; 0 leaves them as they are. */
  maxGradNorm: number;
  /** Batches whose gradients are averaged for one update. */
  accumulation: number;
  /** Scales the loss, where the precision needs it. */
  scaler?: LossScaler | undefined;
  compile?: CompileOptions;
}

/** Where an update stands. */
export interface UpdatePosition {
  /** Steps done before it: its random numbers follow from this. */
  step: number;
  /** Updates done before it: steps without those that were skipped. */
  updates: number;
  learningRate: number;
  /** Whether this process was told to end: the others hear of it in their reports. */
  stop?: boolean;
}

/** How a step went. */
export interface StepOutcome {
  /** Mean losses and summed counts of its batches, norm of the averaged gradients before clipping. */
  report: StepReport;
  /**
   * `updated`; `overflow`: gradients too large for the loss scale, which is lower from now on; `broken`: a loss or a gradient
   * that is no finite number. The weights are as they were after the last two.
   */
  result: "updated" | "overflow" | "broken";
}

/** The compiled functions of a run and the device's memory that they need. */
export class Trainer implements Disposable {
  readonly #optimizer: AdamW;
  readonly #options: TrainerOptions;
  readonly #gradients;
  readonly #update;
  readonly #sums: GradientAccumulator | undefined;

  constructor(setup: StepSetup, optimizer: AdamW, options: TrainerOptions) {
    this.#optimizer = optimizer;
    this.#options = options;
    const isSummed = options.accumulation > 1;
    this.#gradients = compileGradients(setup, { ...options.compile, local: isSummed });
    this.#update = optimizer.compile();
    this.#sums = isSummed ? new GradientAccumulator(setup.variables, setup.exchange) : undefined;
  }

  /**
   * Makes one update.
   *
   * @param next Gives a batch, `accumulation` times; the next one is asked for while the device works on the one before.
   * @throws {UserError} If the device has not enough memory.
   */
  async step<B extends Batch>(next: () => Promise<B>, position: UpdatePosition): Promise<StepOutcome> {
    const { accumulation, maxGradNorm, scaler } = this.#options;
    const lossScale = scaler?.scale ?? 1;
    const reports: StepReport[] = [];
    let gradients: Tensor[] = [];
    try {
      for (let i = 0; i < accumulation; i++) {
        tf.dispose(gradients);
        const number = position.step * accumulation + i;
        const found = await this.#gradientsOf(await next(), { number, lossScale, stop: position.stop });
        gradients = found.gradients;
        reports.push(found.report);
        await this.#sums?.add(gradients, i === 0);
      }
      let norm = reports[0].gradNorm;
      if (this.#sums) {
        tf.dispose(gradients);
        ({ gradients, norm } = await this.#sums.total());
      }
      const scale = accumulation * lossScale;
      const report = { ...combined(reports), gradNorm: norm / scale };
      const result = this.#judge(report);
      scaler?.update(result === "updated");
      if (result !== "updated") return { report, result };

      const factor = clipFactor(report.gradNorm, maxGradNorm) / scale;
      const rates = this.#optimizer.rates(position.updates + 1, position.learningRate, factor);
      const input = tf.tensor1d(rates);
      tf.dispose([await this.#update.runAsync(input, ...gradients), input]);
      return { report, result };
    } catch (error) {
      throw (error as { code?: number }).code === RESOURCE_EXHAUSTED ? outOfMemory(error) : error;
    } finally {
      tf.dispose(gradients);
    }
  }

  /** Frees the compiled functions and the sums of gradients. */
  [Symbol.dispose]() {
    this.#gradients.dispose();
    this.#update.dispose();
    this.#sums?.[Symbol.dispose]();
  }

  async #gradientsOf(
    batch: Batch,
    { number, lossScale, stop }: { number: number; lossScale: number; stop: boolean | undefined },
  ) {
    const inputs = [
      ...batchTensors(batch),
      tf.scalar(number, "int32"),
      tf.scalar(lossScale),
      tf.scalar(Number(stop ?? false)),
    ];
    try {
      const [numbers, ...gradients] = await this.#gradients.runAsync(...inputs);
      const report = readReport(await numbers.data());
      numbers.dispose();
      return { report, gradients };
    } finally {
      tf.dispose(inputs);
    }
  }

  #judge({ total, gradNorm }: StepReport): StepOutcome["result"] {
    if (Number.isFinite(total) && Number.isFinite(gradNorm)) return "updated";
    const { scaler } = this.#options;
    return Number.isFinite(total) && scaler && scaler.scale > 1 ? "overflow" : "broken";
  }
}

/** TensorFlow's code of an allocation that failed. */
const RESOURCE_EXHAUSTED = 8;

function outOfMemory(cause: unknown): UserError {
  return new UserError(
    "Cannot train with batches of this size: out of memory; lower --batch_size or --max_seq_length, or give --recompute",
    { cause },
  );
}

/** A batch on the device, in the order of `BATCH_TENSORS`; the caller disposes of it. */
export function batchTensors(batch: Batch): Tensor[] {
  const { layout: { maskCapacity, sentenceCapacity: S, packed }, sentences } = batch;
  const { positions, weights } = maskedPositions(batch, maskCapacity);
  const ofView = Float32Array.from({ length: S }, (_, i) => i < sentences ? 1 : 0);
  const int32 = (values: Int32Array) => tf.tensor1d(values, "int32");
  return [
    int32(batch.maskedIds), // (N)
    int32(batch.rawIds), // (N)
    int32(positions), // (M)
    tf.tensor1d(weights), // (M)
    int32(batch.clsPositions), // (2S)
    tf.tensor1d(Float32Array.of(...ofView, ...ofView)), // (2S)
    int32(batch.tokenKeys), // (N)
    ...(packed ? [int32(batch.segmentIds), int32(batch.positionIds)] : []), // (N)
  ];
}

/** Mean losses and summed counts. */
export function combined(reports: readonly StepReport[]): StepReport {
  const names = Object.keys(reports[0]) as (keyof StepReport)[];
  return Object.fromEntries(names.map((name) => {
    const sum = reports.reduce((sum, report) => sum + report[name], 0);
    return [name, isMean(name) ? sum / reports.length : sum];
  })) as StepReport;
}
