/**
 * Preprocessing: text files, one sentence a line, to one corpus. Source: the original's `preprocess.py`.
 *
 * The corpus is the same whatever the number of workers. Unlike the original, text must be UTF-8, memory does not grow with
 * the ids, the files appear only when they are whole, and the vocabulary is put beside them.
 */
import { UserError } from "../config/mod.ts";
import { listTextFiles, readLines, refuseInsideText, type Vocabulary } from "../text/mod.ts";
import { checkCorpusVocabulary, corpusVocabularyPath } from "./corpus_vocabulary.ts";
import { CorpusWriter } from "./corpus_writer.ts";
import { EncoderPool } from "./encoder_pool.ts";

/** What to preprocess and how. */
export interface PreprocessOptions {
  /** A text file, or a folder that is searched recursively. */
  readonly inputPath: string;
  /** Path before `_ids.npy` and `_idx.npz`; `vocab.txt` goes into the same folder. */
  readonly outputFile: string;
  readonly vocabulary: Vocabulary;
  /** Name of the segmenter. Default: `jieba`. */
  readonly tool?: string;
  /** Workers, each with a segmenter of its own (100 MB for jieba). Default: 1. */
  readonly workers?: number;
  /** Lines between two reports of speed. Default: 100. */
  readonly loggingSteps?: number;
  /** Stops the work; what was written is removed. */
  readonly signal?: AbortSignal;
  /** Hears the original's log lines. */
  readonly onLog?: (line: string) => void;
  /** Hears at the start and after every few hundred lines how far the work is. */
  readonly onProgress?: (progress: PreprocessProgress) => void;
}

/** How far preprocessing is. */
export interface PreprocessProgress {
  readonly bytes: number;
  readonly totalBytes: number;
  readonly sentences: number;
}

/** What preprocessing wrote. */
export interface PreprocessSummary {
  readonly sentences: number;
  readonly tokens: number;
}

const CHUNK_LINES = 256; // as the original's pool
const CHUNK_CHARACTERS = 1 << 17; // for files with very long lines
const MEBIBYTE = 1 << 20;

/**
 * Turns a file or folder of text into a corpus.
 *
 * @param options input, output, vocabulary, segmenter, workers
 * @returns how many sentences and tokens were written
 * @throws {UserError} if the input cannot be read, is not UTF-8 or gives no sentence; if the output cannot be written, lies
 *   in the input folder, or stands beside another vocabulary
 * @throws the signal's reason if it aborts
 *
 * @example
 * ```ts
 * import { preprocess } from "./preprocess.ts";
 * import { Vocabulary } from "../text/mod.ts";
 * const folder = await Deno.makeTempDir();
 * await Deno.writeTextFile(`${folder}/notes.txt`, "患者因高血压入院治疗。\n无药物过敏史。\n");
 * const vocabulary = await Vocabulary.read("tests/fixtures/text/vocab.txt");
 * const summary = await preprocess({ inputPath: `${folder}/notes.txt`, outputFile: `${folder}/samples`, vocabulary });
 * console.log(summary); // { sentences: 2, tokens: 18 }
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export async function preprocess(options: PreprocessOptions): Promise<PreprocessSummary> {
  const { inputPath, outputFile, vocabulary, tool = "jieba", workers = 1, loggingSteps = 100, signal } =
    options;
  const log = options.onLog ?? (() => {});
  refuseInsideText("corpus", outputFile, inputPath);
  await checkCorpusVocabulary(outputFile, vocabulary);
  const totalBytes = await countBytes(inputPath);
  signal?.throwIfAborted();
  options.onProgress?.({ bytes: 0, totalBytes, sentences: 0 });

  using pool = await EncoderPool.start(workers, tool, vocabulary);
  await using writer = await CorpusWriter.create(outputFile, { vocabularySize: vocabulary.size });
  const start = performance.now();
  let [step, bytes] = [0, 0];
  for await (const chunk of pool.encode(readChunks(inputPath, log))) {
    signal?.throwIfAborted();
    await writer.write(chunk.ids, chunk.lens.filter((length) => length > 0));
    for (let i = 0; i < chunk.lens.length; i++) {
      step++;
      bytes += chunk.bytes[i]!;
      if (step % loggingSteps !== 0 || chunk.lens[i] === 0) continue;
      const seconds = (performance.now() - start) / 1000;
      const [speed, throughput] = [step / seconds, bytes / MEBIBYTE / seconds];
      log(`Processed ${step} sentences (${speed.toFixed(2)} sentences/s, ${throughput.toFixed(4)} MB/s).`);
    }
    options.onProgress?.({ bytes: Math.min(bytes, totalBytes), totalBytes, sentences: writer.sentences });
  }
  const { sentences, tokens } = writer;
  if (sentences === 0) throw new UserError(`Cannot preprocess "${inputPath}": no line of it gives a token`);

  log("Saving tokens to files...");
  await vocabulary.write(corpusVocabularyPath(outputFile));
  await writer.close();
  log(`Total sentences num: ${sentences}`);
  log(`Total tokens num: ${tokens}`);
  log(`Average tokens per sentence: ${(tokens / sentences).toFixed(2)}`);
  return { sentences, tokens };
}

async function countBytes(inputPath: string): Promise<number> {
  let total = 0;
  for (const path of await listTextFiles(inputPath)) total += (await Deno.stat(path)).size;
  return total;
}

/** Groups lines for the workers. */
async function* readChunks(inputPath: string, log: (line: string) => void): AsyncGenerator<string[]> {
  let lines: string[] = [];
  let characters = 0;
  let current: string | undefined;
  for await (const { file, text } of readLines(inputPath)) {
    if (file !== current) log(`Processing ${current = file}`);
    lines.push(text);
    characters += text.length;
    if (lines.length < CHUNK_LINES && characters < CHUNK_CHARACTERS) continue;
    yield lines;
    [lines, characters] = [[], 0];
  }
  if (lines.length > 0) yield lines;
}
