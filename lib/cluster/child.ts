/** One process of a job as the launcher sees it: rank 0 speaks for all, of the others one hears warnings and errors. */
import { join } from "node:path";

/** How to start a process. */
export interface ChildOptions {
  readonly rank: number;
  /** The words after `deno`. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Folder for the whole output of ranks other than 0, in `rank-1.log` and so on. */
  readonly logDir: string | undefined;
}

/** How a process ended. */
export interface End {
  readonly rank: number;
  /** Exit status; 128 + the signal's number where a signal ended it. */
  readonly status: number;
  readonly signal: Deno.Signal | null;
  /** Whether it was told to end. */
  readonly told: boolean;
}

/** A running process. */
export class Child {
  readonly rank: number;
  /** Resolves when the process has ended and its output is through. */
  readonly end: Promise<End>;
  readonly #process: Deno.ChildProcess;
  #told = false;
  #ended = false;

  constructor({ rank, args, env, logDir }: ChildOptions) {
    this.rank = rank;
    const silent = rank !== 0;
    this.#process = new Deno.Command(Deno.execPath(), {
      args: [...args],
      env: { ...env },
      stdin: "null",
      stdout: !silent ? "inherit" : logDir === undefined ? "null" : "piped",
      stderr: silent ? "piped" : "inherit",
    }).spawn();
    const log = silent && logDir !== undefined
      ? Deno.openSync(join(logDir, `rank-${rank}.log`), { append: true, create: true })
      : undefined;
    const outputs: Promise<void>[] = [];
    if (silent && log !== undefined) outputs.push(drain(this.#process.stdout, [log]));
    if (silent) outputs.push(drain(this.#process.stderr, [new PrefixedLines(`[rank ${rank}] `), log]));
    this.end = this.#wait(outputs).finally(() => log?.close());
  }

  /** Sends a signal, if the process is still there. */
  tell(signal: Deno.Signal): void {
    if (this.#ended) return;
    this.#told = true;
    try {
      this.#process.kill(signal);
    } catch { // it has just ended
    }
  }

  async #wait(outputs: readonly Promise<void>[]): Promise<End> {
    const { code, signal } = await this.#process.status;
    this.#ended = true;
    await Promise.all(outputs);
    return { rank: this.rank, status: code, signal, told: this.#told };
  }
}

interface Sink {
  writeSync(bytes: Uint8Array): number;
  finish?(): void;
}

async function drain(
  stream: ReadableStream<Uint8Array>,
  sinks: readonly (Sink | undefined)[],
): Promise<void> {
  for await (const chunk of stream) {
    for (const sink of sinks) {
      for (let at = 0; sink !== undefined && at < chunk.length;) at += sink.writeSync(chunk.subarray(at));
    }
  }
  for (const sink of sinks) sink?.finish?.();
}

/** Writes whole lines to stderr, each with a prefix, so that those of several processes do not mix. */
class PrefixedLines implements Sink {
  readonly #prefix: string;
  readonly #decoder = new TextDecoder();
  #rest = "";

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  writeSync(bytes: Uint8Array): number {
    const lines = (this.#rest + this.#decoder.decode(bytes, { stream: true })).split("\n");
    this.#rest = lines.pop()!;
    for (const line of lines) console.error(this.#prefix + line);
    return bytes.length;
  }

  finish(): void {
    if (this.#rest !== "") console.error(this.#prefix + this.#rest);
  }
}
