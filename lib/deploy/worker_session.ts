/**
 * A session in a worker: computing leaves this thread free.
 *
 * @module
 */
import { UserError } from "../config/mod.ts";
import type { Output, Session, SessionOptions, TokenBatch } from "./session.ts";

/** What a worker is asked for: to load a model, or to run it. */
export type WorkerRequest =
  | { readonly id: number; readonly path: string; readonly options: SessionOptions }
  | { readonly id: number; readonly batch: TokenBatch };

/** What a worker says to the request of that number. */
export interface WorkerReply {
  readonly id: number;
  readonly outputs?: Output[];
  readonly error?: { readonly message: string; readonly isUsers: boolean };
}

/** The worker is gone, and what it computed with it: another one may succeed. */
export class WorkerLostError extends Error {
  override readonly name = "WorkerLostError";
}

/** A worker with one model, to which requests go in turn. */
export class WorkerSession implements Session {
  readonly parallel = 1;
  readonly #worker: Worker;
  readonly #waiting = new Map<number, PromiseWithResolvers<Output[]>>();
  #requests = 0;
  #failure: Error | undefined;

  private constructor() {
    this.#worker = new Worker(new URL("./session_worker.ts", import.meta.url), { type: "module" });
    this.#worker.onmessage = ({ data: { id, outputs, error } }: MessageEvent<WorkerReply>) => {
      const { resolve, reject } = this.#waiting.get(id)!;
      this.#waiting.delete(id);
      if (error) reject(new (error.isUsers ? UserError : Error)(error.message));
      else resolve(outputs ?? []);
    };
    this.#worker.onerror = (event) => {
      event.preventDefault(); // whoever waits hears of it
      this.#fail(new WorkerLostError(`Cannot compute: the worker died: ${event.message}`));
    };
  }

  /**
   * Starts a worker and loads a model there.
   *
   * @throws {UserError} If it cannot be read, is no such model, or there is no GPU.
   */
  static async open(path: string, options: SessionOptions = {}): Promise<WorkerSession> {
    const session = new WorkerSession();
    try {
      await session.#request({ path, options }, []);
      return session;
    } catch (error) {
      session.#worker.terminate();
      throw error;
    }
  }

  /**
   * Runs the model.
   *
   * @param batch Given away: its arrays are empty afterwards.
   * @throws {WorkerLostError} If the worker died, now or before, or the session was closed.
   * @throws {Error} If the model refuses it.
   */
  async run(batch: TokenBatch): Promise<Output[]> {
    return await this.#request({ batch }, [batch.ids.buffer, batch.mask.buffer, batch.types.buffer]);
  }

  /** Ends the worker; what it has not computed is rejected. */
  async [Symbol.asyncDispose]() {
    this.#worker.terminate();
    await Promise.resolve(this.#fail(new WorkerLostError("Cannot compute: the session was closed")));
  }

  async #request(
    what: { path: string; options: SessionOptions } | { batch: TokenBatch },
    transfer: Transferable[],
  ): Promise<Output[]> {
    if (this.#failure) throw this.#failure;
    const id = this.#requests++, waiting = Promise.withResolvers<Output[]>();
    this.#waiting.set(id, waiting);
    this.#worker.postMessage({ id, ...what } as WorkerRequest, transfer);
    return await waiting.promise;
  }

  #fail(error: Error) {
    this.#failure = error;
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}
