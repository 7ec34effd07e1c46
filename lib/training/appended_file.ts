import { fileError } from "../config/mod.ts";

/**
 * A text file that grows line by line.
 *
 * @example
 * ```ts
 * import { AppendedFile } from "./appended_file.ts";
 * const path = await Deno.makeTempFile();
 * {
 *   using file = new AppendedFile(path, () => true);
 *   file.append("one more line");
 * }
 * await Deno.remove(path);
 * ```
 */
export class AppendedFile implements Disposable {
  readonly #path: string;
  readonly #file: Deno.FsFile;
  #length: number;

  /**
   * Opens or creates the file, cut off before the first unwanted line; a last line without its end goes too.
   *
   * @param path - The file.
   * @param wanted - Whether a line may stay.
   * @param length - Bytes of the lines that may stay, where that is known: the file is then not read, unless no line ends
   *   there.
   * @throws {UserError} When the disk refuses.
   */
  constructor(path: string, wanted: (line: string) => boolean, length?: number) {
    this.#path = path;
    try {
      this.#file = Deno.openSync(path, { read: true, write: true, create: true });
      const isKnown = length !== undefined && endsLine(this.#file, length);
      this.#length = isKnown ? length : wantedLength(Deno.readFileSync(path), wanted);
      this.#file.truncateSync(this.#length);
      this.#file.seekSync(this.#length, Deno.SeekMode.Start);
    } catch (error) {
      throw fileError("open", path, error);
    }
  }

  /** Bytes of all lines so far. */
  get length(): number {
    return this.#length;
  }

  /**
   * Writes a line, in the operating system's hands on return: killing the process does not lose it.
   *
   * @param line - The text, without a line end.
   * @throws {UserError} When the disk refuses.
   */
  append(line: string): void {
    const bytes = new TextEncoder().encode(line + "\n");
    try {
      for (let written = 0; written < bytes.length;) written += this.#file.writeSync(bytes.subarray(written));
      this.#length += bytes.length;
    } catch (error) {
      throw fileError("write", this.#path, error);
    }
  }

  /** Makes the lines so far reach the disk. */
  flush(): void {
    try {
      this.#file.syncSync();
    } catch (error) {
      throw fileError("write", this.#path, error);
    }
  }

  /** Closes the file. */
  [Symbol.dispose](): void {
    this.#file.close();
  }
}

const LINE_FEED = 0x0a;

/** Whether a line ends after so many bytes. */
function endsLine(file: Deno.FsFile, length: number): boolean {
  if (length === 0) return true;
  const last = new Uint8Array(1);
  file.seekSync(length - 1, Deno.SeekMode.Start);
  return file.readSync(last) === 1 && last[0] === LINE_FEED;
}

/** Bytes up to the end of the last wanted line. */
function wantedLength(bytes: Uint8Array, wanted: (line: string) => boolean): number {
  let end = 0;
  for (let next; (next = bytes.indexOf(LINE_FEED, end) + 1) > 0; end = next) {
    if (!wanted(new TextDecoder().decode(bytes.subarray(end, next - 1)))) break;
  }
  return end;
}
