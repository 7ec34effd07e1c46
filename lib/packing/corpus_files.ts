/** The files of a corpus: finding the pairs of a folder, opening them, checking that they belong together. */
import { join } from "node:path";
import { UserError } from "../config/mod.ts";
import type { CorpusIdTable, Vocabulary } from "../text/mod.ts";
import { ArrayFile, attempt, type Elements } from "./array_file.ts";
import type { NpyArray } from "./npy.ts";
import { decodeNpz } from "./npz.ts";
import { ID_TYPES } from "./token_files.ts";

/** One pair of files, and the word marks if they have a file of their own. */
export interface CorpusFile {
  /** Path before `_ids.npy`. */
  readonly prefix: string;
  readonly ids: ArrayFile;
  readonly marks: ArrayFile | undefined;
  /** Where sentence n begins, in ids; one entry more than there are sentences. */
  readonly starts: Float64Array;
  /** Whether each two sentences that follow each other are a pair. */
  readonly pairs: boolean;
}

const IDS = "_ids.npy";
const IDX = "_idx.npz";
const REPORT = "_report.json";
const MARKS = "_marks.npy";
const MARKS_KEY = "word_marks";
const MARKS_VERSION = 1;
const PAIRS_KEY = "pairs";

/**
 * Finds the pairs of files in a folder.
 *
 * @param folder its path
 * @param only the one to look for. Default: all
 * @returns paths before `_ids.npy`, in string order
 * @throws {UserError} if there is none, or half of one is missing
 */
export async function listPrefixes(folder: string, only?: string): Promise<string[]> {
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
export async function checkVocabulary(prefix: string, vocabulary: Vocabulary): Promise<void> {
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

/**
 * Opens a pair of files.
 *
 * @param prefix its path before `_ids.npy`
 * @returns the open files
 * @throws {UserError} if one cannot be read, or they do not fit each other
 */
export async function openCorpusFile(prefix: string): Promise<CorpusFile> {
  const { starts, hasMarks, pairs } = await readIndex(prefix + IDX);
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
      pairs,
    };
  } catch (error) {
    ids.close();
    throw error;
  }
}

/** Closes a pair of files. */
export function closeCorpusFile({ ids, marks }: CorpusFile): void {
  ids.close();
  marks?.close();
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
async function readIndex(path: string): Promise<{ starts: Float64Array; hasMarks: boolean; pairs: boolean }> {
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
  const pairs = arrays.get(PAIRS_KEY)?.data[0] === 1;
  if (pairs && lens.data.length % 2 === 1) {
    throw cannot(`it is a corpus of pairs, but has ${lens.data.length} sentences`);
  }
  return { starts, hasMarks: version !== undefined, pairs };
}

/**
 * Looks at every id of a file once.
 *
 * An id past V continues a word with a character that the tokenizer found in its vocabulary; where ours lacks it, the
 * corpus was made with another one, and all its ids mean something else.
 */
export async function checkIds(
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
