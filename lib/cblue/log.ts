/**
 * The record of a fine-tuning run: a line on the console and in `train.log`, one JSON object a line in `train.jsonl`, numbers for
 * TensorBoard in `loss_log`; each about the steps since the one before.
 *
 * @module
 */
import { join } from "node:path";
import { formatDuration } from "../config/mod.ts";
import { EventFileWriter } from "../tensorflow/mod.ts";
import { AppendedFile, formatGigabytes, formatRate, processMemory, RECORDS_FILE } from "../training/mod.ts";
import type { Score } from "./scores/metrics.ts";
import type { MetricName } from "./tasks.ts";

/** Where a run stands after a step. */
export interface LogPosition {
  /** Steps done, this one included. */
  readonly step: number;
  /** Pass over the training set, from 0. */
  readonly epoch: number;
  /** Batch within the epoch, from 0. */
  readonly batch: number;
  /** Of this step. */
  readonly learningRate: number;
  /** Factor on the loss, where it is scaled. */
  readonly lossScale?: number | undefined;
}

/** What a step tells: its loss `total`, `gradNorm`, tokens, slots and rows, further numbers of the task. */
export type StepNumbers = Readonly<Record<string, number>> & {
  readonly total: number;
  readonly gradNorm: number;
  /** Without padding. */
  readonly tokens: number;
  /** Padding included. */
  readonly slots: number;
  readonly rows: number;
};

/** One line of `train.jsonl`; beside what is named here, numbers of the task, the clock and the machine. */
export type FinetuningRecord =
  & Readonly<Record<string, unknown>>
  & { readonly step: number }
  & (
    | {
      readonly kind: "training";
      /** Mean over the steps since the record before; null if it was no finite number. */
      readonly avg_loss: number | null;
      /** Share of the rows that were classified rightly. */
      readonly accuracy?: number;
      readonly lr: number;
    }
    | {
      readonly kind: "evaluation";
      /** The task's official one. */
      readonly metric: MetricName;
      /** On dev. */
      readonly score: number;
    }
  );

/** What a checkpoint keeps of the log, as JSON. */
export interface FinetuningLogState {
  /** Sums over the steps since the last line. */
  readonly sums: Readonly<Record<string, number>>;
  /** Seconds of training so far, and when the last line was written. */
  readonly seconds: number;
  readonly secondsAtLastLine: number;
  /** Bytes of `train.log` and `train.jsonl`. */
  readonly length: { readonly log: number; readonly records: number };
}

/** How a log behaves. */
export interface FinetuningLogOptions {
  readonly totalSteps: number;
  /** Steps from one line to the next. */
  readonly loggingSteps: number;
  /** Whether a number is averaged over steps; others are counts. */
  readonly isMean: (name: string) => boolean;
  readonly resume?: FinetuningLogState | undefined;
  /** Takes each line for the console. */
  readonly print: (line: string) => void;
}

/** Numbers of a step that have fields of their own. */
const COMMON = new Set(["total", "gradNorm", "tokens", "slots", "rows", "correct", "skipped"]);

/** Writes the log of a run; a resumed run continues it. */
export class FinetuningLog implements Disposable {
  readonly #options: FinetuningLogOptions;
  readonly #log: AppendedFile;
  readonly #records: AppendedFile;
  readonly #events: EventFileWriter;
  readonly #opened: DisposableStack;
  readonly #start = performance.now();
  readonly #before: number;
  #secondsAtLastLine: number;
  #sums: Record<string, number>;

  /** @throws {UserError} If a file cannot be written. */
  constructor(folder: string, options: FinetuningLogOptions) {
    const { resume } = options, none = () => false;
    this.#options = options;
    this.#before = resume?.seconds ?? 0;
    this.#secondsAtLastLine = resume?.secondsAtLastLine ?? 0;
    this.#sums = { ...resume?.sums };
    using opened = new DisposableStack();
    this.#log = opened.use(new AppendedFile(join(folder, "train.log"), none, resume?.length.log));
    this.#records = opened.use(new AppendedFile(join(folder, RECORDS_FILE), none, resume?.length.records));
    this.#events = opened.use(new EventFileWriter(join(folder, "loss_log")));
    this.#opened = opened.move();
  }

