/**
 * Names as they are compared: what spelling, width and punctuation hide is taken away.
 *
 * `cleanName` is what CBLUE's baseline of CHIP-CDN does before a text meets a model. `comparisonKey` goes further and is
 * used for counting common characters only, never shown.
 *
 * @module
 */

const FULL_WIDTH = /[\uff01-\uff5e]/g;
const FULL_WIDTH_OFFSET = 0xfee0;
const QUOTES = /["'`“”‘’「」『』]/g;
const DIVIDERS = /[\\,、?:./。]/g;
const INVISIBLE = /[\ufeff\u200b-\u200f\u00ad]/g;

/**
 * Cleans a clinician's words or a standard term as CBLUE's baseline does: half-width characters, no quotes, one sign `;`
 * for everything that divides, `-` for `~`.
 *
 * @param text as a record has it
 * @returns the text without U+FEFF, without white space around it and with one space for white space inside
 *
 * @example
 * ```ts
 * import { cleanName } from "./clean.ts";
 * console.log(cleanName("“高血压３级”，糖尿病？")); // 高血压3级;糖尿病;
 * ```
 */
export function cleanName(text: string): string {
  return text
    .replace(INVISIBLE, "")
    .replace(FULL_WIDTH, (char) => String.fromCharCode(char.charCodeAt(0) - FULL_WIDTH_OFFSET))
    .replace(QUOTES, "")
    .replace(DIVIDERS, ";")
    .replaceAll("~", "-")
    .replace(/\s+/g, " ")
    .trim();
}

const CHINESE_DIGITS = "一二三四五六七八九";
const ROMAN = /(?<![a-z])(?:iv|v?i{1,3}|ix|v)(?![a-z])/g;
const ROMAN_DIGITS: Readonly<Record<string, string>> = {
  i: "1",
  ii: "2",
  iii: "3",
  iv: "4",
  v: "5",
  vi: "6",
  vii: "7",
  viii: "8",
  ix: "9",
};

/**
 * What two spellings of one name have in common: letters and digits in lower case, Roman and Chinese numerals up to nine as
 * digits, 度 for its sign.
 *
 * @param text a text or a term, cleaned or not
 * @returns its letters and digits; empty if it has none
 *
 * @example
 * ```ts
 * import { comparisonKey } from "./clean.ts";
 * console.log(comparisonKey("Ⅲ° 房室传导-阻滞"), comparisonKey("三度房室传导阻滞")); // 3度房室传导阻滞, twice
 * ```
 */
export function comparisonKey(text: string): string {
  return text
    .normalize("NFKC") // Ⅱ becomes II, ⅲ becomes iii, full width becomes half width
    .toLowerCase()
    .replace(ROMAN, (numeral) => ROMAN_DIGITS[numeral]!)
    .replace(/[一二三四五六七八九]/g, (digit) => String(CHINESE_DIGITS.indexOf(digit) + 1))
    .replaceAll("°", "度")
    .replace(/[^\p{L}\p{N}]/gu, "");
}

/** What stands between the names of one text. Words come before their own first characters. */
const BETWEEN_NAMES = /;|\+|伴有|伴发|伴|合并|并发|并|以及|及|和|与/;

/**
 * Splits a text at what usually stands between two names: `;` and its kin, `+`, 及, 伴, 合并, 并, 和, 与.
 *
 * Such a character may also be part of a name (埃及血吸虫病), so that parts are a help for finding terms and never proof
 * that the text names several.
 *
 * @param text a clinician's words
 * @returns the parts with at least two letters or digits, in order; the whole cleaned text if there is none
 *
 * @example
 * ```ts
 * import { splitMentions } from "./clean.ts";
 * console.log(splitMentions("高血压伴糖尿病，左")); // [ "高血压", "糖尿病" ]
 * ```
 */
export function splitMentions(text: string): string[] {
  const cleaned = cleanName(text);
  const parts = cleaned.split(BETWEEN_NAMES).map((part) => part.trim()).filter((part) =>
    [...comparisonKey(part)].length >= 2
  );
  return parts.length > 0 ? parts : [cleaned];
}
