/** One line of text to the corpus ids of its sentence: the work of every preprocessing worker. */
import {
  createSegmenter,
  markWords,
  type Segmenter,
  stripLine,
  toCorpusIds,
  Tokenizer,
} from "../text/mod.ts";
import type { Vocabulary } from "../text/mod.ts";

/** Lines turned into ids. */
export interface EncodedLines {
  /** Corpus ids of all lines end to end. */
  readonly ids: Int32Array<ArrayBuffer>;
  /** Ids of each line; 0 where a line gives none. */
  readonly lens: Int32Array<ArrayBuffer>;
  /** UTF-8 bytes of each line, its line ending counted as one. */
  readonly bytes: Int32Array<ArrayBuffer>;
}

/**
 * Encodes lines as the original's `ProcessFn` does: strip, segment, tokenize the joined words, mark, look up.
 *
 * @example
 * ```ts
 * import { LineEncoder } from "./line_encoder.ts";
 * import { Vocabulary } from "../text/mod.ts";
 * const encoder = await LineEncoder.create("jieba", await Vocabulary.read("tests/fixtures/text/vocab.txt"));
 * console.log(encoder.encode(["患者发热", ""]).lens); // Int32Array [4, 0]
 * ```
 */
export class LineEncoder {
  readonly #segmenter: Segmenter;
  readonly #tokenizer: Tokenizer;
  readonly #vocabulary: Vocabulary;

  private constructor(segmenter: Segmenter, vocabulary: Vocabulary) {
    this.#segmenter = segmenter;
    this.#vocabulary = vocabulary;
    this.#tokenizer = new Tokenizer(vocabulary);
  }

  /**
   * Loads the segmenter.
   *
   * @param tool name of the segmenter, as `--tokenize_tool` has it
   * @param vocabulary the vocabulary of the corpus
   * @returns an encoder
   * @throws {UserError} if there is no such segmenter
   */
  static async create(tool: string, vocabulary: Vocabulary): Promise<LineEncoder> {
    return new LineEncoder(await createSegmenter(tool), vocabulary);
  }

  /**
   * Encodes lines.
   *
   * @param lines lines without their endings
   * @returns ids, and counts for every line
   */
  encode(lines: readonly string[]): EncodedLines {
    const utf8 = new TextEncoder();
    const sentences = lines.map((line) => this.#encodeLine(line));
    const lens = Int32Array.from(sentences, (ids) => ids.length);
    return {
      ids: Int32Array.from(sentences.flat()),
      lens,
      bytes: Int32Array.from(lines, (line) => utf8.encode(line).length + 1),
    };
  }

  #encodeLine(line: string): number[] {
    const text = stripLine(line);
    if (text === "") return [];
    const words = this.#segmenter.cut(text);
    const tokens = this.#tokenizer.tokenize(words.join("")).map((token) => token.text);
    return toCorpusIds(markWords(tokens, words), this.#vocabulary);
  }
}