  /**
   * Adds a step, and writes a line if one is due.
   *
   * @returns The record that was written, if one was due.
   */
  add(
    { step, epoch, batch, learningRate, lossScale }: LogPosition,
    numbers: StepNumbers,
  ): FinetuningRecord | undefined {
    const { loggingSteps, totalSteps, isMean, print } = this.#options, sums = this.#sums;
    for (const [name, value] of Object.entries({ ...numbers, steps: 1 })) {
      sums[name] = (sums[name] ?? 0) + value;
    }
    if (step % loggingSteps !== 0 && step !== totalSteps) return undefined;

    const steps = sums.steps!, seconds = this.#seconds(), elapsed = seconds - this.#secondsAtLastLine;
    const mean = (name: string) => finite(sums[name]! / steps);
    const parts = Object.keys(numbers).filter((name) => !COMMON.has(name))
      .map((name) => [name, isMean(name) ? mean(name) : sums[name]!] as const);
    const { resident, peak } = processMemory();
    const record = {
      kind: "training" as const,
      step,
      epoch,
      batch,
      avg_loss: mean("total"),
      ...Object.fromEntries(parts),
      ...(sums.correct !== undefined && { accuracy: sums.correct / sums.rows! }),
      lr: learningRate,
      grad_norm: mean("gradNorm"),
      tokens_per_second: sums.tokens! / elapsed,
      sentences_per_second: sums.rows! / elapsed,
      fill_rate: sums.tokens! / sums.slots!,
      memory: resident,
      memory_peak: peak,
      ...(lossScale !== undefined && { loss_scale: lossScale }),
      skipped: sums.skipped ?? 0,
      epochs: epoch, // whole ones: their sizes in steps are the stream's affair
      seconds,
      eta_seconds: (totalSteps - step) * elapsed / steps,
    };
    const shown = (value: unknown) => typeof value === "number" ? value.toFixed(5) : "nan";
    const line = [
      `global step ${step}/${totalSteps}`,
      `epoch: ${epoch}`,
      `batch: ${batch}`,
      `loss: ${shown(record.avg_loss)}`,
      ...parts.map(([name, value]) => `${name}: ${shown(value)}`),
      ...(record.accuracy !== undefined ? [`accuracy: ${shown(record.accuracy)}`] : []),
      `lr: ${learningRate.toExponential(3)}`,
      `speed: ${(steps / elapsed).toFixed(2)} step/s`,
    ].join(", ");
    const details = [
      `grad_norm: ${record.grad_norm?.toPrecision(4) ?? "nan"}`,
      `tokens/s: ${formatRate(record.tokens_per_second)}`,
      `fill_rate: ${(100 * record.fill_rate).toFixed(1)} %`,
      `memory: ${formatGigabytes(resident)} (peak ${formatGigabytes(peak)})`,
      `eta: ${formatDuration(record.eta_seconds)}`,
    ].join(", ");
    print(line);
    this.#log.append(`${line}\n    ${details}`);
    this.#write(record);
    this.#sums = {};
    this.#secondsAtLastLine = seconds;
    return record;
  }

  /** Writes what an evaluation on dev found. */
  evaluation(step: number, { metric, value, details }: Score, seconds: number): FinetuningRecord {
    const all = Object.entries({ [metric]: value, ...details }).map(([name, value]) =>
      `${name}: ${value.toFixed(5)}`
    );
    this.message(`dev at step ${step}: ${all.join(", ")}`);
    const measured = { metric, score: value, ...details, eval_seconds: seconds };
    const record = { kind: "evaluation", step, ...measured } as FinetuningRecord;
    this.#write(record);
    return record;
  }

  /** Writes a line to the console and to `train.log`. */
  message(line: string) {
    this.#options.print(line);
    this.#log.append(line);
  }

  /** What a checkpoint must keep for the log to go on. */
  state(): FinetuningLogState {
    return {
      sums: { ...this.#sums },
      seconds: this.#seconds(),
      secondsAtLastLine: this.#secondsAtLastLine,
      length: { log: this.#log.length, records: this.#records.length },
    };
  }

  /** Makes the lines so far reach the disk, as a checkpoint is about to. */
  flush() {
    this.#log.flush();
    this.#records.flush();
  }

  /** Closes the files. */
  [Symbol.dispose]() {
    this.#opened.dispose();
  }

  #write(record: FinetuningRecord) {
    this.#records.append(JSON.stringify(record));
    const prefix = record.kind === "evaluation" ? "eval/" : "";
    for (const [name, value] of Object.entries(record)) {
      if (name !== "step" && typeof value === "number") {
        this.#events.scalar(prefix + name, value, record.step);
      }
    }
    this.#events.flush();
  }

  #seconds(): number {
    return this.#before + (performance.now() - this.#start) / 1000;
  }
}

function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
