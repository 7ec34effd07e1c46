/** One run per output folder: two at once would overwrite each other's checkpoints. */

import { join } from "node:path";
import { lockFile } from "../config/mod.ts";

/**
 * Claims an output folder for this process until disposed of; the lock file stays behind, empty.
 *
 * @param folder - The output folder; created when missing.
 * @returns A handle for `using`; disposing of it frees the folder.
 * @throws {UserError} When another run holds the folder, or it cannot be written to.
 *
 * @example
 * ```ts
 * import { lockOutputDir } from "./lock.ts";
 * const folder = await Deno.makeTempDir();
 * {
 *   using _lock = lockOutputDir(folder);
 *   // train
 * }
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export function lockOutputDir(folder: string): Disposable {
  return lockFile(join(folder, ".lock"), {
    what: `output folder "${folder}"`,
    remedy: "choose another --output_dir",
  });
}
