/** Charts of block characters for a terminal, where a Chinese character is two columns wide. */

/** Hangul, kana, Chinese characters, full-width forms, emoji. Source: Unicode's East Asian Width, W and F. */
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{16fe0}-\u{1b2ff}\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}/u;
const NO_WIDTH = /[\p{Mn}\p{Me}\p{Cf}]/u;

/**
 * Tells how many columns of a terminal a text takes.
 *
 * @param text one line without control characters
 *
 * @example
 * ```ts
 * import { columns } from "./terminal.ts";
 * console.log(columns("HbA1c高")); // 7
 * ```
 */
export function columns(text: string): number {
  let sum = 0;
  for (const char of text) sum += NO_WIDTH.test(char) ? 0 : WIDE.test(char) ? 2 : 1;
  return sum;
}

/** One row of {@linkcode textBars}. */
export interface TextBar {
  readonly label: string;
  /** From 0. */
  readonly value: number;
  /** Written after the bar, as the number it stands for. */
  readonly note: string;
}

const EIGHTHS = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/**
 * Draws rows of a label, its number and a bar, which is exact to an eighth of a column.
 *
 * @param bars the rows
 * @param width columns of the longest bar, which stands for the greatest value
 * @returns one line a row; a value above 0 always shows
 *
 * @example
 * ```ts
 * import { textBars } from "./terminal.ts";
 * const rows = [{ label: "热", value: 4, note: "4" }, { label: "a", value: 1, note: "1" }];
 * console.log(textBars(rows, 4)); // ["热  4  ████", " a  1  █"]
 * ```
 */
export function textBars(bars: readonly TextBar[], width = 40): string[] {
  const greatest = Math.max(...bars.map(({ value }) => value), 0);
  const widest = (texts: string[]) => Math.max(...texts.map(columns), 0);
  const labelWidth = widest(bars.map(({ label }) => label));
  const noteWidth = widest(bars.map(({ note }) => note));
  return bars.map(({ label, value, note }) => {
    const eighths = value > 0 ? Math.max(1, Math.round(8 * width * value / greatest)) : 0;
    const bar = "█".repeat(eighths >> 3) + EIGHTHS[eighths & 7];
    return `${padStart(label, labelWidth)}  ${padStart(note, noteWidth)}  ${bar}`.trimEnd();
  });
}

function padStart(text: string, width: number): string {
  return " ".repeat(Math.max(0, width - columns(text))) + text;
}
