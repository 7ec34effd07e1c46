/**
 * Requests that are repeated where that may help: a hub under load, a connection that breaks.
 *
 * @module
 */
import { setTimeout as sleep } from "node:timers/promises";

/** An answer other than what was asked for. */
export class HttpError extends Error {
  override name = "HttpError";

  /**
   * @param status Of the answer.
   * @param code What the hub has in `X-Error-Code`: `RepoNotFound`, `RevisionNotFound`, `EntryNotFound`, `GatedRepo`.
   * @param detail What the server says, if it does.
   * @param retryAfter Milliseconds that it asks to wait.
   */
  constructor(
    readonly status: number,
    readonly code: string | undefined,
    readonly detail: string | undefined,
    readonly retryAfter = 0,
  ) {
    super(`status ${status}${detail ? `, ${detail}` : ""}`);
  }
}

/** How often, and after what time, a request is repeated. */
export interface Patience {
  /** Tries in a row without any progress. */
  readonly tries: number;
  /** Milliseconds before the second one; each wait is twice the last. */
  readonly delay: number;
  /** Milliseconds without a byte after which a connection counts as broken. */
  readonly stall: number;
}

/** Half a minute in all. */
export const PATIENCE: Patience = { tries: 6, delay: 1000, stall: 30_000 };
const LONGEST_WAIT = 30_000; // milliseconds
const TRANSIENT: ReadonlySet<number> = new Set([408, 425, 429, 500, 502, 503, 504]);

/** How {@linkcode persist} is ended and watched. */
export interface PersistOptions {
  readonly patience: Patience;
  readonly signal?: AbortSignal | undefined;
  /** How far the work is; where it went on since the last failure, the tries count anew. */
  readonly progress?: () => number;
}

/**
 * Does what may fail for no lasting reason, again and again.
 *
 * @param attempt The work.
 * @throws What the last attempt threw, the first one whose reason will last, or the signal's reason.
 */
export async function persist<T>(
  attempt: () => Promise<T>,
  { patience: { tries, delay }, signal, progress = () => 0 }: PersistOptions,
): Promise<T> {
  for (let failures = 0, before = progress();;) {
    try {
      return await attempt();
    } catch (error) {
      signal?.throwIfAborted();
      if (!isTransient(error)) throw error;
      const now = progress();
      failures = now > before ? 1 : failures + 1;
      before = now;
      if (failures >= tries) throw error;
      const wait = Math.max(delay * 2 ** (failures - 1), error instanceof HttpError ? error.retryAfter : 0);
      await sleep(Math.min(wait, LONGEST_WAIT), undefined, { ...signal && { signal } }).catch(() => {});
      signal?.throwIfAborted();
    }
  }
}

/** Whether another try may succeed. */
function isTransient(error: unknown): boolean {
  return error instanceof HttpError ? TRANSIENT.has(error.status) : isConnectionError(error);
}

/** Whether a connection could not be made, or broke: `fetch` throws a `TypeError`. */
export function isConnectionError(error: unknown): boolean {
  return error instanceof StalledError || error instanceof TypeError ||
    (error instanceof Error &&
      /^(Http|ConnectionReset|ConnectionRefused|BrokenPipe|UnexpectedEof)$/.test(error.name));
}

/** A connection from which nothing comes any more. */
export class StalledError extends Error {
  override name = "StalledError";
}

/** Aborts a request when nothing comes for too long. */
export class Watchdog implements Disposable {
  readonly #controller = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param stall Milliseconds. */
  constructor(private readonly stall: number) {
    this.feed();
  }

  /** Aborted when nothing came. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Something came. */
  feed(): void {
    clearTimeout(this.#timer);
    const message = `nothing came for ${this.stall / 1000} s`;
    this.#timer = setTimeout(() => this.#controller.abort(new StalledError(message)), this.stall);
  }

  [Symbol.dispose]() {
    clearTimeout(this.#timer);
  }
}

/**
 * Makes sure that an answer is what was asked for.
 *
 * @throws {HttpError} If it is not.
 */
export async function checkAnswer(answer: Response): Promise<Response> {
  if (answer.ok) return answer;
  const text = await answer.text().catch(() => "");
  const seconds = Number(answer.headers.get("retry-after") ?? 0);
  throw new HttpError(
    answer.status,
    answer.headers.get("x-error-code") ?? undefined,
    answer.headers.get("x-error-message") ?? messageIn(text),
    Number.isFinite(seconds) ? 1000 * seconds : 0,
  );
}

/** What a short answer says, plain or as `{"error": …}`. */
function messageIn(text: string): string | undefined {
  try {
    const { error } = JSON.parse(text);
    if (typeof error === "string") return error;
  } catch { // it is plain text
  }
  return text.length > 0 && text.length < 200 && !text.includes("<") ? text.trim() : undefined;
}

/** How {@linkcode patientFetch} asks. */
export interface FetchOptions extends Pick<PersistOptions, "patience" | "signal"> {
  /** Sent along, such as the token. */
  readonly headers: Readonly<Record<string, string>>;
}

/** A `fetch` for short answers that repeats its requests, and throws where the answer is not what was asked for. */
export function patientFetch({ patience, signal, headers }: FetchOptions): typeof fetch {
  return async (input, init = {}) =>
    await persist(async () => {
      const limit = AbortSignal.timeout(patience.stall);
      const answer = await fetch(input, {
        ...init,
        headers: { ...headers, ...init.headers as Record<string, string> },
        signal: signal ? AbortSignal.any([signal, limit]) : limit,
      }).catch((error) => {
        throw limit.aborted ? new StalledError(`nothing came for ${patience.stall / 1000} s`) : error;
      });
      return await checkAnswer(answer);
    }, { patience, signal });
}
