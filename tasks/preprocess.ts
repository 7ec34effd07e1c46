/** `deno task preprocess`: a folder of text to `<prefix>_ids.npy`, `<prefix>_idx.npz` and `vocab.txt`. */
import { type OptionsOf, type OptionTable, ProgressBar } from "../lib/config/mod.ts";
import { corpusVocabularyPath, preprocess, readCorpusVocabulary } from "../lib/packing/mod.ts";
import {
  buildVocabulary,
  createSegmenter,
  readLines,
  refuseInsideText,
  Vocabulary,
} from "../lib/text/mod.ts";
import { runTask } from "./flags.ts";

/** The options of the command, the original's and `vocab_file`. */
export const PREPROCESS_OPTIONS = {
  input_path: {
    type: "path",
    required: true,
    help: "Text file, or folder searched recursively; UTF-8, one sentence a line",
  },
  output_file: {
    type: "path",
    required: true,
    help: "Path before _ids.npy and _idx.npz; vocab.txt goes into the same folder",
  },
  tokenize_tool: {
    type: "string",
    default: "jieba",
    choices: ["jieba", "lac", "seg"],
    help: "Word segmenter (lac and seg follow in a later release)",
  },
  num_worker: {
    type: "integer",
    default: 1,
    min: 1,
    unit: "workers",
    help: "Segmenters at work side by side, 100 MB each",
  },
  logging_steps: {
    type: "integer",
    default: 100,
    min: 1,
    unit: "lines",
    help: "Lines between two reports of speed",
  },
  vocab_file: {
    type: "path",
    help:
      "Vocabulary; without it vocab.txt of the output folder, and if there is none, one built from the input",
  },
} as const satisfies OptionTable;

type Options = OptionsOf<typeof PREPROCESS_OPTIONS>;

async function findVocabulary(options: Options, signal: AbortSignal): Promise<Vocabulary> {
  if (options.vocab_file !== undefined) return await Vocabulary.read(options.vocab_file);
  const path = corpusVocabularyPath(options.output_file);
  const there = await readCorpusVocabulary(options.output_file);
  if (there !== undefined) {
    console.error(`Using vocabulary "${path}" (${there.size} tokens)`);
    return there;
  }
  const bar = new ProgressBar({ label: "Building vocabulary", unit: "lines" });
  async function* lines(): AsyncGenerator<string> {
    let count = 0;
    for await (const { text } of readLines(options.input_path)) {
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

await runTask(import.meta, {
  name: "preprocess",
  summary: "Turn a folder of text into a corpus of token ids for pretraining.",
  table: PREPROCESS_OPTIONS,
  examples: ["deno task preprocess --input_path raw_data --output_file data/samples --num_worker 2"],
  async main(options, { signal }) {
    // What cannot go well shall be refused before the vocabulary is built; jieba is there, and takes a while to load.
    if (options.tokenize_tool !== "jieba") await createSegmenter(options.tokenize_tool);
    refuseInsideText("corpus", options.output_file, options.input_path);
    const vocabulary = await findVocabulary(options, signal);
    let bar: ProgressBar | undefined;
    try {
      await preprocess({
        inputPath: options.input_path,
        outputFile: options.output_file,
        vocabulary,
        tool: options.tokenize_tool,
        workers: options.num_worker,
        loggingSteps: options.logging_steps,
        signal,
        onLog: (line) => bar === undefined ? console.error(line) : bar.log(line),
        onProgress: ({ bytes, totalBytes }) => {
          bar ??= new ProgressBar({
            label: "Preprocessing",
            unit: "kB",
            total: Math.ceil(totalBytes / 1000),
          });
          bar.update(Math.ceil(bytes / 1000));
        },
      });
    } finally {
      bar?.finish();
    }
  },
});
