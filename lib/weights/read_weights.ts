/**
 * The door to weights: whatever wrote the file, a map of names to tensors that are read when they are asked for.
 *
 * @module
 */
import { dirname, join } from "node:path";
import { fileError, UserError } from "../config/mod.ts";
import { BinaryFile, invalid } from "./binary_file.ts";
import { openNpz } from "./npz.ts";
import { openPaddle } from "./pickle/paddle_file.ts";
import { LEGACY_START, openLegacyTorch, openTorch } from "./pickle/torch_file.ts";
import { openSafetensors } from "./safetensors.ts";
import type { LazyTensorData } from "./tensor.ts";
import { openZip } from "./zip.ts";

/** Tensors by name, as the file names them and lays them out; each is read when it is asked for. */
export type Weights = ReadonlyMap<string, LazyTensorData>;

/** What to read. */
export interface ReadOptions {
  /** Tells the names that are wanted; default: all. */
  readonly only?: (name: string) => boolean;
}

/**
 * Opens weights of any format, told by content: safetensors, PyTorch's `.bin` and `.pt`, Paddle's `.pdparams` and `.pdopt`,
 * NumPy's `.npz`, and files split into shards with their `….index.json`.
 *
 * Nothing in a file is ever run: of a pickle only tensors and plain containers are understood, all else is refused by name.
 *
 * @param path A file, or a folder that has one under a usual name.
 * @param options Which tensors.
 * @returns The tensors in the order of the file; those of nested containers under names joined by dots.
 * @throws {UserError} If there is no such file, or it is none of these, damaged, or holds anything but tensors and plain values.
 *
 * @example
 * ```ts
 * import { readWeights } from "./read_weights.ts";
 * const weights = await readWeights("tests/fixtures/tiny/model.safetensors");
 * const { dtype, shape, read } = weights.get("discriminator.bias_mts.weight")!;
 * console.log(dtype, shape, await read()); // F32 [200, 1] …
 * ```
 */
export async function readWeights(path: string, { only = () => true }: ReadOptions = {}): Promise<Weights> {
  const file = await findWeights(path), format = weightsFormat(file);
  const tensors = format === "shards" ? await openShards(file, only) : await OPEN[format](file);
  if (tensors.size === 0 && format !== "shards") throw invalid(file, "it holds no tensors");
  return new Map([...tensors].filter(([name]) => only(name)));
}

/** How a file keeps tensors. */
export type WeightsFormat = "safetensors" | "torch" | "torch-legacy" | "paddle" | "npz" | "shards";

type Opened = Map<string, LazyTensorData>;

const OPEN: Record<Exclude<WeightsFormat, "shards">, (path: string) => Opened | Promise<Opened>> = {
  safetensors: openSafetensors,
  torch: async (path) => {
    const entries = openZip(path);
    return await openTorch(path, entries, torchFolder(entries)!);
  },
  "torch-legacy": openLegacyTorch,
  paddle: openPaddle,
  npz: async (path) => await openNpz(path, openZip(path)),
};

const ZIP_START = [0x50, 0x4b, 0x03, 0x04], EMPTY_ZIP_START = [0x50, 0x4b, 0x05, 0x06];
const PICKLE_START = 0x80, BRACE = 0x7b;
const START_BYTES = 64;

/**
 * Tells by its content what wrote a file.
 *
 * @throws {UserError} If it cannot be read, or is of no known format; of some the message tells what they are.
 *
 * @example
 * ```ts
 * import { weightsFormat } from "./read_weights.ts";
 * console.log(weightsFormat("tests/fixtures/weights/torch.bin")); // torch
 * ```
 */
export function weightsFormat(path: string): WeightsFormat {
  using file = BinaryFile.open(path);
  const start = file.read(0, Math.min(START_BYTES, file.size));
  const begins = (bytes: readonly number[]) => bytes.every((byte, i) => start[i] === byte);
  if (begins(ZIP_START) || begins(EMPTY_ZIP_START)) return archiveFormat(path);
  if (begins(LEGACY_START)) return "torch-legacy";
  if (start[0] === PICKLE_START && start[1]! >= 2 && start[1]! <= 5) return "paddle";
  if (start[8] === BRACE) return "safetensors";
  if (start[0] === BRACE) return "shards";
  throw invalid(path, unknownContent(new TextDecoder("latin1").decode(start)));
}

function archiveFormat(path: string): "torch" | "npz" {
  const entries = openZip(path);
  if (torchFolder(entries) !== undefined) return "torch";
  if (entries.size > 0 && [...entries.keys()].every((name) => name.endsWith(".npy"))) return "npz";
  throw invalid(
    path,
    "it is a zip archive, but neither PyTorch nor NumPy wrote it; unpack it, and give a file in it",
  );
}

