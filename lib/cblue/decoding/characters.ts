/**
 * Texts as the tagging tasks see them: one token for each character.
 *
 * A character is a Unicode code point, so that places in tokens are places in the official files, whatever the text.
 *
 * @module
 */
import type { Vocabulary } from "../../text/mod.ts";
import type { Span } from "../examples.ts";

/**
 * Splits a text into its code points, each in lower case.
 *
 * Lower case is taken one by one: "İ" stays one character though its lower case has two code points.
 *
 * @param text Any text; a lone surrogate counts as a character.
 * @returns As many strings as the text has code points.
 *
 * @example
 * ```ts
 * import { lowerCharacters } from "./characters.ts";
 * console.log(lowerCharacters("T₃偏高𠮷")); // ["t", "₃", "偏", "高", "𠮷"]
 * ```
 */
export function lowerCharacters(text: string): string[] {
  return Array.from(text, (character) => character.toLowerCase());
}

/**
 * Looks up the tokens of a stretch of a text: `[CLS]`, one for each character, `[SEP]`.
 *
 * No word pieces and no cleaning: characters that the vocabulary lacks, white space among them, become `[UNK]`, as in
 * the original's CMeEE and CMeIE.
 *
 * @param characters From {@linkcode lowerCharacters}.
 * @param vocabulary The model's.
 * @param window Which characters; default: all.
 * @returns Ids, two more than the window has characters.
 *
 * @example
 * ```ts
 * import { Vocabulary } from "../../text/mod.ts";
 * import { characterIds, lowerCharacters } from "./characters.ts";
 * const vocabulary = Vocabulary.fromTokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "b", "超"]);
 * console.log(characterIds(lowerCharacters("B 超"), vocabulary)); // Int32Array [2, 5, 1, 6, 3]
 * ```
 */
export function characterIds(
  characters: readonly string[],
  vocabulary: Vocabulary,
  { start, end }: Span = { start: 0, end: characters.length },
): Int32Array {
  const inside = characters.slice(start, end);
  return Int32Array.of(
    vocabulary.clsId,
    ...inside.map((character) => vocabulary.idOf(character) ?? vocabulary.unkId),
    vocabulary.sepId,
  );
}
