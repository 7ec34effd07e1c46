/** A few workers that encode lines side by side; their answers come in the order of the questions. */
import { UserError } from "../config/mod.ts";
import type { Vocabulary } from "../text/mod.ts";
import type { EncodedLines } from "./line_encoder.ts";
import type { WorkerRequest, WorkerResponse } from "./preprocess_worker.ts";

/** Chunks that wait or are worked on, per worker: one in work, one ready, one on its way back. */
const IN_FLIGHT = 3;

/** One worker and the requests it has not answered; it answers in order. */
class EncoderWorker {
  readonly #worker = new Worker(new URL("./preprocess_worker.ts", import.meta.url), { type: "module" });
  readonly #waiting: PromiseWithResolvers<WorkerResponse>[] = [];

  constructor() {
    this.#worker.onmessage = ({ data }: MessageEvent<WorkerResponse>) => {
      const waiting = this.#waiting.shift()!;
      if (data.kind !== "failed") waiting.resolve(data);
      else waiting.reject(data.isUserError ? new UserError(data.error.message) : data.error);
    };
    this.#worker.onerror = (event) => {
      event.preventDefault(); // the error goes to whoever waits instead of ending the program
      const error = new Error(`Preprocessing worker failed: ${event.message}`);
      for (const waiting of this.#waiting.splice(0)) waiting.reject(error);
    };
  }

  get load(): number {
    return this.#waiting.length;
  }

  request(request: WorkerRequest): Promise<WorkerResponse> {
    const waiting = Promise.withResolvers<WorkerResponse>();
    waiting.promise.catch(() => {}); // whoever asked hears of it when its turn comes
    this.#waiting.push(waiting);
    this.#worker.postMessage(request);
    return waiting.promise;
  }

  terminate(): void {
    this.#worker.terminate();
  }
}

/** Workers with the same segmenter and vocabulary. */
export class EncoderPool implements Disposable {
  readonly #workers: readonly EncoderWorker[];

  private constructor(workers: readonly EncoderWorker[]) {
    this.#workers = workers;
  }

  /**
   * Starts workers, each with a segmenter of its own.
   *
   * @param count how many, at least 1
   * @param tool name of the segmenter
   * @param vocabulary the vocabulary of the corpus
   * @returns the pool, ready
   * @throws {UserError} if there is no such segmenter
   */
  static async start(count: number, tool: string, vocabulary: Vocabulary): Promise<EncoderPool> {
    const pool = new EncoderPool(Array.from({ length: count }, () => new EncoderWorker()));
    try {
      const { tokens } = vocabulary;
      await Promise.all(pool.#workers.map((worker) => worker.request({ kind: "start", tool, tokens })));
      return pool;
    } catch (error) {
      pool[Symbol.dispose]();
      throw error;
    }
  }

  /**
   * Encodes chunk after chunk on all workers; reads ahead only as far as the workers can keep up.
   *
   * @param chunks lines, a few hundred at a time
   * @returns the encoded chunks in the same order
   */
  async *encode(
    chunks: AsyncIterable<readonly string[]>,
  ): AsyncGenerator<EncodedLines & { bytes: Int32Array }> {
    const pending: Promise<WorkerResponse>[] = [];
    const next = async (): Promise<EncodedLines & { bytes: Int32Array }> => {
      const response = await pending.shift()!;
      if (response.kind !== "encoded") throw new Error(`Unexpected answer "${response.kind}" of a worker`);
      return { ...response.result, bytes: response.bytes };
    };
    for await (const lines of chunks) {
      const idlest = this.#workers.reduce((best, worker) => worker.load < best.load ? worker : best);
      pending.push(idlest.request({ kind: "encode", lines }));
      if (pending.length >= IN_FLIGHT * this.#workers.length) yield await next();
    }
    while (pending.length > 0) yield await next();
  }

  /** Ends the workers, at work or not. */
  [Symbol.dispose](): void {
    for (const worker of this.#workers) worker.terminate();
  }
}
