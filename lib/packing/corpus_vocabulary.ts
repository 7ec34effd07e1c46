/** The vocabulary of a corpus lives beside it as `vocab.txt`: ids mean nothing without it. */
import { dirname, join } from "node:path";
import { UserError } from "../config/mod.ts";
import { Vocabulary } from "../text/mod.ts";

/**
 * Tells where the vocabulary of a corpus lies.
 *
 * @param outputFile path before `_ids.npy` and `_idx.npz`
 * @returns path of `vocab.txt` in the same folder
 * @throws {UserError} if the path ends as a folder's does, without the beginning of a file name
 */
export function corpusVocabularyPath(outputFile: string): string {
  if (/[\\/]$/.test(outputFile)) {
    throw new UserError(
      `Cannot write corpus "${outputFile}": that is a folder; add how the names of its files begin, as in ` +
        `"${outputFile}samples"`,
    );
  }
  return join(dirname(outputFile), "vocab.txt");
}

/**
 * Reads the vocabulary that lies beside a corpus.
 *
 * @param outputFile path before `_ids.npy` and `_idx.npz`
 * @returns the vocabulary, or `undefined` where there is no file
 * @throws {UserError} if there is a file that is no vocabulary
 */
export async function readCorpusVocabulary(outputFile: string): Promise<Vocabulary | undefined> {
  const path = corpusVocabularyPath(outputFile);
  const exists = await Deno.stat(path).then(() => true, () => false);
  return exists ? await Vocabulary.read(path) : undefined;
}

/**
 * Checks that a corpus of one vocabulary may go into a folder.
 *
 * @param outputFile path before `_ids.npy` and `_idx.npz`
 * @param vocabulary the vocabulary that the corpus will be made with
 * @throws {UserError} if the folder's `vocab.txt` is another: its corpora would no longer be readable
 */
export async function checkCorpusVocabulary(outputFile: string, vocabulary: Vocabulary): Promise<void> {
  const there = await readCorpusVocabulary(outputFile);
  if (there === undefined || await there.hash() === await vocabulary.hash()) return;
  throw new UserError(
    `Cannot write corpus "${outputFile}": "${
      corpusVocabularyPath(outputFile)
    }" is another vocabulary, which other ` +
      "corpora there may need; write to a new folder, or remove that file",
  );
}
