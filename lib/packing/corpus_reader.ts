/**
 * Reading a corpus: a folder of `<prefix>_ids.npy` + `<prefix>_idx.npz` pairs, seen as one list of sentences.
 *
 * Which tokens continue a word, the ids tell in a corpus of the original: Chinese characters have an id for each case. Where
 * the lengths' archive holds `word_marks`, `<prefix>_marks.npy` tells it for every token, one bit each.
 *
 * Everything is checked when the folder is opened; after that a sentence is one positional read. In memory stay the
 * sentences' offsets, eight bytes each. Source: the original's `MedicalCorpus`.
 */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { UserError } from "../config/mod.ts";
import { type CorpusIdTable, corpusIdTable, type Vocabulary } from "../text/mod.ts";
import { ArrayFile, attempt, type Elements } from "./array_file.ts";
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
  /** Read only the pair of this name, `samples` for `samples_ids.npy`. Default: all of the folder. */
  readonly name?: string;
  /** Hears how many ids of how many are checked, every few megabytes. */
  readonly onProgress?: (ids: number, totalIds: number) => void;
}

/** One pair of files, and the word marks if they have a file of their own. */
interface CorpusFile {
  /** Path before `_ids.npy`. */
  readonly prefix: string;
  readonly ids: ArrayFile;
  readonly marks: ArrayFile | undefined;
  /** Where sentence n begins, in ids; one entry more than there are sentences. */
  readonly starts: Float64Array;
  /** Number of the first sentence in the whole corpus. */
  readonly first: number;
}

