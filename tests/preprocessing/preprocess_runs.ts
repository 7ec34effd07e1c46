/** Runs of `preprocess` on small inputs, for its tests. */
import { createHash } from "node:crypto";
import { preprocess, type PreprocessOptions, type PreprocessSummary } from "../../lib/preprocessing/mod.ts";
import { generateCorpus, Vocabulary } from "../../lib/text/mod.ts";

/** A small vocabulary. */
export const VOCABULARY = await Vocabulary.read(`${import.meta.dirname}/../fixtures/text/vocab.txt`);

/** Preprocesses `<folder>/in` to `<folder>/<name>/s` with jieba. */
export function run(
  folder: string,
  name = "out",
  options: Partial<PreprocessOptions> = {},
): Promise<PreprocessSummary> {
  return preprocess({
    inputPath: `${folder}/in`,
    outputFile: `${folder}/${name}/s`,
    vocabulary: VOCABULARY,
    tool: "jieba",
    ...options,
  });
}

/** Digests of the arrays of a corpus by name; its report tells of the input and is not among them. */
export async function corpusFiles(folder: string): Promise<Record<string, string>> {
  const isArray = ([name]: [string, string]) => /^s_(ids\.npy|idx\.npz|marks\.npy)$/.test(name);
  return Object.fromEntries(Object.entries(await allFiles(folder)).filter(isArray));
}

/** Digests of all files of a folder by name, hidden ones too. */
export async function allFiles(folder: string): Promise<Record<string, string>> {
  const files: Record<string, string> = {};
  for (const name of names(folder)) {
    files[name] = createHash("sha256").update(await Deno.readFile(`${folder}/${name}`)).digest("hex");
  }
  return files;
}

/** The names in a folder, sorted. */
export function names(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map((entry) => entry.name).sort();
}

/** The report beside a corpus. */
export async function readReport(folder: string, prefix = "s") {
  return JSON.parse(await Deno.readTextFile(`${folder}/${prefix}_report.json`));
}

/** Distinct sentences with some empty, repeated and odd lines among them. */
export function sampleLines(sentences: number, seed = 1): string[] {
  const lines: string[] = [];
  for (const sentence of generateCorpus({ sentences, seed })) {
    lines.push(sentence);
    if (lines.length % 17 === 0) lines.push("", "  ", lines[lines.length >> 1]!);
    if (lines.length % 29 === 0) lines.push("HbA1c 7.5% 龘𠀀constructor");
  }
  return lines;
}
