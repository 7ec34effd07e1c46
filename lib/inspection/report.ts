/** What preprocessing told about itself: `<prefix>_report.json`, which lies beside a corpus of ours but not of the original. */
import { diskErrorReason, UserError } from "../config/mod.ts";

/** Counts of a report, summed over the corpora that are read together. */
export interface ReportCounts {
  readonly lines: number;
  readonly sentences: number;
  readonly tokens: number;
  readonly empty_lines: number;
  readonly short_lines: number;
  readonly duplicate_lines: number;
  readonly bad_lines: number;
  readonly unknown_tokens: number;
}

/** The reports of one or more corpora as one. */
export interface Report extends ReportCounts {
  /** The segmenter; several in a row where corpora differ, as `jieba, lac`. */
  readonly tokenize_tool: string;
  /** `position` or `original`; several as with the segmenter. */
  readonly word_marks: string;
  readonly bad_line_examples: readonly { file: string; line: number; reason: string }[];
  /** Spellings that became `[UNK]` and how often, most frequent first. */
  readonly unknown: readonly (readonly [spelling: string, count: number])[];
}

const VERSION = 1;
const COUNTS = [
  "lines",
  "sentences",
  "tokens",
  "empty_lines",
  "short_lines",
  "duplicate_lines",
  "bad_lines",
  "unknown_tokens",
] as const satisfies readonly (keyof ReportCounts)[];

/**
 * Reads the reports of corpora.
 *
 * @param prefixes paths before `_report.json`
 * @returns all of them as one, or `undefined` where one is missing
 * @throws {UserError} if a file cannot be read or is no report
 */
export async function readReports(prefixes: readonly string[]): Promise<Report | undefined> {
  const reports: Report[] = [];
  for (const prefix of prefixes) {
    const report = await readReport(`${prefix}_report.json`);
    if (report === undefined) return undefined;
    reports.push(report);
  }
  const sum = (key: keyof ReportCounts) => reports.reduce((total, report) => total + report[key], 0);
  const names = (key: "tokenize_tool" | "word_marks") =>
    [...new Set(reports.map((report) => report[key]))].join(", ");
  const unknown = new Map<string, number>();
  for (const [spelling, count] of reports.flatMap((report) => report.unknown)) {
    unknown.set(spelling, (unknown.get(spelling) ?? 0) + count);
  }
  return {
    ...Object.fromEntries(COUNTS.map((key) => [key, sum(key)])) as Record<keyof ReportCounts, number>,
    tokenize_tool: names("tokenize_tool"),
    word_marks: names("word_marks"),
    bad_line_examples: reports.flatMap((report) => report.bad_line_examples),
    unknown: [...unknown].sort(([, a], [, b]) => b - a),
  };
}

async function readReport(path: string): Promise<Report | undefined> {
  const cannot = (reason: string, cause?: unknown) =>
    new UserError(`Cannot read report "${path}": ${reason}`, { cause });
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    const reason = diskErrorReason(error);
    throw reason === undefined ? error : cannot(reason, error);
  }
  const again = "remove it, or make the corpus anew with `deno task preprocess`";
  let report: Partial<Report> & { version?: unknown } | null;
  try {
    report = JSON.parse(text);
  } catch (error) {
    throw cannot(`it is not JSON; ${again}`, error);
  }
  if (report?.version !== VERSION) {
    throw cannot(`its version is ${JSON.stringify(report?.version)}, only ${VERSION} is known; ${again}`);
  }
  const wrong = COUNTS.find((key) => !Number.isSafeInteger(report[key])) ??
    (["unknown", "bad_line_examples"] as const).find((key) => !Array.isArray(report[key]));
  if (wrong !== undefined) throw cannot(`its "${wrong}" is ${JSON.stringify(report[wrong])}; ${again}`);
  return report as Report;
}
