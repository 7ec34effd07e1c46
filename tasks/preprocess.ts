/** `deno task preprocess`: a folder of text to `<prefix>_ids.npy`, `<prefix>_idx.npz` and the vocabulary. */
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { type OptionsOf, type OptionTable, ProgressBar, UserError } from "../lib/config/mod.ts";
import { installLac } from "../lib/install/mod.ts";
import { corpusVocabularyPath, readCorpusVocabulary } from "../lib/packing/mod.ts";
import { preprocess, type PreprocessProgress, type Shard } from "../lib/preprocessing/mod.ts";
import {
  buildVocabulary,
  PAIR_FIELDS,
  type PairFields,
  readLines,
  refuseInsideText,
  Vocabulary,
  writeTokenizerFiles,
} from "../lib/text/mod.ts";
import { runTask } from "./flags.ts";

/** The options of the command: the original's, and ours. */
export const PREPROCESS_OPTIONS = {
  input_path: {
    type: "path",
    required: true,
    help:
      "Text file, or folder searched recursively; UTF-8, one sentence a line; .gz and .jsonl are read by their names",
  },
  output_file: {
    type: "path",
    required: true,
    help: "Path before _ids.npy and _idx.npz; vocab.txt and tokenizer.json go into the same folder",
  },
  tokenize_tool: {
    type: "string",
    default: "lac",
    choices: ["lac", "seg", "jieba"],
    help: "Word segmenter: lac knows names and terms best, seg is faster, jieba many times faster",
  },
  num_worker: {
    type: "integer",
    default: 1,
    min: 1,
    unit: "workers",
    help: "Segmenters at work side by side, 100 to 250 MB each",
  },
  logging_steps: {
    type: "integer",
    default: 10_000,
    min: 1,
    unit: "lines",
    help: "Lines between two reports of speed; the original's 100 would flood the screen",
  },
  vocab_file: {
    type: "path",
    help:
      "Vocabulary; without it vocab.txt of the output folder, and if there is none, one built from the input",
  },
  word_marks: {
    type: "string",
    default: "position",
    choices: ["position", "original"],
    help: "Mark words where the segmenter cut, or by the original's search for spellings of at most 4 tokens",
  },
  lexicon: {
    type: "path",
    help: "File of terms that shall be words whatever the segmenter cuts, one a line",
  },
  field: { type: "string", default: "text", help: "Field of .jsonl lines that holds the text" },
  pairs: {
    type: "boolean",
    default: false,
    help: "Each line is a question, a tab and its answer, for a corpus of pairs; filters drop both or none",
  },
  pair_fields: {
    type: "string",
    default: PAIR_FIELDS.join(),
    help: "Fields of .jsonl lines that hold question and answer, with --pairs",
  },
  min_chars: {
    type: "integer",
    default: 0,
    min: 0,
    unit: "characters",
    help: "Leave out lines with fewer characters",
  },
  dedup: {
    type: "boolean",
    default: false,
    help: "Leave out lines that were there before, anywhere in the input",
  },
  strict: {
    type: "boolean",
    default: false,
    help: "Stop at the first line that is not UTF-8 or no JSON, instead of skipping and counting it",
  },
  shard: {
    type: "string",
    default: "0/1",
    help: "Do only part i of n, from 0/n to n-1/n, for a job array; `deno task merge` joins the parts",
  },
} as const satisfies OptionTable;

type Options = OptionsOf<typeof PREPROCESS_OPTIONS>;

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

/** Reads `--shard i/n`. */
function parseShard(text: string): Shard {
  const [, i, n] = /^(\d{1,5})\/(\d{1,5})$/.exec(text) ?? [];
  const [index, count] = [Number(i), Number(n)];
  if (index < count) return { index, count };
  throw new UserError(
    `Cannot use --shard ${
      JSON.stringify(text)
    }: give the part's number, from 0, and how many there are, as in 0/4`,
  );
}

/** Reads `--pair_fields question,answer`; nothing without `--pairs`. */
function parsePairFields({ pairs, pair_fields }: Options): PairFields | undefined {
  if (!pairs) return undefined;
  const [question, answer, ...more] = pair_fields.split(",").map((name) => name.trim());
  if (question && answer && question !== answer && more.length === 0) return [question, answer];
  throw new UserError(
    `Cannot use --pair_fields ${
      JSON.stringify(pair_fields)
    }: give the names of two fields with a comma between ` +
      "them, as in question,answer",
  );
}

