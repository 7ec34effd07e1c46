/** Runs of `preprocess` on small inputs, for its tests. */
import { preprocess, type PreprocessOptions, type PreprocessSummary } from "../../lib/packing/mod.ts";
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

/** The files of a corpus by name, without those that tell of its input. */
export async function corpusFiles(folder: string, prefix = "s"): Promise<Record<string, Uint8Array>> {
  const files: Record<string, Uint8Array> = {};
  for (const name of names(folder).filter((name) => /_(ids\.npy|idx\.npz|marks\.npy)$/.test(name))) {
    if (name.startsWith(`${prefix}_`)) files[name] = await Deno.readFile(`${folder}/${name}`);
  }
  return files;
}

/** All files of a folder by name, hidden ones too. */
export async function allFiles(folder: string): Promise<Record<string, Uint8Array>> {
  const files = names(folder).map(async (name) => [name, await Deno.readFile(`${folder}/${name}`)] as const);
  return Object.fromEntries(await Promise.all(files));
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
