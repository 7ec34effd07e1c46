/** Real processes for the tests of this folder: their output as it comes, their end. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import type { Cluster } from "../../lib/cluster/mod.ts";
import { loopbackPlaces } from "../../lib/cluster/nodes.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** What is waited for at most, in milliseconds; no test gets near it unless something hangs. */
const PATIENCE = 120_000;

/** A child process and what it has printed so far. */
export class Running implements AsyncDisposable {
  readonly child: Deno.ChildProcess;
  /** stdout and stderr as they came. */
  output = "";
  stdout = "";
  stderr = "";
  readonly #reading: Promise<unknown>;
  #changed: (() => void)[] = [];
  #isThrough = false;

  /** Runs a program of ours; `before` are the words before `deno`, such as those that choose a network namespace. */
  constructor(
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
    before: readonly string[] = [],
  ) {
    const [program, ...words] = [...before, Deno.execPath(), "run", "-A", "--no-check", ...args];
    this.child = new Deno.Command(program!, {
      args: words,
      cwd: ROOT,
      env: { ...env, NO_COLOR: "1" },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#reading = Promise.all([this.#read("stdout"), this.#read("stderr")])
      .then(() => this.#isThrough = true);
  }

  async #read(name: "stdout" | "stderr"): Promise<void> {
    for await (const text of this.child[name].pipeThrough(new TextDecoderStream())) {
      this[name] += text;
      this.output += text;
      for (const resolve of this.#changed.splice(0)) resolve();
    }
    for (const resolve of this.#changed.splice(0)) resolve();
  }

  /** Waits until the output matches. */
  async printed(pattern: RegExp): Promise<void> {
    await this.#until(() => pattern.test(this.output), `${pattern}`);
  }

  /** Waits until the output has a text so often. */
  async printedTimes(text: string, times: number): Promise<void> {
    await this.#until(() => this.output.split(text).length > times, `"${text}" ${times} times`);
  }

  async #until(isThere: () => boolean, what: string): Promise<void> {
    const deadline = performance.now() + PATIENCE;
    while (!isThere()) {
      assert(!this.#isThrough || isThere(), `${what} did not come before the end:\n${this.output}`);
      assert(performance.now() < deadline, `${what} did not come in:\n${this.output}`);
      let timer;
      await new Promise<void>((resolve) => {
        this.#changed.push(resolve);
        timer = setTimeout(resolve, 200);
      });
      clearTimeout(timer);
    }
  }

  kill(signal: Deno.Signal): void {
    this.child.kill(signal);
  }

  /** Waits for the end. */
  async ended(): Promise<Deno.CommandStatus> {
    let timer;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`Still running after:\n${this.output}`)), PATIENCE);
    });
    try {
      const status = await Promise.race([this.child.status, late]);
      await this.#reading;
      return status;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Process ids of its own children, in the order in which they were started. */
  async children(): Promise<number[]> {
    const { stdout } = await new Deno.Command("pgrep", { args: ["-P", String(this.child.pid)] }).output();
    const lines = new TextDecoder().decode(stdout).split("\n").filter(Boolean);
    return lines.map(Number).sort((a, b) => a - b);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const pid of [this.child.pid, ...await this.children()]) {
      try {
        Deno.kill(pid, "SIGKILL");
      } catch { // it has ended
      }
    }
    await this.child.status;
    await this.#reading;
  }
}

/** The cluster of so many ranks on this machine. */
export function loopbackCluster(size: number): Omit<Cluster, "rank"> {
  const { addresses, coordinator } = loopbackPlaces(size);
  return { size, addresses, coordinator };
}

/** Starts one rank of `rank.ts`. */
export function startRank(cluster: Omit<Cluster, "rank">, index: number, ...flags: string[]): Running {
  return new Running(["tests/cluster/rank.ts", ...flags], rankEnvironment(cluster, index));
}

/** What tells a process that it is that rank. */
export function rankEnvironment({ addresses, coordinator }: Omit<Cluster, "rank">, index: number) {
  return {
    TF_CONFIG: JSON.stringify({ cluster: { worker: addresses }, task: { type: "worker", index } }),
    ERNIE_HEALTH_COORDINATOR: coordinator,
  };
}

/** Starts all ranks; disposing of the stack kills those that are left. */
export function startRanks(stack: AsyncDisposableStack, size: number, ...flags: string[]) {
  const cluster = loopbackCluster(size);
  const ranks = Array.from({ length: size }, (_, rank) => stack.use(startRank(cluster, rank, ...flags)));
  return { cluster, ranks };
}

/** Exit codes, in the order of ranks. */
export async function exitCodes(ranks: readonly Running[]): Promise<number[]> {
  return (await Promise.all(ranks.map((rank) => rank.ended()))).map(({ code }) => code);
}
