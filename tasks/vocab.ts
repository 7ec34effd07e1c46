/** `deno task vocab`: build a vocabulary from a folder of text. */
import { Buffer } from "node:buffer";
import { dirname } from "node:path";
import {
  fileError,
  type OptionsOf,
  type OptionTable,
  ProgressBar,
  UserError,
  writeAtomically,
} from "../lib/config/mod.ts";
import {
  buildVocabulary,
  listTextFiles,
  readLines,
  refuseInsideText,
  type SpellingCount,
  type Vocabulary,
  type VocabularyCoverage,
  writeTokenizerFiles,
} from "../lib/text/mod.ts";
import { runTask } from "./flags.ts";

export const VOCAB_OPTIONS = {
  input_path: {
    type: "path",
    required: true,
    help:
      "Text file, or folder searched recursively; UTF-8, one sentence a line; .gz and .jsonl are read by their names",
  },
  output_file: {
    type: "path",
    default: "vocab.txt",
    help:
      "Where to write the vocabulary, and beside it the tokenizer's files that Hugging Face's libraries load",
  },
  max_size: { type: "integer", default: 20_000, min: 1, unit: "tokens", help: "Largest number of tokens" },
  min_count: {
    type: "integer",
    default: 2,
    min: 1,
    unit: "occurrences",
    help: "Characters and words seen fewer times are left out",
  },
  field: { type: "string", default: "text", help: "Field of .jsonl lines that holds the text" },
  report: {
    type: "path",
    help: "Where to write the coverage as JSON, with the commonest of what is unknown",
  },
} as const satisfies OptionTable;

/** How many unknown characters and words are listed on the screen, and in the report. */
const [SHOWN, REPORTED] = [10, 200];

async function vocab(
  options: OptionsOf<typeof VOCAB_OPTIONS>,
  { signal }: { signal: AbortSignal },
): Promise<void> {
  const { input_path, output_file, report } = options;
  refuseInsideText("vocabulary", output_file, input_path);
  if (report !== undefined) refuseInsideText("report", report, input_path);
  const files = await listTextFiles(input_path);
  const { vocabulary, coverage } = await buildVocabulary(readTexts(files, options.field, signal), {
    maxSize: options.max_size,
    minCount: options.min_count,
  });
  if (coverage.words === 0) {
    throw new UserError(`Cannot build vocabulary from "${input_path}": it holds no text`);
  }
  await makeFolderOf(output_file);
  await vocabulary.write(output_file);
  await writeTokenizerFiles(dirname(output_file), vocabulary);
  if (report !== undefined) {
    await makeFolderOf(report);
    const text = JSON.stringify(await reportOf(vocabulary, coverage, options, files.length), null, 2);
    await writeAtomically(report, [new TextEncoder().encode(text + "\n")]);
  }
  printCoverage(vocabulary, coverage, output_file, files.length);
}

/** What `--report` writes. */
async function reportOf(
  vocabulary: Vocabulary,
  coverage: VocabularyCoverage,
  { input_path, max_size, min_count }: OptionsOf<typeof VOCAB_OPTIONS>,
  files: number,
) {
  return {
    version: 1,
    input_path,
    max_size,
    min_count,
    vocabulary_size: vocabulary.size,
    vocabulary_sha256: await vocabulary.hash(),
    files,
    lines: coverage.lines,
    words: coverage.words,
    unknown_words: coverage.unknownWords,
    forgotten_words: coverage.forgottenWords,
    characters: coverage.characters,
    known_characters: coverage.knownCharacters,
    running_characters: coverage.runningCharacters,
    unknown_running_characters: coverage.unknownRunningCharacters,
    commonest_unknown_characters: coverage.unknownCharacterCounts.slice(0, REPORTED),
    commonest_unknown_words: coverage.unknownWordCounts.slice(0, REPORTED),
  };
}

function printCoverage(
  vocabulary: Vocabulary,
  coverage: VocabularyCoverage,
  outputFile: string,
  files: number,
): void {
  const { lines, words, unknownWords, characters, knownCharacters, forgottenWords } = coverage;
  const { runningCharacters, unknownRunningCharacters, unknownCharacterCounts, unknownWordCounts } = coverage;
  console.log(
    `Text: ${count(lines)} lines in ${count(files)} ${files === 1 ? "file" : "files"}, ` +
      `${count(runningCharacters)} characters`,
  );
  console.log(
    `Vocabulary: ${count(vocabulary.size)} tokens, written to ${outputFile}; ` +
      "tokenizer.json, tokenizer_config.json and special_tokens_map.json beside it",
  );
  console.log(
    `Characters: ${count(knownCharacters)} of ${count(characters)} different ones are in the vocabulary, ` +
      `${percentKnown(unknownRunningCharacters, runningCharacters)} of the text`,
  );
  printUnknown("Unknown characters", unknownCharacterCounts);
  console.log(
    `Coverage: ${percentKnown(unknownWords, words)} of ${count(words)} words; ` +
      `${count(unknownWords)} become [UNK]`,
  );
  printUnknown("Unknown words", unknownWordCounts);
  if (forgottenWords > 0) {
    console.log(`Not counted: ${count(forgottenWords)} rare words, for there are too many different ones`);
  }
}

/** Prints the commonest of what the vocabulary lacks: `鼽 (U+9F3D) ×3`. */
function printUnknown(label: string, counts: readonly SpellingCount[]): void {
  if (counts.length === 0) return;
  const shown = counts.slice(0, SHOWN).map(([spelling, times]) => `${spelledOut(spelling)} ×${count(times)}`);
  const more = counts.length > SHOWN ? `, and ${count(counts.length - SHOWN)} more` : "";
  console.log(`${label}: ${shown.join(", ")}${more}`);
}

/** A spelling with the code point of what fonts may lack, shortened if it is long. */
function spelledOut(spelling: string): string {
  const chars = [...spelling];
  if (chars.length > 20) return `${chars.slice(0, 20).join("")}…`;
  if (chars.length > 1) return spelling;
  return `${spelling} (U+${spelling.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0")})`;
}

/** The share of what is known; never 100 % if something is not. */
function percentKnown(unknown: number, all: number): string {
  return `${unknown === 0 ? "100" : (Math.floor(1e5 * (1 - unknown / all)) / 1e3).toFixed(3)} %`;
}

async function makeFolderOf(path: string): Promise<void> {
  await Deno.mkdir(dirname(path), { recursive: true }).catch((error) => {
    throw fileError("write", path, error);
  });
}

/** Reads the lines of the files and shows how far it is. */
async function* readTexts(
  files: readonly string[],
  field: string,
  signal: AbortSignal,
): AsyncGenerator<string> {
  const sizes = await Promise.all(files.map(async (file) => (await Deno.stat(file)).size));
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const bar = new ProgressBar({ label: "Counting words", unit: "MB", total: megabytes(total) });
  let [before, after] = [0, 0];
  try {
    for (const [index, file] of files.entries()) {
      [before, after] = [after, after + sizes[index]!];
      for await (const { text } of readLines(file, { field })) {
        signal.throwIfAborted();
        before += Buffer.byteLength(text) + 1;
        bar.update(megabytes(Math.min(before, after))); // a compressed file has more text than bytes
        yield text;
      }
      bar.update(megabytes(after));
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
  examples: [
    "deno task vocab --input_path raw_data --output_file data/vocab.txt --min_count 5",
    "deno task vocab --input_path raw_data --report vocab_report.json",
  ],
  main: vocab,
});
