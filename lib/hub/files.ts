/**
 * Which files of a model are downloaded: its weights in one format, and the small ones that say how to read and use them.
 *
 * @module
 */
import { UserError } from "../config/mod.ts";

/** Weights in one file, the formats that load fastest first. */
const WEIGHTS = ["model.safetensors", "pytorch_model.bin", "model_state.pdparams", "model.npz"];
/** Weights in several files, and the list of them. */
const SHARDS = [
  ["model.safetensors.index.json", /^model-\d+-of-\d+\.safetensors$/],
  ["pytorch_model.bin.index.json", /^pytorch_model-\d+-of-\d+\.bin$/],
] as const;
/** Configuration, vocabulary, tokenizer, a task's lists; all else of a repository is for other programs or for people. */
const COMPANION = /^[^/]+\.(json|txt)$/;

/**
 * Chooses from the files of a model.
 *
 * @param paths All of its files.
 * @param name Of the model, for the error.
 * @throws {UserError} If none of them has weights in a format that we read.
 *
 * @example
 * ```ts
 * import { chooseFiles } from "./files.ts";
 * const paths = ["README.md", "config.json", "vocab.txt", "pytorch_model.bin", "model.safetensors", "onnx/model.onnx"];
 * console.log(chooseFiles(paths, "org/name")); // [ "config.json", "vocab.txt", "model.safetensors" ]
 * ```
 */
export function chooseFiles(paths: readonly string[], name: string): string[] {
  const weights = weightsOf(paths);
  if (weights.length === 0) {
    throw new UserError(
      `Cannot use model "${name}": it has none of ${
        [...WEIGHTS, ...SHARDS.map(([list]) => list)].join(", ")
      }`,
    );
  }
  const lists = SHARDS.map(([list]) => list as string);
  return [...paths.filter((path) => COMPANION.test(path) && !lists.includes(path)), ...weights];
}

function weightsOf(paths: readonly string[]): string[] {
  const whole = WEIGHTS.find((file) => paths.includes(file));
  const shards = SHARDS.find(([list]) => paths.includes(list));
  const isBetter = shards && (whole === undefined || (whole !== WEIGHTS[0] && shards === SHARDS[0]));
  if (isBetter) return [shards[0], ...paths.filter((path) => shards[1].test(path))];
  return whole === undefined ? [] : [whole];
}
