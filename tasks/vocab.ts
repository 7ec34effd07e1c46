/** `deno task vocab`: build a vocabulary from a folder of text. */
import { Buffer } from "node:buffer";
import { dirname } from "node:path";
import { fileError, type OptionsOf, type OptionTable, ProgressBar, UserError } from "../lib/config/mod.ts";
import { buildVocabulary, listTextFiles, readLines, refuseInsideText } from "../lib/text/mod.ts";
import { runTask } from "./flags.ts";

export const VOCAB_OPTIONS = {
  input_path: {
    type: "path",
    required: true,
    help: "Text file, or folder of text files, one sentence a line",
  },
  output_file: { type: "path", default: "vocab.txt", help: "Where to write the vocabulary" },
  max_size: { type: "integer", default: 20_000, min: 1, unit: "tokens", help: "Largest number of tokens" },
  min_count: {
    type: "integer",
    default: 2,
    min: 1,
    unit: "occurrences",
    help: "Characters and words seen fewer times are left out",
  },
} as const satisfies OptionTable;

async function vocab(
  options: OptionsOf<typeof VOCAB_OPTIONS>,
  { signal }: { signal: AbortSignal },
): Promise<void> {
  refuseInsideText("vocabulary", options.output_file, options.input_path);
  const files = await listTextFiles(options.input_path);
  const { vocabulary, coverage } = await buildVocabulary(readTexts(files, signal), {
    maxSize: options.max_size,
    minCount: options.min_count,
  });
  if (coverage.words === 0) {
    throw new UserError(`Cannot build vocabulary from "${options.input_path}": it holds no text`);
  }
  await Deno.mkdir(dirname(options.output_file), { recursive: true }).catch((error) => {
    throw fileError("write", options.output_file, error);
  });
  await vocabulary.write(options.output_file);

  const { lines, words, unknownWords, characters, knownCharacters } = coverage;
  const known = (100 * (1 - unknownWords / words)).toFixed(3);
  console.log(
    `Text: ${count(lines)} lines in ${count(files.length)} ${files.length === 1 ? "file" : "files"}`,
  );
  console.log(`Vocabulary: ${count(vocabulary.size)} tokens, written to ${options.output_file}`);
  console.log(
    `Characters: ${count(knownCharacters)} of ${count(characters)} different ones are in the vocabulary`,
  );
  console.log(`Coverage: ${known} % of ${count(words)} words; ${count(unknownWords)} become [UNK]`);
}

/** Reads the lines of the files and shows how far it is. */
async function* readTexts(files: readonly string[], signal: AbortSignal): AsyncGenerator<string> {
  const sizes = await Promise.all(files.map(async (file) => (await Deno.stat(file)).size));
  const total = megabytes(sizes.reduce((sum, size) => sum + size, 0));
  const bar = new ProgressBar({ label: "Counting words", unit: "MB", total });
  let bytes = 0;
  try {
    for (const file of files) {
      for await (const { text } of readLines(file)) {
        signal.throwIfAborted();
        bytes += Buffer.byteLength(text) + 1;
        bar.update(megabytes(bytes));
        yield text;
      }
    }
  } finally {
    bar.finish();
  }
}

/** Bytes as MB with one decimal. */
function megabytes(bytes: number): number {
  return Math.round(bytes / 2 ** 20 * 10) / 10;
}

function count(value: number): string {
  return value.toLocaleString("en-US");
}

await runTask(import.meta, {
  name: "vocab",
  summary: "Build a vocabulary from a folder of text.",
  table: VOCAB_OPTIONS,
  examples: ["deno task vocab --input_path raw_data --output_file data/vocab.txt --min_count 5"],
  main: vocab,
});
