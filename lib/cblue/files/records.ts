/**
 * Files of records: a JSON array, a JSON object a line, or tab-separated columns under a header.
 *
 * @module
 */
import { UserError } from "../../config/mod.ts";
import type { DataFile } from "./files.ts";

/** A file's records. */
export interface RecordFile {
  readonly layout: "json" | "jsonl" | "tsv";
  /** In the file's order. */
  readonly records: readonly unknown[];
}

/**
 * Reads a file of records, whatever its layout.
 *
 * A byte order mark may stand at the file's head; within texts U+FEFF is a character like any other.
 *
 * @param file In UTF-8; tab-separated if its name ends in `.tsv`.
 * @returns The records as they are.
 * @throws {UserError} If it cannot be read or its syntax is wrong.
 *
 * @example
 * ```ts
 * import { readRecords } from "./records.ts";
 * const bytes = new TextEncoder().encode('\ufeff{"id": "1"}\n{"id": "2"}\n');
 * const { layout, records } = await readRecords({ name: "dev.json", base: "dev.json", read: () => Promise.resolve(bytes) });
 * console.log(layout, records.length); // jsonl 2
 * ```
 */
export async function readRecords(file: DataFile): Promise<RecordFile> {
  const text = decode(file.name, await file.read());
  if (/\.tsv$/i.test(file.name)) return { layout: "tsv", records: parseTable(file.name, text) };
  const first = /\S/.exec(text)?.[0];
  if (first === undefined) throw new UserError(`Cannot read "${file.name}": it is empty`);
  return first === "["
    ? { layout: "json", records: parseArray(file.name, text) }
    : { layout: "jsonl", records: parseLines(file.name, text) };
}

function decode(name: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    throw new UserError(
      `Cannot read "${name}": it is not UTF-8; convert it, for example with \`iconv -f GB18030 -t UTF-8\``,
      { cause: error },
    );
  }
}

function parseArray(name: string, text: string): unknown[] {
  try {
    return JSON.parse(text);
  } catch (error) {
    const reason = (error as Error).message;
    const place = Number(/position (\d+)/.exec(reason)?.[1] ?? text.length);
    throw new UserError(`Cannot read "${name}": record ${recordAt(text, place)}: ${reason}`);
  }
}

/** The number of the record of an array in which a place of its text lies, from 1. */
function recordAt(text: string, place: number): number {
  let depth = 0, record = 1;
  for (const [token] of text.slice(0, place).matchAll(/"(?:[^"\\]|\\.)*"|[[\]{},]/g)) {
    if (token === "[" || token === "{") depth++;
    else if (token === "]" || token === "}") depth--;
    else if (token === "," && depth === 1) record++;
  }
  return record;
}

function parseLines(name: string, text: string): unknown[] {
  const records: unknown[] = [];
  text.split("\n").forEach((line, i) => {
    if (/^\s*$/.test(line)) return;
    try {
      records.push(JSON.parse(line));
    } catch (error) {
      const expected = i === 0 ? "; expected a JSON array, or a JSON object a line" : "";
      throw new UserError(
        `Cannot read "${name}": record ${records.length + 1} in line ${i + 1}: ${
          (error as Error).message
        }${expected}`,
      );
    }
  });
  return records;
}

function parseTable(name: string, text: string): Record<string, string>[] {
  const [header, ...lines] = text.replace(/\r?\n$/, "").split(/\r?\n/).map((line) => line.split("\t"));
  return lines.map((cells, i) => {
    if (cells.length > header!.length) {
      throw new UserError(
        `Cannot read "${name}": record ${i + 1} has ${cells.length} columns, the header ${header!.length}`,
      );
    }
    return Object.fromEntries(cells.map((cell, column) => [header![column]!, cell]));
  });
}