const IDS = "_ids.npy";
const IDX = "_idx.npz";
const REPORT = "_report.json";
const MARKS = "_marks.npy";
const MARKS_KEY = "word_marks";
const MARKS_VERSION = 1;
const ID_TYPES: readonly NpyDtype[] = ["u1", "u2", "u4", "i4"];

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
  /** Its pairs of files: paths before `_ids.npy` and `_idx.npz`. */
  readonly prefixes: readonly string[];
  readonly #files: readonly CorpusFile[];
  readonly #table: CorpusIdTable;

  private constructor(files: readonly CorpusFile[], table: CorpusIdTable, fingerprint: string) {
    this.#files = files;
    this.#table = table;
    this.fingerprint = fingerprint;
    this.prefixes = files.map(({ prefix }) => prefix);
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
   * @throws {UserError} if the folder or a file cannot be read, a file lacks its pair, lengths do not add up, an id is
   *   beyond the vocabulary, or the report tells of another vocabulary; the message names the file
   */
  static async open(folder: string, vocabulary: Vocabulary, options: CorpusOptions = {}): Promise<Corpus> {
    const table = corpusIdTable(vocabulary);
    if (!options.originalPieces) vocabulary.tokens.forEach((_, id) => table.vocabularyIds[id] = id);
    const files: CorpusFile[] = [];
    const hash = createHash("sha256");
    try {
      for (const prefix of await listPrefixes(folder, options.name)) {
        await checkVocabulary(prefix, vocabulary);
        const first = files.reduce((sum, file) => sum + sentencesOf(file), 0);
        files.push(await openCorpusFile(prefix, first));
      }
      const total = files.reduce((sum, { ids }) => sum + ids.length, 0);
      if (total === 0) throw new UserError(`Cannot read corpus folder "${folder}": it has no sentences`);
      let checked = 0;
      for (const file of files) {
        hash.update(new Uint8Array(file.starts.buffer));
        await checkIds(file, table, vocabulary, (ids) => {
          hash.update(new Uint8Array(ids.buffer, ids.byteOffset, ids.byteLength));
          options.onProgress?.(checked += ids.length, total);
        });
        if (file.marks !== undefined) await file.marks.visit((marks) => hash.update(marks as Uint8Array));
      }
    } catch (error) {
      for (const file of files) closeCorpusFile(file);
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
    const stored = file.ids.read(start, end - start);
    const ids = Int32Array.from(stored, (id) => this.#table.vocabularyIds[id]!);
    const isSuffix = file.marks === undefined
      ? Uint8Array.from(stored, (id) => this.#table.isSuffix[id]!)
      : file.marks.readBits(start, end - start);
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

  /**
   * Counts the sentences of each length.
   *
   * @returns how many sentences there are, by their number of tokens
   */
  lengthCounts(): Map<number, number> {
    const counts = new Map<number, number>();
    for (const { starts } of this.#files) {
      for (let i = 1; i < starts.length; i++) {
        const length = starts[i]! - starts[i - 1]!;
        counts.set(length, (counts.get(length) ?? 0) + 1);
      }
    }
    return counts;
  }

  /** Closes the files. */
  [Symbol.dispose](): void {
    for (const file of this.#files) closeCorpusFile(file);
  }
}

function closeCorpusFile({ ids, marks }: CorpusFile): void {
  ids.close();
  marks?.close();
}

function sentencesOf(file: CorpusFile): number {
  return file.starts.length - 1;
}

/** Paths, without endings, of the pairs in a folder, in string order. */
async function listPrefixes(folder: string, only?: string): Promise<string[]> {
  const cannot = (reason: string) => new UserError(`Cannot read corpus folder "${folder}": ${reason}`);
  const names = await attempt(
    cannot,
    async () => (await Array.fromAsync(Deno.readDir(folder))).map((e) => e.name),
  );
  const prefixes = new Set(
    names.filter((name) => name.endsWith(IDS) || name.endsWith(IDX)).map((name) => name.slice(0, -IDS.length))
      .filter((prefix) => only === undefined || prefix === only),
  );
  if (prefixes.size === 0) {
    throw cannot(
      `it holds no ${only ?? ""}${IDX} and ${only ?? ""}${IDS}; make them with \`deno task preprocess\``,
    );
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
  if (only === undefined) checkShards(prefixes, cannot);
  return [...prefixes].sort().map((prefix) => join(folder, prefix));
}

/** Refuses a job array's parts of which some are missing, and parts beside the corpus that they were merged into. */
function checkShards(prefixes: ReadonlySet<string>, cannot: (reason: string) => UserError): void {
  for (const prefix of prefixes) {
    const [, whole, count] = /^(.+)-\d{5}-of-(\d{5})$/.exec(prefix) ?? [];
    if (whole === undefined || count === undefined) continue;
    if (prefixes.has(whole)) {
      throw cannot(
        `it holds "${whole}" and its part "${prefix}", the same sentences twice; remove the one or the other`,
      );
    }
    for (let i = 0; i < Number(count); i++) {
      const part = `${whole}-${String(i).padStart(5, "0")}-of-${count}`;
      if (!prefixes.has(part)) {
        throw cannot(`part "${part}" is missing; make it with \`--shard ${i}/${Number(count)}\``);
      }
    }
  }
}

/** Refuses a vocabulary other than the one that the report tells of; a corpus of the original has no report. */
async function checkVocabulary(prefix: string, vocabulary: Vocabulary): Promise<void> {
  const sha256 = await Deno.readTextFile(prefix + REPORT).then((json) => JSON.parse(json)?.vocabulary_sha256)
    .catch(() => undefined); // without a report that can be read, the ids alone tell
  if (typeof sha256 !== "string" || sha256 === await vocabulary.hash()) return;
  throw new UserError(
    `Cannot read corpus "${prefix + IDS}": it was made with another vocabulary, as "${
      prefix + REPORT
    }" tells; give ` +
      "the vocab.txt that the corpus was made with",
  );
}

async function openCorpusFile(prefix: string, first: number): Promise<CorpusFile> {
  const { starts, hasMarks } = await readIndex(prefix + IDX);
  const ids = await ArrayFile.open(prefix + IDS, ID_TYPES, "ids");
  try {
    const total = starts.at(-1)!;
    if (ids.length !== total) {
      throw new UserError(
        `Cannot read corpus "${ids.path}": it has ${ids.length} ids, but the lengths in "${
          prefix + IDX
        }" add up to ` +
          `${total}; the two belong to different runs, make them anew with \`deno task preprocess\``,
      );
    }
    return {
      prefix,
      ids,
      marks: hasMarks ? await openMarks(prefix + MARKS, total) : undefined,
      starts,
      first,
    };
  } catch (error) {
    ids.close();
    throw error;
  }
}

async function openMarks(path: string, tokens: number): Promise<ArrayFile> {
  const marks = await ArrayFile.open(path, ["u1"], "word marks");
  if (marks.length === Math.ceil(tokens / 8)) return marks;
  marks.close();
  throw new UserError(
    `Cannot read corpus "${path}": it has ${marks.length} bytes of word marks, ${tokens} ids need ` +
      `${Math.ceil(tokens / 8)}; make the corpus anew with \`deno task preprocess\``,
  );
}

/** Reads the sentence lengths, adds them up, and tells whether word marks have a file of their own. */
async function readIndex(path: string): Promise<{ starts: Float64Array; hasMarks: boolean }> {
  const cannot = (reason: string) => new UserError(`Cannot read corpus "${path}": ${reason}`);
  const arrays = decodeNpz(await attempt(cannot, () => Deno.readFile(path)), path);
  const lens: NpyArray | undefined = arrays.get("lens");
  if (lens === undefined) {
    throw cannot(`it has no array "lens", only ${[...arrays.keys()].join(", ") || "nothing"}`);
  }
  if (lens.shape.length !== 1 || !["i4", "u4", "i8"].includes(lens.dtype)) {
    throw cannot(`"lens" is an array of type ${lens.dtype} and shape [${lens.shape}], not a list of lengths`);
  }
  const starts = new Float64Array(lens.data.length + 1);
  lens.data.forEach((value: number | bigint, i: number) => {
    if (value < 1) throw cannot(`sentence ${i} has length ${value}`);
    starts[i + 1] = starts[i]! + Number(value);
  });
  const version = arrays.get(MARKS_KEY)?.data[0];
  if (version !== undefined && version !== MARKS_VERSION) {
    throw cannot(
      `its word marks are of version ${version}, only ${MARKS_VERSION} is known; use a newer release`,
    );
  }
  return { starts, hasMarks: version !== undefined };
}

/**
 * Looks at every id of a file once.
 *
 * An id past V continues a word with a character that the tokenizer found in its vocabulary; where ours lacks it, the
 * corpus was made with another one, and all its ids mean something else.
 */
async function checkIds(
  file: CorpusFile,
  { vocabularyIds }: CorpusIdTable,
  { size, unkId }: Vocabulary,
  visit: (ids: Elements) => void,
): Promise<void> {
  await file.ids.visit((ids, start) => {
    visit(ids);
    for (let i = 0; i < ids.length; i++) {
      const id = ids[i]!;
      const meaning = vocabularyIds[id];
      if (meaning !== undefined && (id < size || meaning !== unkId)) continue;
      const sentence = file.starts.findIndex((end) => end > start + i) - 1;
      const reason = meaning === undefined
        ? `is beyond the ${vocabularyIds.length} ids of the vocabulary and its word marks`
        : "continues a word with a character that the vocabulary lacks";
      throw new UserError(
        `Cannot read corpus "${file.ids.path}": id ${id} in sentence ${sentence} ${reason}; give the vocab.txt that the ` +
          "corpus was made with",
      );
    }
  });
}
