/**
 * The tokens of a corpus, read by position: all that a thread needs to make batches from it.
 *
 * Which tokens continue a word, the ids tell in a corpus of the original: Chinese characters have an id for each case. Where
 * there is a file of word marks, it tells it for every token, one bit each.
 */
import { type CorpusIdTable, corpusIdTable, type Vocabulary } from "../text/mod.ts";
import { ArrayFile } from "./array_file.ts";
import type { NpyDtype } from "./npy.ts";
import type { Sentence, Span, TokenFilePaths } from "./sentences.ts";

/** Element types of ids. */
export const ID_TYPES: readonly NpyDtype[] = ["u1", "u2", "u4", "i4"];

/** Ids and word marks of one part of a corpus. */
export interface TokenFile {
  readonly ids: ArrayFile;
  readonly marks: ArrayFile | undefined;
}

/** The open files of a corpus. */
export class TokenFiles implements Disposable {
  /** What {@linkcode TokenFiles.open} opens again, in this thread or another. */
  readonly paths: TokenFilePaths;
  readonly #files: readonly TokenFile[];
  readonly #table: CorpusIdTable;

  /**
   * @param files the open files, of which this takes care from now on
   * @param table what the ids mean
   * @param originalPieces whether `table` reads word pieces as the original does
   */
  constructor(files: readonly TokenFile[], table: CorpusIdTable, originalPieces: boolean) {
    this.#files = files;
    this.#table = table;
    this.paths = {
      files: files.map(({ ids, marks }) => ({ ids: ids.path, marks: marks?.path })),
      originalPieces,
    };
  }

  /**
   * Opens files whose contents were checked when the corpus was opened.
   *
   * @param paths where they are
   * @param vocabulary the vocabulary that they were made with
   * @returns the open files
   * @throws {UserError} if one can no longer be read
   */
  static async open({ files, originalPieces }: TokenFilePaths, vocabulary: Vocabulary): Promise<TokenFiles> {
    using opened = new DisposableStack();
    const open: TokenFile[] = [];
    for (const { ids, marks } of files) {
      open.push({
        ids: opened.use(await ArrayFile.open(ids, ID_TYPES, "ids")),
        marks: marks === undefined
          ? undefined
          : opened.use(await ArrayFile.open(marks, ["u1"], "word marks")),
      });
    }
    opened.move();
    return new TokenFiles(open, idTable(vocabulary, originalPieces), originalPieces);
  }

  /**
   * Reads a sentence, or a pair of them.
   *
   * @param spans where it is; the second is the partner
   * @returns vocabulary ids and word marks
   */
  sentence([span, partner]: readonly Span[]): Sentence {
    const sentence = this.#read(span!);
    return partner === undefined ? sentence : { ...sentence, partner: this.#read(partner) };
  }

  /** Closes the files. */
  [Symbol.dispose](): void {
    for (const { ids, marks } of this.#files) {
      ids.close();
      marks?.close();
    }
  }

  #read({ file, start, end }: Span): Sentence {
    const { ids, marks } = this.#files[file]!;
    const stored = ids.read(start, end - start);
    return {
      ids: Int32Array.from(stored, (id) => this.#table.vocabularyIds[id]!),
      isSuffix: marks === undefined
        ? Uint8Array.from(stored, (id) => this.#table.isSuffix[id]!)
        : marks.readBits(start, end - start),
    };
  }
}

/**
 * What the ids of a corpus mean.
 *
 * @param vocabulary the vocabulary that it was made with
 * @param originalPieces whether pieces such as `##ing` are taken for their last letter, as the original does
 */
export function idTable(vocabulary: Vocabulary, originalPieces: boolean): CorpusIdTable {
  const table = corpusIdTable(vocabulary);
  if (!originalPieces) vocabulary.tokens.forEach((_, id) => table.vocabularyIds[id] = id);
  return table;
}
