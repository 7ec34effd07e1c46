/**
 * Where a run begins: afresh, from its own last checkpoint, or from another run's.
 *
 * @module
 */
import { UserError } from "../config/mod.ts";
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
 * @param identity What the run is trained on: hashes of corpus and vocabulary.
 * @throws {UserError} If a checkpoint is damaged or of another run.
 */
export async function startingPoint(
  options: PretrainOptions,
  identity: Record<string, string>,
): Promise<StartingPoint | undefined> {
  const own = await loadLatestCheckpoint(options.output_dir);
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
