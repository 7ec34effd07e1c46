/**
 * Where a run begins: afresh, from its own last checkpoint, or from another run's.
 *
 * @module
 */
import { dirname, join, resolve } from "node:path";
import { fileError, UserError } from "../config/mod.ts";
import { type LazyTensor, lazyTensor } from "../electra/mod.ts";
import type { AdamW } from "./adamw.ts";
import {
  type Checkpoint,
  loadCheckpoint,
  type LoadedCheckpoint,
  loadLatestCheckpoint,
} from "./checkpoint.ts";
import { type PretrainOptions, PUBLISHED_MODEL, RESUMABLE } from "./options.ts";

/** A checkpoint to go on from. */
export interface StartingPoint extends LoadedCheckpoint {
  /** Whether it is this very run that goes on. */
  resumed: boolean;
}

/**
 * The run's own last checkpoint, or the one it was told to begin from.
 *
 * With `overwrite_output_dir` an earlier run in the same folder is removed; with `resume_from_checkpoint` as well, only
 * what came after that checkpoint.
 *
 * @param identity What the run is trained on: hashes of corpus and vocabulary.
 * @param say Told what is removed, and which checkpoints are damaged.
 * @throws {UserError} If a checkpoint is damaged or of another run, or would be overwritten unasked.
 */
export async function startingPoint(
  options: PretrainOptions,
  identity: Record<string, string>,
  say: (line: string) => void,
): Promise<StartingPoint | undefined> {
  const { output_dir: outputDir, resume_from_checkpoint: chosen } = options;
  if (chosen !== undefined) {
    const point = await loadCheckpoint(chosen);
    checkSameRun(chosen, point, options, identity);
    await removeCheckpoints(outputDir, { after: point.step, ...options }, say);
    return { ...point, folder: chosen, resumed: resolve(dirname(chosen)) === resolve(outputDir) };
  }
  if (options.overwrite_output_dir) await removeCheckpoints(outputDir, { after: -1, ...options }, say);
  const own = await loadLatestCheckpoint(outputDir, { warn: say });
  if (own) {
    checkSameRun(own.folder, own, options, identity);
    return { ...own, resumed: true };
  }
  const folder = options.model_name_or_path;
  if (!options.init_from_ckpt) {
    if (folder && folder !== PUBLISHED_MODEL) {
      throw new UserError(
        `Cannot use --model_name_or_path "${folder}": a folder is read only with --init_from_ckpt; without it the ` +
          `model is new, of size --preset`,
      );
    }
    return undefined;
  }
  if (!folder) {
    throw new UserError(
      "Cannot begin from a checkpoint: --init_from_ckpt needs its folder in --model_name_or_path",
    );
  }
  return { ...await loadCheckpoint(folder), folder, resumed: false };
}

/** Options that decide which sentences come when. */
const DATA_OPTIONS = ["batch_size", "packing", "max_seq_length", "long", "eval_share", "seed"] as const;

/** Whether a checkpoint's place in the data means something to a run: the same sentences in the same order. */
export function hasSameData(
  { run, state }: Checkpoint,
  options: PretrainOptions,
  identity: Record<string, string>,
): boolean {
  const before = run as Record<string, unknown>;
  return DATA_OPTIONS.every((name) => before[name] === options[name]) &&
    Object.entries(identity).every(([name, value]) => state[name] === value);
}

/** Makes way for steps that will be done again; logs are cut by whoever goes on writing them. */
async function removeCheckpoints(
  outputDir: string,
  { after, overwrite_output_dir }: { after: number; overwrite_output_dir: boolean },
  say: (line: string) => void,
) {
  const names = await Array.fromAsync(Deno.readDir(outputDir), ({ name }) => name).catch(() => []); // not there yet
  const later = names.filter((name) => Number(/^checkpoint-(\d+)$/.exec(name)?.[1] ?? -1) > after);
  if (later.length === 0) return;
  if (!overwrite_output_dir) {
    throw new UserError(
      `Cannot go on from step ${after}: "${outputDir}" has later checkpoints (${
        later.join(", ")
      }); remove them, or let ` +
        "--overwrite_output_dir do it",
    );
  }
  for (const name of later) {
    const path = join(outputDir, name);
    await Deno.remove(path, { recursive: true }).catch((error) => {
      throw fileError("remove", path, error);
    });
  }
  say(`Removed ${later.join(", ")} from "${outputDir}"`);
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
 * @param tensorflow Version in use.
 */
export function inexactChanges(
  { run, state }: Checkpoint,
  options: PretrainOptions,
  tensorflow: string,
): string[] {
  const before = run as Record<string, unknown>;
  const changes = (["device", "num_threads", "eager_run"] as const).filter((name) =>
    before[name] !== options[name]
  )
    .map((name) => `--${name} was ${before[name]} and now is ${options[name]}`);
  const version = (state.versions as { tensorflow?: string } | undefined)?.tensorflow;
  if (version !== tensorflow) changes.push(`TensorFlow was ${version} and now is ${tensorflow}`);
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
export function restoreMoments(optimizer: AdamW, { optimizer: saved, folder }: StartingPoint) {
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
