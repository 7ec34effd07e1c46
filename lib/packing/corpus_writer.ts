/**
 * Writing a corpus: `<prefix>_ids.npy` with the ids of all sentences end to end, `<prefix>_idx.npz` with their lengths.
 *
 * Ids go to disk as they come; only the lengths stay in memory. Both files carry temporary names until `close`, so that a
 * folder never shows half a corpus.
 */
import { basename, dirname, join } from "node:path";
import { kill } from "node:process";
import { diskErrorReason, partialPath, UserError } from "../config/mod.ts";
import { SUFFIX_COUNT } from "../text/mod.ts";
import { encodeNpyHeader, type NpyDtype } from "./npy.ts";
import { encodeNpz } from "./npz.ts";

/** What the writer does with an open file; a test hands in one that fails. */
export type WritableFile = Pick<Deno.FsFile, "write" | "seek" | "sync" | "close">;

/** How to write a corpus. */
export interface CorpusWriterOptions {
  /** V; with the 20,902 suffix ids past it, it decides between 16 and 32 bits an id. */
  readonly vocabularySize: number;
  /** Opens a file for writing. Default: `Deno.open`. */
  readonly open?: (path: string, options: Deno.OpenOptions) => Promise<WritableFile>;
}

/**
 * Writes one corpus; disposing of the writer before {@linkcode close} removes what it wrote.
 *
 * @example
 * ```ts
 * import { CorpusWriter } from "./corpus_writer.ts";
 * const folder = await Deno.makeTempDir();
 * {
 *   await using writer = await CorpusWriter.create(`${folder}/samples`, { vocabularySize: 22608 });
 *   await writer.write([7, 8, 9], [2, 1]); // sentences [7, 8] and [9]
 *   await writer.close();
 * } // samples_ids.npy, samples_idx.npz
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export class CorpusWriter implements AsyncDisposable {
  readonly #prefix: string;
  readonly #dtype: NpyDtype;
  readonly #open: NonNullable<CorpusWriterOptions["open"]>;
  readonly #lens: Int32Array[] = [];
  #ids: WritableFile | undefined;
  #temporary: string[] = [];
  #sentences = 0;
  #tokens = 0;

  private constructor(prefix: string, options: CorpusWriterOptions) {
    this.#prefix = prefix;
    this.#dtype = options.vocabularySize + SUFFIX_COUNT <= 0x10000 ? "u2" : "i4";
    this.#open = options.open ?? Deno.open;
  }

  /**
   * Starts a corpus; folders on the way are made.
   *
   * @param prefix path before `_ids.npy` and `_idx.npz`
   * @param options vocabulary size
   * @returns the open writer
   * @throws {UserError} if the disk refuses
   */
  static async create(prefix: string, options: CorpusWriterOptions): Promise<CorpusWriter> {
    const writer = new CorpusWriter(prefix, options);
    await writer.#attempt("_ids.npy", async () => {
      await Deno.mkdir(dirname(prefix), { recursive: true });
      await removeLeftovers(prefix);
      writer.#ids = await writer.#openTemporary("_ids.npy");
      await writeAll(writer.#ids, encodeNpyHeader(writer.#dtype, [0]));
    });
    return writer;
  }

  /** Sentences written so far. */
  get sentences(): number {
    return this.#sentences;
  }

  /** Ids written so far. */
  get tokens(): number {
    return this.#tokens;
  }

  /**
   * Adds sentences.
   *
   * @param ids their corpus ids end to end, below V + 20,902
   * @param lens how many ids each sentence has
   * @throws {RangeError} if the lengths do not add up to the number of ids
   * @throws {UserError} if the disk refuses; the corpus is then gone
   */
  async write(ids: ArrayLike<number>, lens: ArrayLike<number>): Promise<void> {
    const copy = Int32Array.from(lens);
    if (copy.reduce((sum, length) => sum + length, 0) !== ids.length) {
      throw new RangeError(`Cannot write sentences: their lengths do not add up to ${ids.length} ids`);
    }
    const elements = this.#dtype === "u2" ? Uint16Array.from(ids) : Int32Array.from(ids);
    await this.#attempt("_ids.npy", () => writeAll(this.#ids!, new Uint8Array(elements.buffer)));
    this.#lens.push(copy);
    this.#sentences += copy.length;
    this.#tokens += ids.length;
  }

  /**
   * Completes both files and gives them their names, in an order in which no crash leaves a pair that looks whole.
   *
   * @throws {UserError} if the disk refuses; a corpus of that name is then as it was, or visibly half
   */
  async close(): Promise<void> {
    await this.#attempt("_ids.npy", async () => {
      await this.#ids!.seek(0, Deno.SeekMode.Start);
      await writeAll(this.#ids!, encodeNpyHeader(this.#dtype, [this.#tokens])); // as long as the first one
      await this.#ids!.sync();
      this.#closeIds();
    });
    await this.#attempt("_idx.npz", async () => {
      const lens = new Int32Array(this.#sentences);
      let at = 0;
      for (const part of this.#lens) {
        lens.set(part, at);
        at += part.length;
      }
      const file = await this.#openTemporary("_idx.npz");
      try {
        await writeAll(file, encodeNpz({ lens: { dtype: "i4", shape: [lens.length], data: lens } }));
        await file.sync();
      } finally {
        file.close();
      }
      await Deno.remove(`${this.#prefix}_idx.npz`).catch(ignoreMissing);
      await Deno.rename(partialPath(`${this.#prefix}_ids.npy`), `${this.#prefix}_ids.npy`);
      await Deno.rename(partialPath(`${this.#prefix}_idx.npz`), `${this.#prefix}_idx.npz`);
      this.#temporary = [];
    });
  }

  /** Removes the temporary files of a corpus that was not closed. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closeIds();
    for (const path of this.#temporary) await Deno.remove(path).catch(ignoreMissing);
    this.#temporary = [];
  }

  #closeIds(): void {
    this.#ids?.close();
    this.#ids = undefined;
  }

  async #openTemporary(suffix: string): Promise<WritableFile> {
    const path = partialPath(this.#prefix + suffix); // hidden: no reader takes it for a corpus
    const file = await this.#open(path, { write: true, create: true, truncate: true });
    this.#temporary.push(path);
    return file;
  }

  async #attempt(suffix: string, operation: () => Promise<void>): Promise<void> {
    try {
      await operation();
    } catch (error) {
      await this[Symbol.asyncDispose]();
      const reason = diskErrorReason(error);
      if (reason === undefined) throw error;
      throw new UserError(`Cannot write corpus "${this.#prefix}${suffix}": ${reason}`, { cause: error });
    }
  }
}

/** Removes what processes that are no more left of this corpus; it may be as large as the corpus. */
async function removeLeftovers(prefix: string): Promise<void> {
  const folder = dirname(prefix);
  for await (const { name } of Deno.readDir(folder)) {
    const [, of, pid] = /^\.(.+)_(?:ids\.npy|idx\.npz)\.partial-(\d+)$/.exec(name) ?? [];
    if (of === basename(prefix) && !isRunning(Number(pid))) await Deno.remove(join(folder, name));
  }
}

function isRunning(pid: number): boolean {
  try {
    return kill(pid, 0); // signal 0 only asks
  } catch (error) {
    return (error as { code?: string }).code !== "ESRCH"; // it may be another user's
  }
}

async function writeAll(file: WritableFile, bytes: Uint8Array): Promise<void> {
  for (let written = 0; written < bytes.length;) written += await file.write(bytes.subarray(written));
}

function ignoreMissing(error: unknown): void {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
}
