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

  /**
   * Opens or creates the file, cut off before the first unwanted line; a last line without its end goes too.
   *
   * @param path - The file.
   * @param wanted - Whether a line may stay.
   * @throws {UserError} When the disk refuses.
   */
  constructor(path: string, wanted: (line: string) => boolean) {
    this.#path = path;
    try {
      this.#file = Deno.openSync(path, { read: true, write: true, create: true });
      const bytes = Deno.readFileSync(path);
      let end = 0; // of the last wanted line
      for (let next; (next = bytes.indexOf(0x0a, end) + 1) > 0; end = next) {
        if (!wanted(new TextDecoder().decode(bytes.subarray(end, next - 1)))) break;
      }
      this.#file.truncateSync(end);
      this.#file.seekSync(end, Deno.SeekMode.Start);
    } catch (error) {
      throw fileError("open", path, error);
    }
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
