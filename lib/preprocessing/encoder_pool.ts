/** A few workers that encode blocks side by side; their answers come in the order of the questions. */
import { Worker } from "node:worker_threads"; // unlike the web's, these tell of their end, however they come to it
import { UserError } from "../config/mod.ts";
import type { BlockEncoderOptions, BlockRequest } from "./block_encoder.ts";
import type { WorkerRequest, WorkerResponse } from "./preprocess_worker.ts";

/** Blocks that wait or are worked on, per worker: one in work, one ready, one on its way back. */
const IN_FLIGHT = 3;

/** One worker and the requests it has not answered; it answers in order. */
class EncoderWorker {
  readonly #worker: Worker;
  readonly #waiting: PromiseWithResolvers<WorkerResponse>[] = [];
  /** Why it will never answer again. */
  #failure: Error | undefined;

  constructor(module: URL) {
    this.#worker = new Worker(module);
    this.#worker.on("message", (response: WorkerResponse) => {
      const waiting = this.#waiting.shift();
      if (waiting === undefined) return; // an abort has told whoever asked
      if (response.kind !== "failed") waiting.resolve(response);
      else waiting.reject(response.isUserError ? new UserError(response.error.message) : response.error);
    });
    this.#worker.on(
      "error",
      (error) => this.fail(new Error(`Preprocessing worker failed: ${error.message}`)),
    );
    this.#worker.on("exit", (code) => this.fail(new Error(`Preprocessing worker ended with code ${code}`)));
  }

  get load(): number {
    return this.#waiting.length;
  }

  request(request: WorkerRequest, transfer: ArrayBuffer[] = []): Promise<WorkerResponse> {
    const waiting = Promise.withResolvers<WorkerResponse>();
    waiting.promise.catch(() => {}); // whoever asked hears of it when its turn comes
    if (this.#failure === undefined) {
      this.#waiting.push(waiting);
      this.#worker.postMessage(request, transfer);
    } else waiting.reject(this.#failure);
    return waiting.promise;
  }

  /** Nobody waits for this worker any more. */
  fail(error: Error): void {
    this.#failure ??= error;
    for (const waiting of this.#waiting.splice(0)) waiting.reject(this.#failure);
  }

  terminate(): void {
    this.#failure ??= new Error("Preprocessing worker was stopped");
    this.#worker.terminate();
  }
}

/** How to start workers. */
export interface EncoderPoolOptions {
  /** How many, at least 1. */
  readonly workers: number;
  /** Ends all waiting with its reason. */
  readonly signal?: AbortSignal;
  /** The workers' module, for tests. Default: `preprocess_worker.ts`. */
  readonly module?: URL;
}

/** Workers with the same segmenter and vocabulary. */
export class EncoderPool implements Disposable {
  readonly #workers: readonly EncoderWorker[];
  readonly #signal: AbortSignal | undefined;
  readonly #onAbort = () => {
    for (const worker of this.#workers) worker.fail(this.#signal!.reason);
  };

  private constructor(workers: readonly EncoderWorker[], signal: AbortSignal | undefined) {
    this.#workers = workers;
    this.#signal = signal;
    signal?.addEventListener("abort", this.#onAbort);
  }

  /**
   * Starts workers, each with a segmenter of its own.
   *
   * @param encoder how they encode
   * @param options how many
   * @returns the pool, its segmenters loaded
   * @throws {UserError} if there is no such segmenter, or its model is missing
   */
  static async start(encoder: BlockEncoderOptions, options: EncoderPoolOptions): Promise<EncoderPool> {
    const { workers, signal, module = new URL("./preprocess_worker.ts", import.meta.url) } = options;
    signal?.throwIfAborted();
    const pool = new EncoderPool(Array.from({ length: workers }, () => new EncoderWorker(module)), signal);
    try {
      await Promise.all(pool.#workers.map((worker) => worker.request({ kind: "start", options: encoder })));
      return pool;
    } catch (error) {
      pool[Symbol.dispose]();
      throw error;
    }
  }

  /**
   * Has blocks worked on by all workers; reads ahead only as far as they keep up.
   *
   * @param jobs requests, and whatever the caller wants back with the answer; their bytes are gone afterwards
   * @returns jobs with answers, in the same order
   * @throws the error of a block, of the worker that died, or of the jobs, in their order
   */
  async *run<J extends { readonly request: BlockRequest }>(
    jobs: AsyncIterable<J>,
  ): AsyncGenerator<readonly [J, WorkerResponse]> {
    const pending: { job: J; answer: Promise<WorkerResponse> }[] = [];
    const next = async () => {
      const { job, answer } = pending.shift()!;
      return [job, await answer] as const;
    };
    const source = jobs[Symbol.asyncIterator]();
    const failures: unknown[] = []; // of the jobs: what comes before is good, or fails first
    try {
      for (;;) {
        const step = await source.next().catch((error) => void failures.push(error));
        if (step === undefined || step.done) break;
        const job = step.value;
        const idlest = this.#workers.reduce((best, worker) => worker.load < best.load ? worker : best);
        pending.push({ job, answer: idlest.request(job.request, [job.request.block.bytes.buffer]) });
        if (pending.length >= IN_FLIGHT * this.#workers.length) yield await next();
      }
      while (pending.length > 0) yield await next();
    } finally {
      await source.return?.();
    }
    if (failures.length > 0) throw failures[0];
  }

  /** Ends the workers, at work or not. */
  [Symbol.dispose](): void {
    this.#signal?.removeEventListener("abort", this.#onAbort);
    for (const worker of this.#workers) worker.terminate();
  }
}
