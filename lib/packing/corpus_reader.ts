/**
 * Reading a corpus: a folder of `<prefix>_ids.npy` + `<prefix>_idx.npz` pairs, seen as one list of sentences.
 *
 * Everything is checked when the folder is opened; after that a sentence is one positional read. In memory stay the
 * sentences' offsets, eight bytes each. Source: the original's `MedicalCorpus`.
 */
import { createHash } from "node:crypto";
import { UserError } from "../config/mod.ts";
import type { Vocabulary } from "../text/mod.ts";
import {
  checkIds,
  checkVocabulary,
  closeCorpusFile,
  type CorpusFile,
  listPrefixes,
  openCorpusFile,
} from "./corpus_files.ts";
import type { Sentence, Sentences, Span, StoredSentences } from "./sentences.ts";
import { idTable, TokenFiles } from "./token_files.ts";

/** How to read a corpus. */
export interface CorpusOptions {
  /**
   * Read word pieces such as `##ing` as the original does, which takes each for its last letter. By default a piece
   * keeps its own id; either way it continues a word.
   */
  readonly originalPieces?: boolean;
  /** Read only the pair of this name, `samples` for `samples_ids.npy`. Default: all of the folder. */
  readonly name?: string;
  /** Hears how many ids of how many are checked, every few megabytes. */
  readonly onProgress?: (ids: number, totalIds: number) => void;
}

/** A pair of files and where its sentences stand. */
interface CorpusPart extends CorpusFile {
  /** Number of the first sentence in the whole corpus. */
  readonly first: number;
}

/**
 * The sentences of a folder, in the order of file names.
 *
 * @example
 * ```ts
 * import { Corpus } from "./corpus_reader.ts";
 * import { Vocabulary } from "../text/mod.ts";
 * const vocabulary = await Vocabulary.read("tests/fixtures/text/vocab.txt");
 * using corpus = await Corpus.open("tests/fixtures/text", vocabulary);
 * console.log(corpus.length, corpus.sentence(0).ids.length); // 6 15
 * ```
 */
export class Corpus implements Sentences, Disposable {
  /** Number of sentences; of pairs in a corpus of pairs. */
  readonly length: number;
  /** Whether it is one of pairs: each of its sentences has a partner. */
  readonly pairs: boolean;
  /** Number of ids. */
  readonly tokens: number;
  /** SHA-256, in hexadecimal, of all lengths and ids: a resumed run can tell that its corpus is the same. */
  readonly fingerprint: string;
  /** Its pairs of files: paths before `_ids.npy` and `_idx.npz`. */
  readonly prefixes: readonly string[];
  readonly stored: StoredSentences;
  readonly #parts: readonly CorpusPart[];
  readonly #tokens: TokenFiles;

  private constructor(parts: readonly CorpusPart[], tokens: TokenFiles, fingerprint: string) {
    this.#parts = parts;
    this.#tokens = tokens;
    this.fingerprint = fingerprint;
    this.prefixes = parts.map(({ prefix }) => prefix);
    this.length = parts.reduce((sum, part) => sum + sentencesOf(part), 0);
    this.tokens = parts.reduce((sum, part) => sum + part.starts.at(-1)!, 0);
    this.pairs = parts.every(({ pairs }) => pairs);
    this.stored = { files: tokens.paths, spansOf: (n) => this.#spansOf(n) };
  }

  /**
   * Opens and checks a folder.
   *
   * @param folder path of the folder; its sub-folders are not searched
   * @param vocabulary the vocabulary that the corpus was made with
   * @param options how word pieces are read
   * @returns the open corpus
   * @throws {UserError} if the folder or a file cannot be read, a file lacks its pair, lengths do not add up, an id is
   *   beyond the vocabulary, or the report tells of another vocabulary; the message names the file
   */
  static async open(folder: string, vocabulary: Vocabulary, options: CorpusOptions = {}): Promise<Corpus> {
    const { originalPieces = false } = options;
    const table = idTable(vocabulary, originalPieces);
    const parts: CorpusPart[] = [];
    const hash = createHash("sha256");
    try {
      for (const prefix of await listPrefixes(folder, options.name)) {
        await checkVocabulary(prefix, vocabulary);
        const first = parts.reduce((sum, part) => sum + sentencesOf(part), 0);
        parts.push({ ...await openCorpusFile(prefix), first });
      }
      const total = parts.reduce((sum, { ids }) => sum + ids.length, 0);
      if (total === 0) throw new UserError(`Cannot read corpus folder "${folder}": it has no sentences`);
      checkPairs(folder, parts);
      let checked = 0;
      for (const part of parts) {
        hash.update(new Uint8Array(part.starts.buffer));
        if (part.pairs) hash.update("pairs");
        await checkIds(part, table, vocabulary, (ids) => {
          hash.update(new Uint8Array(ids.buffer, ids.byteOffset, ids.byteLength));
          options.onProgress?.(checked += ids.length, total);
        });
        if (part.marks !== undefined) await part.marks.visit((marks) => hash.update(marks as Uint8Array));
      }
    } catch (error) {
      for (const part of parts) closeCorpusFile(part);
      throw error;
    }
    return new Corpus(parts, new TokenFiles(parts, table, originalPieces), hash.digest("hex"));
  }

  /**
   * Reads one sentence.
   *
   * @param n number of the sentence, from 0
   * @returns its vocabulary ids and word marks, and its partner's in a corpus of pairs
   * @throws {RangeError} if there is no such sentence
   */
  sentence(n: number): Sentence {
    return this.#tokens.sentence(this.#spansOf(n));
  }

  /**
   * Tells how long a sentence is, without reading it.
   *
   * @param n number of the sentence, from 0
   * @returns tokens; of the longer half in a corpus of pairs
   * @throws {RangeError} if there is no such sentence
   */
  tokensOf(n: number): number {
    return Math.max(...this.#spansOf(n).map(({ start, end }) => end - start));
  }

  /**
   * Counts the sentences of each length; halves of a pair count by themselves.
   *
   * @returns how many sentences there are, by their number of tokens
   */
  lengthCounts(): Map<number, number> {
    const counts = new Map<number, number>();
    for (const { starts } of this.#parts) {
      for (let i = 1; i < starts.length; i++) {
        const length = starts[i]! - starts[i - 1]!;
        counts.set(length, (counts.get(length) ?? 0) + 1);
      }
    }
    return counts;
  }

  /** Closes the files. */
  [Symbol.dispose](): void {
    this.#tokens[Symbol.dispose]();
  }

  #spansOf(n: number): Span[] {
    const file = this.#parts.findLastIndex(({ first }) => first <= n);
    if (file < 0 || n >= this.length || !Number.isInteger(n)) {
      throw new RangeError(`Cannot read sentence ${n}: the corpus has ${this.length}`);
    }
    const { starts, first } = this.#parts[file]!;
    const span = (i: number): Span => ({ file, start: starts[i]!, end: starts[i + 1]! });
    const i = n - first;
    return this.pairs ? [span(2 * i), span(2 * i + 1)] : [span(i)];
  }
}

function sentencesOf({ starts, pairs }: CorpusFile): number {
  return (starts.length - 1) / (pairs ? 2 : 1);
}

function checkPairs(folder: string, parts: readonly CorpusFile[]): void {
  const [pairs, single] = [parts.find(({ pairs }) => pairs), parts.find(({ pairs }) => !pairs)];
  if (pairs === undefined || single === undefined) return;
  throw new UserError(
    `Cannot read corpus folder "${folder}": "${pairs.prefix}" is of pairs, "${single.prefix}" is not; keep them in ` +
      "folders of their own",
  );
}
