/**
 * The record of a run: the original's log line and our numbers beneath it on the console and in `train.log`, one JSON
 * object a line in `train.jsonl`, each about the steps since the one before.
 *
 * @module
 */
import { join } from "node:path";
import { AppendedFile } from "./appended_file.ts";
import { formatDetails, formatEvaluation, formatLogLine } from "./log_lines.ts";
import { MetricSums, type MetricSumsState, type StepMetrics } from "./metrics.ts";
import { type ProcessMemory, processMemory } from "./process_memory.ts";
import { type EvaluationRecord, RECORDS_FILE, stepOfRecord, type TrainingRecord } from "./records.ts";

export type { StepMetrics } from "./metrics.ts";
export { readTrainingRecords, type TrainingRecord } from "./records.ts";

/** Where a run stands after a step. */
export interface LogPosition {
  /** Steps done, this one included. */
  step: number;
  /** Pass over the corpus, from 0. */
  epoch: number;
  /** Batch within the epoch, from 0. */
  batch: number;
  /** Learning rate of the next update. */
  learningRate: number;
  /** Passes over the corpus so far, with fractions. */
  epochs?: number | undefined;
  /** Factor on the loss, where it is scaled. */
  lossScale?: number | undefined;
}

/** What an evaluation measured: mean losses and summed counts over all its sentences. */
export type EvaluationMetrics = Omit<StepMetrics, "gradNorm" | "tokens"> & { tokens?: number | undefined };

/** Sums over the steps since the last line, and the clock: what a checkpoint keeps of the log, as JSON. */
export interface TrainingLogState extends MetricSumsState {
  /** Seconds of training so far. */
  seconds: number;
  /** Seconds of those when the last line was written. */
  secondsAtLastLine: number;
  /** Seconds a step in the last intervals, the newest counting most. */
  pace?: number;
  /** Bytes of `train.log` and `train.jsonl`. */
  length?: { log: number; records: number };
}

/** How a {@linkcode TrainingLog} behaves. */
export interface TrainingLogOptions {
  /** Steps in the whole run. */
  totalSteps: number;
  /** Steps from one line to the next. */
  loggingSteps: number;
  /** Where a resumed run goes on: step and log state of its checkpoint; step Infinity keeps all later lines. */
  resume?: { step: number; state: TrainingLogState } | undefined;
  /** Takes each line for the console. Default: `console.log`. */
  print?: (line: string) => void;
  /** Clock in milliseconds, for tests. Default: `performance.now`. */
  now?: () => number;
  /** Memory of this process, for tests. Default: what the operating system tells. */
  memory?: () => ProcessMemory;
}

