/**
 * What one update takes: gradients of one or several batches, the look at them, the optimizer.
 *
 * @module
 */
import type { Tensor } from "@tensorflow/tfjs-core";
import { UserError } from "../config/mod.ts";
import { type CompileOptions, tf } from "../tensorflow/mod.ts";
import { GradientAccumulator } from "./accumulation.ts";
import { type AdamW, clipFactor } from "./adamw.ts";
import type { LossScaler } from "./loss_scale.ts";
import { combined, compileGradients, type Learner, readReport, type StepReport } from "./step.ts";

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
export interface StepOutcome<N extends string = never> {
  /** Mean losses and summed counts of its batches, norm of the averaged gradients before clipping. */
  report: StepReport<N>;
  /**
   * `updated`; `overflow`: gradients too large for the loss scale, which is lower from now on; `broken`: a loss or a gradient
   * that is no finite number. The weights are as they were after the last two.
   */
  result: "updated" | "overflow" | "broken";
}

/** The compiled functions of a run that learns from batches of type B, and the device's memory that they need. */
export class Trainer<B, N extends string = never> implements Disposable {
  readonly #learner: Learner<B, N>;
  readonly #optimizer: AdamW;
  readonly #options: TrainerOptions;
  readonly #gradients;
  readonly #update;
  readonly #sums: GradientAccumulator | undefined;

  constructor(learner: Learner<B, N>, optimizer: AdamW, options: TrainerOptions) {
    this.#learner = learner;
    this.#optimizer = optimizer;
    this.#options = options;
    const isSummed = options.accumulation > 1;
    this.#gradients = compileGradients(learner, { ...options.compile, local: isSummed });
    this.#update = optimizer.compile();
    this.#sums = isSummed ? new GradientAccumulator(learner.variables, learner.exchange) : undefined;
  }

  /**
   * Makes one update.
   *
   * @param next Gives a batch, `accumulation` times; the next one is asked for while the device works on the one before.
   * @throws {UserError} If the device has not enough memory.
   */
  async step(next: () => Promise<B>, position: UpdatePosition): Promise<StepOutcome<N>> {
    const { accumulation, maxGradNorm, scaler } = this.#options;
    const lossScale = scaler?.scale ?? 1;
    const reports: StepReport<N>[] = [];
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
      const report = { ...combined(this.#learner, reports), gradNorm: norm / scale };
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
    batch: B,
    { number, lossScale, stop }: { number: number; lossScale: number; stop: boolean | undefined },
  ) {
    const inputs = [
      ...this.#learner.tensors(batch),
      tf.scalar(number, "int32"),
      tf.scalar(lossScale),
      tf.scalar(Number(stop ?? false)),
    ];
    try {
      const [numbers, ...gradients] = await this.#gradients.runAsync(...inputs);
      const report = readReport(this.#learner, await numbers.data());
      numbers.dispose();
      return { report, gradients };
    } finally {
      tf.dispose(inputs);
    }
  }

  #judge({ total, gradNorm }: StepReport<N>): StepOutcome["result"] {
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
