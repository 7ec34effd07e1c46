/**
 * Losses on sentences that the model is not trained on: without dropout, with the same masks every time.
 *
 * @module
 */
import { LOSS_NAMES } from "../electra/mod.ts";
import type { Batch } from "../packing/mod.ts";
import { type CompileOptions, tf } from "../tensorflow/mod.ts";
import { pretrainingLearner, type PretrainingReport, type PretrainingSetup } from "./pretraining_step.ts";
import { compileEvaluation, readReport } from "./step.ts";

/** Over what each loss of a batch is a mean. */
const MEAN_OVER = { generator: "masked", rtd: "tokens", mts: "replaced", csp: "views" } as const;

/**
 * Evaluates a model.
 *
 * The mean losses are those of one batch of all the sentences, but for the contrast, which is among the sentences of each
 * batch: every batch counts by how many tokens or sentences its mean is over.
 */
export class Evaluator implements Disposable {
  readonly #setup: PretrainingSetup;
  readonly #learner;
  readonly #losses;

  /** @param setup The model, and how tokens form rows in the batches. */
  constructor(setup: PretrainingSetup, options: CompileOptions = {}) {
    this.#setup = setup;
    this.#learner = pretrainingLearner(setup);
    this.#losses = compileEvaluation(this.#learner, options);
  }

  /**
   * @param batches Finitely many, of one layout; as many in each process.
   * @param options.onBatch Hears of each batch done.
   * @param options.signal Ends it early, in all processes.
   * @returns Mean losses, summed counts, no gradient norm; nothing if it was ended.
   */
  async run(
    batches: Iterable<Batch>,
    { onBatch, signal }: { onBatch?: () => void; signal?: AbortSignal | undefined } = {},
  ): Promise<PretrainingReport | undefined> {
    const reports: PretrainingReport[] = [];
    for (const batch of batches) {
      const stop = tf.scalar(Number(signal?.aborted ?? false));
      const inputs = [...this.#learner.tensors(batch), tf.scalar(reports.length, "int32"), stop];
      const numbers = await this.#losses.runAsync(...inputs);
      const report = readReport(this.#learner, await numbers.data());
      tf.dispose([numbers, inputs]);
      if (report.stop > 0) return undefined;
      reports.push(report);
      onBatch?.();
    }
    const sum = (value: (report: typeof reports[number]) => number) =>
      reports.reduce((total, report) => total + value(report), 0);
    const means = LOSS_NAMES.map((loss) =>
      sum((report) => report[loss] * report[MEAN_OVER[loss]]) /
      Math.max(1, sum((report) => report[MEAN_OVER[loss]]))
    );
    const { loss_weights: weights } = this.#setup.config;
    const total = LOSS_NAMES.reduce((total, loss, i) => total + weights[loss] * means[i], 0);
    const names = Object.keys(reports[0] ?? readReport(this.#learner, [])) as (keyof PretrainingReport)[];
    return {
      ...Object.fromEntries(names.map((name) => [name, sum((report) => report[name])])) as PretrainingReport,
      ...Object.fromEntries(LOSS_NAMES.map((loss, i) => [loss, means[i]])),
      total,
    };
  }

  /** Frees the compiled function. */
  [Symbol.dispose]() {
    this.#losses.dispose();
  }
}
