/**
 * One side of a comparison: a process that trains a step whenever it is told to, so that sides take turns step by step.
 *
 * Specification and answers are JSON: the one is the driver's last argument, the others are lines on its stdout.
 *
 * @module
 */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Cluster } from "../../lib/cluster/mod.ts";
import type { Task } from "../../lib/cblue/mod.ts";
import type { FinetuningConfig, PretrainingConfig } from "../../lib/electra/mod.ts";
import type { BatchLayout } from "../../lib/packing/mod.ts";
import type { Precision } from "../../lib/tensorflow/mod.ts";

/** What a driver trains. */
export interface StepSpec {
  readonly config: PretrainingConfig;
  readonly precision: Precision;
  readonly threads: number;
  /** Of dropout and samples, and of first weights where `weights` gives none. */
  readonly seed: number;
  /** First weights: a safetensors file with the original's names. */
  readonly weights?: string;
  /** Padded batches: an `.npz`, as `saveBatches` writes it. */
  readonly batches?: string;
  /** Ours alone: train on a corpus instead. */
  readonly stream?: StreamSpec;
  /** Ours alone: compute activations twice instead of keeping them. */
  readonly recompute?: boolean;
  /** Ours alone: the processes that train together, of which this is one. */
  readonly cluster?: Cluster;
  /** PyTorch alone: work at every position, as the original, or only where a loss is. */
  readonly mode?: "full" | "lean";
  /** PyTorch alone: folder of `torch_ernie_health.py`. */
  readonly oracle?: string;
}

/** Batches from a corpus. */
export interface StreamSpec {
  /** Folder, with its `vocab.txt`. */
  readonly corpus: string;
  readonly layout: BatchLayout;
  readonly maskProbability: number;
  /** Of order and masks; who is held out does not depend on it. Default: 1000. */
  readonly seed?: number;
  /** Sentences held out to evaluate on, and the batches that they come in. */
  readonly evaluation?: { readonly sentences: number; readonly layout: BatchLayout };
}

/** What a driver fine-tunes. */
export interface FinetuneSpec extends Pick<StepSpec, "precision" | "threads" | "seed"> {
  readonly config: FinetuningConfig;
  readonly task: Task;
  /** Rows in batches, a JSON file of {@linkcode LabelledRow}`[][]`. */
  readonly batches: string;
  readonly batchSize: number;
  /** The most tokens of a row. */
  readonly maxLength: number;
}

/** What a driver answers with. */
export interface InferenceSpec {
  /** The exported model; of PyTorch the sizes are enough. */
  readonly model: string;
  readonly config: FinetuningConfig;
  readonly threads: number;
  /** Rows in batches, a JSON file of token ids. */
  readonly batches: string;
  /** Ours alone: rows are padded to this and not parted; default: they go through the model as the predictor has it. */
  readonly padded?: number;
}

/** A row of tokens and its class. */
export interface LabelledRow {
  readonly ids: number[];
  readonly typeIds: number[];
  readonly label: number;
}

/** A step, as the process that made it saw it. */
export interface StepCost {
  /** Seconds. */
  readonly wall: number;
  /** Seconds of the process on all cores. */
  readonly cpu: number;
  /** Cores that other processes kept busy meanwhile, on average. */
  readonly others: number;
  readonly losses: Losses;
  /** Sentences of the batch; ours alone. */
  readonly sentences?: number;
}

/** Generator, RTD, MTS, CSP. */
export type Losses = readonly [number, number, number, number];

/** The drivers: program and arguments. */
export const drivers = {
  ours: (): string[] => [Deno.execPath(), "run", "-A", "--no-check", path("./our_step.ts")],
  torch: (python: string): string[] => [python, path("./torch_step.py")],
  paddle: (python: string): string[] => [python, path("./paddle_step.py")],
  ourFinetune: (): string[] => [Deno.execPath(), "run", "-A", "--no-check", path("./our_finetune.ts")],
  torchFinetune: (python: string): string[] => [python, path("./torch_finetune.py")],
  ourInference: (): string[] => [Deno.execPath(), "run", "-A", "--no-check", path("./our_inference.ts")],
  onnxInference: (python: string): string[] => [python, path("./onnx_inference.py")],
  torchInference: (python: string): string[] => [python, path("./torch_inference.py")],
};

/** A driver that runs. */
export class StepProcess implements Disposable {
  /** Names and versions of its libraries. */
  version = "";
  /** Number of values that it trains. */
  parameters = 0;
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #answers: AsyncIterator<string>;
  #complaints = "";

  private constructor(command: readonly string[], spec: StepSpec | FinetuneSpec | InferenceSpec) {
    const [program, ...args] = command as [string, ...string[]];
    this.#process = spawn(program, [...args, JSON.stringify(spec)]);
    this.#process.stderr.on("data", (bytes) => this.#complaints = `${this.#complaints}${bytes}`.slice(-4000));
    this.#process.stdin.on("error", () => {}); // it ended: so does the answer that is waited for
    this.#answers = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]();
  }

  /**
   * Starts a driver and waits until its model stands.
   *
   * @param command one of {@linkcode drivers}
   * @param spec what it trains
   * @throws {Error} if it ends before that, with what it wrote to stderr
   */
  static async start(
    command: readonly string[],
    spec: StepSpec | FinetuneSpec | InferenceSpec,
  ): Promise<StepProcess> {
    const started = new StepProcess(command, spec);
    Object.assign(started, await started.#answer<{ version: string; parameters: number }>());
    return started;
  }

  /**
   * Trains one step.
   *
   * @param batch which of `batches`; a stream gives its next one
   * @param rate learning rate
   */
  step(batch: number, rate: number): Promise<StepCost> {
    return this.#ask({ batch, rate });
  }

  /** Averages the gradients over the processes, without computing any; ours alone. */
  reduce(): Promise<Pick<StepCost, "wall" | "cpu">> {
    return this.#ask({ reduce: true });
  }

  /** Most memory that it has had, in bytes. */
  async peak(): Promise<number> {
    return (await this.#ask<{ peak: number }>({ peak: true })).peak;
  }

  /** Losses on the sentences held out, without dropout; ours alone. */
  async evaluate(): Promise<Losses> {
    return (await this.#ask<{ losses: Losses }>({ evaluate: true })).losses;
  }

  /** Ends it. */
  [Symbol.dispose]() {
    this.#process.stdin.end();
    this.#process.kill("SIGKILL"); // it has nothing to save
  }

  #ask<T>(request: unknown): Promise<T> {
    this.#process.stdin.write(JSON.stringify(request) + "\n");
    return this.#answer();
  }

  async #answer<T>(): Promise<T> {
    const { done, value } = await this.#answers.next();
    if (!done) return JSON.parse(value);
    throw new Error(
      `Cannot go on: ${this.#process.spawnargs.slice(0, -1).join(" ")} ended\n${this.#complaints}`,
    );
  }
}

function path(relative: string): string {
  return fileURLToPath(import.meta.resolve(relative));
}