/** The name before `/data.pkl` in an archive of PyTorch. */
function torchFolder(entries: ReadonlyMap<string, unknown>): string | undefined {
  return [...entries.keys()].map((name) => /^([^/]+)\/data\.pkl$/.exec(name)?.[1]).find(Boolean);
}

function unknownContent(start: string): string {
  if (start.startsWith("version https://git-lfs")) {
    return "it is a pointer of Git LFS, not the file it points to; fetch that with `git lfs pull`";
  }
  if (/^\s*<(!doctype|html)/i.test(start)) return "it is a web page; the download went wrong";
  if (start === "") return "it is empty";
  return "it is neither safetensors, PyTorch's .bin or .pt, Paddle's .pdparams nor NumPy's .npz";
}

/** Opens the files that an index tells of, those with wanted tensors. */
async function openShards(
  path: string,
  only: (name: string) => boolean,
): Promise<Map<string, LazyTensorData>> {
  const places = await readIndex(path), tensors = new Map<string, LazyTensorData>();
  const wanted = [...places].filter(([name]) => only(name));
  for (const shard of new Set(wanted.map(([, shard]) => shard))) {
    const file = join(dirname(path), shard), format = weightsFormat(file);
    if (format === "shards") throw invalid(path, `its shard "${shard}" is another index`);
    const inShard = await OPEN[format](file);
    for (const [name] of wanted.filter(([, place]) => place === shard)) {
      const tensor = inShard.get(name);
      if (!tensor) throw invalid(path, `its shard "${shard}" has no tensor "${name}"`);
      tensors.set(name, tensor);
    }
  }
  return tensors;
}

/** Which file has which tensor. */
async function readIndex(path: string): Promise<Map<string, string>> {
  let index: { weight_map?: unknown };
  try {
    index = JSON.parse(await Deno.readTextFile(path));
  } catch (cause) {
    throw invalid(path, "it is no JSON", { cause });
  }
  const map = index.weight_map;
  if (typeof map !== "object" || map === null || Array.isArray(map)) {
    throw invalid(path, "it is no index of shards: it has no weight_map; give the weights themselves");
  }
  for (const [name, shard] of Object.entries(map)) {
    if (typeof shard !== "string" || !/^[^/\\:]+$/.test(shard) || shard.startsWith("..")) {
      throw invalid(
        path,
        `tensor "${name}" is to be in ${JSON.stringify(shard)}, which is no file beside it`,
      );
    }
  }
  return new Map(Object.entries(map) as [string, string][]);
}

/** Names of weights in a folder, the one to prefer first. */
const USUAL_NAMES = [
  "model.safetensors",
  "model.safetensors.index.json",
  "pytorch_model.bin",
  "pytorch_model.bin.index.json",
  "model_state.pdparams",
  "model.npz",
];

/**
 * Finds the file with the weights of a model.
 *
 * @param path A folder, or the file itself.
 * @returns The file: under a usual name, or the folder's only file with weights.
 * @throws {UserError} If there is no such folder or file, or none in it, or several.
 *
 * @example
 * ```ts
 * import { findWeights } from "./read_weights.ts";
 * console.log(await findWeights("tests/fixtures/tiny_legacy")); // tests/fixtures/tiny_legacy/model.safetensors
 * ```
 */
export async function findWeights(path: string): Promise<string> {
  let names: string[];
  try {
    if (!(await Deno.stat(path)).isDirectory) return path;
    names = await Array.fromAsync(Deno.readDir(path), ({ name }) => name);
  } catch (error) {
    throw fileError("read weights", path, error);
  }
  const usual = USUAL_NAMES.find((name) => names.includes(name));
  const others = names.filter((name) => /\.(safetensors|bin|pt|pth|pdparams|npz)$/.test(name)).sort();
  if (usual ?? others.length === 1) return join(path, usual ?? others[0]!);
  const checkpoint = newestCheckpoint(names);
  const fault = checkpoint
    ? `it is the folder of a run; give a checkpoint: "${join(path, checkpoint)}"`
    : others.length === 0
    ? `none of ${USUAL_NAMES.join(", ")} is there`
    : `it has several files, ${others.join(", ")}; give one of them`;
  throw new UserError(`Cannot find weights in "${path}": ${fault}`);
}

function newestCheckpoint(names: readonly string[]): string | undefined {
  const steps = names.map((name) => Number(/^checkpoint-(\d+)$/.exec(name)?.[1] ?? -1));
  return names[steps.indexOf(Math.max(0, ...steps))];
}
