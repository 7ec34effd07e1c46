/** Joining the parts of a job array, `<prefix>-00000-of-00004_ids.npy` and so on, into the corpus of one run. */
import { basename, dirname } from "node:path";
import { fileError, UserError } from "../config/mod.ts";
import {
  addCounts,
  type CorpusReport,
  corpusReport,
  type CorpusSettings,
  emptyTally,
  encodeReport,
  MAX_EXAMPLES,
} from "./corpus_report.ts";
import { ArrayFile, decodeNpyHeader, encodeNpzHeader, readCorpusVocabulary } from "../packing/mod.ts";
import { CorpusWriter, emptyCorpus, readFile, shardPrefix, workFolderPath } from "./corpus_writer.ts";
import { WorkFolder } from "./work_folder.ts";

/** What to merge. */
export interface MergeOptions {
  /** Path before `_ids.npy` of the whole corpus, as it was given to every shard. */
  readonly outputFile: string;
  /** Remove the parts afterwards. Default: false. */
  readonly remove?: boolean;
  /** Stops the work; nothing is changed then. */
  readonly signal?: AbortSignal;
  /** Hears how many sentences of how many are joined. */
  readonly onProgress?: (sentences: number, totalSentences: number) => void;
}

/** What merging wrote. */
export interface MergeSummary {
  readonly shards: number;
  readonly sentences: number;
  readonly tokens: number;
}

/** A shard, and what it says of itself. */
interface Part {
  readonly prefix: string;
  readonly report: CorpusReport;
}

const FILES = ["ids.npy", "idx.npz", "marks.npy", "report.json"];
const PIECE = 1 << 18; // ids that are in memory at a time, a multiple of 8
const LENS_OFFSET = encodeNpzHeader({ key: "lens", size: 0, crc: 0 }).length;
/** What must be the same in all parts. */
const SETTINGS = [
  "tokenize_tool",
  "word_marks",
  "vocabulary_sha256",
  "field",
  "pairs",
  "min_chars",
  "dedup",
  "files",
  "input_sha256",
] as const satisfies readonly (keyof CorpusSettings)[];

/**
 * Joins all shards of a corpus; the result is that of a run without shards, byte for byte.
 *
 * @param options which corpus
 * @returns how much was joined
 * @throws {UserError} if there are no shards, one is missing, unfinished or made otherwise than the others, or the disk refuses
 * @throws the signal's reason if it aborts
 *
 * @example
 * ```ts ignore
 * import { merge } from "./merge.ts";
 * await merge({ outputFile: "data/samples", remove: true }); // after --shard 0/4 … --shard 3/4
 * ```
 */
export async function merge(options: MergeOptions): Promise<MergeSummary> {
  const { outputFile, signal, onProgress } = options;
  const cannot = (reason: string) => new UserError(`Cannot merge "${outputFile}": ${reason}`);
  const vocabulary = await readCorpusVocabulary(outputFile);
  if (vocabulary === undefined) throw cannot("there is no vocab.txt beside its shards");
  const parts: Part[] = [];
  for (const prefix of await listParts(outputFile, cannot)) {
    parts.push({ prefix, report: await readReport(`${prefix}_report.json`) });
  }
  const first = parts[0]!.report;
  for (const { prefix, report } of parts) {
    const other = SETTINGS.find((key) => report[key] !== first[key]) ??
      (report.lexicon?.sha256 !== first.lexicon?.sha256 ? "lexicon" : undefined);
    if (other === undefined) continue;
    throw cannot(
      `"${basename(prefix)}" was made with another ${other} than "${basename(parts[0]!.prefix)}"; ` +
        "make all shards with the same options, from the same input",
    );
  }
  if (first.vocabulary_sha256 !== await vocabulary.hash()) {
    throw cannot("the shards were made with another vocabulary than the vocab.txt beside them");
  }
  const total = parts.reduce((sum, { report }) => sum + report.sentences, 0);
  if (total === 0) throw cannot("no line of any shard gives a token");

  await using work = await WorkFolder.open(workFolderPath(outputFile), {
    fingerprint: { merge: String(performance.timeOrigin) }, // of no other run's use
    initial: emptyCorpus,
    what: `corpus "${outputFile}"`,
    saveSeconds: Infinity,
  });
  try {
    const writer = new CorpusWriter(work, work.state, {
      vocabularySize: vocabulary.size,
      hasMarks: first.word_marks === "position",
      pairs: first.pairs === true,
    });
    const tally = emptyTally();
    for (const part of parts) {
      await copyPart(part, writer, signal);
      addCounts(tally, part.report, part.report.unknown);
      tally.badLines.push(...part.report.bad_line_examples.slice(0, MAX_EXAMPLES - tally.badLines.length));
      onProgress?.(work.state.sentences, total);
    }
    await writer.complete(encodeReport(corpusReport(first, tally, "0/1")));
    await writer.publish(outputFile);
  } finally {
    await work.remove();
  }
  if (options.remove) await removeParts(parts);
  return { shards: parts.length, sentences: total, tokens: work.state.tokens };
}

