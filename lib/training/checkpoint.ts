/**
 * Checkpoints: `<output_dir>/checkpoint-<step>/` is complete or not there, whenever the process dies.
 *
 *   model.safetensors      parameters under Hugging Face's names, so that transformers opens the folder
 *   config.json, vocab.txt, run.json   model configuration, vocabulary, options of the run
 *   training_state/        what only going on needs: without it the rest is still a model
 *     optimizer.safetensors  moments, `<parameter>.moment1` and `.moment2`
 *     run_states.json        global_step and whatever else the loop needs to go on exactly
 *   SHA256SUMS             checksum of each file; `sha256sum --check SHA256SUMS` reads it too
 *
 * and whatever files others need to open the folder, such as the tokenizer's.
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
} from "../config/mod.ts";
import {
  huggingFaceNames,
  type LazyTensorData,
  loadTensor,
  ourNames,
  type TensorData,
  TRAINING_STATE,
  type Weights,
} from "../weights/mod.ts";
import { ChecksummedReader, ChecksummedWriter, CHECKSUMS } from "./checksums.ts";

/** All that a run needs to go on as if it had never stopped. */
export interface Checkpoint<Tensor = TensorData> {
  /** Updates done so far. */
  step: number;
  /** Parameters by our names. */
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
  /** Text of further files by name, such as the tokenizer's. */
  files?: Readonly<Record<string, string>>;
}

/** A checkpoint and where it was read from. */
export interface LoadedCheckpoint extends Checkpoint {
  folder: string;
}

/** How to save a checkpoint. */
export interface SaveOptions {
  /** How many checkpoints to leave; default: all of them. */
  keep?: number;
  /** Step of a checkpoint that stays even when it is older than those: the best one. */
  spare?: number;
  /** Where to write. */
  disk?: Disk;
  /** Told of each old checkpoint that cannot be removed. */
  warn?: (message: string) => void;
}

/**
 * Saves a checkpoint under `<outputDir>/checkpoint-<step>`, then removes the oldest ones beyond `keep`.
 *
 * @param outputDir - Folder of the run; created when missing.
 * @param checkpoint - What to save; a lazy tensor is read when its turn comes, one in memory at a time.
 * @param options - How many to keep, where to write, whom to warn.
 * @returns Path of the checkpoint.
 * @throws {UserError} When the disk refuses; every earlier checkpoint is then as it was, and saving can be tried again.
 *
 * @example
 * ```ts
 * import { loadLatestCheckpoint, saveCheckpoint } from "./checkpoint.ts";
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
 * console.log((await loadLatestCheckpoint(outputDir))?.step); // 100
 * await Deno.remove(outputDir, { recursive: true });
 * ```
 */
