/**
 * Losses on sentences that the model is not trained on: without dropout, with the same masks every time.
 *
 * @module
 */
import { type Batch } from "../packing/mod.ts";
import { type CompileOptions, tf } from "../tensorflow/mod.ts";
import { compileEvaluation, readReport, type StepReport, type StepSetup } from "./step.ts";
import { batchTensors } from "./trainer.ts";

/** Over what each loss is a mean. */
const WEIGHT_OF = { generator: "masked", rtd: "tokens", mts: "replaced", csp: "views" } as const;

/**
 * Evaluates a model.
 *
 * The mean losses are those of one batch of all the sentences (but for the contrast, which is among the sentences of each
 * batch): every batch counts by how many tokens or sentences its mean was over.
 */
export class Evaluator implements Disposable {
  readonly #setup: StepSetup;
  readonly #losses;

  /** @param setup The model, and how tokens form rows in its batches. */
  constructor(setup: StepSetup, options: CompileOptions = {}) {
    this.#setup = setup;
    this.#losses = compileEvaluation(setup, options);
  }

  /**
   * @param batches Finitely many, of one layout.
   * @param options.onBatch Hears of each batch done.
   * @param options.signal Ends it early.
   * @returns Mean losses, summed counts; `gradNorm` is NaN. Nothing if it was ended.
   */
  async run(
    batches: Iterable<Batch>,
    { onBatch, signal }: { onBatch?: () => void; signal?: AbortSignal | undefined } = {},
  ): Promise<StepReport | undefined> {
    const sums = readReport(new Float32Array(0).fill(0));
    for (const name of Object.keys(sums) as (keyof StepReport)[]) sums[name] = 0;
    const weights = { generator: 0, rtd: 0, mts: 0, csp: 0 };
    let number = 0;
    for (const batch of batches) {
      if (signal?.aborted) return undefined;
      const inputs = [...batchTensors(batch), tf.scalar(number++, "int32")];
      const numbers = await this.#losses.runAsync(...inputs);
      const report = readReport(await numbers.data());
      tf.dispose([numbers, inputs]);
      for (const name of Object.keys(sums) as (keyof StepReport)[]) {
        if (!(name in weights) && name !== "total") sums[name] += report[name];
      }
      for (const name of ["generator", "rtd", "mts", "csp"] as const) {
        const weight = { ...report, tokens: batch.tokens }[WEIGHT_OF[name]];
        sums[name] += report[name] * weight;
        weights[name] += weight;
      }
      onBatch?.();
    }
    const { loss_weights: lossWeights } = this.#setup.config;
    for (const name of ["generator", "rtd", "mts", "csp"] as const) {
      sums[name] = weights[name] > 0 ? sums[name] / weights[name] : 0;
      sums.total += lossWeights[name] * sums[name];
    }
    return sums;
  }

  /** Frees the compiled function. */
  [Symbol.dispose]() {
    this.#losses.dispose();
  }
}
