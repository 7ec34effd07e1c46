/**
 * Rows of many requests, in small batches, through a few workers.
 *
 * Nothing waits for company: when a worker is free it takes what has come by then, rows of like lengths, up to its share. A
 * worker that dies is replaced; the rows it had are tried once more, each alone, so that one row cannot take others with it.
 *
 * @module
 */
import { setTimeout as delay } from "node:timers/promises";
import { type Logits, type Row, rowOf } from "../../cblue/mod.ts";
import { BATCH_TOKENS } from "../batches.ts";
import type { Session } from "../session.ts";
import { tokenBatch } from "../token_batch.ts";
import { WorkerLostError } from "../worker_session.ts";

/** What a scheduler computes with. */
export interface SchedulerOptions {
  /** Starts a worker. */
  readonly open: () => Promise<Session>;
  /** How many. */
  readonly workers: number;
  /** Of the model's vocabulary. */
  readonly padId: number;
  /** Most tokens of a batch, padding included; a longer row is alone. */
  readonly batchTokens?: number;
  /** Most rows that wait before {@linkcode Scheduler.isFull} says so; default: no bound. */
  readonly queue?: number;
  /** Seconds that a batch may take before its worker counts as lost; default 60. */
  readonly batchSeconds?: number;
  /** Hears of what happens. */
  readonly observer?: SchedulerObserver;
}

/** Hears of what a scheduler does. */
export interface SchedulerObserver {
  /** A batch was computed. */
  onBatch?(batch: { readonly rows: number; readonly tokens: number; readonly seconds: number }): void;
  /** A worker was lost; another one is started. */
  onRestart?(error: Error): void;
}

/** A row that waits or is computed. */
interface Job {
  readonly row: Row;
  readonly give: (outputs: Logits[]) => void;
  readonly fail: (error: Error) => void;
  /** Whether its first batch was lost. */
  again: boolean;
  /** Whether its request was answered, failed or cancelled. */
  over: boolean;
}

/** Rows that are looked at for a batch: a longer queue costs no more. */
const LOOKAHEAD = 64;
/** The most padding of a batch, as a share of its slots. */
const PADDING = 0.25;
/** Milliseconds before a worker that would not start is started again: twice as many each time. */
const FIRST_PAUSE = 100, LONGEST_PAUSE = 10_000;

/** Computes rows as they come. */
export class Scheduler implements AsyncDisposable {
  readonly #options: Required<Omit<SchedulerOptions, "observer">>;
  readonly #observer: SchedulerObserver;
  /** In the order in which they came; a set, for those in the middle may leave. */
  readonly #queue = new Set<Job>();
  /** Rows whose batch was lost. */
  readonly #retries = new Set<Job>();
  readonly #idle = new Set<() => void>();
  readonly #sessions = new Set<Session>();
  readonly #loops: Promise<void>[] = [];
  #computing = 0;
  #secondsPerRow = 0.05; // a guess, until rows were computed
  readonly #end = new AbortController();

  private constructor({ observer = {}, ...options }: SchedulerOptions) {
    this.#options = { batchTokens: BATCH_TOKENS, queue: Infinity, batchSeconds: 60, ...options };
    this.#observer = observer;
  }

  /**
   * Starts the workers.
   *
   * @throws What starting one throws.
   */
  static async open(options: SchedulerOptions): Promise<Scheduler> {
    const scheduler = new Scheduler(options);
    const opened = await Promise.allSettled(Array.from({ length: options.workers }, options.open));
    const sessions = opened.flatMap((one) => one.status === "fulfilled" ? [one.value] : []);
    const failure = opened.find((one) => one.status === "rejected");
    if (failure) {
      for (const session of sessions) await session[Symbol.asyncDispose]();
      throw failure.reason;
    }
    for (const session of sessions) {
      scheduler.#sessions.add(session);
      scheduler.#loops.push(scheduler.#serve(session));
    }
    return scheduler;
  }

  /** Rows that no worker has taken yet. */
  get waiting(): number {
    return this.#queue.size + this.#retries.size;
  }

  /** Rows that are computed. */
  get computing(): number {
    return this.#computing;
  }

  /** Workers that are alive. */
  get workers(): number {
    return this.#sessions.size;
  }

  /** Whether as many rows wait as may. */
  get isFull(): boolean {
    return this.waiting >= this.#options.queue;
  }

  /** Seconds until what waits is computed, by the last batches. */
  get backlogSeconds(): number {
    return this.waiting * this.#secondsPerRow / this.#options.workers;
  }

  /**
   * Computes rows.
   *
   * @param signal Takes those out that no worker has; they are never computed.
   * @param give Gets the outputs of a row, as soon as they are there.
   * @throws The signal's reason, or why a row could not be computed.
   */
  async run(
    rows: readonly Row[],
    signal: AbortSignal,
    give: (row: number, outputs: Logits[]) => void,
  ): Promise<void> {
    signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    let missing = rows.length;
    if (missing === 0) resolve();
    const jobs = rows.map((row, i): Job => ({
      row,
      give: (outputs) => {
        try {
          give(i, outputs);
        } catch (error) {
          reject(error);
        }
        if (--missing === 0) resolve();
      },
      fail: reject,
      again: false,
      over: false,
    }));
    const abort = () => reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    for (const job of jobs) this.#queue.add(job);
    this.#wake();
    try {
      await promise;
    } finally {
      for (const job of jobs) { // of a request that failed, those that wait
        job.over = true;
        this.#queue.delete(job);
        this.#retries.delete(job);
      }
      signal.removeEventListener("abort", abort);
    }
  }

