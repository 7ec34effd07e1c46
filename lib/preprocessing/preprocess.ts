/**
 * Preprocessing: text files, one sentence or one pair a line, to one corpus. Source: the original's `preprocess.py`.
 *
 * The main thread reads blocks of whole lines and writes results in order; workers do the rest. The corpus is the same
 * whatever the number of workers, and however often the work was interrupted and resumed. Memory does not grow with the text.
 */
import { createHash } from "node:crypto";
import { dirname } from "node:path";
import { fileError, UserError } from "../config/mod.ts";
import { Lexicon, PAIR_FIELDS, type PairFields, refuseInsideText, type Vocabulary } from "../text/mod.ts";
import type { BlockEncoderOptions } from "./block_encoder.ts";
import { corpusReport, type CorpusSettings, emptyTally, encodeReport } from "./corpus_report.ts";
import { checkCorpusVocabulary, corpusVocabularyPath, readCorpusVocabulary } from "../packing/mod.ts";
import { CorpusWriter, emptyCorpus, shardPrefix, workFolderPath } from "./corpus_writer.ts";
import { Duplicates, emptyDuplicates } from "./duplicates.ts";
import { EncodePass, type PreprocessState } from "./encode_pass.ts";
import { EncoderPool } from "./encoder_pool.ts";
import {
  inputDigest,
  type InputPlan,
  planInput,
  type Segment,
  type Shard,
  shardSegments,
  startPosition,
} from "./input_plan.ts";
import type { WordMarks } from "./line_encoder.ts";
import { WorkFolder } from "./work_folder.ts";

/** What to preprocess and how. */
export interface PreprocessOptions {
  /** A text file (`*.gz` and `*.jsonl` by their names), or a folder that is searched recursively. */
  readonly inputPath: string;
  /** Path before `_ids.npy` and `_idx.npz`; `vocab.txt` goes into the same folder. */
  readonly outputFile: string;
  readonly vocabulary: Vocabulary;
  /** Name of the segmenter: `lac`, `seg`, `jieba`. Default: `lac`. */
  readonly tool?: string;
  /** How words are remembered. Default: `position`. */
  readonly wordMarks?: WordMarks;
  /** File of terms that shall be words, one a line. */
  readonly lexicon?: string;
  /** Field of JSON Lines that holds the text. Default: `text`. */
  readonly field?: string;
  /**
   * Each line is a question and its answer: two columns with a tab between them, or two fields of JSON Lines. Filters and
   * the search for duplicates then take or leave both. Default: false.
   */
  readonly pairs?: boolean;
  /** Fields of JSON Lines that hold question and answer. Default: `question` and `answer`. */
  readonly pairFields?: PairFields;
  /** Texts with fewer characters are left out. Default: 0. */
  readonly minChars?: number;
  /** Leave out texts that were there before, anywhere in the input. Default: false. */
  readonly dedup?: boolean;
  /** Stop at the first line that is not UTF-8, no JSON or too long, instead of skipping it. Default: false. */
  readonly strict?: boolean;
  /** Do only one of several parts of the work, for {@linkcode merge}. Default: all of it. */
  readonly shard?: Shard;
  /** Workers, each with a segmenter of its own. Default: 1. */
  readonly workers?: number;
  /** Lines between two reports of speed. Default: 10,000. */
  readonly loggingSteps?: number;
  /** Seconds between two states on disk from which an interrupted run goes on. Default: 2. */
  readonly saveSeconds?: number;
  /** Stops the work; the same call goes on. */
  readonly signal?: AbortSignal;
  /** Hears the original's log lines, and of bad lines. */
  readonly onLog?: (line: string) => void;
  /** Hears at the start and after every block how far the work is. */
  readonly onProgress?: (progress: PreprocessProgress) => void;
}

/** How far preprocessing is. */
export interface PreprocessProgress {
  /** Looking for duplicates comes first, if it was asked for. */
  readonly phase: "dedup" | "encode";
  /** Bytes on disk that are read, and in all. */
  readonly bytes: number;
  readonly totalBytes: number;
  /** Of those, the bytes that an interrupted run had read. */
  readonly resumedBytes: number;
  readonly sentences: number;
}

/** What preprocessing wrote. */
export interface PreprocessSummary {
  /** Of pairs, both halves count. */
  readonly sentences: number;
  readonly tokens: number;
}

const PIPELINE_VERSION = "1"; // of what blocks and files are like: a state of another one is of no use
const MEBIBYTE = 1 << 20;