/** Paths of all parts in order. */
async function listParts(outputFile: string, cannot: (reason: string) => UserError): Promise<string[]> {
  const folder = dirname(outputFile);
  const entries = await Array.fromAsync(Deno.readDir(folder)).catch((error) => {
    throw fileError("read", folder, error);
  });
  const names = new Set(entries.map(({ name }) => name));
  const counts = new Set<number>();
  for (const name of names) {
    const [, whole, count] = /^(.+)-\d{5}-of-(\d{5})_/.exec(name) ?? [];
    if (whole === basename(outputFile)) counts.add(Number(count));
  }
  if (counts.size === 0) {
    throw cannot(`there are no shards of it; make them with \`deno task preprocess --shard 0/n\``);
  }
  if (counts.size > 1) {
    throw cannot(
      `there are shards of runs with ${[...counts].join(" and ")} shards; remove those not wanted`,
    );
  }
  const [count] = counts as unknown as [number];
  return Array.from({ length: count }, (_, index) => {
    const prefix = shardPrefix(outputFile, { index, count });
    const missing = FILES.find((file) => file !== "marks.npy" && !names.has(`${basename(prefix)}_${file}`));
    if (missing === undefined) return prefix;
    const isWhole = missing === "ids.npy" || missing === "idx.npz" ? "is missing" : `lacks its _${missing}`;
    throw cannot(`shard "${basename(prefix)}" ${isWhole}; make it with --shard ${index}/${count}`);
  });
}

async function readReport(path: string): Promise<CorpusReport> {
  const cannot = (reason: string) =>
    new UserError(`Cannot read report "${path}": ${reason}; make the shard again`);
  let report: CorpusReport | null;
  try {
    report = JSON.parse(await Deno.readTextFile(path));
  } catch (error) {
    throw error instanceof SyntaxError ? cannot("it is not JSON") : fileError("read report", path, error);
  }
  if (report?.version !== 1) throw cannot("it is not one of a corpus");
  return report;
}

/** Adds a part's sentences. */
async function copyPart(
  { prefix, report }: Part,
  writer: CorpusWriter,
  signal: AbortSignal | undefined,
): Promise<void> {
  const hasMarks = report.word_marks === "position";
  using ids = await ArrayFile.open(`${prefix}_ids.npy`, ["u2", "i4"], "ids");
  using marks = hasMarks ? await ArrayFile.open(`${prefix}_marks.npy`, ["u1"], "word marks") : undefined;
  const lens = await findLens(`${prefix}_idx.npz`);
  const mismatch = () =>
    new UserError(
      `Cannot merge "${prefix}": its files and its report tell of different sentences; make it again with ` +
        `--shard ${report.shard}`,
    );
  if (
    ids.length !== report.tokens || lens.count !== report.sentences ||
    (marks !== undefined && marks.length !== Math.ceil(ids.length / 8))
  ) {
    throw mismatch();
  }
  const none = { ids: new Uint16Array(0), lens: new Int32Array(0) };
  let [sentences, tokens] = [0, 0];
  for await (const piece of readFile(lens.path, lens.start, lens.start + 4 * lens.count)) {
    const some = new Int32Array(piece.slice().buffer, 0, piece.length >> 2); // of a file cut short not all
    sentences += some.length;
    tokens += some.reduce((sum, length) => sum + length, 0);
    await writer.append({ ...none, lens: some });
  }
  if (sentences !== lens.count || tokens !== ids.length) throw mismatch();
  for (let at = 0; at < ids.length; at += PIECE) {
    signal?.throwIfAborted();
    const count = Math.min(PIECE, ids.length - at);
    const bits = marks?.read(at / 8, Math.ceil(count / 8)) as Uint8Array | undefined;
    const piece = ids.read(at, count) as Uint16Array | Int32Array;
    await writer.append({ ...none, ids: piece, ...(bits === undefined ? {} : { marks: bits }) });
  }
}

/** Where the lengths are in an archive of ours: stored, the first entry. */
async function findLens(path: string): Promise<{ path: string; start: number; count: number }> {
  try {
    for await (const bytes of readFile(path, LENS_OFFSET)) {
      const { dataOffset, shape } = decodeNpyHeader(bytes, path);
      return { path, start: LENS_OFFSET + dataOffset, count: shape[0]! };
    }
  } catch (error) {
    throw fileError("read corpus", path, error);
  }
  throw new UserError(`Cannot read corpus "${path}": it is cut short`);
}

async function removeParts(parts: readonly Part[]): Promise<void> {
  for (const { prefix } of parts) {
    for (const file of FILES) {
      await Deno.remove(`${prefix}_${file}`).catch((error) => {
        if (!(error instanceof Deno.errors.NotFound)) throw fileError("remove", `${prefix}_${file}`, error);
      });
    }
  }
}
