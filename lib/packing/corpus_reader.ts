/**
 * Reading a corpus: a folder of `<prefix>_ids.npy` + `<prefix>_idx.npz` pairs, seen as one list of sentences.
 *
 * Everything is checked when the folder is opened; after that a sentence is one positional read. In memory stay the
 * sentences' offsets, eight bytes each. Source: the original's `MedicalCorpus`.
 */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { diskErrorReason, UserError } from "../config/mod.ts";
import { type CorpusIdTable, corpusIdTable, type Vocabulary } from "../text/mod.ts";
import { checkNpySize, decodeNpyHeader, elementBytes, npyElements, npyHeaderBytes } from "./npy.ts";
import type { NpyArray, NpyDtype } from "./npy.ts";
import { decodeNpz } from "./npz.ts";

/** A sentence as the model takes it, without `[CLS]` and `[SEP]`. */
export interface Sentence {
  /** Vocabulary ids, below V. */
  readonly ids: Int32Array;
  /** 1 where a token continues the word before it, else 0. */
  readonly isSuffix: Uint8Array;
}

/** How long the sentences of a corpus are, cut to a row's room. */
export interface SentenceLengths {
  /** Tokens a sentence. */
  readonly mean: number;
  readonly variance: number;
  readonly max: number;
}

/** How to read a corpus. */
export interface CorpusOptions {
  /**
   * Read word pieces such as `##ing` as the original does, which takes each for its last letter. By default a piece
   * keeps its own id; either way it continues a word.
   */
  readonly originalPieces?: boolean;
}

/** One pair of files. */
interface CorpusFile {
  readonly path: string;
  readonly file: Deno.FsFile;
  readonly dtype: NpyDtype;
  readonly dataOffset: number;
  /** Where sentence n begins, in ids; one entry more than there are sentences. */
  readonly starts: Float64Array;
  /** Number of the first sentence in the whole corpus. */
  readonly first: number;
}

const IDS = "_ids.npy";
const IDX = "_idx.npz";
const ID_TYPES: readonly NpyDtype[] = ["u1", "u2", "u4", "i4"];
const SCAN_BYTES = 1 << 22;

/**
 * The sentences of a folder, in the order of file names.
 *
 * @example
 * ```ts
 * import { Corpus } from "./corpus_reader.ts";
 * import { Vocabulary } from "../text/mod.ts";
 * const vocabulary = await Vocabulary.read("tests/fixtures/text/vocab.txt");
 * using corpus = await Corpus.open("tests/fixtures/text", vocabulary);
 * console.log(corpus.length, corpus.sentence(0).ids.length); // 6 15
 * ```
 */
export class Corpus implements Disposable {
  /** Number of sentences. */
  readonly length: number;
  /** Number of ids. */
  readonly tokens: number;
  /** SHA-256, in hexadecimal, of all lengths and ids: a resumed run can tell that its corpus is the same. */
  readonly fingerprint: string;
  readonly #files: readonly CorpusFile[];
  readonly #table: CorpusIdTable;

  private constructor(files: readonly CorpusFile[], table: CorpusIdTable, fingerprint: string) {
    this.#files = files;
    this.#table = table;
    this.fingerprint = fingerprint;
    this.length = files.reduce((sum, file) => sum + sentencesOf(file), 0);
    this.tokens = files.reduce((sum, file) => sum + file.starts.at(-1)!, 0);
  }

  /**
   * Opens and checks a folder.
   *
   * @param folder path of the folder; its sub-folders are not searched
   * @param vocabulary the vocabulary that the corpus was made with
   * @param options how word pieces are read
   * @returns the open corpus
   * @throws {UserError} if the folder or a file cannot be read, a file lacks its pair, lengths do not add up, or an id
   *   is beyond the vocabulary; the message names the file
   */
  static async open(folder: string, vocabulary: Vocabulary, options: CorpusOptions = {}): Promise<Corpus> {
    const table = corpusIdTable(vocabulary);
    if (!options.originalPieces) vocabulary.tokens.forEach((_, id) => table.vocabularyIds[id] = id);
    const files: CorpusFile[] = [];
    const hash = createHash("sha256");
    try {
      for (const prefix of await listPrefixes(folder)) {
        const first = files.reduce((sum, file) => sum + sentencesOf(file), 0);
        files.push(await openFile(prefix, first));
        const file = files.at(-1)!;
        hash.update(new Uint8Array(file.starts.buffer));
        await checkIds(file, table, vocabulary, (bytes) => hash.update(bytes));
      }
    } catch (error) {
      for (const { file } of files) file.close();
      throw error;
    }
    return new Corpus(files, table, hash.digest("hex"));
  }