/**
 * Turns a file or folder of text into a corpus.
 *
 * Until it is whole, the corpus grows in a hidden folder beside the output. A run that was killed, interrupted or stopped by a
 * full disk goes on where it was when the same call is made again, unless the input or an option has changed; the
 * result is that of a run in one go, byte for byte.
 *
 * @param options input, output, vocabulary, segmenter, workers
 * @returns how many sentences and tokens were written
 * @throws {UserError} if the input cannot be read, changes meanwhile or gives no sentence; if the output cannot be written,
 *   lies in the input folder, stands beside another vocabulary, or is being written by another process; if a line is bad
 *   and `strict` is set
 * @throws the signal's reason if it aborts
 *
 * @example
 * ```ts
 * import { preprocess } from "./preprocess.ts";
 * import { Vocabulary } from "../text/mod.ts";
 * const folder = await Deno.makeTempDir();
 * await Deno.writeTextFile(`${folder}/notes.txt`, "患者因高血压入院治疗。\n无药物过敏史。\n");
 * const vocabulary = await Vocabulary.read("tests/fixtures/text/vocab.txt");
 * const inputPath = `${folder}/notes.txt`, outputFile = `${folder}/samples`;
 * const summary = await preprocess({ inputPath, outputFile, vocabulary, tool: "jieba" });
 * console.log(summary); // { sentences: 2, tokens: 18 }
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export async function preprocess(options: PreprocessOptions): Promise<PreprocessSummary> {
  const { inputPath, outputFile, vocabulary, shard = { index: 0, count: 1 }, signal } = options;
  const log = options.onLog ?? (() => {});
  refuseInsideText("corpus", outputFile, inputPath);
  await checkCorpusVocabulary(outputFile, vocabulary);
  const { lexicon, terms } = await readLexicon(options.lexicon);
  const pairFields = options.pairs ? options.pairFields ?? PAIR_FIELDS : undefined;
  const plan = await planInput(inputPath);
  signal?.throwIfAborted();
  const settings: CorpusSettings = {
    tokenize_tool: options.tool ?? "lac",
    word_marks: options.wordMarks ?? "position",
    lexicon,
    vocabulary_sha256: await vocabulary.hash(),
    field: pairFields?.join() ?? options.field ?? "text",
    ...(pairFields === undefined ? {} : { pairs: true }),
    min_chars: options.minChars ?? 0,
    dedup: options.dedup ?? false,
    input_path: inputPath,
    input_sha256: inputDigest(plan, false),
    files: plan.files.length,
  };
  const encoder: BlockEncoderOptions = {
    tool: settings.tokenize_tool,
    tokens: vocabulary.tokens,
    wordMarks: settings.word_marks,
    ...(terms === undefined ? {} : { lexicon: terms }),
    field: settings.field,
    ...(pairFields === undefined ? {} : { pairFields }),
    minChars: settings.min_chars,
  };
  using pool = await EncoderPool.start(encoder, {
    workers: options.workers ?? 1,
    ...(signal === undefined ? {} : { signal }),
  });
  const prefix = shardPrefix(outputFile, shard);
  const shardName = `${shard.index}/${shard.count}`;
  await using work = await WorkFolder.open<PreprocessState>(workFolderPath(prefix), {
    fingerprint: fingerprintOf(settings, plan, shard),
    initial: () => ({
      corpus: emptyCorpus(),
      tally: emptyTally(),
      duplicates: emptyDuplicates(),
      position: startPosition(),
      blocks: 0,
    }),
    what: `corpus "${prefix}"`,
    onLog: log,
    ...(options.saveSeconds === undefined ? {} : { saveSeconds: options.saveSeconds }),
  });
  Object.setPrototypeOf(work.state.tally.unknown, null); // "constructor" is a spelling like others
  const writer = new CorpusWriter(work, work.state.corpus, {
    vocabularySize: vocabulary.size,
    hasMarks: settings.word_marks === "position",
    pairs: pairFields !== undefined,
  });
  const wroteVocabulary = await writeVocabulary(outputFile, vocabulary);
  const ownsVocabulary = wroteVocabulary && shard.count === 1; // other shards may be at work with it
  try {
    if (!work.state.corpus.isWhole) {
      const segments = await shardSegments(plan, shard);
      const totalBytes = segments.reduce((sum, { size }) => sum + size, 0);
      if (work.isResumed) log(`Resuming at ${describePosition(work.state, segments, plan, settings.dedup)}`);
      const duplicates = settings.dedup ? await findDuplicates(work, pool, plan, shard, options) : undefined;
      await new EncodePass(work, writer, segments, totalBytes, options).run(pool, duplicates);
      if (work.state.corpus.sentences > 0 || shard.count > 1) {
        log("Saving tokens to files...");
        await writer.complete(encodeReport(corpusReport(settings, work.state.tally, shardName)));
      }
    }
  } catch (error) {
    await work.save().catch(() => {}); // a full disk keeps the state of before
    const { position, duplicates } = work.state;
    if (signal?.aborted) {
      const isSearching = settings.dedup && !duplicates.isDone;
      const { fileBytes } = isSearching ? duplicates.position : position;
      const what = isSearching ? "searched for duplicates" : "done";
      log(`Interrupted: ${megabytes(fileBytes)} MB are ${what}, the same command goes on`);
      throw signal.reason;
    }
    if (position.fileBytes + duplicates.position.fileBytes === 0) {
      await forget(work, ownsVocabulary, outputFile);
    }
    throw error;
  }
  const { sentences, tokens } = work.state.corpus;
  if (sentences === 0 && shard.count === 1) {
    await forget(work, ownsVocabulary, outputFile);
    const what = pairFields === undefined ? "a token" : "a question and its answer";
    throw new UserError(`Cannot preprocess "${inputPath}": no line of it gives ${what}`);
  }
  await writer.publish(prefix);
  await work.remove();
  const { bad_lines } = work.state.tally.counts;
  if (bad_lines > 0) {
    const lines = bad_lines === 1 ? "1 bad line; it is" : `${bad_lines} bad lines; the first are`;
    log(`Skipped ${lines} in "${prefix}_report.json"`);
  }
  if (pairFields !== undefined) log(`Total pairs num: ${sentences / 2}`);
  log(`Total sentences num: ${sentences}`);
  log(`Total tokens num: ${tokens}`);
  log(`Average tokens per sentence: ${(tokens / Math.max(1, sentences)).toFixed(2)}`);
  return { sentences, tokens };
}

async function findDuplicates(
  work: WorkFolder<PreprocessState>,
  pool: EncoderPool,
  plan: InputPlan,
  shard: Shard,
  { onProgress }: PreprocessOptions,
): Promise<Duplicates> {
  const state = work.state.duplicates;
  const resumedBytes = state.position.fileBytes;
  return await Duplicates.find(
    work,
    state,
    pool,
    plan,
    shard,
    (bytes) =>
      onProgress?.({ phase: "dedup", bytes, totalBytes: plan.totalBytes, resumedBytes, sentences: 0 }),
  );
}

/** All that the corpus depends on, by names that a message may use. */
function fingerprintOf(
  settings: CorpusSettings,
  plan: InputPlan,
  { index, count }: Shard,
): Record<string, string> {
  return {
    "the pipeline": PIPELINE_VERSION,
    "the segmenter": settings.tokenize_tool,
    "word marks": settings.word_marks,
    "the lexicon": settings.lexicon?.sha256 ?? "",
    "the vocabulary": settings.vocabulary_sha256,
    "the field": settings.field,
    ...(settings.pairs === undefined ? {} : { "whether lines are pairs": "yes" }), // so older runs go on without
    "the smallest length": String(settings.min_chars),
    "the search for duplicates": String(settings.dedup),
    "the shard": `${index}/${count}`,
    "the input": inputDigest(plan, true) + plan.path,
  };
}