const LOG_FILE = "train.log";
const NEWEST_PACE = 0.3; // weight of the newest interval in the pace

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
  readonly #secondsBefore: number; // of training before this process took over
  #secondsAtLastLine: number;
  #pace: number | undefined;
  #sums: MetricSums;

  /**
   * Opens the log of a run, without the lines after the checkpoint from which it goes on.
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
    const length = Number.isFinite(step) ? state?.length : undefined;
    this.#sums = new MetricSums(state);
    this.#secondsBefore = state?.seconds ?? 0;
    this.#secondsAtLastLine = state?.secondsAtLastLine ?? 0;
    this.#pace = state?.pace;
    this.#log = new AppendedFile(
      join(outputDir, LOG_FILE),
      (line) => stepOfLogLine(line) <= step,
      length?.log,
    );
    this.#records = new AppendedFile(
      join(outputDir, RECORDS_FILE),
      (line) => stepOfRecord(line) <= step,
      length?.records,
    );
  }

  /**
   * Adds one step to the interval, and writes its line if it is due.
   *
   * @param position - Where the run stands.
   * @param metrics - What the step measured.
   * @returns The record that was written, if one was due.
   * @throws {UserError} When the disk refuses.
   */
  add(position: LogPosition, metrics: StepMetrics): TrainingRecord | undefined {
    this.#sums.add(metrics);
    const { loggingSteps, totalSteps } = this.#options;
    const { step } = position;
    if (step % loggingSteps !== 0 && step !== totalSteps) return undefined;

    const seconds = this.#seconds(), elapsed = seconds - this.#secondsAtLastLine;
    const secondsPerStep = elapsed / this.#sums.steps;
    this.#pace = this.#pace === undefined
      ? secondsPerStep
      : this.#pace + NEWEST_PACE * (secondsPerStep - this.#pace);
    const record = this.#record(position, seconds, elapsed);
    this.message(`${formatLogLine(record, { totalSteps, secondsPerStep })}\n${formatDetails(record)}`);
    this.#records.append(JSON.stringify(record));
    this.#sums = new MetricSums();
    this.#secondsAtLastLine = seconds;
    return record;
  }

  /**
   * Writes what an evaluation found.
   *
   * @param position - `step` and `epochs` as for {@linkcode TrainingLog.add}; `seconds`: what it took.
   * @param metrics - What it measured.
   * @returns The record that was written.
   * @throws {UserError} When the disk refuses.
   */
  evaluation(
    { step, epochs, seconds }: { step: number; epochs?: number | undefined; seconds: number },
    metrics: EvaluationMetrics,
  ): EvaluationRecord {
    const sums = new MetricSums();
    sums.add(metrics);
    const record: EvaluationRecord = known({
      kind: "evaluation",
      step,
      epochs,
      eval_loss: sums.mean("loss"),
      eval_generator: sums.mean("generator"),
      eval_rtd: sums.mean("rtd"),
      eval_multi_choice: sums.mean("multiChoice"),
      eval_seq_contrastive_loss: sums.mean("seqContrastive"),
      eval_generator_accuracy: sums.ratio("generatorCorrect", "masked"),
      eval_replaced_rate: sums.ratio("replaced", "tokens"),
      eval_rtd_precision: sums.ratio("rtdCorrect", "rtdPredicted"),
      eval_rtd_recall: sums.ratio("rtdCorrect", "replaced"),
      eval_mts_accuracy: sums.ratio("mtsCorrect", "replaced"),
      eval_csp_accuracy: sums.ratio("cspCorrect", "views"),
      eval_sentences: metrics.sentences,
      eval_seconds: seconds,
      seconds: this.#seconds(),
    });
    this.message(formatEvaluation(record));
    this.#records.append(JSON.stringify(record));
    return record;
  }

  /**
   * Writes text to the console and to `train.log`.
   *
   * @param text - One line or several, without the last line's end.
   * @throws {UserError} When the disk refuses.
   */
  message(text: string): void {
    (this.#options.print ?? console.log)(text);
    this.#log.append(text);
  }

  /**
   * Tells what a checkpoint must keep for the log to go on exactly.
   *
   * @returns A snapshot that survives JSON.
   */
  state(): TrainingLogState {
    return {
      ...this.#sums.state(),
      seconds: this.#seconds(),
      secondsAtLastLine: this.#secondsAtLastLine,
      ...(this.#pace !== undefined && { pace: this.#pace }),
      length: { log: this.#log.length, records: this.#records.length },
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

  #record(position: LogPosition, seconds: number, elapsed: number): TrainingRecord {
    const sums = this.#sums;
    const { step, epoch, batch, learningRate, epochs, lossScale } = position;
    const { resident, peak } = (this.#options.memory ?? processMemory)();
    return known({
      kind: "training",
      step,
      epoch,
      batch,
      avg_loss: sums.mean("loss"),
      generator: sums.mean("generator"),
      rtd: sums.mean("rtd"),
      multi_choice: sums.mean("multiChoice"),
      seq_contrastive_loss: sums.mean("seqContrastive"),
      lr: learningRate,
      grad_norm: sums.mean("gradNorm"),
      generator_accuracy: sums.ratio("generatorCorrect", "masked"),
      replaced_rate: sums.ratio("replaced", "tokens"),
      rtd_precision: sums.ratio("rtdCorrect", "rtdPredicted"),
      rtd_recall: sums.ratio("rtdCorrect", "replaced"),
      mts_accuracy: sums.ratio("mtsCorrect", "replaced"),
      csp_accuracy: sums.ratio("cspCorrect", "views"),
      tokens_per_second: sums.ratio("tokens", elapsed),
      sentences_per_second: sums.ratio("sentences", elapsed),
      fill_rate: sums.ratio("tokens", "slots"),
      waited_share: sums.ratio("waitedSeconds", elapsed),
      memory: resident,
      memory_peak: peak,
      loss_scale: lossScale,
      skipped: sums.sum("skipped"),
      epochs,
      seconds,
      eta_seconds: (this.#options.totalSteps - step) * this.#pace!,
    });
  }

  #seconds(): number {
    return this.#secondsBefore + (this.#now() - this.#start) / 1000;
  }
}

/** Without the fields that are undefined; a record's type says which may be. */
function known<R>(record: { [Name in keyof R]: R[Name] | undefined }): R {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined)) as R;
}

/** The step of a line in `train.log`; lines of other text belong to the step before them. */
function stepOfLogLine(line: string): number {
  return Number(/^global step (\d+)\//.exec(line)?.[1] ?? 0);
}
