/** Blocks of text to packed sentences: what a worker of preprocessing does. */
import { hash } from "node:crypto";
import { blockPairs, blockTexts, stripLine, Vocabulary } from "../text/mod.ts";
import type { BadLine, PairFields, TextBlock, TextFormat } from "../text/mod.ts";
import type { Counts } from "./corpus_report.ts";
import { idType, type PackedSentences } from "./corpus_writer.ts";
import { LineEncoder, type WordMarks } from "./line_encoder.ts";

/** How blocks are encoded; survives a message to a worker. */
export interface BlockEncoderOptions {
  readonly tool: string;
  readonly tokens: readonly string[];
  readonly wordMarks: WordMarks;
  /** Terms that shall be words. */
  readonly lexicon?: readonly string[];
  /** Field of JSON Lines that holds the text. */
  readonly field: string;
  /** Each line is a question and its answer, in JSON Lines in these fields. */
  readonly pairFields?: PairFields;
  /** Texts with fewer characters are left out. */
  readonly minChars: number;
}

/** A block and what to do with it. */
export interface BlockRequest {
  readonly kind: "hash" | "encode";
  readonly block: Pick<TextBlock, "bytes" | "isTooLong" | "start">;
  readonly format: TextFormat;
  /** 1 for each text or pair of the block that passes the filters and is left out as a duplicate. */
  readonly duplicates?: Uint8Array;
}

/** A block's texts as the corpus holds them. */
export interface EncodedBlock extends PackedSentences {
  readonly counts: Counts;
  readonly bad: readonly BadLine[];
  readonly unknown: readonly (readonly [string, number])[];
}

/** Bytes of a text's hash: two of a trillion texts are alike by chance once in 10¹⁴ corpora. */
export const HASH_BYTES = 16;
/** Characters of a spelling in the report. */
const SPELLING_CHARACTERS = 32;

/** What is kept or left out as a whole: a text, or a question and its answer. */
type Entry = readonly string[];

/** Encodes blocks, or hashes their texts. */
export class BlockEncoder {
  readonly #options: BlockEncoderOptions;
  readonly #lines: LineEncoder;

  private constructor(options: BlockEncoderOptions, lines: LineEncoder) {
    this.#options = options;
    this.#lines = lines;
  }

  /**
   * Loads the segmenter.
   *
   * @param options segmenter, vocabulary, filters
   * @returns an encoder
   * @throws {UserError} if there is no such segmenter, or its model is missing
   */
  static async create(options: BlockEncoderOptions): Promise<BlockEncoder> {
    const { tool, tokens, wordMarks, lexicon } = options;
    const lines = await LineEncoder.create({
      tool,
      vocabulary: Vocabulary.fromTokens(tokens),
      wordMarks,
      ...(lexicon === undefined ? {} : { lexicon }),
    });
    return new BlockEncoder(options, lines);
  }

  /**
   * Hashes the texts, or the pairs, that pass the filters.
   *
   * @param request the block
   * @returns 16 bytes each, end to end
   */
  hash({ block, format }: BlockRequest): Uint8Array<ArrayBuffer> {
    const { kept } = this.#filter(this.#read(block, format).entries);
    const hashes = new Uint8Array(kept.length * HASH_BYTES);
    kept.forEach((entry, i) => {
      const digest = hash("sha256", entry.join("\n"), "buffer"); // no text has a line ending
      hashes.set(digest.subarray(0, HASH_BYTES), i * HASH_BYTES);
    });
    return hashes;
  }

  /**
   * Encodes the texts, or the pairs, that pass the filters and are no duplicates.
   *
   * @param request the block
   * @returns sentences, counts and bad lines
   */
  async encode({ block, format, duplicates }: BlockRequest): Promise<EncodedBlock> {
    const { entries, lines, bad } = this.#read(block, format);
    const { kept, empty, short } = this.#filter(entries);
    const fresh = duplicates === undefined ? kept : kept.filter((_, i) => duplicates[i] === 0);
    const together = this.#options.pairFields === undefined ? 1 : 2;
    const { ids, lens, continues, unknown } = await this.#lines.encode(fresh.flat(), together);
    const sentences = lens.filter((length) => length > 0);
    const Ids = idType(this.#options.tokens.length) === "u2" ? Uint16Array : Int32Array;
    return {
      ids: Ids.from(ids),
      lens: sentences,
      ...(continues === undefined ? {} : { marks: packBits(continues) }),
      counts: {
        bytes: 0, // whoever cut the block knows
        lines,
        sentences: sentences.length,
        tokens: ids.length,
        empty_lines: empty + (lens.length - sentences.length) / together,
        short_lines: short,
        duplicate_lines: kept.length - fresh.length,
        bad_lines: bad.length,
        unknown_tokens: unknown.values().reduce((sum, count) => sum + count, 0),
      },
      bad,
      unknown: shorten(unknown),
    };
  }

  #read(block: BlockRequest["block"], format: TextFormat) {
    const { field, pairFields } = this.#options;
    if (pairFields !== undefined) {
      const { pairs, lines, bad } = blockPairs(block, format, pairFields);
      return { entries: pairs, lines, bad };
    }
    const { texts, lines, bad } = blockTexts(block, format, field);
    return { entries: texts.map((text): Entry => [text]), lines, bad };
  }

  #filter(entries: readonly Entry[]): { kept: Entry[]; empty: number; short: number } {
    const { minChars } = this.#options;
    let [empty, short] = [0, 0];
    const kept: Entry[] = [];
    for (const entry of entries) {
      const stripped = entry.map(stripLine);
      if (stripped.includes("")) empty++;
      else if (minChars > 1 && stripped.some((text) => isShorter(text, minChars))) short++;
      else kept.push(stripped);
    }
    return { kept, empty, short };
  }
}

/** Whether a text has fewer than so many characters (code points, not UTF-16 units). */
function isShorter(text: string, characters: number): boolean {
  if (text.length < characters) return true;
  if (text.length >= 2 * characters) return false;
  return [...text].length < characters;
}

/** Packs bits as numpy.packbits does: the first in the highest bit, zeros at the end. */
export function packBits(bits: Uint8Array): Uint8Array<ArrayBuffer> {
  const packed = new Uint8Array(Math.ceil(bits.length / 8));
  for (let i = 0; i < bits.length; i++) if (bits[i] === 1) packed[i >> 3]! |= 0x80 >> (i & 7);
  return packed;
}

/** Cuts spellings down that nobody would read to the end, such as a megabyte without white space. */
function shorten(unknown: ReadonlyMap<string, number>): [string, number][] {
  const short = new Map<string, number>();
  for (const [spelling, count] of unknown) {
    const isLong = spelling.length > SPELLING_CHARACTERS;
    const shown = isLong
      ? [...spelling.slice(0, 2 * SPELLING_CHARACTERS)].slice(0, SPELLING_CHARACTERS).join("") + "…"
      : spelling;
    short.set(shown, (short.get(shown) ?? 0) + count);
  }
  return [...short];
}