async function readLexicon(
  path: string | undefined,
): Promise<{ lexicon: CorpusSettings["lexicon"]; terms?: readonly string[] }> {
  if (path === undefined) return { lexicon: null };
  const { terms } = await Lexicon.read(path);
  const sha256 = createHash("sha256").update(terms.join("\n")).digest("hex");
  return { lexicon: { file: path, terms: terms.length, sha256 }, terms };
}

/** Puts the vocabulary beside the corpus, so that the same command resumes with it; tells whether it was not there. */
async function writeVocabulary(outputFile: string, vocabulary: Vocabulary): Promise<boolean> {
  if (await readCorpusVocabulary(outputFile) !== undefined) return false;
  try {
    await Deno.mkdir(dirname(outputFile), { recursive: true });
  } catch (error) {
    throw fileError("write corpus", outputFile, error);
  }
  await vocabulary.write(corpusVocabularyPath(outputFile));
  return true;
}

/** Leaves nothing behind of a run that came to nothing. */
async function forget(
  work: WorkFolder<PreprocessState>,
  ownsVocabulary: boolean,
  outputFile: string,
): Promise<void> {
  await work.remove();
  if (ownsVocabulary) await Deno.remove(corpusVocabularyPath(outputFile));
}

/** How far an interrupted run was: "1.2 of 20.0 MB (raw/a.txt)". */
function describePosition(
  { position, duplicates }: PreprocessState,
  segments: readonly Segment[],
  plan: InputPlan,
  dedup: boolean,
): string {
  if (dedup && !duplicates.isDone) {
    const done = megabytes(duplicates.position.fileBytes);
    return `${done} of ${megabytes(plan.totalBytes)} MB of the search for duplicates`;
  }
  const total = segments.reduce((sum, { size }) => sum + size, 0);
  const file = segments[position.segment]?.file.path ?? "";
  return `${megabytes(position.fileBytes)} of ${megabytes(total)} MB (${file})`;
}

function megabytes(bytes: number): string {
  return (bytes / MEBIBYTE).toFixed(1);
}
