/** One process at a time: what two would overwrite each other. */

import { dirname } from "node:path";
import { diskErrorReason, fileError } from "./disk.ts";
import { UserError } from "./errors.ts";

/** How to speak of what is locked. */
export interface LockOptions {
  /** What is claimed, for errors: `output folder "out"`. */
  readonly what: string;
  /** What someone who finds it claimed can do besides waiting: "choose another --output_dir". */
  readonly remedy: string;
  /** Remove the lock file in the end, where nobody should find it. Default: false. */
  readonly remove?: boolean;
}

/**
 * Claims a lock file for this process until disposed of.
 *
 * The claim is the operating system's own file lock: it ends with the process, however that dies, so a lock
 * file left by a killed run never stands in the way.
 *
 * @param path - The lock file; its folder is created when missing.
 * @param options - How to speak of it.
 * @returns A handle for `using`; disposing of it frees the lock.
 * @throws {UserError} When another run holds the lock, or the file cannot be written.
 *
 * @example
 * ```ts
 * import { lockFile } from "./lock.ts";
 * const folder = await Deno.makeTempDir();
 * {
 *   using _lock = lockFile(`${folder}/.lock`, { what: `folder "${folder}"`, remedy: "choose another one" });
 *   // write there
 * }
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export function lockFile(path: string, options: LockOptions): Disposable {
  for (;;) {
    const file = open(path);
    if (!tryLock(file, path)) {
      file.close();
      throw new UserError(
        `Cannot use ${options.what}: ${holder(path)} is writing to it; wait for it to end, stop it, or ` +
          options.remedy,
      );
    }
    if (isStillThere(file, path)) {
      sign(file);
      return { [Symbol.dispose]: () => release(file, path, options.remove ?? false) };
    }
    file.close(); // its holder removed it between our opening and our locking
  }
}

function open(path: string): Deno.FsFile {
  try {
    Deno.mkdirSync(dirname(path), { recursive: true });
    return Deno.openSync(path, { read: true, write: true, create: true });
  } catch (error) {
    throw fileError("use output folder", dirname(path), error);
  }
}

/** Locks the file, or not where another process did. */
function tryLock(file: Deno.FsFile, path: string): boolean {
  try {
    return file.tryLockSync(true);
  } catch (error) { // some network file systems have no locks
    file.close();
    throw fileError("lock output folder", dirname(path), error);
  }
}

/** Whether the path still leads to the locked file: a lock on a removed one keeps nobody out. */
function isStillThere(file: Deno.FsFile, path: string): boolean {
  try {
    return Deno.statSync(path).ino === file.statSync().ino;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
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

function release(file: Deno.FsFile, path: string, remove: boolean): void {
  if (remove) Deno.removeSync(path); // while it is still ours
  else file.truncateSync(); // nobody's any more
  file.close(); // and with the file goes the lock
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
