/** Text, vocabulary and corpus for a notebook: generated ones, so that it runs anywhere, or the user's own. */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { fileError, writeAtomically } from "../../config/mod.ts";
import { preprocess } from "../../preprocessing/mod.ts";
import { buildVocabulary, generateCorpus, readLines, Vocabulary } from "../../text/mod.ts";

/** What to preprocess. */
export interface CorpusSource {
  /** Text, one sentence a line, or a folder of it. Default: generated sentences. */
  readonly text?: string;
  /** Vocabulary of a model. Default: one is built from the text. */
  readonly vocabulary?: string;
  /** How many sentences are generated. Default: 2000. */
  readonly sentences?: number;
  /** Fixes which. Default: 1. */
  readonly seed?: number;
}

/** Where the data of a notebook lies. */
export interface PreparedCorpus {
  /** Text, one sentence a line. */
  readonly text: string;
  /** Folder of the corpus, as `pretrain` takes it for `input_dir`. */
  readonly data: string;
  readonly vocabulary: Vocabulary;
}

/**
 * Preprocesses text for a notebook; what an earlier call made of the same is used again.
 *
 * @param folder a folder of its own is made in it for each source
 * @param source generated sentences, or text of the user's; empty names are none
 * @returns where text and corpus are
 * @throws {UserError} if the text or the vocabulary cannot be read
 *
 * @example
 * ```ts
 * import { prepareCorpus } from "./prepared_corpus.ts";
 * const folder = await Deno.makeTempDir();
 * const { vocabulary } = await prepareCorpus(folder, { sentences: 100 });
 * console.log(vocabulary.size);
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export async function prepareCorpus(folder: string, source: CorpusSource = {}): Promise<PreparedCorpus> {
  const { sentences = 2000, seed = 1 } = source;
  const place = join(
    folder,
    source.text ? await nameOf(source.text, source.vocabulary) : `generated-${sentences}-${seed}`,
  );
  const data = join(place, "data"), outputFile = join(data, "samples");
  const text = source.text || join(place, "sentences.txt");
  const vocabularyPath = join(data, "vocab.txt");
  const isThere = await Deno.stat(`${outputFile}_idx.npz`).then(() => true, () => false);
  if (isThere) return { text, data, vocabulary: await Vocabulary.read(vocabularyPath) };

  await Deno.mkdir(data, { recursive: true });
  if (!source.text) {
    const lines = Array.from(generateCorpus({ sentences, seed }), (line) => `${line}\n`);
    await writeAtomically(text, [new TextEncoder().encode(lines.join(""))]);
  }
  const vocabulary = source.vocabulary
    ? await Vocabulary.read(source.vocabulary)
    // of generated sentences, which may be few, no character is too rare
    : (await buildVocabulary(linesOf(text), { minCount: source.text ? 2 : 1 })).vocabulary;
  await vocabulary.write(vocabularyPath);
  await preprocess({ inputPath: text, outputFile, vocabulary, tool: "jieba", onLog: () => {} });
  return { text, data, vocabulary };
}

/** A name that another text, another state of it or another vocabulary would not have. */
async function nameOf(text: string, vocabulary = ""): Promise<string> {
  try {
    const { size, mtime } = await Deno.stat(text);
    const facts = [await Deno.realPath(text), size, mtime?.getTime(), vocabulary];
    return createHash("sha256").update(JSON.stringify(facts)).digest("hex").slice(0, 16);
  } catch (error) {
    throw fileError("read", text, error);
  }
}

async function* linesOf(path: string): AsyncGenerator<string> {
  for await (const { text } of readLines(path)) yield text;
}