  /** Ends the workers; rows that wait or are computed fail. */
  async [Symbol.asyncDispose]() {
    this.#end.abort();
    const closed = new Error("Cannot compute: the scheduler was closed");
    for (const job of [...this.#queue, ...this.#retries]) job.fail(closed);
    this.#wake();
    for (const session of this.#sessions) await session[Symbol.asyncDispose]();
    await Promise.all(this.#loops);
  }

  /** A worker's life: batch after batch, and a new worker after each loss. */
  async #serve(first: Session): Promise<void> {
    let session: Session | undefined = first;
    while (!this.#end.signal.aborted) {
      session ??= await this.#reopen();
      const batch = session ? this.#take() : [];
      if (batch.length === 0) {
        if (session) await new Promise<void>((resolve) => this.#idle.add(resolve));
        continue;
      }
      this.#computing += batch.length;
      try {
        await this.#compute(session!, batch);
      } catch (error) {
        if (error instanceof WorkerLostError) {
          await this.#bury(session!, error);
          session = undefined;
        }
        this.#giveBack(batch, error as Error);
      } finally {
        this.#computing -= batch.length;
      }
    }
  }

  async #compute(session: Session, batch: readonly Job[]): Promise<void> {
    const { padId, batchSeconds } = this.#options, rows = batch.map(({ row }) => row);
    const begin = performance.now();
    const outputs = await within(batchSeconds, session.run(tokenBatch(rows, padId)));
    const seconds = (performance.now() - begin) / 1000;
    this.#secondsPerRow += 0.1 * (seconds / rows.length - this.#secondsPerRow);
    const tokens = rows.reduce((sum, { ids }) => sum + ids.length, 0);
    this.#observer.onBatch?.({ rows: rows.length, tokens, seconds });
    for (const [i, job] of batch.entries()) job.give(outputs.map((output) => rowOf(output, i)));
  }

  /** The longest wait first, then rows of like length, no more than this worker's share. */
  #take(): Job[] {
    const [retried] = this.#retries;
    if (retried) {
      this.#retries.delete(retried);
      return [retried];
    }
    const [oldest] = this.#queue;
    if (!oldest) return [];
    const lengthOf = (job: Job) => job.row.ids.length, length = lengthOf(oldest);
    const share = Math.ceil(this.#queue.size / this.#options.workers);
    const others = [...this.#queue.values().take(LOOKAHEAD)].slice(1)
      .sort((a, b) => Math.abs(lengthOf(a) - length) - Math.abs(lengthOf(b) - length));
    const batch = [oldest];
    let width = length, tokens = length;
    for (const job of others) {
      if (batch.length >= share) break;
      const wider = Math.max(width, lengthOf(job)), slots = (batch.length + 1) * wider;
      if (slots > this.#options.batchTokens || slots - tokens - lengthOf(job) > PADDING * slots) continue;
      batch.push(job);
      [width, tokens] = [wider, tokens + lengthOf(job)];
    }
    for (const job of batch) this.#queue.delete(job);
    return batch;
  }

  /** Rows of a batch that was lost wait again, first of all; those that were lost before fail. */
  #giveBack(batch: readonly Job[], error: Error): void {
    for (const job of batch) {
      if (job.over) continue;
      if (job.again || this.#end.signal.aborted) {
        job.fail(new Error("Cannot compute a row: it failed twice", { cause: error }));
      } else {
        job.again = true;
        this.#retries.add(job);
      }
    }
    this.#wake();
  }

  async #bury(session: Session, error: Error): Promise<void> {
    this.#sessions.delete(session);
    if (this.#end.signal.aborted) return;
    this.#observer.onRestart?.(error);
    await session[Symbol.asyncDispose]();
  }

  /** A new worker, when one starts; none once this is closed. */
  async #reopen(): Promise<Session | undefined> {
    for (let pause = FIRST_PAUSE; !this.#end.signal.aborted; pause = Math.min(2 * pause, LONGEST_PAUSE)) {
      try {
        const session = await this.#options.open();
        if (!this.#end.signal.aborted) {
          this.#sessions.add(session);
          return session;
        }
        await session[Symbol.asyncDispose]();
      } catch (error) {
        this.#observer.onRestart?.(error as Error);
        await delay(pause, undefined, { signal: this.#end.signal }).catch(() => {});
      }
    }
    return undefined;
  }

  #wake(): void {
    for (const resume of this.#idle) resume();
    this.#idle.clear();
  }
}

/** @throws {WorkerLostError} If it takes longer. */
async function within<T>(seconds: number, promise: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => late.reject(new WorkerLostError(`Cannot compute: the worker took more than ${seconds} s`)),
    1000 * seconds,
  );
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
