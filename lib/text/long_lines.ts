/** Lines too long for a segmenter to take in one piece. */
import type { Segmenter } from "./segmenter.ts";

/** Length of the pieces of a long line, in UTF-16 code units. */
const PIECE = 512;

/**
 * Where a line may be cut, best places first. No segmenter makes words across these characters; a full stop is not
 * among them because of decimals.
 */
const ENDS = [/[。！？；…!?;\n]/, /[，、：）】」》,:)\]\t \u3000]/];

/**
 * Makes a segmenter that cuts lines of any length in bounded memory.
 *
 * @param segmenter Gets lines up to the limit as they are, and longer ones in pieces that end with punctuation.
 * @param limit Longest line, in UTF-16 code units.
 * @returns The segmenter for all lines.
 */
export function withLongLines(segmenter: Segmenter, limit: number): Segmenter {
  return {
    name: segmenter.name,
    cut: async (texts) => {
      if (texts.every(({ length }) => length <= limit)) return await segmenter.cut(texts);
      const pieces = texts.map((text) => text.length <= limit ? [text] : splitAtPunctuation(text, PIECE));
      const words = await segmenter.cut(pieces.flat());
      let first = 0;
      return pieces.map(({ length }) => words.slice(first, first += length).flat());
    },
  };
}

/**
 * Splits a text at punctuation, or where there is none between any two characters.
 *
 * @param text Any text.
 * @param size Longest piece, in UTF-16 code units: at least 2.
 * @returns The pieces; joined, they give the text.
 *
 * @example
 * ```ts
 * import { splitAtPunctuation } from "./long_lines.ts";
 * console.log(splitAtPunctuation("发热。咳嗽，气促三天", 6)); // ["发热。", "咳嗽，", "气促三天"]
 * ```
 */
export function splitAtPunctuation(text: string, size: number): string[] {
  const pieces: string[] = [];
  let start = 0;
  while (text.length - start > size) {
    const end = start + lengthOfPiece(text.slice(start, start + size));
    pieces.push(text.slice(start, end));
    start = end;
  }
  return [...pieces, text.slice(start)];
}

function lengthOfPiece(text: string): number {
  for (const end of ENDS) {
    for (let i = text.length; i > 0; i--) if (end.test(text[i - 1]!)) return i;
  }
  const last = text.charCodeAt(text.length - 1);
  const splitsPair = last >= 0xd800 && last <= 0xdbff;
  return splitsPair ? text.length - 1 : text.length;
}
