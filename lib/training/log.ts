/**
 * The record of a run: the original's log line on the console and in `train.log`, one JSON object a line in
 * `train.jsonl`, each the mean over the steps since the one before.
 */

import { join } from "node:path";
import { fileError, UserError } from "../config/mod.ts";
import { AppendedFile } from "./appended_file.ts";

/** What one training step tells about itself. */
export interface StepMetrics {
  /** Weighted sum of the four losses. */
  loss: number;
  /** Loss of the generator. */
  generator: number;
  /** Loss of replaced-token detection, unweighted. */
  rtd: number;
  /** Loss of the choice among candidate tokens, unweighted. */
  multiChoice: number;
  /** Loss of the contrast between sequences, unweighted. */
  seqContrastive: number;
  /** Global norm of the gradients before clipping. */
  gradNorm: number;
  /** Tokens in all rows, without padding. */
  tokens: number;
  /** Positions whose token was masked for the generator. */
  masked: number;
  /** Masked positions where the generator's first choice is the original token. */
  generatorCorrect: number;
  /** Tokens that the generator replaced by another. */
  replaced: number;
  /** Tokens that the discriminator takes for replaced ones. */
  rtdPredicted: number;
  /** Tokens among those that are replaced ones. */
  rtdCorrect: number;
}

/** One line of `train.jsonl`; `null` stands for a number that is not finite: a diverged loss, 0 of 0. */
export interface TrainingRecord {
  /** Updates done so far. */
  step: number;
  /** Pass over the corpus, from 0. */
  epoch: number;
  /** Batch within the epoch, from 0. */
  batch: number;
  avg_loss: number | null;
  generator: number | null;
  rtd: number | null;
  multi_choice: number | null;
  seq_contrastive_loss: number | null;
  /** Learning rate of the next update, as in the original's line. */
  lr: number;
  grad_norm: number | null;
  /** Share of all tokens that the generator replaced. */
  replaced_rate: number | null;
  /** Share of masked tokens that the generator restored. */
  generator_accuracy: number | null;
  /** Share of the tokens taken for replaced ones that are. */
  rtd_precision: number | null;
  /** Share of the replaced tokens that were found. */
  rtd_recall: number | null;
  tokens_per_second: number | null;
  /** Seconds of training so far, those before a resume included. */
  seconds: number;
}

/** Sums over the steps since the last line, and the clock: what a checkpoint keeps of the log, as JSON. */
export interface TrainingLogState {
  sums: { [Name in keyof StepMetrics]: number | null };
  steps: number;
  /** Seconds of training so far. */
  seconds: number;
  /** Seconds of those when the last line was written. */
  secondsAtLastLine: number;
}

/** How a {@linkcode TrainingLog} behaves. */
export interface TrainingLogOptions {
  /** Updates in the whole run. */
  totalSteps: number;
  /** Steps from one line to the next. */
  loggingSteps: number;
  /** Where a resumed run goes on: step and log state of its checkpoint. */
  resume?: { step: number; state: TrainingLogState } | undefined;
  /** Takes each line for the console. Default: `console.log`. */
  print?: (line: string) => void;
  /** Clock in milliseconds, for tests. Default: `performance.now`. */
  now?: () => number;
}

const logFile = "train.log";
const recordsFile = "train.jsonl";

const noSums: Record<keyof StepMetrics, number> = {
  loss: 0,
  generator: 0,
  rtd: 0,
  multiChoice: 0,
  seqContrastive: 0,
  gradNorm: 0,
  tokens: 0,
  masked: 0,
  generatorCorrect: 0,
  replaced: 0,
  rtdPredicted: 0,
  rtdCorrect: 0,
};

/**
 * Writes the log of a run; a resumed run continues it as if it had never stopped.
 *
 * @example
 * ```ts
 * import { TrainingLog } from "./log.ts";
 * const outputDir = await Deno.makeTempDir();
 * {
 *   using log = new TrainingLog(outputDir, { totalSteps: 300, loggingSteps: 1 });
 *   log.add({ step: 1, epoch: 0, batch: 0, learningRate: 1e-4 }, {
 *     loss: 40, generator: 5, rtd: 0.5, multiChoice: 0.4, seqContrastive: 2, gradNorm: 9,
 *     tokens: 400, masked: 60, generatorCorrect: 6, replaced: 50, rtdPredicted: 40, rtdCorrect: 30,
 *   });
 * }
 * await Deno.remove(outputDir, { recursive: true });
 * ```
 */
export class TrainingLog {
  readonly #options: TrainingLogOptions;
  readonly #log: AppendedFile;
  readonly #records: AppendedFile;
  readonly #now: () => number;
  readonly #start: number;
  #secondsBefore = 0; // of training before this process took over
  #secondsAtLastLine = 0;
  #sums = { ...noSums };
  #steps = 0;

  /**
   * Opens the log of a run, without the lines after the step from which it goes on.
   *
   * @param outputDir - Folder of the run.
   * @param options - See {@linkcode TrainingLogOptions}.
   * @throws {UserError} When a file cannot be written to.
   */
  constructor(outputDir: string, options: TrainingLogOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.#start = this.#now();
    const { step = -1, state } = options.resume ?? {}; // a new run keeps no line at all
    if (state !== undefined) {
      for (const name of Object.keys(noSums) as (keyof StepMetrics)[]) {
        this.#sums[name] = state.sums[name] ?? NaN;
      }
      this.#steps = state.steps;
      this.#secondsBefore = state.seconds;
      this.#secondsAtLastLine = state.secondsAtLastLine;
    }
    this.#log = new AppendedFile(join(outputDir, logFile), (line) => stepOfLogLine(line) <= step);
    this.#records = new AppendedFile(join(outputDir, recordsFile), (line) => stepOfRecord(line) <= step);
  }