async function findVocabulary(
  options: Options,
  pairFields: PairFields | undefined,
  shard: Shard,
  signal: AbortSignal,
): Promise<Vocabulary> {
  if (options.vocab_file !== undefined) return await Vocabulary.read(options.vocab_file);
  const path = corpusVocabularyPath(options.output_file);
  const there = await readCorpusVocabulary(options.output_file);
  if (there !== undefined) {
    console.error(`Using vocabulary "${path}" (${there.size} tokens)`);
    return there;
  }
  if (shard.count > 1) {
    throw new UserError(
      `Cannot preprocess shard ${options.shard} without a vocabulary: all shards need the same one; give it with ` +
        "--vocab_file, or build one with `deno task vocab`",
    );
  }
  const bar = new ProgressBar({ label: "Building vocabulary", unit: "lines" });
  async function* lines(): AsyncGenerator<string> {
    let count = 0;
    const onBadLine = () => {}; // preprocessing speaks of them
    const lineOptions = {
      field: options.field,
      ...(pairFields === undefined ? {} : { pairFields }),
      ...(options.strict ? {} : { onBadLine }),
    };
    for await (const { text } of readLines(options.input_path, lineOptions)) {
      if (++count % 1000 === 0) signal.throwIfAborted();
      bar.update(count);
      yield text;
    }
  }
  const { vocabulary, coverage } = await buildVocabulary(lines()).finally(() => bar.finish());
  const unknown = (100 * coverage.unknownWords / Math.max(1, coverage.words)).toFixed(2);
  console.error(
    `Built a vocabulary from the input, for "${path}": ${vocabulary.size} tokens, ${unknown} % of words unknown`,
  );
  return vocabulary;
}

/** A progress bar for each pass over the input. */
class Bars {
  #bar: ProgressBar | undefined;
  #phase: PreprocessProgress["phase"] | undefined;
  #start = 0;
  #sentences = 0;

  update({ phase, bytes, totalBytes, resumedBytes, sentences }: PreprocessProgress): void {
    if (phase !== this.#phase) {
      this.#bar?.finish();
      const label = phase === "dedup" ? "Looking for duplicates" : "Preprocessing";
      this.#bar = new ProgressBar({
        label,
        unit: "MB",
        total: megabytes(totalBytes),
        done: megabytes(resumedBytes),
      });
      [this.#phase, this.#start, this.#sentences] = [phase, performance.now(), sentences];
    }
    const speed = 1000 * (sentences - this.#sentences) / (performance.now() - this.#start);
    const note = phase === "dedup" ? "" : `${speed.toFixed(0)} sentences/s`;
    this.#bar!.update(megabytes(Math.min(bytes, totalBytes)), note);
  }

  log(line: string): void {
    if (this.#bar === undefined) console.error(line);
    else this.#bar.log(line);
  }

  finish(): void {
    this.#bar?.finish();
  }
}

/** Bytes as MB with one decimal, and more than none. */
function megabytes(bytes: number): number {
  return Math.ceil(bytes / 2 ** 20 * 10) / 10;
}

await runTask(import.meta, {
  name: "preprocess",
  summary:
    "Turn a folder of text into a corpus of token ids for pretraining. Interrupted, the same command goes on.",
  table: PREPROCESS_OPTIONS,
  examples: [
    "deno task preprocess --input_path raw_data --output_file data/samples --num_worker 2",
    "deno task preprocess --input_path raw_data --output_file data/samples --vocab_file vocab.txt --shard 0/8",
    "deno task preprocess --input_path questions.tsv --output_file pairs/samples --pairs",
  ],
  async main(options, { signal }) {
    const shard = parseShard(options.shard);
    const pairFields = parsePairFields(options);
    refuseInsideText("corpus", options.output_file, options.input_path);
    const vocabulary = await findVocabulary(options, pairFields, shard, signal);
    if (options.tokenize_tool !== "jieba") {
      await installLac({ root: ROOT, signal, log: (line) => console.error(line) });
    }
    const bars = new Bars();
    try {
      await preprocess({
        inputPath: options.input_path,
        outputFile: options.output_file,
        vocabulary,
        tool: options.tokenize_tool,
        wordMarks: options.word_marks,
        ...(options.lexicon === undefined ? {} : { lexicon: options.lexicon }),
        field: options.field,
        ...(pairFields === undefined ? {} : { pairs: true, pairFields }),
        minChars: options.min_chars,
        dedup: options.dedup,
        strict: options.strict,
        shard,
        workers: options.num_worker,
        loggingSteps: options.logging_steps,
        signal,
        onLog: (line) => bars.log(line),
        onProgress: (progress) => bars.update(progress),
      });
      await writeTokenizerFiles(dirname(options.output_file), vocabulary); // for Hugging Face's libraries
    } finally {
      bars.finish();
    }
  },
});
