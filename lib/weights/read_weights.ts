/**
 * The door to weights: whatever wrote the file, a map of names to tensors that are read when they are asked for.
 *
 * @module
 */
import { UserError } from "../config/mod.ts";
import { openSafetensors } from "./safetensors.ts";
import type { LazyTensorData } from "./tensor.ts";

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
  const file = await findWeights(path);
  const tensors = await openSafetensors(file);
  return new Map([...tensors].filter(([name]) => only(name)));
}

/** Names of weights in a folder, the one to prefer first. */
const USUAL_NAMES = ["model.safetensors"];

/**
 * Finds the file with the weights of a model.
 *
 * @param path A folder, or the file itself.
 * @returns The file.
 * @throws {UserError} If there is none.
 */
export async function findWeights(path: string): Promise<string> {
  const info = await Deno.stat(path).catch(() => undefined);
  if (!info?.isDirectory) return path;
  for (const name of USUAL_NAMES) {
    const found = await Deno.stat(`${path}/${name}`).then(() => true, () => false);
    if (found) return `${path}/${name}`;
  }
  throw new UserError(`Cannot find weights in "${path}": there is no ${USUAL_NAMES.join(", ")}`);
}
