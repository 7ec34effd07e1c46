/**
 * Answers to texts by an exported model, without TensorFlow.
 *
 * @module
 */
import { AnswerCollector, type Example, type Logits, rowOf } from "../cblue/mod.ts";
import { planBatches } from "./batches.ts";
import { findModel } from "./folder.ts";
import type { Format } from "./onnx/layers.ts";
import { LocalSession, type Output, type Session, type SessionOptions } from "./session.ts";
import { type Answer, TaskModel } from "./task_model.ts";
import { tokenBatch } from "./token_batch.ts";
import { WorkerSession } from "./worker_session.ts";

/** How a predictor is opened. */
export interface PredictorOptions extends SessionOptions {
  /** Which of the folder's files; default: fp32 if it is there. */
  readonly format?: Format | undefined;
  /** What becomes of texts longer than the model's rows; default: what became of them in training. */
  readonly long?: "truncate" | "windows";
  /** Shorter rows than the model was trained with. */
  readonly maxLength?: number | undefined;
  /** Whether the model computes in a worker, and this thread stays free; default true. */
  readonly worker?: boolean;
}

/** How examples are answered. */
export interface PredictOptions {
  /** Most tokens of a batch, padding included. */
  readonly batchTokens?: number;
  /** Most rows of a batch. */
  readonly batchSize?: number;
  /** Hears how many rows more are done. */
  readonly onRows?: (rows: number) => void;
  /** Ends it early. */
  readonly signal?: AbortSignal | undefined;
}

/** A model that answers. */
export class Predictor implements AsyncDisposable {
  readonly model: TaskModel;
  readonly #session: Session;

  /** @param session What computes, disposed of with this: a model in this thread, in a worker, or a pool. */
  constructor(model: TaskModel, session: Session) {
    this.model = model;
    this.#session = session;
  }

  /**
   * Opens a folder that `deno task export` made.
   *
   * @throws {UserError} If it is none, or lacks the file that is asked for.
   *
   * @example
   * ```ts ignore
   * import { Predictor } from "./mod.ts";
   * await using predictor = await Predictor.open("export");
   * const [answer] = await predictor.predictTexts(["感冒吃什么药"]);
   * ```
   */
  static async open(folder: string, options: PredictorOptions = {}): Promise<Predictor> {
    const { format, long, maxLength, worker = true, ...session } = options;
    const model = await TaskModel.open(folder, { ...(long && { long }), ...(maxLength && { maxLength }) });
    const path = findModel(folder, format);
    return new Predictor(model, await (worker ? WorkerSession : LocalSession).open(path, session));
  }

  /**
   * Answers texts.
   *
   * @param texts Each one text, or two that are compared.
   * @returns One answer for each, in their order.
   */
  async predictTexts(
    texts: readonly (string | readonly string[])[],
    options: PredictOptions = {},
  ): Promise<Answer[]> {
    return await this.predict(texts.map((one) => this.model.example(...[one].flat())), options);
  }

  /**
   * Answers examples, shorter and longer ones in batches of their own.
   *
   * @returns One answer for each, in their order.
   * @throws {DOMException} `AbortError`, if it was ended.
   */
  async predict(examples: readonly Example[], options: PredictOptions = {}): Promise<Answer[]> {
    return await this.model.answer(examples, (examples) => this.#run(examples, options));
  }

  async #run(
    examples: readonly Example[],
    { batchTokens, batchSize = Infinity, onRows, signal }: PredictOptions,
  ): Promise<unknown[]> {
    const { model } = this, collector = new AnswerCollector(examples, model);
    const lengths = collector.rows.map(({ ids }) => ids.length);
    const batches = planBatches(lengths, batchTokens).flatMap((batch) => chunks(batch, batchSize));
    let next = 0;
    const work = async () => {
      for (let batch = batches[next++]; batch; batch = batches[next++]) {
        signal?.throwIfAborted();
        const outputs = await this.#session.run(
          tokenBatch(batch.map((row) => collector.rows[row]!), model.padId),
        );
        batch.forEach((row, i) =>
          collector.give(row, outputs.map((output: Output): Logits => rowOf(output, i)))
        );
        onRows?.(batch.length);
      }
    };
    // one more than are computed at a time, so that none waits for its rows to be made
    await Promise.all(Array.from({ length: this.#session.parallel + 1 }, work));
    return collector.answers;
  }

  /** Ends the session. */
  async [Symbol.asyncDispose]() {
    await this.#session[Symbol.asyncDispose]();
  }
}

function chunks<T>(items: T[], size: number): T[][] {
  if (items.length <= size) return [items];
  return Array.from(
    { length: Math.ceil(items.length / size) },
    (_, i) => items.slice(i * size, (i + 1) * size),
  );
}
