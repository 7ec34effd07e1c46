/**
 * Whether the benchmark will take a submission: its own checks, without its need for answers in the raw test file.
 *
 * @module
 */
import { UserError } from "../../config/mod.ts";
import { AnswerReader } from "./answers.ts";
import type { Fields } from "./fields.ts";
import { type DataFile, dataFile } from "./files.ts";
import { type KeyedRecord, readKeyed } from "./readers.ts";
import { answerIn, submissionNames, submittedFile } from "./submission.ts";
import type { Task } from "../tasks.ts";

/** What {@linkcode checkFormat} found. */
export interface FormatReport {
  /** Records of the raw test file. */
  readonly records: number;
  /** What is wrong, in the submission's order; none if it is fit to be submitted. */
  readonly problems: readonly string[];
}

/**
 * Checks a submission against the test file as it was downloaded.
 *
 * As CBLUE's checkers: the file's name, a prediction for each record of the test file in any order, the fields of each
 * prediction and their types, labels of the task. Beyond them: the layout of records, offsets within the text, and that
 * entities are what their offsets say.
 *
 * @param task The task.
 * @param raw The test file, with or without answers.
 * @param submission The submission, or a zip that holds it.
 * @returns Everything that is wrong.
 * @throws {UserError} If a file cannot be read, or its records at all.
 *
 * @example
 * ```ts
 * import { checkFormat } from "./format_check.ts";
 * import { TASKS } from "../tasks.ts";
 * const folder = await Deno.makeTempDir();
 * const raw = `${folder}/raw.json`, submission = `${folder}/KUAKE-QQR_test.json`;
 * await Deno.writeTextFile(raw, JSON.stringify([{ id: "s1", query1: "感冒", query2: "感冒药" }]));
 * await Deno.writeTextFile(submission, JSON.stringify([{ id: "s1", label: "3" }]));
 * console.log((await checkFormat(TASKS["KUAKE-QQR"], raw, submission)).problems); // record 1, field "label": …
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export async function checkFormat(
  task: Task,
  raw: string | DataFile,
  submission: string,
): Promise<FormatReport> {
  const source = await readKeyed(task, typeof raw === "string" ? dataFile(raw) : raw);
  const file = await submittedFile(task, submission);
  const { layout, records } = await readKeyed(task, file);
  const problems = [
    ...nameProblems(task, file),
    ...layoutProblems(task, layout),
    ...missingProblems(source.records, records),
  ];
  const answers = new AnswerReader(task, file.name);
  for (const { fields } of records) {
    const problem = problemOf(() => {
      answerIn(task, fields, answers);
      if (task.kind === "relations") checkObjects(fields, task.answerField);
    });
    if (problem) problems.push(problem);
  }
  const problem = problemOf(() => answers.finish());
  if (problem) problems.push(problem);
  return { records: source.records.length, problems };
}

function nameProblems(task: Task, { base }: DataFile): string[] {
  const names = submissionNames(task);
  return names.includes(base) ? [] : [`"${base}" must be called "${names.join('" or "')}"`];
}

function layoutProblems({ layout = "json" }: Task, found: string): string[] {
  const spellings: Record<string, string> = {
    json: "a JSON array",
    jsonl: "a JSON object a line",
    tsv: "tab-separated columns",
  };
  return found === layout ? [] : [`The records must be ${spellings[layout]}, not ${spellings[found]}`];
}

function missingProblems(source: readonly KeyedRecord[], records: readonly KeyedRecord[]): string[] {
  const keys = new Set(records.map(({ key }) => key));
  const missing = source.filter(({ key }) => !keys.has(key));
  if (missing.length === 0) return [];
  return [`${missing.length} of ${source.length} records are missing, the first is "${missing[0]!.key}"`];
}

/** In data sets an object may be a plain string; not here. */
function checkObjects(fields: Fields, answerField: string) {
  for (const triple of fields.objects(answerField)) triple.object("object");
}

/** What a reader complains of, without its opening words. */
function problemOf(read: () => void): string | undefined {
  try {
    read();
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return error.message.replace(/^Cannot read /, "");
  }
}