export async function saveCheckpoint(
  outputDir: string,
  checkpoint: Checkpoint<TensorData | LazyTensorData>,
  { keep = Infinity, spare, disk = realDisk, warn = console.warn }: SaveOptions = {},
): Promise<string> {
  const { step } = checkpoint;
  if (!(keep >= 1)) throw new RangeError(`Cannot keep ${keep} checkpoints: it must be 1 or more`);
  const folder = join(outputDir, `checkpoint-${step}`);
  const partial = partialPath(folder);
  await discardHalfMade(outputDir, warn); // what earlier saves could not clear away themselves
  try {
    await Deno.mkdir(join(partial, TRAINING_STATE), { recursive: true });
    await writeContents(partial, checkpoint, disk);
    await replaceFolder(partial, folder, { disk, warn });
  } catch (error) {
    await Deno.remove(partial, { recursive: true }).catch(() => {}); // it may never have come to be
    throw savingError(error, folder);
  }
  const older = (await checkpointSteps(outputDir)).filter((other) => other !== step);
  const surplus = older.slice(0, Math.max(0, older.length + 1 - keep)).filter((other) => other !== spare);
  for (const old of surplus) await discard(join(outputDir, `checkpoint-${old}`), disk, warn);
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
 * Reads the newest checkpoint of a run that is as it was written; damaged ones stay where they are.
 *
 * @param outputDir - Folder of the run; it may be missing.
 * @param options - `warn`: told what is wrong with each newer checkpoint, and which one is taken instead.
 * @returns What was saved, or `undefined` when the run has no checkpoint.
 * @throws {UserError} When there are checkpoints but all are damaged: starting afresh would hide the loss.
 *
 * @example
 * ```ts
 * import { loadLatestCheckpoint } from "./checkpoint.ts";
 * console.log(await loadLatestCheckpoint("no/such/run")); // undefined
 * ```
 */
export async function loadLatestCheckpoint(
  outputDir: string,
  { warn = console.warn }: { warn?: (message: string) => void } = {},
): Promise<LoadedCheckpoint | undefined> {
  const steps = await checkpointSteps(outputDir);
  for (const [damaged, step] of steps.toReversed().entries()) {
    const folder = join(outputDir, `checkpoint-${step}`);
    try {
      const checkpoint = await loadCheckpoint(folder);
      if (damaged > 0) warn(`Going on from checkpoint "${folder}" instead`);
      return { ...checkpoint, folder };
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      warn(`Checkpoint "${folder}" is damaged and left as it is: ${error.message}`);
    }
  }
  if (steps.length === 0) return undefined;
  throw new UserError(
    `Cannot resume the run in "${outputDir}": all of its checkpoints (${steps.length}) are damaged; ` +
      "remove them or choose another --output_dir to start afresh",
  );
}

/**
 * Reads a checkpoint and checks every byte of it; one from before there were checksums is checked as far as its
 * formats allow. The state of earlier versions' lies beside the weights.
 *
 * @param folder - Path of the checkpoint.
 * @returns What was saved.
 * @throws {UserError} When a file is missing or not as it was written.
 */
export async function loadCheckpoint(folder: string): Promise<Checkpoint> {
  if (!await exists(folder)) throw new UserError(`Cannot read checkpoint "${folder}": no such folder`);
  const reader = await ChecksummedReader.open(folder);
  const place = await exists(join(folder, TRAINING_STATE)) ? TRAINING_STATE : ".";
  const [states, optimizer] = [join(place, "run_states.json"), join(place, "optimizer.safetensors")];
  const { checksums, ...state } = (await reader.json(states) ?? {}) as Record<string, unknown>;
  const step = state["global_step"];
  if (typeof step !== "number") {
    throw new UserError(`Cannot read "${join(folder, states)}": it has no "global_step"`);
  }
  if (checksums !== undefined && !reader.hasChecksums) {
    throw new UserError(`Cannot trust checkpoint "${folder}": its "${checksums}" is missing`);
  }
  const checkpoint: Checkpoint = {
    step,
    state,
    config: await reader.json("config.json"),
    run: await reader.json("run.json"),
    vocabulary: (await reader.text("vocab.txt")).split("\n").slice(0, -1), // the last is empty
    model: await underOurNames(await reader.tensors("model.safetensors")),
    optimizer: await reader.tensors(optimizer),
  };
  const files: Record<string, string> = {};
  for (const name of reader.unread) files[name] = await reader.text(name);
  return Object.keys(files).length === 0 ? checkpoint : { ...checkpoint, files };
}

async function writeContents(
  folder: string,
  { step, model, optimizer, state, config, run, vocabulary, files = {} }: Checkpoint<
    TensorData | LazyTensorData
  >,
  disk: Disk,
): Promise<void> {
  const writer = new ChecksummedWriter(folder, disk);
  const [architecture] = (config as { architectures?: string[] } | undefined)?.architectures ?? [];
  await writer.tensors("model.safetensors", huggingFaceNames(lazily(model), { architecture }), {
    format: "pt",
  });
  await writer.tensors(join(TRAINING_STATE, "optimizer.safetensors"), optimizer);
  await writer.json("config.json", config);
  await writer.json("run.json", run);
  const states = { ...state, global_step: step, checksums: CHECKSUMS };
  await writer.json(join(TRAINING_STATE, "run_states.json"), states);
  await writer.text("vocab.txt", vocabulary.map((token) => `${token}\n`).join(""));
  for (const [name, text] of Object.entries(files)) await writer.text(name, text);
  await writer.finish();
}

function lazily(tensors: ReadonlyMap<string, TensorData | LazyTensorData>): Weights {
  return new Map([...tensors].map(([name, tensor]) => {
    if (!("data" in tensor)) return [name, tensor];
    const { dtype, shape, data } = tensor;
    return [name, { dtype, shape, read: () => data } as LazyTensorData];
  }));
}

/** Checkpoints of earlier versions have our names already. */
async function underOurNames(tensors: Map<string, TensorData>): Promise<Map<string, TensorData>> {
  const { layout, tensors: named } = ourNames(lazily(tensors));
  if (layout === "paddle") return tensors;
  const loaded = new Map<string, TensorData>();
  for (const [name, tensor] of named) loaded.set(name, await loadTensor(tensor));
  return loaded;
}

/** Gives a finished folder its name; an earlier checkpoint of that step goes once the new one is there. */
async function replaceFolder(
  partial: string,
  folder: string,
  { disk, warn }: Required<Pick<SaveOptions, "disk" | "warn">>,
): Promise<void> {
  if (await exists(folder)) await disk.rename(folder, replacedPath(folder));
  try {
    await disk.rename(partial, folder);
    await syncFolder(dirname(folder)); // before anything older goes
  } catch (error) {
    await settleReplaced(folder);
    throw error;
  }
  await settleReplaced(folder).catch((error) => warnOfRemains(replacedPath(folder), error, warn));
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

/** Removes an old checkpoint such that a half-removed one never looks like one; failing is no reason to stop. */
async function discard(folder: string, disk: Disk, warn: (message: string) => void): Promise<void> {
  try {
    await disk.rename(folder, partialPath(folder));
    await Deno.remove(partialPath(folder), { recursive: true });
  } catch (error) {
    const reason = diskErrorReason(error);
    if (reason === undefined) throw error;
    warn(`Cannot remove old checkpoint "${folder}": ${reason}; the next save tries again`);
  }
}

/** Removes half-written and half-removed checkpoints; failing is no reason not to save. */
async function discardHalfMade(outputDir: string, warn: (message: string) => void): Promise<void> {
  for (const name of await matchingNames(outputDir, /^(\.checkpoint-\d+\.partial-\d+)$/)) {
    const path = join(outputDir, name);
    await Deno.remove(path, { recursive: true }).catch((error) => warnOfRemains(path, error, warn));
  }
}

function warnOfRemains(path: string, error: unknown, warn: (message: string) => void): void {
  const reason = diskErrorReason(error);
  if (reason === undefined) throw error;
  warn(`Cannot remove what is left of a checkpoint, "${path}": ${reason}`);
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