  /**
   * Reads one sentence.
   *
   * @param index number of the sentence, from 0
   * @returns its vocabulary ids and word marks
   * @throws {RangeError} if there is no such sentence
   */
  sentence(index: number): Sentence {
    const file = this.#files.findLast((file) => file.first <= index);
    if (file === undefined || index >= this.length || !Number.isInteger(index)) {
      throw new RangeError(`Cannot read sentence ${index}: the corpus has ${this.length}`);
    }
    const start = file.starts[index - file.first]!;
    const end = file.starts[index - file.first + 1]!;
    const stored = readElements(file, start, end - start);
    const ids = new Int32Array(stored.length);
    const isSuffix = new Uint8Array(stored.length);
    for (let i = 0; i < stored.length; i++) {
      ids[i] = this.#table.vocabularyIds[stored[i] as number]!;
      isSuffix[i] = this.#table.isSuffix[stored[i] as number]!;
    }
    return { ids, isSuffix };
  }

  /**
   * How long sentences are.
   *
   * @param room tokens of a sentence that a row takes; the rest is cut off
   */
  lengths(room: number): SentenceLengths {
    let sum = 0, squares = 0, max = 0;
    for (const { starts } of this.#files) {
      for (let i = 1; i < starts.length; i++) {
        const length = Math.min(room, starts[i]! - starts[i - 1]!);
        sum += length;
        squares += length * length;
        max = Math.max(max, length);
      }
    }
    const mean = sum / this.length;
    return { mean, variance: squares / this.length - mean * mean, max };
  }

