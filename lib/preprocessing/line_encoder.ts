/** Lines of text to the corpus ids of their sentences: the work of every preprocessing worker. */
import {
  continuations,
  createSegmenter,
  markWords,
  type Segmenter,
  stripLine,
  suffixIdOf,
  toCorpusIds,
  Tokenizer,
} from "../text/mod.ts";
import type { Token, Vocabulary } from "../text/mod.ts";

/**
 * How a corpus remembers words: by where the segmenter cut, or by the original's search for spellings of at most four
 * tokens.
 */
export type WordMarks = "position" | "original";

/** How lines are encoded. */
export interface EncoderOptions {
  /** Name of the segmenter, as `--tokenize_tool` has it. */
  readonly tool: string;
  readonly vocabulary: Vocabulary;
  /** Terms that shall be words. */
  readonly lexicon?: readonly string[];
  /** Default: `"position"`. */
  readonly wordMarks?: WordMarks;
}

/** Lines turned into ids. */
export interface EncodedLines {
  /** Corpus ids of all lines end to end. */
  readonly ids: Int32Array<ArrayBuffer>;
  /** Ids of each line; 0 where a line gives none. */
  readonly lens: Int32Array<ArrayBuffer>;
  /** 1 for each id that continues a word, else 0; absent where the ids alone tell, with the original's marks. */
  readonly continues?: Uint8Array<ArrayBuffer>;
  /** What the vocabulary cannot spell, with counts. */
  readonly unknown: ReadonlyMap<string, number>;
}

/**
 * Encodes lines: strip, segment, tokenize the joined words, mark, look up. Source: the original's `ProcessFn`.
 *
 * @example
 * ```ts
 * import { LineEncoder } from "./line_encoder.ts";
 * import { Vocabulary } from "../text/mod.ts";
 * const vocabulary = await Vocabulary.read("tests/fixtures/text/vocab.txt");
 * const encoder = await LineEncoder.create({ tool: "jieba", vocabulary });
 * console.log((await encoder.encode(["患者发热", ""])).lens); // Int32Array [4, 0]
 * ```
 */
export class LineEncoder {
  readonly #segmenter: Segmenter;
  readonly #tokenizer: Tokenizer;
  readonly #vocabulary: Vocabulary;
  readonly #wordMarks: WordMarks;

  private constructor(segmenter: Segmenter, { vocabulary, wordMarks = "position" }: EncoderOptions) {
    this.#segmenter = segmenter;
    this.#vocabulary = vocabulary;
    this.#wordMarks = wordMarks;
    this.#tokenizer = new Tokenizer(vocabulary);
  }

  /**
   * Loads the segmenter.
   *
   * @param options segmenter, vocabulary, lexicon, word marks
   * @returns an encoder
   * @throws {UserError} if there is no such segmenter, or its model is missing
   */
  static async create(options: EncoderOptions): Promise<LineEncoder> {
    const { tool, lexicon } = options;
    return new LineEncoder(await createSegmenter(tool, lexicon === undefined ? {} : { lexicon }), options);
  }

  /**
   * Encodes lines.
   *
   * @param lines lines without their endings
   * @param together of so many that follow each other all give none if one gives none: 2 for pairs. Default: 1
   * @returns ids, and a count for every line
   */
  async encode(lines: readonly string[], together = 1): Promise<EncodedLines> {
    const sentences = await this.#segmenter.cut(lines.map(stripLine));
    const texts = sentences.map((words) => words.join(""));
    const tokenized = texts.map((text) => this.#tokenizer.tokenize(text));
    const isWhole = (i: number) => {
      const first = i - i % together;
      return tokenized.slice(first, first + together).every(({ length }) => length > 0);
    };
    const unknown = new Map<string, number>();
    const encoded = sentences.map((words, i) => {
      const tokens = isWhole(i) ? tokenized[i]! : [];
      this.#countUnknown(texts[i]!, tokens, unknown);
      return this.#wordMarks === "position"
        ? this.#byPosition(tokens, words)
        : this.#bySpelling(tokens, words);
    });
    const result = {
      ids: concatenate(Int32Array, encoded.map(({ ids }) => ids)),
      lens: Int32Array.from(encoded, ({ ids }) => ids.length),
      unknown,
    };
    if (this.#wordMarks === "original") return result;
    return { ...result, continues: concatenate(Uint8Array, encoded.map(({ continues }) => continues)) };
  }

  #bySpelling(tokens: readonly Token[], words: readonly string[]): EncodedLine {
    const marked = markWords(tokens.map(({ text }) => text), words);
    return { ids: toCorpusIds(marked, this.#vocabulary), continues: [] };
  }

  #byPosition(tokens: readonly Token[], words: readonly string[]): EncodedLine {
    const continues = continuations(tokens, words);
    const V = this.#vocabulary.size;
    const ids = tokens.map(({ id, text }, i) => continues[i] === 1 ? suffixIdOf(text, V) ?? id : id);
    return { ids, continues };
  }

  #countUnknown(text: string, tokens: readonly Token[], unknown: Map<string, number>): void {
    for (const { id, start, end } of tokens) {
      if (id !== this.#vocabulary.unkId) continue;
      const spelling = text.slice(start, end);
      unknown.set(spelling, (unknown.get(spelling) ?? 0) + 1);
    }
  }
}

interface EncodedLine {
  readonly ids: ArrayLike<number>;
  readonly continues: ArrayLike<number>;
}

function concatenate<T extends Int32Array<ArrayBuffer> | Uint8Array<ArrayBuffer>>(
  Elements: new (length: number) => T,
  parts: readonly ArrayLike<number>[],
): T {
  const whole = new Elements(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
