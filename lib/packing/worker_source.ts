/** Batches made ahead by workers, in the order and to the bit as without them. */
import { Worker } from "node:worker_threads"; // unlike the web's, these tell of their end, however they come to it
import { UserError } from "../config/mod.ts";
import type { BatchPlan } from "./batch_plan.ts";
import type { BatchSource, PlacedBatch } from "./batch_source.ts";
import type { BatchRequest, CollateResponse, CollateSetup } from "./collate_worker.ts";
import type { Batch, CollateOptions } from "./collator.ts";
import type { StoredSentences } from "./sentences.ts";

/** How many batches are made ahead, and how. */
export interface WorkerSourceOptions extends Omit<CollateOptions, "draws"> {
  /** At least 1. */
  readonly workers: number;
  /** Most batches that are ready or being made per worker. */
  readonly prefetch: number;
}

/** Plans batches here and has workers read, mask and lay them out. */
export class WorkerBatchSource implements BatchSource {
  readonly #stored: StoredSentences;
  readonly #plans: Iterator<BatchPlan, never>;
  readonly #workers: readonly CollateWorker[];
  readonly #most: number;
  readonly #ahead: Promise<PlacedBatch>[] = [];
  #asked = 0;
  waited = 0;

  constructor(stored: StoredSentences, plans: Iterator<BatchPlan, never>, options: WorkerSourceOptions) {
    const { layout, vocabulary, mlmProb, seed, workers, prefetch } = options;
    const { files } = stored;
    const setup: CollateSetup = { files, tokens: vocabulary.tokens, layout, mlmProb, seed };
    [this.#stored, this.#plans] = [stored, plans];
    this.#most = workers * prefetch;
    this.#workers = Array.from({ length: workers }, () => new CollateWorker(setup));
  }

  async next(): Promise<PlacedBatch> {
    const batch = this.#ahead.shift() ?? this.#ask();
    while (this.#ahead.length < this.#most) this.#ahead.push(this.#ask());
    const start = performance.now();
    try {
      return await batch;
    } finally {
      this.waited += (performance.now() - start) / 1000;
    }
  }

  close(): void {
    this.#ahead.length = 0;
    for (const worker of this.#workers) worker.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Has the next batch made; the workers take turns. */
  #ask(): Promise<PlacedBatch> {
    const { sentences: contents, ...place } = this.#plans.next().value;
    const worker = this.#workers[this.#asked++ % this.#workers.length]!;
    const located = contents.map((planned) => ({
      ...planned,
      spans: this.#stored.spansOf(planned.sentence),
    }));
    const made = worker.request({ sentences: located }).then((batch) => ({ ...batch, contents, ...place }));
    made.catch(() => {}); // whoever asks for this batch hears of it
    return made;
  }
}

/** A worker and the requests that it has not answered; it answers in order. */
class CollateWorker {
  readonly #worker: Worker;
  readonly #waiting: PromiseWithResolvers<Batch>[] = [];
  /** Why it will never answer again. */
  #failure: Error | undefined;

  constructor(setup: CollateSetup) {
    this.#worker = new Worker(new URL("./collate_worker.ts", import.meta.url), { workerData: setup });
    this.#worker.on("message", (response: CollateResponse) => {
      const waiting = this.#waiting.shift();
      if (response.kind === "batch") waiting?.resolve(response.batch);
      else waiting?.reject(response.isUserError ? new UserError(response.error.message) : response.error);
    });
    this.#worker.on(
      "error",
      (error) => this.#fail(new Error(`Batch worker failed: ${error.message}`, { cause: error })),
    );
    this.#worker.on("exit", (code) => this.#fail(new Error(`Batch worker ended with code ${code}`)));
  }

  request(request: BatchRequest): Promise<Batch> {
    const waiting = Promise.withResolvers<Batch>();
    if (this.#failure === undefined) {
      this.#waiting.push(waiting);
      this.#worker.postMessage(request);
    } else waiting.reject(this.#failure);
    return waiting.promise;
  }

  close(): void {
    this.#fail(new Error("Batch worker was closed"));
    this.#worker.terminate();
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    for (const waiting of this.#waiting.splice(0)) waiting.reject(this.#failure);
  }
}
