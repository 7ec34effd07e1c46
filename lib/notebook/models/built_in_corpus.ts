/** Built-in data: generated sentences as text, vocabulary and corpus, for notebooks that are to run anywhere. */
import { join } from "node:path";
import { writeAtomically } from "../../config/mod.ts";
import { preprocess } from "../../preprocessing/mod.ts";
import { buildVocabulary, generateCorpus, Vocabulary } from "../../text/mod.ts";

/** Where the built-in data lies. */
export interface BuiltInCorpus {
  /** File of sentences, one a line. */
  readonly text: string;
  /** Folder of the corpus, as `pretrain` takes it for `input_dir`. */
  readonly data: string;
  readonly vocabulary: Vocabulary;
}

/**
 * Generates sentences and preprocesses them; what an earlier call made is used again.
 *
 * @param folder a folder of its own is made in it, by number of sentences and seed
 * @param options how many, and which
 * @returns where text and corpus are
 *
 * @example
 * ```ts
 * import { builtInCorpus } from "./built_in_corpus.ts";
 * const folder = await Deno.makeTempDir();
 * const { vocabulary } = await builtInCorpus(folder, { sentences: 100 });
 * console.log(vocabulary.size);
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export async function builtInCorpus(
  folder: string,
  { sentences = 2000, seed = 1 }: { sentences?: number; seed?: number } = {},
): Promise<BuiltInCorpus> {
  const place = join(folder, `generated-${sentences}-${seed}`);
  const text = join(place, "text", "sentences.txt"), data = join(place, "data");
  const vocabularyPath = join(data, "vocab.txt"), outputFile = join(data, "samples");
  const isThere = await Deno.stat(`${outputFile}_idx.npz`).then(() => true, () => false);
  if (isThere) return { text, data, vocabulary: await Vocabulary.read(vocabularyPath) };
  const lines = [...generateCorpus({ sentences, seed })];
  for (const folder of [join(place, "text"), data]) await Deno.mkdir(folder, { recursive: true });
  await writeAtomically(text, [new TextEncoder().encode(lines.map((line) => `${line}\n`).join(""))]);
  const { vocabulary } = await buildVocabulary(lines);
  await vocabulary.write(vocabularyPath);
  await preprocess({ inputPath: text, outputFile, vocabulary, tool: "jieba", onLog: () => {} });
  return { text, data, vocabulary };
}
