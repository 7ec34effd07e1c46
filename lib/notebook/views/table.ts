/** Tables of records. */
import { columns as widthOf, escapeMarkup, formatCount } from "../../chart/mod.ts";
import { View } from "./view.ts";

/** How a table looks. */
export interface TableOptions {
  readonly caption?: string;
  /** Fields to show, in this order. Default: all, in the order of the first row that has each. */
  readonly columns?: readonly string[];
  /** Most rows shown; the caption says how many more there are. Default: 50. */
  readonly limit?: number;
  /** Digits of numbers that are not whole. Default: 4. */
  readonly digits?: number;
}

/**
 * Lays records out as a table.
 *
 * @param records one for each row; a field may be missing
 * @param options which fields, how many rows
 * @returns a view
 *
 * @example
 * ```ts
 * import { table } from "./table.ts";
 * console.log(String(table([{ task: "CHIP-STS", f1: 0.8123456 }, { task: "KUAKE-QIC", f1: 0.79 }])));
 * ```
 */
export function table(records: readonly object[], options: TableOptions = {}): View {
  const { caption, limit = 50, digits = 4 } = options;
  const fields = options.columns ?? [...new Set(records.flatMap((record) => Object.keys(record)))];
  const values = records.slice(0, limit).map((record) =>
    fields.map((field) => (record as Record<string, unknown>)[field])
  );
  const isNumeric = fields.map((_, i) =>
    values.some((row) => isNumber(row[i])) && values.every((row) => isNumber(row[i]) || row[i] == null)
  );
  const cells = values.map((row) => row.map((value) => spell(value, digits)));
  const more = records.length - cells.length;
  const captions = [
    ...(caption === undefined ? [] : [caption]),
    ...(more > 0 ? [`… ${formatCount(more)} more rows`] : []),
  ];
  const note = captions.join(" ");
  return new View(htmlTable(fields, cells, isNumeric, note), textTable(fields, cells, isNumeric, note));
}

function htmlTable(
  fields: readonly string[],
  cells: readonly string[][],
  isNumeric: readonly boolean[],
  caption: string,
): string {
  const side = (i: number) => ` style="text-align:${isNumeric[i] ? "right" : "left"}"`;
  const row = (name: "th" | "td", texts: readonly string[]) =>
    `<tr>${texts.map((text, i) => `<${name}${side(i)}>${escapeMarkup(text)}</${name}>`).join("")}</tr>`;
  return [
    "<table>",
    ...(caption ? [`<caption style="text-align:left">${escapeMarkup(caption)}</caption>`] : []),
    `<thead>${row("th", fields)}</thead>`,
    `<tbody>${cells.map((texts) => row("td", texts)).join("\n")}</tbody>`,
    "</table>",
  ].join("\n");
}

function textTable(
  fields: readonly string[],
  cells: readonly string[][],
  isNumeric: readonly boolean[],
  caption: string,
): string {
  const widths = fields.map((field, i) => Math.max(...[field, ...cells.map((row) => row[i]!)].map(widthOf)));
  const line = (texts: readonly string[]) =>
    texts.map((text, i) => {
      const space = " ".repeat(widths[i]! - widthOf(text));
      return isNumeric[i] ? space + text : text + space;
    }).join("  ").trimEnd();
  return [
    ...(caption ? [caption] : []),
    line(fields),
    line(widths.map((width) => "-".repeat(width))),
    ...cells.map(line),
  ].join("\n");
}

function isNumber(value: unknown): value is number {
  return typeof value === "number";
}

function spell(value: unknown, digits: number): string {
  if (value === undefined || value === null) return "";
  if (isNumber(value)) {
    return Number.isInteger(value) ? formatCount(value) : String(Number(value.toPrecision(digits)));
  }
  if (Array.isArray(value)) return value.map((part) => spell(part, digits)).join(", ");
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
