/**
 * A model that is served: texts in, answers out, computed in workers together with those of other requests.
 *
 * @module
 */
import { AnswerCollector, type Example } from "../../cblue/mod.ts";
import { findModel } from "../folder.ts";
import type { Format } from "../onnx/mod.ts";
import type { SessionOptions } from "../session.ts";
import { type Answer, TaskModel } from "../task_model.ts";
import { WorkerSession } from "../worker_session.ts";
import { RequestError } from "./request_error.ts";
import { Scheduler, type SchedulerObserver, type SchedulerOptions } from "./scheduler.ts";

/** How a model is opened, whatever its folder. */
export interface ServedModelOptions
  extends SessionOptions, Pick<SchedulerOptions, "workers" | "batchTokens" | "queue"> {
  /** Which of the folder's files; default: fp32 if it is there. */
  readonly format?: Format | undefined;
  /** What becomes of texts longer than rows; default: what became of them in training. */
  readonly long?: "truncate" | "windows" | undefined;
  /** Shorter rows than the model was trained with. */
  readonly maxLength?: number | undefined;
  /** Hears of what happens to the model of that name. */
  readonly observer?: (name: string) => SchedulerObserver;
}

/** A model by a name. */
export class ServedModel implements AsyncDisposable {
  readonly name: string;
  readonly model: TaskModel;
  readonly scheduler: Scheduler;

  /** @param scheduler Disposed of with this. */
  constructor(name: string, model: TaskModel, scheduler: Scheduler) {
    [this.name, this.model, this.scheduler] = [name, model, scheduler];
  }

  /**
   * Opens a folder that `deno task export` made.
   *
   * @param name Default: its task's, in lower case.
   * @throws {UserError} If it is none, or lacks the file that is asked for.
   */
  static async open(
    name: string | undefined,
    folder: string,
    options: ServedModelOptions,
  ): Promise<ServedModel> {
    const { format, long, maxLength, workers, batchTokens, queue, observer, ...session } = options;
    const model = await TaskModel.open(folder, { ...(long && { long }), ...(maxLength && { maxLength }) });
    const path = findModel(folder, format), called = name ?? model.task.name.toLowerCase();
    const scheduler = await Scheduler.open({
      open: () => WorkerSession.open(path, session),
      workers,
      padId: model.padId,
      ...(batchTokens && { batchTokens }),
      ...(queue && { queue }),
      ...(observer && { observer: observer(called) }),
    });
    return new ServedModel(called, model, scheduler);
  }

  /**
   * Answers texts.
   *
   * @param texts Those of each example, as many as the task has fields.
   * @param signal Takes the request out of the queue.
   * @throws {RequestError} 429, if too much waits already.
   * @throws The signal's reason.
   */
  async answer(texts: readonly (readonly string[])[], signal: AbortSignal): Promise<Answer[]> {
    this.#admit();
    const examples = texts.map((one) => this.model.example(...one));
    if (this.model.task.kind !== "normalization") return await this.#answer(examples, signal);
    // each text is looked up in the list of terms in this thread: between two of them others have their turn
    const answers: Answer[] = [];
    for (const example of examples) answers.push(...await this.#answer([example], signal));
    return answers;
  }

  /** Ends the workers. */
  async [Symbol.asyncDispose]() {
    await this.scheduler[Symbol.asyncDispose]();
  }

  async #answer(examples: readonly Example[], signal: AbortSignal): Promise<Answer[]> {
    return await this.model.answer(examples, async (examples) => {
      const collector = new AnswerCollector(examples, this.model);
      await this.scheduler.run(collector.rows, signal, (row, outputs) => collector.give(row, outputs));
      return collector.answers;
    });
  }

  #admit(): void {
    const { scheduler } = this;
    if (!scheduler.isFull) return;
    const seconds = Math.max(1, Math.ceil(scheduler.backlogSeconds));
    throw new RequestError(
      429,
      `Cannot queue the request: ${scheduler.waiting} rows wait for "${this.name}"; try again in ${seconds} s`,
      { "retry-after": `${seconds}` },
    );
  }
}
