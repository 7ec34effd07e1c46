import { UserError } from "../config/mod.ts";
import { Lexicon, withLexicon } from "./lexicon.ts";
import { withLongLines } from "./long_lines.ts";

/** Cuts sentences into words. */
export interface Segmenter {
  readonly name: string;
  /**
   * Cuts sentences, as many at a time as there are: the network of `lac` and `seg` works on batches. How they are
   * grouped makes no difference to the words.
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
 * @param name `"lac"`, `"seg"` or `"jieba"`.
 * @param options Terms that shall be words. jieba takes them into its dictionary, for the whole process; what `lac` and
 *     `seg` cut is mended, and what jieba cuts whatever its dictionary.
 * @returns The segmenter, its model or dictionary loaded.
 * @throws {UserError} If there is no segmenter of this name, or its model is missing or damaged.
 *
 * @example
 * ```ts
 * import { createSegmenter } from "./segmenter.ts";
 * const jieba = await createSegmenter("jieba");
 * console.log(await jieba.cut(["患者患有糖尿病"])); // [["患者", "患有", "糖尿病"]]
 * ```
 */
export async function createSegmenter(name: string, options: SegmenterOptions = {}): Promise<Segmenter> {
  const { lexicon = [] } = options;
  switch (name) {
    // Each only when asked for: they take up to half a second and 100 MB.
    case "lac":
    case "seg": {
      const { LacSegmenter } = await import("./lac/segmenter.ts");
      const segmenter = withLongLines(await LacSegmenter.load(name), LacSegmenter.longestLine);
      return lexicon.length === 0 ? segmenter : withLexicon(segmenter, new Lexicon(lexicon));
    }
    case "jieba": {
      const { JiebaSegmenter } = await import("./jieba.ts");
      const segmenter = withLongLines(new JiebaSegmenter(lexicon), JiebaSegmenter.longestLine);
      const others = lexicon.filter((term) => !JiebaSegmenter.canBeWord(term));
      return others.length === 0 ? segmenter : withLexicon(segmenter, new Lexicon(others));
    }
    default:
      throw new UserError(`Cannot segment with "${name}": no such segmenter; use lac, seg or jieba`);
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
