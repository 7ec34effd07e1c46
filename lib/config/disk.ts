/**
 * Files that are whole or not there: bytes go to a temporary neighbour, reach the disk, then take the name.
 */

import { basename, dirname, join } from "node:path";
import { UserError } from "./errors.ts";

/** The operations that saving needs; a test hands in one that fails on purpose. */
export interface Disk {
  /** Opens a file as `Deno.open` does. */
  open(path: string, options: Deno.OpenOptions): Promise<Pick<Deno.FsFile, "write" | "sync" | "close">>;
  /** Renames a file or folder, replacing a file of that name. */
  rename(from: string, to: string): Promise<void>;
}

/** What sees the bytes of a file as they are written or read: a hash of `node:crypto`. */
export interface ByteHash {
  update(bytes: Uint8Array): unknown;
}

/** The machine's own disk. */
export const realDisk: Disk = { open: Deno.open, rename: Deno.rename };

/**
 * Tells why the operating system refused a file operation.
 *
 * @param error - Anything that was thrown.
 * @returns The reason in lower case ("no space left on device"), or `undefined` when the error is another.
 *
 * @example
 * ```ts
 * import { diskErrorReason } from "./disk.ts";
 * const error = await Deno.open("no/such/file").catch((error) => error);
 * console.log(diskErrorReason(error)); // "no such file or directory"
 * ```
 */
export function diskErrorReason(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const reason = /^(.*?) \(os error \d+\)/.exec(error.message)?.[1];
  return reason === undefined ? undefined : reason.charAt(0).toLowerCase() + reason.slice(1);
}

/**
 * Makes an error of the operating system into one that names the file.
 *
 * @param action - What failed: "read", "write".
 * @param path - The file.
 * @param error - What was thrown.
 * @returns A {@linkcode UserError}, or `error` itself when it is another kind.
 *
 * @example
 * ```ts
 * import { fileError } from "./disk.ts";
 * const error = await Deno.open("no/such/file").catch((error) => fileError("read", "no/such/file", error));
 * console.log(error); // UserError: Cannot read "no/such/file": no such file or directory
 * ```
 */
export function fileError(action: string, path: string, error: unknown): unknown {
  const reason = diskErrorReason(error);
  return reason === undefined
    ? error
    : new UserError(`Cannot ${action} "${path}": ${reason}`, { cause: error });
}

/**
 * Names the temporary neighbour under which a file or folder is made or unmade.
 *
 * @param path - The file or folder.
 * @returns A hidden path in the same folder, so that renaming never crosses disks.
 */
export function partialPath(path: string): string {
  return join(dirname(path), `.${basename(path)}.partial-${Deno.pid}`);
}

/**
 * Removes what killed processes left half-made in a folder that only this process writes to.
 *
 * @param folder - Path of the folder; it may be missing.
 */
export async function removePartials(folder: string): Promise<void> {
  try {
    for await (const { name } of Deno.readDir(folder)) {
      if (/^\..+\.partial-\d+$/.test(name)) await Deno.remove(join(folder, name), { recursive: true });
    }
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return;
    const reason = diskErrorReason(error);
    throw reason === undefined
      ? error
      : new UserError(`Cannot clean "${folder}": ${reason}`, { cause: error });
  }
}

/**
 * Writes a file in one piece: readers see the old content or the new one, even when power fails half-way.
 *
 * @param path - File to create or replace; its folder exists.
 * @param chunks - The content, written in order, one chunk in memory at a time.
 * @param disk - Where to write; the machine's own disk by default.
 * @param hash - Sees each chunk while the disk takes it, so that a checksum costs next to no time.
 * @throws {UserError} When the disk refuses (full, read-only, no such folder); the earlier file is untouched.
 *
 * @example
 * ```ts
 * import { writeAtomically } from "./disk.ts";
 * const folder = await Deno.makeTempDir();
 * await writeAtomically(`${folder}/config.json`, [new TextEncoder().encode("{}\n")]);
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export async function writeAtomically(
  path: string,
  chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  disk: Disk = realDisk,
  hash?: ByteHash,
): Promise<void> {
  const temporary = partialPath(path);
  try {
    const file = await disk.open(temporary, { write: true, create: true, truncate: true });
    try {
      for await (const chunk of chunks) {
        const writing = writeAll(file, chunk);
        hash?.update(chunk); // meanwhile
        await writing;
      }
      await file.sync();
    } finally {
      file.close();
    }
    await disk.rename(temporary, path);
    await syncFolder(dirname(path));
  } catch (error) {
    await Deno.remove(temporary).catch(() => {}); // it may never have come to be
    throw fileError("write", path, error);
  }
}

async function writeAll(file: Pick<Deno.FsFile, "write">, bytes: Uint8Array): Promise<void> {
  for (let written = 0; written < bytes.length;) written += await file.write(bytes.subarray(written));
}

/**
 * Makes the names in a folder (files created, renamed or removed there) reach the disk.
 *
 * @param folder - Path of the folder.
 */
export async function syncFolder(folder: string): Promise<void> {
  if (Deno.build.os === "windows") return; // folders cannot be opened there
  using handle = await Deno.open(folder, { read: true });
  await handle.sync();
}
