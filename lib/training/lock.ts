/** One run per output folder: two at once would overwrite each other's checkpoints. */

import { join } from "node:path";
import { diskErrorReason, fileError, UserError } from "../config/mod.ts";

/** The lock file; it stays behind, empty, because removing it would let two runs lock different files. */
const lockName = ".lock";

/**
 * Claims an output folder for this process until disposed of.
 *
 * The claim is the operating system's own file lock: it ends with the process, however that dies, so a lock
 * file left by a killed run never stands in the way.
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
  const path = join(folder, lockName);
  const file = openLockFile(path, folder);
  if (!tryLock(file, folder)) {
    file.close();
    throw new UserError(
      `Cannot use output folder "${folder}": ${
        holder(path)
      } is writing to it; wait for it to end, stop it, or ` +
        "choose another --output_dir",
    );
  }
  sign(file);
  return {
    [Symbol.dispose]() {
      file.truncateSync(); // nobody's any more
      file.close(); // and with the file goes the lock
    },
  };
}

function openLockFile(path: string, folder: string): Deno.FsFile {
  try {
    Deno.mkdirSync(folder, { recursive: true });
    return Deno.openSync(path, { read: true, write: true, create: true });
  } catch (error) {
    throw fileError("use output folder", folder, error);
  }
}

/** Locks the file, or not where another process did. */
function tryLock(file: Deno.FsFile, folder: string): boolean {
  try {
    return file.tryLockSync(true);
  } catch (error) { // some network file systems have no locks
    file.close();
    throw fileError("lock output folder", folder, error);
  }
}

/** Tells others whose lock it is; without room on the disk it is as good unsigned. */
function sign(file: Deno.FsFile): void {
  file.truncateSync();
  const signature = JSON.stringify({ pid: Deno.pid, host: Deno.hostname() }) + "\n";
  try {
    file.writeSync(new TextEncoder().encode(signature));
  } catch (error) {
    if (diskErrorReason(error) === undefined) throw error;
  }
}

/** Who holds the lock, as far as the file tells. */
function holder(path: string): string {
  try {
    const { pid, host } = JSON.parse(Deno.readTextFileSync(path));
    return `process ${pid} on ${host}`;
  } catch { // it has just been locked and not yet been signed
    return "another run";
  }
}
