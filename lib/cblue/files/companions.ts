/**
 * What lies beside a task's records: the classes of CHIP-CTC, the schema of CMeIE, the terms of CHIP-CDN.
 *
 * @module
 */
import { readSheet } from "read-excel-file/universal";
import { UserError } from "../../config/mod.ts";
import { Fields } from "./fields.ts";
import { type DataFile, dataFile, findCompanion } from "./files.ts";
import { readRecords } from "./records.ts";
import type { Label } from "../tasks.ts";

/** What a predicate may hold between. */
export interface SchemaRow {
  readonly subjectType: string;
  readonly predicate: string;
  readonly objectType: string;
}

/**
 * Reads the classes of CHIP-CTC from `category.xlsx`.
 *
 * @param folder With the task's files, or a zip.
 * @returns The classes, sorted by name as their ids are; undefined if there is no such file.
 * @throws {UserError} If it cannot be read or lacks the column `Label Name`.
 */
export async function readCategories(folder: string): Promise<Label[] | undefined> {
  const file = await findCompanion(folder, "CHIP-CTC", (base) => base.toLowerCase() === "category.xlsx");
  if (!file) return undefined;
  const [header = [], ...rows] = await readTable(file);
  const names = header.indexOf("Label Name"), chinese = header.indexOf("Chinese Label Name");
  if (names < 0) throw new UserError(`Cannot read "${file.name}": it has no column "Label Name"`);
  const labels = rows.filter((row) => row[names]).map((row) => ({
    name: row[names]!,
    ...(row[chinese] && { chinese: row[chinese] }),
  }));
  const byName = new Map(labels.map((label) => [label.name, label]));
  return [...byName.keys()].sort().map((name) => byName.get(name)!);
}

/**
 * Reads the schema of CMeIE from `53_schemas.json`.
 *
 * @param folder With the task's files, or a zip.
 * @param task The task's name, where it is not "CMeIE".
 * @returns Its rows, or undefined if there is no such file.
 * @throws {UserError} If it is malformed.
 */
export async function readSchema(folder: string, task = "CMeIE"): Promise<SchemaRow[] | undefined> {
  const file = await findCompanion(folder, task, (base) => /^(\d+_)?schemas?\.jsonl?$/i.test(base));
  if (!file) return undefined;
  const { records } = await readRecords(file);
  return records.map((record, i) => {
    const fields = new Fields(record, `"${file.name}": record ${i + 1}`);
    return {
      subjectType: fields.text("subject_type"),
      predicate: fields.text("predicate"),
      objectType: fields.text("object_type"),
    };
  });
}

/**
 * Reads the standard terms of CHIP-CDN: the second column of the ICD-10 workbook, or of a table or list in a text file.
 *
 * @param path Of an `.xlsx` or a text file (`.tsv` or one term a line); or the folder or zip where the task's workbook lies.
 * @param task The task's name, where it is not "CHIP-CDN".
 * @returns Each term once, in the file's order; undefined if the folder has no workbook.
 * @throws {UserError} If the file cannot be read or has no terms.
 */
export async function readTerms(path: string, task = "CHIP-CDN"): Promise<string[] | undefined> {
  const file = /\.(xlsx|txt|tsv)$/i.test(path)
    ? dataFile(path)
    : await findCompanion(path, task, (base) => /\.xlsx$/i.test(base) && base !== "category.xlsx");
  if (!file) return undefined;
  const rows = await readTable(file);
  const column = rows.some((row) => row[1]) ? 1 : 0;
  const terms = rows.map((row) => row[column] ?? "").filter((term, i) =>
    term !== "" && !(i === 0 && isHeader(term))
  );
  if (terms.length === 0) throw new UserError(`Cannot read "${file.name}": it has no terms`);
  return [...new Set(terms)];
}

function isHeader(cell: string): boolean {
  return /名称$|^(name|term)s?$/i.test(cell);
}

/** The cells of a workbook's first sheet, or of a text file. */
async function readTable(file: DataFile): Promise<string[][]> {
  const bytes = await file.read();
  if (!/\.xlsx$/i.test(file.name)) {
    return new TextDecoder().decode(bytes).split(/\r?\n/).map((line) => line.split("\t"));
  }
  try {
    const rows = await readSheet(new Uint8Array(bytes).buffer);
    return rows.map((row) => row.map((cell) => cell === null ? "" : String(cell)));
  } catch (error) {
    throw new UserError(`Cannot read "${file.name}": it is no Excel workbook, or a damaged one`, {
      cause: error,
    });
  }
}
