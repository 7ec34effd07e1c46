/**
 * What the folder of a run tells: records, checkpoints, messages; the run may be under way.
 *
 * @module
 */
import { basename, join, resolve } from "node:path";
import { UserError } from "../config/mod.ts";
import {
  countParameters,
  type ElectraConfig,
  finetuningShapes,
  type HeadConfig,
  parameterShapes,
  type PretrainingConfig,
} from "../electra/mod.ts";
import {
  type EvaluationRecord,
  type LogRecord,
  readLogRecords,
  type TrainingRecord,
} from "../training/mod.ts";
import { TRAINING_STATE } from "../weights/mod.ts";

/** A run as its folder shows it. */
export interface RunFolder {
  /** As it is named on the page. */
  name: string;
  path: string;
  training: TrainingRecord[];
  evaluation: EvaluationRecord[];
  /** Steps in the whole run; unknown before the first log line. */
  totalSteps: number | undefined;
  /** Lines of `train.log` that are not about steps, oldest first. */
  notes: string[];
  /** By step. */
  checkpoints: CheckpointFacts[];
  /** From the newest checkpoint; absent before the first. */
  facts: RunFacts | undefined;
}

/** A checkpoint that is there. */
export interface CheckpointFacts {
  step: number;
  bytes: number;
  saved: Date | null;
}

/** What a run was told and what came of it. */
export interface RunFacts {
  /** `run.json`: the options. */
  options: Record<string, unknown>;
  /** `config.json`: the model. */
  config: Record<string, unknown>;
  /** `training_state/run_states.json`: seed, hashes, versions, positions. */
  state: Record<string, unknown>;
  /** Number of parameters; absent if the configuration is of no model that we know. */
  parameters: number | undefined;
}

/**
 * Reads the folder of a run.
 *
 * @param path - Its `output_dir`.
 * @returns What is there.
 * @throws {UserError} If it is no folder of a run.
 *
 * @example
 * ```ts
 * import { readRunFolder } from "./mod.ts";
 * const run = await readRunFolder("output/demo/model").catch(() => undefined);
 * console.log(run?.training.at(-1)?.avg_loss);
 * ```
 */
export async function readRunFolder(path: string): Promise<RunFolder> {
  if (!await isFile(join(path, "train.jsonl"))) {
    throw new UserError(
      `Cannot report on "${path}": it has no "train.jsonl"; name the folder of a pretraining or fine-tuning run`,
    );
  }
  const records = await readLogRecords(path);
  const log = await Deno.readTextFile(join(path, "train.log")).catch(() => ""); // nothing but notes would be missing
  const checkpoints = await findCheckpoints(path);
  const newest = checkpoints.at(-1);
  return {
    name: basename(resolve(path)),
    path,
    training: records.filter((record) => record.kind === "training"),
    evaluation: newestOfEachStep(records.filter((record) => record.kind === "evaluation")),
    ...readLog(log),
    checkpoints,
    facts: newest && await readFacts(join(path, `checkpoint-${newest.step}`)),
  };
}

/** A run resumed after its evaluation may have evaluated the same step again. */
function newestOfEachStep<R extends LogRecord>(records: R[]): R[] {
  return [...new Map(records.map((record) => [record.step, record])).values()];
}

/** What `train.log` has beyond the records. */
export function readLog(log: string): { totalSteps: number | undefined; notes: string[] } {
  const lines = log.split("\n").slice(0, -1);
  const total = lines.findLast((line) => line.startsWith("global step "));
  return {
    totalSteps: total === undefined ? undefined : Number(/^global step \d+\/(\d+)/.exec(total)?.[1]),
    notes: lines.filter((line) => !/^(global step | {4}|evaluation at step |dev at step )/.test(line)),
  };
}

async function findCheckpoints(path: string): Promise<CheckpointFacts[]> {
  const found: CheckpointFacts[] = [];
  for await (const { name } of Deno.readDir(path)) {
    const step = /^checkpoint-(\d+)$/.exec(name)?.[1];
    if (step === undefined) continue;
    try {
      found.push({ step: Number(step), ...await measure(join(path, name)) });
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error; // removed by the run under way
    }
  }
  return found.sort((a, b) => a.step - b.step);
}

async function measure(folder: string): Promise<{ bytes: number; saved: Date | null }> {
  let bytes = 0;
  for (const part of [folder, join(folder, TRAINING_STATE)]) {
    for await (const { name, isFile } of Deno.readDir(part)) {
      if (isFile) bytes += (await Deno.stat(join(part, name))).size;
    }
  }
  return { bytes, saved: (await Deno.stat(join(folder, TRAINING_STATE))).mtime };
}

async function readFacts(checkpoint: string): Promise<RunFacts | undefined> {
  const read = async (name: string) => JSON.parse(await Deno.readTextFile(join(checkpoint, name)));
  try {
    const [options, config, state] = await Promise.all(
      ["run.json", "config.json", join(TRAINING_STATE, "run_states.json")].map(read),
    );
    return { options, config, state, parameters: parametersOf(config) };
  } catch {
    return undefined; // damaged, or removed by the run under way: the curves are what matters
  }
}

function parametersOf(
  config: PretrainingConfig | (ElectraConfig & { head: HeadConfig }),
): number | undefined {
  try {
    const shapes = "head" in config
      ? finetuningShapes({ encoder: config, head: config.head })
      : parameterShapes(config);
    const count = countParameters(shapes);
    return Number.isFinite(count) ? count : undefined;
  } catch {
    return undefined;
  }
}

async function isFile(path: string): Promise<boolean> {
  return await Deno.stat(path).then((entry) => entry.isFile, () => false);
}