  /** Closes the files. */
  [Symbol.dispose](): void {
    for (const { file } of this.#files) file.close();
  }
}

function sentencesOf(file: CorpusFile): number {
  return file.starts.length - 1;
}

/** Paths, without endings, of the pairs in a folder, in string order. */
async function listPrefixes(folder: string): Promise<string[]> {
  const cannot = (reason: string) => new UserError(`Cannot read corpus folder "${folder}": ${reason}`);
  const names = await attempt(
    cannot,
    async () => (await Array.fromAsync(Deno.readDir(folder))).map((e) => e.name),
  );
  const prefixes = new Set(
    names.filter((name) => name.endsWith(IDS) || name.endsWith(IDX)).map((name) =>
      name.slice(0, -IDS.length)
    ),
  );
  if (prefixes.size === 0) {
    throw cannot(`it holds no ${IDX} and ${IDS}; make them with \`deno task preprocess\``);
  }
  for (const prefix of prefixes) {
    for (const [there, missing] of [[IDS, IDX], [IDX, IDS]] as const) {
      if (names.includes(prefix + missing)) continue;
      throw new UserError(
        `Cannot read corpus "${join(folder, prefix + there)}": its "${prefix + missing}" is missing; ` +
          "a corpus is both files, make them anew with `deno task preprocess`",
      );
    }
  }
  return [...prefixes].sort().map((prefix) => join(folder, prefix));
}

async function openFile(prefix: string, first: number): Promise<CorpusFile> {
  const path = prefix + IDS;
  const cannot = (reason: string) => new UserError(`Cannot read corpus "${path}": ${reason}`);
  const starts = await readStarts(prefix + IDX);
  const file = await attempt(cannot, () => Deno.open(path));
  try {
    const size = (await file.stat()).size;
    const preamble = readAt(file, 0, Math.min(12, size));
    const header = readAt(file, 0, Math.min(npyHeaderBytes(preamble, path), size));
    const { dtype, shape, dataOffset } = decodeNpyHeader(header, path);
    if (!ID_TYPES.includes(dtype) || shape.length !== 1) {
      throw cannot(`it is an array of type ${dtype} and shape [${shape}], not a list of ids`);
    }
    checkNpySize(path, dtype, shape, size - dataOffset);
    if (shape[0] !== starts.at(-1)) {
      throw cannot(
        `it has ${shape[0]} ids, but the lengths in "${prefix + IDX}" add up to ${starts.at(-1)}; ` +
          "the two belong to different runs, make them anew with `deno task preprocess`",
      );
    }
    return { path, file, dtype, dataOffset, starts, first };
  } catch (error) {
    file.close();
    throw error;
  }
}

/** Reads the sentence lengths and adds them up. */
async function readStarts(path: string): Promise<Float64Array> {
  const cannot = (reason: string) => new UserError(`Cannot read corpus "${path}": ${reason}`);
  const arrays = decodeNpz(await attempt(cannot, () => Deno.readFile(path)), path);
  const lens: NpyArray | undefined = arrays.get("lens");
  if (lens === undefined) {
    throw cannot(`it has no array "lens", only ${[...arrays.keys()].join(", ") || "nothing"}`);
  }
  if (lens.shape.length !== 1 || !["i4", "u4", "i8"].includes(lens.dtype)) {
    throw cannot(`"lens" is an array of type ${lens.dtype} and shape [${lens.shape}], not a list of lengths`);
  }
  if (lens.data.length === 0) throw cannot("it has no sentences");
  const starts = new Float64Array(lens.data.length + 1);
  lens.data.forEach((value: number | bigint, i: number) => {
    if (value < 1) throw cannot(`sentence ${i} has length ${value}`);
    starts[i + 1] = starts[i]! + Number(value);
  });
  return starts;
}

/**
 * Looks at every id of a file once, four megabytes at a time.
 *
 * An id past V continues a word with a character that the tokenizer found in its vocabulary; where ours lacks it, the
 * corpus was made with another one, and all its ids mean something else.
 */
async function checkIds(
  file: CorpusFile,
  { vocabularyIds }: CorpusIdTable,
  { size, unkId }: Vocabulary,
  visit: (bytes: Uint8Array) => void,
): Promise<void> {
  const total = file.starts.at(-1)!;
  const step = SCAN_BYTES / elementBytes(file.dtype);
  for (let start = 0; start < total; start += step) {
    const ids = readElements(file, start, Math.min(step, total - start));
    visit(new Uint8Array(ids.buffer, ids.byteOffset, ids.byteLength));
    for (let i = 0; i < ids.length; i++) {
      const id = ids[i] as number;
      const meaning = vocabularyIds[id];
      if (meaning !== undefined && (id < size || meaning !== unkId)) continue;
      const sentence = file.starts.findIndex((end) => end > start + i) - 1;
      const reason = meaning === undefined
        ? `is beyond the ${vocabularyIds.length} ids of the vocabulary and its word marks`
        : "continues a word with a character that the vocabulary lacks";
      throw new UserError(
        `Cannot read corpus "${file.path}": id ${id} in sentence ${sentence} ${reason}; give the vocab.txt that the ` +
          "corpus was made with",
      );
    }
    await new Promise((resolve) => setTimeout(resolve)); // Ctrl-C gets its turn
  }
}

function readElements(file: CorpusFile, start: number, count: number): ReturnType<typeof npyElements> {
  const width = elementBytes(file.dtype);
  return npyElements(file.dtype, readAt(file.file, file.dataOffset + start * width, count * width));
}

function readAt(file: Deno.FsFile, position: number, count: number): Uint8Array {
  const bytes = new Uint8Array(count);
  file.seekSync(position, Deno.SeekMode.Start);
  for (let at = 0; at < count;) {
    const read = file.readSync(bytes.subarray(at));
    if (read === null) throw new Deno.errors.UnexpectedEof(`File ended ${count - at} bytes early`);
    at += read;
  }
  return bytes;
}

async function attempt<T>(cannot: (reason: string) => UserError, operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (error) {
    const reason = diskErrorReason(error);
    if (reason === undefined) throw error;
    const wrapped = cannot(reason);
    wrapped.cause = error;
    throw wrapped;
  }
}
