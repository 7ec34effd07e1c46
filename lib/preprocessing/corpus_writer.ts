/**
 * Writing a corpus: `<prefix>_ids.npy` with the ids of all sentences end to end, `<prefix>_idx.npz` with their lengths, and
 * `<prefix>_marks.npy` with a bit for each id where words are marked by position. In a corpus of pairs, sentence 2i is a
 * question and 2i + 1 its answer; an array `pairs` of the archive says so.
 *
 * Everything goes to disk as it comes, into a work folder; the files take their names when they are whole.
 */
import { basename, dirname, join } from "node:path";
import { crc32 } from "node:zlib";
import { fileError, syncFolder, UserError } from "../config/mod.ts";
import { SUFFIX_COUNT } from "../text/mod.ts";
import type { Shard } from "./input_plan.ts";
import {
  elementBytes,
  encodeNpy,
  encodeNpyHeader,
  encodeNpzDirectory,
  encodeNpzHeader,
  type NpyDtype,
  type NpzEntry,
} from "../packing/mod.ts";
import type { WorkFolder } from "./work_folder.ts";

/** How much of a corpus is written: part of a work folder's state. */
export interface CorpusState {
  sentences: number;
  tokens: number;
  /** Marks that do not fill a byte yet, the first one in the highest bit. */
  openMarks: number;
  /** All is written; what is left is to give the files their names. */
  isWhole: boolean;
}

/** Sentences as the files hold them. */
export interface PackedSentences {
  /** Ids of all sentences end to end. */
  readonly ids: Uint16Array | Int32Array;
  /** Ids of each sentence, at least 1. */
  readonly lens: Int32Array;
  /** A bit for each id, first one in the highest bit of the first byte; only where words are marked by position. */
  readonly marks?: Uint8Array;
}

/** What the files of a corpus are like. */
export interface CorpusFormat {
  /** V; with the 20,902 suffix ids past it, it decides between 16 and 32 bits an id. */
  readonly vocabularySize: number;
  /** Whether word marks have a file of their own. */
  readonly hasMarks: boolean;
  /** Whether each two sentences that follow each other are a question and its answer. Default: false. */
  readonly pairs?: boolean;
}

const IDS = "ids.npy";
const MARKS = "marks.npy";
const IDX = "idx.npz";
const REPORT = "report.json";
/** Raw lengths, of which the archive is made in the end. */
const LENS = "lens";
/** The only one so far, of word marks and of pairs. */
const NOTE_VERSION = 1;
const COPY_BYTES = 1 << 20;

/**
 * Tells where the work folder of a corpus lies.
 *
 * @param prefix path before `_ids.npy`
 * @returns a hidden folder beside the corpus
 */
export function workFolderPath(prefix: string): string {
  return join(dirname(prefix), `.${basename(prefix)}.partial`);
}

/**
 * Names the files of one shard.
 *
 * @param outputFile path before `_ids.npy`
 * @param shard which part
 * @returns the path itself for a whole corpus, else with the shard's number
 */
export function shardPrefix(outputFile: string, { index, count }: Shard): string {
  if (count === 1) return outputFile;
  const digits = (value: number) => String(value).padStart(5, "0");
  return `${outputFile}-${digits(index)}-of-${digits(count)}`;
}

/**
 * Tells how wide ids are.
 *
 * @param vocabularySize V
 * @returns 16 bits if the last of the suffix ids fits, else 32
 */
export function idType(vocabularySize: number): "u2" | "i4" {
  return vocabularySize + SUFFIX_COUNT <= 0x10000 ? "u2" : "i4";
}

/**
 * State of a corpus of which nothing is written.
 *
 * @returns zeros
 */
export function emptyCorpus(): CorpusState {
  return { sentences: 0, tokens: 0, openMarks: 0, isWhole: false };
}

