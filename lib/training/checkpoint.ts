/**
 * Checkpoints: `<output_dir>/checkpoint-<step>/` is complete or not there, whenever the process dies.
 *
 *   model.safetensors      parameters under the original's names
 *   optimizer.safetensors  moments, `<parameter>.moment1` and `.moment2`
 *   run_states.json        global_step and whatever else the loop needs to go on exactly
 *   config.json, vocab.txt, run.json   model configuration, vocabulary, options of the run
 */

import { basename, dirname, join } from "node:path";
import {
  type Disk,
  diskErrorReason,
  fileError,
  partialPath,
  realDisk,
  removePartials,
  syncFolder,
  UserError,
  writeAtomically,
} from "../config/mod.ts";
import {
  type LazyTensorData,
  readSafetensors,
  readSafetensorsHeader,
  type TensorData,
  writeSafetensors,
} from "../weights/mod.ts";

/** All that a run needs to go on as if it had never stopped. */
export interface Checkpoint<Tensor = TensorData> {
  /** Updates done so far. */
  step: number;
  /** Parameters by name. */
  model: Map<string, Tensor>;
  /** The optimizer's tensors by name. */
  optimizer: Map<string, Tensor>;
  /** Counters, seeds, positions: anything JSON keeps; `global_step` is added. */
  state: Record<string, unknown>;
  /** Configuration of the model. */
  config: unknown;
  /** Options of the run. */
  run: unknown;
  /** Tokens in the order of their ids. */
  vocabulary: readonly string[];
}

/**
 * Saves a checkpoint under `<outputDir>/checkpoint-<step>`, then removes the oldest ones beyond `keep`.
 *
 * @param outputDir - Folder of the run; created when missing.
 * @param checkpoint - What to save; a lazy tensor is read when its turn comes, one in memory at a time.
 * @param options - `keep`: how many checkpoints to leave, all of them when absent; `disk`: where to write.
 * @returns Path of the checkpoint.
 * @throws {UserError} When the disk refuses; every earlier checkpoint is then as it was.
 *
 * @example
 * ```ts
 * import { latestCheckpoint, loadCheckpoint, saveCheckpoint } from "./checkpoint.ts";
 * const outputDir = await Deno.makeTempDir();
 * const bias = { dtype: "F32" as const, shape: [2], data: new Float32Array([1, 2]) };
 * await saveCheckpoint(outputDir, {
 *   step: 100,
 *   model: new Map([["bias", bias]]),
 *   optimizer: new Map(),
 *   state: { seed: 1000 },
 *   config: { hidden_size: 2 },
 *   run: { batch_size: 8 },
 *   vocabulary: ["[PAD]", "热"],
 * }, { keep: 3 });
 * console.log((await loadCheckpoint((await latestCheckpoint(outputDir))!)).step); // 100
 * await Deno.remove(outputDir, { recursive: true });
 * ```
 */
export async function saveCheckpoint(
  outputDir: string,
  checkpoint: Checkpoint<TensorData | LazyTensorData>,
  { keep = Infinity, disk = realDisk }: { keep?: number; disk?: Disk } = {},
): Promise<string> {
  const { step } = checkpoint;
  if (!(keep >= 1)) throw new RangeError(`Cannot keep ${keep} checkpoints: it must be 1 or more`);
  const folder = join(outputDir, `checkpoint-${step}`);
  const partial = partialPath(folder);
  try {
    await Deno.mkdir(partial, { recursive: true });
    await writeContents(partial, checkpoint, disk);
    await replaceFolder(partial, folder, disk);
    await syncFolder(outputDir);
  } catch (error) {
    await Deno.remove(partial, { recursive: true }).catch(() => {}); // it may never have come to be
    throw savingError(error, folder);
  }
  const steps = await checkpointSteps(outputDir);
  const surplus = steps.filter((other) => other !== step).slice(0, Math.max(0, steps.length - keep));
  for (const old of surplus) await removeFolder(join(outputDir, `checkpoint-${old}`), disk);
  return folder;
}

/**
 * Clears away what killed runs left in their folder: half-written and half-removed checkpoints.
 *
 * @param outputDir - Folder of the run, locked by this process; it may be missing.
 * @throws {UserError} When the disk refuses.
 *
 * @example
 * ```ts
 * import { removeLeftovers } from "./checkpoint.ts";
 * await removeLeftovers("no/such/run"); // nothing to do
 * ```
 */
export async function removeLeftovers(outputDir: string): Promise<void> {
  for (const name of await matchingNames(outputDir, /^\.(checkpoint-\d+)\.replaced$/)) {
    await settleReplaced(join(outputDir, name));
  }
  await removePartials(outputDir);
}

/**
 * Finds the newest complete checkpoint of a run.
 *
 * @param outputDir - Folder of the run; it may be missing.
 * @param options - `warn`: told about each newer checkpoint that is damaged.
 * @returns Its path, or `undefined` when the run has none.
 * @throws {UserError} When there are checkpoints but all are damaged: starting afresh would hide the loss.
 *
 * @example
 * ```ts
 * import { latestCheckpoint } from "./checkpoint.ts";
 * console.log(await latestCheckpoint("no/such/run")); // undefined
 * ```
 */
