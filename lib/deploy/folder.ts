/**
 * Folders of exported models: what is in them, and under which names, so that Hugging Face's libraries find it too.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileError, UserError } from "../config/mod.ts";
import type { Task } from "../cblue/mod.ts";
import type { HeadConfig } from "../electra/mod.ts";
import type { Format } from "./onnx/layers.ts";

/** What transformers.js puts after `model`, for its `dtype` fp32, fp16 and q8. */
const SUFFIXES: Record<Format, string> = { fp32: "", fp16: "_fp16", int8: "_quantized" };
/** In the order in which they are taken where nobody asks for one. */
export const FORMATS = Object.keys(SUFFIXES) as Format[];

/**
 * Where a folder keeps a model.
 *
 * @example
 * ```ts
 * import { modelPath } from "./folder.ts";
 * console.log(modelPath("export", "int8", true)); // export/onnx/model_packed_quantized.onnx
 * ```
 */
export function modelPath(folder: string, format: Format, packed: boolean): string {
  return join(folder, "onnx", `model${packed ? "_packed" : ""}${SUFFIXES[format]}.onnx`);
}

/**
 * Finds a model in a folder, the packed one first.
 *
 * @param format Default: fp32, else fp16, else int8, whatever is there.
 * @throws {UserError} If there is none.
 */
export function findModel(folder: string, format?: Format): string {
  const formats = format === undefined ? FORMATS : [format];
  const paths = formats.flatMap((format) => [true, false].map((packed) => modelPath(folder, format, packed)));
  const found = paths.find((path) => existsSync(path));
  if (found) return found;
  const flag = format === undefined ? "" : ` --format ${format}`;
  throw new UserError(
    `Cannot open "${folder}": there is no "${paths.at(-1)}"; make it with \`deno task export${flag}\``,
  );
}

/** What config.json of an exported model of a task has. */
export interface FolderConfig {
  readonly task: Task;
  readonly head: HeadConfig;
  readonly max_seq_length: number;
  readonly long: "truncate" | "windows";
  readonly pad_token_id: number;
}

/**
 * Reads a folder's config.json.
 *
 * @throws {UserError} If it cannot be read, or its model answers no task.
 */
export async function readFolderConfig(folder: string): Promise<FolderConfig> {
  const path = join(folder, "config.json");
  let config: Partial<FolderConfig>;
  try {
    config = JSON.parse(await Deno.readTextFile(path));
  } catch (error) {
    if (error instanceof SyntaxError) {
      throw new UserError(`Cannot read "${path}": ${error.message}`, { cause: error });
    }
    throw fileError("read", path, error);
  }
  const { task, head, max_seq_length, long = "truncate", pad_token_id = 0 } = config;
  if (!task || !head || !max_seq_length) {
    throw new UserError(
      `Cannot open "${folder}": its config.json names no task; export a model that \`deno task finetune\` saved`,
    );
  }
  return { task, head, max_seq_length, long, pad_token_id };
}
