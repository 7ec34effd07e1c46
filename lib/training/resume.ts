/**
 * Where a run begins: afresh, from its own last checkpoint, or from another run's.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileError, UserError } from "../config/mod.ts";
import { type LazyTensor, lazyTensor } from "../electra/mod.ts";
import type { Precision } from "../tensorflow/mod.ts";
import type { Vocabulary } from "../text/mod.ts";
import type { AdamW } from "./adamw.ts";
import {
  type Checkpoint,
  loadCheckpoint,
  type LoadedCheckpoint,
  loadLatestCheckpoint,
} from "./checkpoint.ts";
import type { TrainingData } from "./data.ts";
import { type InitialWeights, initialWeights } from "./initial_weights.ts";
import { type PretrainOptions, RESUMABLE } from "./options.ts";

/** A checkpoint to go on from. */
export interface StartingPoint extends Omit<LoadedCheckpoint, "model" | "optimizer"> {
  /** Whether it is this very run that goes on. */
  resumed: boolean;
  /** Absent in processes that get the values from the one that read them. */
  model?: LoadedCheckpoint["model"];
  optimizer?: LoadedCheckpoint["optimizer"];
}

/** Where a run begins, and what stands in its way. */
export interface Beginning {
  /** Absent for a new model. */
  from: StartingPoint | undefined;
  /** Weights of a new model that are not drawn from the seed; never with `from`. */
  initial?: InitialWeights | undefined;
  /** Names of the checkpoints of steps that the run will do again, for {@linkcode removeObsolete}. */
  obsolete: readonly string[];
}

/**
 * The run's own last checkpoint, or what it was told to begin from. Nothing is changed yet.
 *
 * With `overwrite_output_dir` an earlier run in the same folder is obsolete; with `resume_from_checkpoint` as well, only
 * what came after that checkpoint.
 *
 * @param data What the run is trained on.
 * @param say Told which checkpoints are damaged.
 * @throws {UserError} If a checkpoint is damaged or of another run, or would be overwritten unasked.
 */
export async function startingPoint(
  options: PretrainOptions,
  { identity, vocabulary }: Pick<TrainingData, "identity" | "vocabulary">,
  say: (line: string) => void,
): Promise<Beginning> {
  const { output_dir: outputDir, resume_from_checkpoint: chosen } = options;
  if (chosen !== undefined) {
    const point = await loadCheckpoint(chosen);
    checkSameRun(chosen, point, options, identity);
    const obsolete = options.do_train ? await checkpointsAfter(point.step, options) : [];
    const resumed = resolve(dirname(chosen)) === resolve(outputDir);
    return { from: { ...withBestThatExists(point, outputDir), folder: chosen, resumed }, obsolete };
  }
  if (options.overwrite_output_dir) {
    return { ...await givenModel(options, vocabulary), obsolete: await checkpointsAfter(-1, options) };
  }
  const own = await loadLatestCheckpoint(outputDir, { warn: say });
  if (own) {
    checkSameRun(own.folder, own, options, identity);
    return { from: { ...withBestThatExists(own, outputDir), resumed: true }, obsolete: [] };
  }
  return { ...await givenModel(options, vocabulary), obsolete: [] };
}

/** Forgets the best checkpoint where somebody has removed it. */
function withBestThatExists<C extends Checkpoint>(checkpoint: C, outputDir: string): C {
  const best = checkpoint.state.best as { step: number } | undefined;
  if (!best || existsSync(join(outputDir, `checkpoint-${best.step}`))) return checkpoint;
  return { ...checkpoint, state: { ...checkpoint.state, best: undefined } };
}

/** The checkpoint that a new run goes on from, or the weights alone that it begins with, if any. */
async function givenModel(
  options: PretrainOptions,
  vocabulary: Vocabulary,
): Promise<Pick<Beginning, "from" | "initial">> {
  const folder = options.model_name_or_path;
  if (!options.init_from_ckpt) return { from: undefined, initial: await initialWeights(options, vocabulary) };
  if (!folder) {
    throw new UserError(
      "Cannot begin from a checkpoint: --init_from_ckpt needs its folder in --model_name_or_path",
    );
  }
  return { from: { ...await loadCheckpoint(folder), folder, resumed: false } };
}

/** Options that decide which sentences come when. */
const DATA_OPTIONS = ["batch_size", "packing", "max_seq_length", "long", "eval_share", "seed"] as const;

/** Whether a checkpoint's place in the data means something to a run: the same sentences in the same order. */
export function hasSameData(
  { run, state }: Pick<Checkpoint, "run" | "state">,
  options: PretrainOptions,
  identity: Record<string, string>,
): boolean {
  const before = run as Record<string, unknown>;
  return DATA_OPTIONS.every((name) => before[name] === options[name]) &&
    Object.entries(identity).every(([name, value]) => state[name] === value);
}

