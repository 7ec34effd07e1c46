/**
 * The lines of `train.jsonl`: one JSON object each.
 *
 * A number that is not finite (a diverged loss, 0 of 0) is `null`; one that the run does not have (the loss of a head that
 * its objective lacks) is absent.
 *
 * @module
 */
import { join } from "node:path";
import { fileError, UserError } from "../config/mod.ts";

type Measured = number | null;

/** What an interval of training steps was like: means of losses, ratios of sums. */
export interface TrainingRecord {
  kind: "training";
  /** Steps done so far. */
  step: number;
  /** Pass over the corpus, from 0. */
  epoch: number;
  /** Batch within the epoch, from 0. */
  batch: number;
  avg_loss: Measured;
  generator: Measured;
  rtd?: Measured;
  multi_choice?: Measured;
  seq_contrastive_loss?: Measured;
  /** Learning rate of the next update, as in the original's line. */
  lr: number;
  /** Global norm of the gradients before clipping. */
  grad_norm: Measured;
  /** Share of masked tokens that the generator restored. */
  generator_accuracy: Measured;
  /** Share of all tokens that the generator replaced. */
  replaced_rate?: Measured;
  /** Share of the tokens taken for replaced ones that are. */
  rtd_precision?: Measured;
  /** Share of the replaced tokens that were found. */
  rtd_recall?: Measured;
  /** Share of the replaced tokens whose original was chosen among the candidates. */
  mts_accuracy?: Measured;
  /** Share of the views whose nearest one is the other view of the same sentence. */
  csp_accuracy?: Measured;
  /** Tokens a second, without padding; time for checkpoints and evaluations included. */
  tokens_per_second: Measured;
  sentences_per_second?: Measured;
  /** Share of the places in the rows that hold tokens. */
  fill_rate?: Measured;
  /** Share of the time that the device waited for a batch. */
  waited_share?: Measured;
  /** Bytes of the process in physical memory: now, and the most so far. */
  memory: number;
  memory_peak: number;
  /** Factor on the loss, where it is scaled. */
  loss_scale?: number;
  /** Steps since the line before that left the weights as they were. */
  skipped?: number;
  /** Passes over the corpus so far, with fractions. */
  epochs?: number;
  /** Seconds of training so far, those before a resume included. */
  seconds: number;
  /** Seconds to the end at the pace of the last intervals. */
  eta_seconds: number;
}

/** What the model was like on sentences that it is not trained on. */
export interface EvaluationRecord {
  kind: "evaluation";
  /** Steps done so far. */
  step: number;
  /** Passes over the corpus so far, with fractions. */
  epochs?: number;
  eval_loss: Measured;
  eval_generator: Measured;
  eval_rtd?: Measured;
  eval_multi_choice?: Measured;
  eval_seq_contrastive_loss?: Measured;
  eval_generator_accuracy: Measured;
  eval_replaced_rate?: Measured;
  eval_rtd_precision?: Measured;
  eval_rtd_recall?: Measured;
  eval_mts_accuracy?: Measured;
  eval_csp_accuracy?: Measured;
  eval_sentences?: number;
  /** Seconds that the evaluation took. */
  eval_seconds: number;
  /** Seconds of training so far, those before a resume included. */
  seconds: number;
}

/** One line of `train.jsonl`. */
export type LogRecord = TrainingRecord | EvaluationRecord;

/** Name of the file in the folder of a run. */
export const RECORDS_FILE = "train.jsonl";

/** Fields that depend on clock and machine; all others are the same in two runs of one command. */
const CLOCK_FIELDS: ReadonlySet<string> = new Set(
  [
    "tokens_per_second",
    "sentences_per_second",
    "waited_share",
    "memory",
    "memory_peak",
    "seconds",
    "eta_seconds",
    "eval_seconds",
  ] satisfies (keyof TrainingRecord | keyof EvaluationRecord)[],
);

/**
 * Leaves out of a record what depends on clock and machine.
 *
 * @param record - A line of `train.jsonl`.
 * @returns The numbers that are the same in two runs of one command.
 */
export function reproducibleFields(record: LogRecord): Record<string, unknown> {
  return Object.fromEntries(Object.entries(record).filter(([name]) => !CLOCK_FIELDS.has(name)));
}

/**
 * Reads the record of a run, which may be under way.
 *
 * @param outputDir - Folder of the run.
 * @returns The lines of its `train.jsonl`; a last line without its end, torn or being written, is left out.
 * @throws {UserError} When the file cannot be read.
 */
export async function readLogRecords(outputDir: string): Promise<LogRecord[]> {
  const path = join(outputDir, RECORDS_FILE);
  const records: LogRecord[] = [];
  for await (const line of wholeLines(path)) {
    try {
      records.push({ kind: "training", ...JSON.parse(line) });
    } catch (cause) {
      throw new UserError(`Cannot read "${path}": line ${records.length + 1} is not JSON`, { cause });
    }
  }
  return records;
}

/**
 * Reads the training records of a run.
 *
 * @param outputDir - Folder of the run.
 * @returns As {@linkcode readLogRecords}, without evaluations.
 * @throws {UserError} When the file cannot be read.
 *
 * @example
 * ```ts
 * import { readTrainingRecords } from "./records.ts";
 * const records = await readTrainingRecords("output").catch(() => []);
 * console.log(records.map(({ step, avg_loss }) => [step, avg_loss]));
 * ```
 */
export async function readTrainingRecords(outputDir: string): Promise<TrainingRecord[]> {
  return (await readLogRecords(outputDir)).filter((record) => record.kind === "training");
}

/** The step of a line of JSON; infinite when the line is damaged. */
export function stepOfRecord(line: string): number {
  try {
    return JSON.parse(line).step ?? Infinity;
  } catch {
    return Infinity;
  }
}

/** Line by line: the log of a long run does not fit into one string. */
async function* wholeLines(path: string): AsyncGenerator<string> {
  try {
    using file = await Deno.open(path);
    let rest = "";
    for await (const text of file.readable.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + text).split("\n");
      rest = lines.pop()!;
      yield* lines;
    }
  } catch (error) {
    throw error instanceof UserError ? error : fileError("read", path, error);
  }
}