  /**
   * Adds one step to the mean, and writes a line if one is due.
   *
   * @param position - `step`: updates done, this one included; `epoch`, `batch`: from 0; `learningRate`: that
   *   of the next update.
   * @param metrics - What the step measured.
   * @returns The record that was written, if one was due.
   * @throws {UserError} When the disk refuses.
   */
  add(
    { step, epoch, batch, learningRate }: {
      step: number;
      epoch: number;
      batch: number;
      learningRate: number;
    },
    metrics: StepMetrics,
  ): TrainingRecord | undefined {
    for (const name of Object.keys(noSums) as (keyof StepMetrics)[]) this.#sums[name] += metrics[name];
    this.#steps++;
    const { loggingSteps, totalSteps } = this.#options;
    if (step % loggingSteps !== 0 && step !== totalSteps) return undefined;

    const sums = this.#sums, steps = this.#steps;
    const seconds = this.#seconds();
    const elapsed = seconds - this.#secondsAtLastLine;
    const record: TrainingRecord = {
      step,
      epoch,
      batch,
      avg_loss: finite(sums.loss / steps),
      generator: finite(sums.generator / steps),
      rtd: finite(sums.rtd / steps),
      multi_choice: finite(sums.multiChoice / steps),
      seq_contrastive_loss: finite(sums.seqContrastive / steps),
      lr: learningRate,
      grad_norm: finite(sums.gradNorm / steps),
      replaced_rate: finite(sums.replaced / sums.tokens),
      generator_accuracy: finite(sums.generatorCorrect / sums.masked),
      rtd_precision: finite(sums.rtdCorrect / sums.rtdPredicted),
      rtd_recall: finite(sums.rtdCorrect / sums.replaced),
      tokens_per_second: finite(sums.tokens / elapsed),
      seconds,
    };
    this.message(formatLogLine(record, { totalSteps, secondsPerStep: elapsed / steps }));
    this.#records.append(JSON.stringify(record));
    this.#sums = { ...noSums };
    this.#steps = 0;
    this.#secondsAtLastLine = seconds;
    return record;
  }

  /**
   * Writes a line of any text to the console and to `train.log`.
   *
   * @param line - The text, without a line end.
   * @throws {UserError} When the disk refuses.
   */
  message(line: string): void {
    (this.#options.print ?? console.log)(line);
    this.#log.append(line);
  }

  /**
   * Tells what a checkpoint must keep for the log to go on exactly.
   *
   * @returns A snapshot that survives JSON.
   */
  state(): TrainingLogState {
    return {
      sums: { ...this.#sums },
      steps: this.#steps,
      seconds: this.#seconds(),
      secondsAtLastLine: this.#secondsAtLastLine,
    };
  }

  /** Makes the lines so far reach the disk, as a checkpoint is about to; a power failure spares them then. */
  flush(): void {
    this.#log.flush();
    this.#records.flush();
  }

  /** Closes the files. */
  [Symbol.dispose](): void {
    this.#log[Symbol.dispose]();
    this.#records[Symbol.dispose]();
  }

  #seconds(): number {
    return this.#secondsBefore + (this.#now() - this.#start) / 1000;
  }
}

/**
 * Formats a record as the original's log line.
 *
 * @param record - The record.
 * @param run - `totalSteps`: updates in the whole run; `secondsPerStep`: mean since the line before.
 * @returns The line.
 *
 * Source: `run_pretrain.py` of PaddleNLP, with one process.
 */
export function formatLogLine(
  record: TrainingRecord,
  { totalSteps, secondsPerStep }: { totalSteps: number; secondsPerStep: number },
): string {
  const losses = (["avg_loss", "generator", "rtd", "multi_choice", "seq_contrastive_loss"] as const)
    .map((name) => `${name}: ${record[name]?.toFixed(15) ?? "nan"}`);
  return [
    `global step ${record.step}/${totalSteps}`,
    `epoch: ${record.epoch}`,
    `batch: ${record.batch}`,
    ...losses,
    `lr: ${record.lr.toFixed(10)}`,
    `speed: ${secondsPerStep.toFixed(2)} s/it`,
  ].join(", ");
}

/**
 * Reads the records of a run.
 *
 * @param outputDir - Folder of the run.
 * @returns The lines of its `train.jsonl`; a last line that a killed run tore is left out.
 * @throws {UserError} When the file cannot be read.
 *
 * @example
 * ```ts
 * import { readTrainingRecords } from "./log.ts";
 * const records = await readTrainingRecords("output").catch(() => []);
 * console.log(records.map(({ step, avg_loss }) => [step, avg_loss]));
 * ```
 */
export async function readTrainingRecords(outputDir: string): Promise<TrainingRecord[]> {
  const path = join(outputDir, recordsFile);
  const text = await Deno.readTextFile(path).catch((error) => {
    throw fileError("read", path, error);
  });
  return text.split("\n").slice(0, -1).map((line, index) => {
    try {
      return JSON.parse(line);
    } catch (cause) {
      throw new UserError(`Cannot read "${path}": line ${index + 1} is not JSON`, { cause });
    }
  });
}

/** The step of a line in `train.log`; lines of other text belong to the step before them. */
function stepOfLogLine(line: string): number {
  return Number(/^global step (\d+)\//.exec(line)?.[1] ?? 0);
}

/** The step of a line in `train.jsonl`; infinite when it is damaged. */
function stepOfRecord(line: string): number {
  try {
    return JSON.parse(line).step ?? Infinity;
  } catch {
    return Infinity;
  }
}

function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