export async function latestCheckpoint(
  outputDir: string,
  { warn = console.warn }: { warn?: (message: string) => void } = {},
): Promise<string | undefined> {
  const steps = await checkpointSteps(outputDir);
  for (const step of steps.toReversed()) {
    const folder = join(outputDir, `checkpoint-${step}`);
    try {
      await checkContents(folder);
      return folder;
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      warn(`Skipped checkpoint "${folder}", going on from the one before: ${error.message}`);
    }
  }
  if (steps.length === 0) return undefined;
  throw new UserError(
    `Cannot resume the run in "${outputDir}": all of its checkpoints (${steps.length}) are damaged; ` +
      "remove them or choose another --output_dir to start afresh",
  );
}

/**
 * Reads a checkpoint.
 *
 * @param folder - Path as {@linkcode latestCheckpoint} gives it.
 * @returns What was saved.
 * @throws {UserError} When a file is missing or damaged.
 */
export async function loadCheckpoint(folder: string): Promise<Checkpoint> {
  if (!await exists(folder)) throw new UserError(`Cannot read checkpoint "${folder}": no such folder`);
  const state = await readJson(join(folder, "run_states.json")) as Record<string, unknown> | null;
  const step = state?.["global_step"];
  if (state === null || typeof step !== "number") {
    throw new UserError(`Cannot read "${join(folder, "run_states.json")}": it has no "global_step"`);
  }
  return {
    step,
    model: await readSafetensors(join(folder, "model.safetensors")),
    optimizer: await readSafetensors(join(folder, "optimizer.safetensors")),
    state,
    config: await readJson(join(folder, "config.json")),
    run: await readJson(join(folder, "run.json")),
    vocabulary: (await readText(join(folder, "vocab.txt"))).split("\n").slice(0, -1), // the last is empty
  };
}

async function writeContents(
  folder: string,
  { step, model, optimizer, state, config, run, vocabulary }: Checkpoint<TensorData | LazyTensorData>,
  disk: Disk,
): Promise<void> {
  const writeText = (name: string, text: string) =>
    writeAtomically(join(folder, name), [new TextEncoder().encode(text)], disk);
  const writeJson = (name: string, value: unknown) => writeText(name, JSON.stringify(value, null, 2) + "\n");
  await writeSafetensors(join(folder, "model.safetensors"), model, { metadata: { format: "pd" }, disk });
  await writeSafetensors(join(folder, "optimizer.safetensors"), optimizer, { disk });
  await writeJson("config.json", config);
  await writeJson("run.json", run);
  await writeJson("run_states.json", { ...state, global_step: step });
  await writeText("vocab.txt", vocabulary.map((token) => `${token}\n`).join(""));
}

/** Throws when a file is missing, cut short or no longer readable; reads no tensor. */
async function checkContents(folder: string): Promise<void> {
  await readSafetensorsHeader(join(folder, "model.safetensors"));
  await readSafetensorsHeader(join(folder, "optimizer.safetensors"));
  for (const name of ["config.json", "run.json", "run_states.json"]) await readJson(join(folder, name));
  await readText(join(folder, "vocab.txt"));
}

/** Gives a finished folder its name; an earlier checkpoint of that step goes once the new one is there. */
async function replaceFolder(partial: string, folder: string, disk: Disk): Promise<void> {
  if (await exists(folder)) await disk.rename(folder, replacedPath(folder));
  try {
    await disk.rename(partial, folder);
  } finally {
    await settleReplaced(folder);
  }
}

function replacedPath(folder: string): string {
  return join(dirname(folder), `.${basename(folder)}.replaced`);
}

/** Drops the earlier checkpoint of a step if the new one is there, else brings it back. */
async function settleReplaced(folder: string): Promise<void> {
  const replaced = replacedPath(folder);
  if (!await exists(replaced)) return;
  if (await exists(folder)) await Deno.remove(replaced, { recursive: true });
  else await Deno.rename(replaced, folder);
}

async function exists(path: string): Promise<boolean> {
  return await Deno.lstat(path).then(() => true, (error) => {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  });
}

/** Removes a checkpoint such that a half-removed one never looks like a checkpoint. */
async function removeFolder(folder: string, disk: Disk): Promise<void> {
  try {
    await disk.rename(folder, partialPath(folder));
    await Deno.remove(partialPath(folder), { recursive: true });
  } catch (error) {
    throw fileError("remove old checkpoint", folder, error);
  }
}

function savingError(error: unknown, folder: string): unknown {
  const cause = error instanceof UserError ? error.cause : error;
  const reason = diskErrorReason(cause);
  if (reason === undefined) return error;
  return new UserError(
    `Cannot save checkpoint "${folder}": ${reason}; earlier checkpoints are untouched: mend the cause, ` +
      "then the same command goes on from the last one",
    { cause },
  );
}

/** Steps of the checkpoints in a run's folder, ascending. */
async function checkpointSteps(outputDir: string): Promise<number[]> {
  const steps = await matchingNames(outputDir, /^checkpoint-(\d+)$/);
  return steps.map(Number).sort((a, b) => a - b);
}

/** What `pattern` captures in the names of a folder that may be missing. */
async function matchingNames(folder: string, pattern: RegExp): Promise<string[]> {
  const found: string[] = [];
  try {
    for await (const { name } of Deno.readDir(folder)) found.push(...pattern.exec(name)?.slice(1) ?? []);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw fileError("read", folder, error);
  }
  return found;
}

async function readText(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    throw fileError("read", path, error);
  }
}

async function readJson(path: string): Promise<unknown> {
  const text = await readText(path);
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new UserError(`Cannot read "${path}": it is not valid JSON`, { cause });
  }
}
