/** The texts in a block of lines: one a line, or pairs of them. */
import { firstLineEnd, MAX_LINE_BYTES, type TextBlock, type TextFormat } from "./blocks.ts";
import { stripLine } from "./segmenter.ts";

/** A line that gives no text. */
export interface BadLine {
  /** Line number in the block, from 0. */
  readonly index: number;
  /** What the line is: "not UTF-8; …". */
  readonly reason: string;
}

/** What the lines of a block hold. */
export interface BlockRecords<T> {
  /** In the order of the lines. */
  readonly records: readonly T[];
  /** Which line of the block, from 0, each is from. */
  readonly origins: readonly number[];
  /** Lines in the block, bad ones included. */
  readonly lines: number;
  readonly bad: readonly BadLine[];
}

/** The texts of a block. */
export interface BlockTexts extends Omit<BlockRecords<string>, "records"> {
  /** One a line, or in JSON Lines one for each line of the field. */
  readonly texts: readonly string[];
}

/** A question and its answer. */
export type TextPair = readonly [question: string, answer: string];

/** The fields of JSON Lines that hold a question and its answer. */
export type PairFields = readonly [question: string, answer: string];

/** The pairs of texts of a block. */
export interface BlockPairs extends Omit<BlockRecords<TextPair>, "records"> {
  /** One a line; two empty texts for a blank line. */
  readonly pairs: readonly TextPair[];
}

/** The fields of pairs unless others are named. */
export const PAIR_FIELDS: PairFields = ["question", "answer"];

const NEWLINE = /\r\n|\n|\r/;

/**
 * Takes the texts out of a block.
 *
 * @param block Whole lines; a byte order mark at the very start of the text is dropped.
 * @param format How they hold the texts.
 * @param field Name of the field in JSON Lines. Default: `text`.
 * @returns Texts, and the lines that give none.
 */
export function blockTexts(
  block: Pick<TextBlock, "bytes" | "isTooLong" | "start">,
  format: TextFormat,
  field = "text",
): BlockTexts {
  const { records, ...rest } = blockRecords(
    block,
    (line) => format === "lines" ? [line] : fieldTexts(line, field),
  );
  return { texts: records, ...rest };
}

/**
 * Takes pairs of texts out of a block: two columns with a tab between them, or two fields of JSON Lines.
 *
 * A text is never more than one: line endings within a field become spaces.
 *
 * @param block Whole lines; a byte order mark at the very start of the text is dropped.
 * @param format How they hold the pairs.
 * @param fields Names of the fields in JSON Lines. Default: `question` and `answer`.
 * @returns Pairs, and the lines that give none.
 *
 * @example
 * ```ts
 * import { blockPairs } from "./block_texts.ts";
 * const bytes = new TextEncoder().encode("发热怎么办？\t多喝水。\n发热\n");
 * const { pairs, bad } = blockPairs({ bytes, isTooLong: false, start: 0 }, "lines");
 * console.log(pairs, bad.length); // [["发热怎么办？", "多喝水。"]] 1
 * ```
 */
export function blockPairs(
  block: Pick<TextBlock, "bytes" | "isTooLong" | "start">,
  format: TextFormat,
  fields = PAIR_FIELDS,
): BlockPairs {
  const { records, ...rest } = blockRecords(block, (line) => {
    if (stripLine(line) === "") return [["", ""] as const];
    const pair = format === "lines" ? columnPair(line) : fieldPair(line, fields);
    return typeof pair === "string" ? pair : [pair];
  });
  return { pairs: records, ...rest };
}

/** Goes through the lines of a block; a string instead of records is the reason why there are none. */
function blockRecords<T>(
  block: Pick<TextBlock, "bytes" | "isTooLong" | "start">,
  parse: (line: string) => readonly T[] | string,
): BlockRecords<T> {
  if (block.isTooLong) {
    const reason = `longer than ${MAX_LINE_BYTES >> 20} MiB; put line breaks into it`;
    return { records: [], origins: [], lines: 1, bad: [{ index: 0, reason }] };
  }
  const lines = decodeLines(block.bytes, block.start === 0);
  const bad: BadLine[] = [];
  const records: T[] = [];
  const origins: number[] = [];
  lines.forEach((line, index) => {
    const found = line === undefined
      ? "not UTF-8; convert the file, for example with `iconv -f GB18030 -t UTF-8`"
      : parse(line);
    if (typeof found === "string") {
      bad.push({ index, reason: found });
      return;
    }
    for (const record of found) {
      records.push(record);
      origins.push(index);
    }
  });
  return { records, origins, lines: lines.length, bad };
}

/** The lines of a block; `undefined` where a line is not UTF-8. */
function decodeLines(bytes: Uint8Array, atStart: boolean): (string | undefined)[] {
  const options = { fatal: true, ignoreBOM: !atStart };
  try {
    return splitLines(new TextDecoder("utf-8", options).decode(bytes));
  } catch { // now one by one
    const lines: (string | undefined)[] = [];
    const strict = new TextDecoder("utf-8", { ...options, ignoreBOM: true });
    for (let start = 0; start < bytes.length;) {
      const length = firstLineEnd(bytes.subarray(start), true) || bytes.length - start;
      const line = bytes.subarray(start, start + length);
      try {
        const text = strict.decode(line).replace(/(\r\n|\n|\r)$/, "");
        lines.push(atStart && start === 0 ? text.replace(/^\ufeff/, "") : text);
      } catch {
        lines.push(undefined);
      }
      start += length;
    }
    return lines;
  }
}

/** Splits at line endings; one at the end ends the last line, it does not open another. */
function splitLines(text: string): string[] {
  const lines = text.includes("\r") ? text.split(NEWLINE) : text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  return lines;
}

/** The texts in a line of JSON, or what the line is instead. */
function fieldTexts(line: string, field: string): string[] | string {
  if (stripLine(line) === "") return [""];
  const found = jsonFields(line, [field]);
  if (found === undefined) return "not JSON";
  const [text] = found;
  if (text !== undefined) return text === "" ? [""] : splitLines(text);
  return `without a text in the field "${field}"; name the field that has it`;
}

/** The pair in a line of two columns, or what the line is instead. */
function columnPair(line: string): TextPair | string {
  const [question, answer, ...more] = line.split("\t");
  if (question !== undefined && answer !== undefined && more.length === 0) return [question, answer];
  const count = answer === undefined ? "1 column" : `${2 + more.length} columns`;
  return `of ${count}; a pair is a question, a tab and an answer`;
}

/** The pair in a line of JSON, or what the line is instead. */
function fieldPair(line: string, fields: PairFields): TextPair | string {
  const found = jsonFields(line, fields);
  if (found === undefined) return "not JSON";
  const [question, answer] = found.map((text) => text?.replace(/\r\n|\n|\r/g, " "));
  if (question !== undefined && answer !== undefined) return [question, answer];
  return `without texts in the fields "${fields[0]}" and "${fields[1]}"; name the fields that have them`;
}

/** What the fields of a line of JSON hold, `undefined` for what is no text; nothing for what is no JSON. */
function jsonFields(line: string, fields: readonly string[]): (string | undefined)[] | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  const object = typeof value === "object" && value !== null ? value as Record<string, unknown> : {};
  return fields.map((field) => {
    const text = Object.hasOwn(object, field) ? object[field] : undefined;
    return typeof text === "string" ? text : undefined;
  });
}