/**
 * Writes the files of one corpus into a work folder, and publishes them.
 *
 * @example
 * ```ts
 * import { CorpusWriter, emptyCorpus, workFolderPath } from "./corpus_writer.ts";
 * import { WorkFolder } from "./work_folder.ts";
 * const folder = await Deno.makeTempDir();
 * const prefix = `${folder}/samples`;
 * await using work = await WorkFolder.open(workFolderPath(prefix), {
 *   fingerprint: {},
 *   initial: emptyCorpus,
 *   what: `corpus "${prefix}"`,
 * });
 * const writer = new CorpusWriter(work, work.state, { vocabularySize: 22608, hasMarks: false });
 * await writer.append({ ids: Uint16Array.of(7, 8, 9), lens: Int32Array.of(2, 1) }); // sentences [7, 8] and [9]
 * await work.commit();
 * await writer.complete(new TextEncoder().encode("{}\n"));
 * await writer.publish(prefix); // samples_ids.npy, samples_idx.npz, samples_report.json
 * await work.remove();
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export class CorpusWriter {
  readonly #work: WorkFolder<unknown>;
  readonly #state: CorpusState;
  readonly #format: CorpusFormat;

  /**
   * @param work where the files grow
   * @param state how much of them is there; part of the work folder's state
   * @param format element type of ids, and whether there are marks
   */
  constructor(work: WorkFolder<unknown>, state: CorpusState, format: CorpusFormat) {
    this.#work = work;
    this.#state = state;
    this.#format = format;
  }

  /**
   * Adds sentences; the caller commits the work folder when its own state knows of them.
   *
   * @param sentences ids, lengths and marks
   * @throws {UserError} if the disk refuses
   */
  async append({ ids, lens, marks }: PackedSentences): Promise<void> {
    const state = this.#state;
    await this.#start();
    await this.#work.append(IDS, bytesOf(ids));
    await this.#work.append(LENS, bytesOf(lens));
    if (marks !== undefined) {
      const shifted = shiftBits(state.openMarks, state.tokens % 8, marks, ids.length);
      const whole = Math.floor((state.tokens % 8 + ids.length) / 8);
      await this.#work.append(MARKS, shifted.subarray(0, whole));
      state.openMarks = shifted[whole] ?? 0;
    }
    state.sentences += lens.length;
    state.tokens += ids.length;
  }

  /**
   * Completes the files in the work folder.
   *
   * @param report content of `<prefix>_report.json`
   * @throws {UserError} if the disk refuses
   */
  async complete(report: Uint8Array): Promise<void> {
    const { sentences, tokens, openMarks } = this.#state;
    const { hasMarks } = this.#format;
    await this.#start();
    if (hasMarks && tokens % 8 > 0) await this.#work.append(MARKS, Uint8Array.of(openMarks));
    await this.#work.finish(IDS);
    await this.#work.finish(LENS);
    if (hasMarks) await this.#work.finish(MARKS);
    await this.#overwrite(IDS, [encodeNpyHeader(this.#idType, [tokens])]);
    if (hasMarks) await this.#overwrite(MARKS, [encodeNpyHeader("u1", [Math.ceil(tokens / 8)])]);
    await this.#overwrite(IDX, this.#archive(sentences), true);
    await this.#overwrite(REPORT, [report], true);
    this.#state.isWhole = true;
    await this.#work.commit();
    await this.#work.save();
  }

  /**
   * Gives the files of a whole corpus their names, in an order in which no crash leaves a pair that looks whole but is not;
   * after a crash it may be done again.
   *
   * @param prefix path before `_ids.npy`
   * @throws {UserError} if the disk refuses, or somebody removed what was published before the crash
   */
  async publish(prefix: string): Promise<void> {
    try {
      const isNew = await exists(this.#work.pathOf(IDX));
      if (isNew) { // otherwise a run that was killed came to the end of this
        await Deno.remove(`${prefix}_${IDX}`).catch(ignoreMissing);
        if (!this.#format.hasMarks) await Deno.remove(`${prefix}_${MARKS}`).catch(ignoreMissing);
        await syncFolder(dirname(prefix));
      }
      for (const name of [IDS, MARKS, REPORT, IDX]) {
        await Deno.rename(this.#work.pathOf(name), `${prefix}_${name}`).catch(ignoreMissing);
      }
      await syncFolder(dirname(prefix));
      if (isNew || await exists(`${prefix}_${IDX}`)) return;
    } catch (error) {
      throw fileError("write corpus", prefix, error);
    }
    throw new UserError(
      `Cannot write corpus "${prefix}": a run that was killed at its very end had written it, and then it was removed; ` +
        `remove "${this.#work.path}" as well, and run the same command again`,
    );
  }

  get #idType(): NpyDtype {
    return idType(this.#format.vocabularySize);
  }

  /** Puts down headers, as long as the last ones will be. */
  async #start(): Promise<void> {
    if (this.#work.sizeOf(IDS) > 0) return;
    await this.#work.append(IDS, encodeNpyHeader(this.#idType, [0]));
    if (this.#format.hasMarks) await this.#work.append(MARKS, encodeNpyHeader("u1", [0]));
  }

  /** The archive of lengths, and of the notes that there is a file of marks, and that sentences are pairs. */
  async *#archive(sentences: number): AsyncGenerator<Uint8Array> {
    const { hasMarks, pairs = false } = this.#format;
    const header = encodeNpyHeader("i4", [sentences]);
    let crc = crc32(header);
    for await (const bytes of readFile(this.#work.pathOf(LENS))) crc = crc32(bytes, crc);
    const lens: NpzEntry = { key: "lens", size: header.length + sentences * elementBytes("i4"), crc };
    yield encodeNpzHeader(lens);
    yield header;
    yield* readFile(this.#work.pathOf(LENS));
    const note = encodeNpy({ dtype: "u1", shape: [1], data: Uint8Array.of(NOTE_VERSION) });
    const keys = [...(hasMarks ? ["word_marks"] : []), ...(pairs ? ["pairs"] : [])];
    const notes = keys.map((key): NpzEntry => ({ key, size: note.length, crc: crc32(note) }));
    for (const entry of notes) {
      yield encodeNpzHeader(entry);
      yield note;
    }
    yield encodeNpzDirectory([lens, ...notes]);
  }

  /** Writes from the start of a file on. */
  async #overwrite(
    name: string,
    chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
    truncate = false,
  ): Promise<void> {
    await this.#work.attempt(name, async () => {
      using file = await Deno.open(this.#work.pathOf(name), { write: true, create: true, truncate });
      for await (const chunk of chunks) {
        for (let written = 0; written < chunk.length;) written += await file.write(chunk.subarray(written));
      }
      await file.sync();
    });
  }
}

/**
 * Puts bits behind bits.
 *
 * @param open bits that do not fill a byte, the first one highest
 * @param count how many they are, 0 to 7
 * @param bits more bits, packed as numpy.packbits does
 * @param length how many
 * @returns all of them packed; one byte more than bits fill
 */
export function shiftBits(open: number, count: number, bits: Uint8Array, length: number): Uint8Array {
  const packed = new Uint8Array(Math.floor((count + length) / 8) + 1);
  packed[0] = open;
  for (let i = 0; i < Math.ceil(length / 8); i++) {
    packed[i] = packed[i]! | bits[i]! >> count;
    if (i + 1 < packed.length) packed[i + 1] = bits[i]! << 8 - count & 0xff;
  }
  return packed;
}

/**
 * Reads a part of a file.
 *
 * @param path the file
 * @param start where to start, in bytes
 * @param end where to end
 * @returns pieces of one MiB, the last one shorter, each good until the next is asked for
 */
export async function* readFile(path: string, start = 0, end = Infinity): AsyncGenerator<Uint8Array> {
  using file = await Deno.open(path);
  await file.seek(start, Deno.SeekMode.Start);
  const buffer = new Uint8Array(COPY_BYTES);
  for (let at = start, filled = 0;; filled = 0) {
    const wanted = Math.min(COPY_BYTES, end - at);
    while (filled < wanted) {
      const count = await file.read(buffer.subarray(filled, wanted));
      if (count === null) break;
      filled += count;
    }
    if (filled > 0) yield buffer.subarray(0, filled);
    at += filled;
    if (filled < COPY_BYTES) return;
  }
}

function bytesOf(array: Uint16Array | Int32Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

function ignoreMissing(error: unknown): void {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
}
