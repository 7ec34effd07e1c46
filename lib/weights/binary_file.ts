/**
 * Files whose bytes are read at any place, with errors that say which file and what is wrong with it.
 *
 * @module
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import { fileError, UserError } from "../config/mod.ts";

const PIECE = 1 << 24; // bytes

/** An open file; `using` closes it. */
export class BinaryFile implements Disposable {
  readonly path: string;
  /** In bytes. */
  readonly size: number;
  readonly #file: Deno.FsFile;
  readonly #what: string;

  private constructor(path: string, size: number, file: Deno.FsFile, what: string) {
    [this.path, this.size, this.#file, this.#what] = [path, size, file, what];
  }

  /**
   * @param what What the file is read as, for errors: "safetensors".
   * @throws {UserError} If there is no such file.
   */
  static open(path: string, what = "weights"): BinaryFile {
    try {
      const file = Deno.openSync(path, { read: true }), { isFile, size } = file.statSync();
      if (isFile) return new BinaryFile(path, size, file, what);
      file.close();
    } catch (error) {
      throw fileError(`read ${what}`, path, error);
    }
    throw invalid(path, "it is not a file", { what });
  }

  /**
   * Reads bytes at a place, into memory of their own.
   *
   * @throws {UserError} If the file ends before.
   */
  read(position: number, count: number): Uint8Array<ArrayBuffer> {
    if (position + count > this.size) {
      throw this.invalid(`it ends at byte ${this.size}, where ${position + count} or more are needed`);
    }
    const bytes = new Uint8Array(count);
    this.#file.seekSync(position, Deno.SeekMode.Start);
    for (let filled = 0; filled < count;) {
      filled += this.#checkRead(this.#file.readSync(bytes.subarray(filled)));
    }
    return bytes;
  }

  /**
   * Reads as many bytes as an array takes, in pieces between which others get their turn: as a whole in the background it would
   * take longer by a third.
   *
   * @throws {UserError} If the file ends before.
   */
  async fill(position: number, bytes: Uint8Array): Promise<void> {
    for (let filled = 0; filled < bytes.length;) {
      if (filled > 0) await nextTurn();
      this.#file.seekSync(position + filled, Deno.SeekMode.Start);
      filled += this.#checkRead(this.#file.readSync(bytes.subarray(filled, filled + PIECE)));
    }
  }

  #checkRead(read: number | null): number {
    if (read === null) throw this.invalid("the file became shorter while it was read");
    return read;
  }

  /** An error for something that is wrong with the file. */
  invalid(reason: string, cause?: unknown): UserError {
    return invalid(this.path, reason, { what: this.#what, cause });
  }

  [Symbol.dispose](): void {
    this.#file.close();
  }
}

/**
 * An error for something that is wrong with a file.
 *
 * @param reason What is wrong, and what to do.
 * @param options.what What it was read as; default "weights".
 */
export function invalid(
  path: string,
  reason: string,
  { what = "weights", cause }: { what?: string; cause?: unknown } = {},
): UserError {
  return new UserError(`Cannot read ${what} "${path}": ${reason}`, cause === undefined ? {} : { cause });
}
