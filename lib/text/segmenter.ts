import { UserError } from "../config/mod.ts";

/** Cuts sentences into words. */
export interface Segmenter {
  readonly name: string;
  /**
   * Cuts sentences, as many at a time as there are: the network of `lac` and `seg` works on batches.
   *
   * @param texts Sentences, without white space round them.
   * @returns The words of each sentence in order; joined, they give the sentence.
   */
  cut(texts: readonly string[]): Promise<string[][]>;
}

/** Options of {@linkcode createSegmenter}. */
export interface SegmenterOptions {
  /** Terms that shall be words of their own. */
  readonly lexicon?: readonly string[];
}

/**
 * Makes the segmenter of a `--tokenize_tool`.
 *
 * @param name `"jieba"`.
 * @param options Terms that shall be words.
 * @returns The segmenter, its dictionary loaded.
 * @throws {UserError} If there is no segmenter of this name.
 *
 * @example
 * ```ts
 * import { createSegmenter } from "./segmenter.ts";
 * const jieba = await createSegmenter("jieba");
 * console.log(await jieba.cut(["患者患有糖尿病"])); // [["患者", "患有", "糖尿病"]]
 * ```
 */
export async function createSegmenter(name: string, _options: SegmenterOptions = {}): Promise<Segmenter> {
  switch (name) {
    case "jieba": {
      // Only when asked for: the dictionary takes half a second and 100 MB.
      const { JiebaSegmenter } = await import("./jieba.ts");
      return new JiebaSegmenter();
    }
    case "lac":
    case "seg":
      throw new UserError(
        `Cannot segment with "${name}": it arrives with a later release; use --tokenize_tool jieba`,
      );
    default:
      throw new UserError(`Cannot segment with "${name}": no such segmenter; use --tokenize_tool jieba`);
  }
}

/**
 * Removes white space from both ends of a line, by Python's notion of white space.
 *
 * Unlike `trim`, it also removes U+001C … U+001F and U+0085, and it keeps U+FEFF.
 *
 * @param text A line of text.
 * @returns The line as Python's `str.strip()` gives it.
 *
 * @example
 * ```ts
 * import { stripLine } from "./segmenter.ts";
 * console.log(stripLine("\u3000发热 \u0085")); // "发热"
 * ```
 */
export function stripLine(text: string): string {
  let [start, end] = [0, text.length];
  while (start < end && isPythonSpace(text.charCodeAt(start))) start++;
  while (end > start && isPythonSpace(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

function isPythonSpace(unit: number): boolean {
  return unit === 0x20 || (unit >= 0x09 && unit <= 0x0d) || (unit >= 0x1c && unit <= 0x1f) || unit === 0x85 ||
    unit === 0xa0 || unit === 0x1680 || (unit >= 0x2000 && unit <= 0x200a) || unit === 0x2028 ||
    unit === 0x2029 || unit === 0x202f || unit === 0x205f || unit === 0x3000;
}