/** Names of the checkpoints beyond a step, which may be removed. */
async function checkpointsAfter(
  after: number,
  { output_dir: outputDir, overwrite_output_dir }: PretrainOptions,
): Promise<string[]> {
  const names = await Array.fromAsync(Deno.readDir(outputDir), ({ name }) => name).catch(() => []); // not there yet
  const later = names.filter((name) => Number(/^checkpoint-(\d+)$/.exec(name)?.[1] ?? -1) > after);
  if (later.length > 0 && !overwrite_output_dir) {
    throw new UserError(
      `Cannot go on from step ${after}: "${outputDir}" has later checkpoints (${
        later.join(", ")
      }); remove them, or let ` +
        "--overwrite_output_dir do it",
    );
  }
  return later;
}

/**
 * Makes way for steps that will be done again; logs are cut by whoever goes on writing them.
 *
 * @param names Of checkpoints in the folder.
 * @param say Told what is removed.
 * @throws {UserError} If the disk refuses.
 */
export async function removeObsolete(
  outputDir: string,
  names: readonly string[],
  say: (line: string) => void,
) {
  for (const name of names) {
    const path = join(outputDir, name);
    await Deno.remove(path, { recursive: true }).catch((error) => {
      throw fileError("remove", path, error);
    });
  }
  if (names.length > 0) say(`Removed ${names.join(", ")} from "${outputDir}"`);
}

/** A run goes on only with what it began with: anything else would be another curve under the same name. */
function checkSameRun(
  folder: string,
  { run, state }: Checkpoint,
  options: PretrainOptions,
  identity: Record<string, string>,
) {
  const before = run as Record<string, unknown>;
  for (const [name, value] of Object.entries(options)) {
    if (RESUMABLE.has(name) || before[name] === value) continue;
    const [was, now] = [before[name] ?? "not given", value ?? "not given"];
    throw new UserError(
      `Cannot resume from "${folder}": --${name} was ${was} and now is ${now}; use the same options, or begin another ` +
        `run from here: a new --output_dir with --init_from_ckpt --model_name_or_path "${folder}"`,
    );
  }
  for (const [name, value] of Object.entries(identity)) {
    if (state[name] === value) continue;
    throw new UserError(
      `Cannot resume from "${folder}": it was trained on another ${name}; use another --output_dir`,
    );
  }
}

/**
 * What is otherwise than when the checkpoint was written and may change the last bits of every further result.
 *
 * @param now Version of TensorFlow and precision in use.
 */
export function inexactChanges(
  { run, state }: Pick<Checkpoint, "run" | "state">,
  options: PretrainOptions,
  { tensorflow, precision }: { tensorflow: string; precision: Precision },
): string[] {
  const before = run as Record<string, unknown>;
  const changes = (["device", "num_threads", "eager_run"] as const).filter((name) =>
    before[name] !== options[name]
  )
    .map((name) => `--${name} was ${before[name]} and now is ${options[name]}`);
  const version = (state.versions as { tensorflow?: string } | undefined)?.tensorflow;
  if (version !== tensorflow) changes.push(`TensorFlow was ${version} and now is ${tensorflow}`);
  if (state.precision !== precision) changes.push(`precision was ${state.precision} and now is ${precision}`);
  return changes;
}

/** `<parameter>.moment1` and `.moment2`, read from the device when their turn to be written comes. */
export function momentsOf(optimizer: AdamW): Map<string, LazyTensor> {
  return new Map([...optimizer.moments].flatMap(([name, { first, second }]) => [
    [`${name}.moment1`, lazyTensor(first)] as const,
    [`${name}.moment2`, lazyTensor(second)] as const,
  ]));
}

/**
 * Puts the moments of a checkpoint back.
 *
 * @throws {UserError} If one is missing or does not fit its parameter.
 */
export function restoreMoments(
  optimizer: AdamW,
  { optimizer: saved, folder }: Pick<LoadedCheckpoint, "optimizer" | "folder">,
) {
  for (const [name, { first, second }] of optimizer.moments) {
    for (const [variable, key] of [[first, `${name}.moment1`], [second, `${name}.moment2`]] as const) {
      const tensor = saved.get(key);
      if (!tensor) throw new UserError(`Cannot load "${folder}": the optimizer's "${key}" is missing`);
      if (tensor.dtype !== "F32" || `${tensor.shape}` !== `${variable.shape}`) {
        throw new UserError(
          `Cannot load "${folder}": the optimizer's "${key}" is ${tensor.dtype} of shape [${tensor.shape}], ` +
            `the model needs F32 of shape [${variable.shape}]`,
        );
      }
      variable.assign(tensor.data);
    }
  }
}
