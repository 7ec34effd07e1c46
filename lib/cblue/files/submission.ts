/**
 * Submissions: a task's test file with predictions in the place of answers, several zipped together.
 *
 * @module
 */
import { basename, join } from "node:path";
import { zipSync } from "fflate";
import { fileError, UserError, writeAtomically } from "../../config/mod.ts";
import { type AnswerOf, AnswerReader, TERM_SEPARATOR, type TripleAnswer } from "./answers.ts";
import type { SchemaRow } from "./companions.ts";
import type { Entity, ExampleBase, ExampleOf, TaskKind } from "../examples.ts";
import type { Fields } from "./fields.ts";
import { type DataFile, dataFile, filesOfZip } from "./files.ts";
import { readKeyed } from "./readers.ts";
import type { Task } from "../tasks.ts";

/** How a submission is written. */
export interface SubmissionOptions {
  /** The file's name, without folder; default: that of the task's test file. */
  readonly name?: string;
  /** Which types subjects and objects have; without it, triples that do not say are written without types. */
  readonly schema?: readonly SchemaRow[];
}

/**
 * Writes predictions as the benchmark wants them: the records of the test file in their order, with the answers filled in.
 *
 * @param task The task; its layout is the submission's, for CMeIE a record a line.
 * @param examples Of the test file.
 * @param predictions One for each example.
 * @param folder Where the file goes; it is made if it is not there.
 * @param options The file's name where it is not the test file's: CBLUE's own descriptions call CMeIE's both
 * `CMeIE_test.json` and `CMeIE_test.jsonl`.
 * @returns The file's path.
 * @throws {UserError} If the file cannot be written.
 * @throws {RangeError} If there are not as many predictions as examples.
 *
 * @example
 * ```ts
 * import { writeSubmission } from "./submission.ts";
 * import { TASKS } from "../tasks.ts";
 * const folder = await Deno.makeTempDir();
 * const record = { id: "s1", query: "感冒吃什么药" };
 * const example = { key: "s1", record, texts: [record.query] as const, label: undefined };
 * const path = await writeSubmission(TASKS["KUAKE-QIC"], [example], [{ label: "治疗方案" }], folder);
 * console.log(path, JSON.parse(await Deno.readTextFile(path))); // …/KUAKE-QIC_test.json [{ id: "s1", query: …, label: … }]
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export async function writeSubmission<K extends TaskKind>(
  task: Task<K>,
  examples: readonly ExampleOf[K][],
  predictions: readonly AnswerOf[K][],
  folder: string,
  { name = task.files.test, schema = [] }: SubmissionOptions = {},
): Promise<string> {
  if (examples.length !== predictions.length) {
    throw new RangeError(
      `Cannot write ${predictions.length} predictions for ${examples.length} examples: there must be one for each`,
    );
  }
  const path = join(folder, name);
  await Deno.mkdir(folder, { recursive: true }).catch((error) => {
    throw fileError("make", folder, error);
  });
  const records = examples.map((example, i) => ({
    ...example.record,
    [task.answerField]: written(task, example, predictions[i]!, schema),
  }));
  await writeAtomically(path, [new TextEncoder().encode(laidOut(task, records))]);
  return path;
}

/**
 * Reads the predictions of a submission.
 *
 * Records may stand in any order, and there may be more of them; where several have the same key, as texts that occur
 * twice, the first belongs to the first example of that key.
 *
 * @param task The task.
 * @param examples What they are predictions for.
 * @param file The submission.
 * @returns For each example its prediction.
 * @throws {UserError} If an example has none, or a record is malformed or has a label that the task lacks.
 */
export async function readSubmission<K extends TaskKind>(
  task: Task<K>,
  examples: readonly ExampleOf[K][],
  file: string | DataFile,
): Promise<AnswerOf[K][]> {
  const { name, records } = await readKeyed(task, file);
  const answers = new AnswerReader(task, name);
  const byKey = new Map<string, AnswerOf[TaskKind][]>();
  for (const { fields, key } of records) {
    const sameKey = byKey.get(key) ?? [];
    if (sameKey.length === 0) byKey.set(key, sameKey);
    sameKey.push(answerIn(task, fields, answers));
  }
  answers.finish();
  const missing = examples.filter(({ key }) => !byKey.has(key));
  if (missing.length > 0) {
    throw new UserError(
      `Cannot read "${name}": ${missing.length} of ${examples.length} records are missing, the first is "${
        missing[0]!.key
      }"`,
    );
  }
  return examples.map(({ key }) => {
    const [first, ...more] = byKey.get(key)!;
    if (more.length > 0) byKey.set(key, more);
    return first as AnswerOf[K];
  });
}

/**
 * Zips submissions for upload: their names alone, without folders; the same files make the same zip.
 *
 * @param paths The files.
 * @param path Of the zip.
 * @throws {UserError} If there are none, two have the same name, or a file cannot be read or written.
 */
export async function zipSubmission(paths: readonly string[], path: string): Promise<void> {
  if (paths.length === 0) throw new UserError(`Cannot write "${path}": there are no files to put in`);
  const members: Record<string, Uint8Array> = {};
  for (const one of paths) {
    const name = basename(one);
    if (name in members) throw new UserError(`Cannot write "${path}": two files are called "${name}"`);
    members[name] = await dataFile(one).read();
  }
  await writeAtomically(path, [zipSync(members, { mtime: "1980-01-01T00:00:00" })]);
}

/**
 * A task's file in a submission.
 *
 * @param path Of the file, or of a zip that holds it.
 * @returns The file; of a zip, the one that is called as the task's submission is.
 * @throws {UserError} If a zip has no such file.
 */
export async function submittedFile(task: Task, path: string): Promise<DataFile> {
  if (!/\.zip$/i.test(path)) return dataFile(path);
  const names = submissionNames(task);
  const found = (await filesOfZip(path)).find(({ base }) => names.includes(base));
  if (!found) {
    throw new UserError(`Cannot find ${task.name} in "${path}": it has no file "${names.join('" or "')}"`);
  }
  return found;
}

/** What a task's submission may be called. */
export function submissionNames({ files: { test }, layout }: Task): string[] {
  const other = layout === "jsonl"
    ? test.replace(/\.jsonl?$/, (end) => end === ".json" ? ".jsonl" : ".json")
    : test;
  return [...new Set([test, other])];
}

/** The answer of a submission's record; no term at all is an answer, too. */
export function answerIn(task: Task, fields: Fields, answers: AnswerReader): AnswerOf[TaskKind] {
  switch (task.kind) {
    case "classification":
      return { label: answers.label(fields) };
    case "entities":
      return answers.entities(fields, fields.text(task.textFields[0]));
    case "relations":
      return answers.triples(fields);
    case "normalization":
      return answers.terms(fields);
  }
}

/** The value of a record's answer field. */
function written(
  task: Task,
  example: ExampleBase,
  prediction: AnswerOf[TaskKind],
  schema: readonly SchemaRow[],
): unknown {
  switch (task.kind) {
    case "classification":
      return (prediction as AnswerOf["classification"]).label;
    case "entities": {
      const characters = Array.from((example as ExampleOf["entities"]).text);
      return (prediction as readonly Entity[]).map(({ start, end, type }) => ({
        start_idx: start,
        end_idx: task.ends === "exclusive" ? end : end - 1,
        type,
        entity: characters.slice(start, end).join(""),
      }));
    }
    case "relations":
      return (prediction as readonly TripleAnswer[]).map((triple) => writtenTriple(triple, schema));
    case "normalization":
      return (prediction as readonly string[]).join(TERM_SEPARATOR);
  }
}

function writtenTriple(triple: TripleAnswer, schema: readonly SchemaRow[]) {
  const { subject, predicate, object } = triple;
  const row = schema.find((row) => row.predicate === predicate);
  const subjectType = triple.subjectType || row?.subjectType,
    objectType = triple.objectType || row?.objectType;
  return {
    Combined: false,
    predicate,
    subject,
    ...(subjectType && { subject_type: subjectType }),
    object: { "@value": object },
    ...(objectType && { object_type: { "@value": objectType } }),
  };
}

function laidOut(task: Task, records: readonly Readonly<Record<string, unknown>>[]): string {
  switch (task.layout ?? "json") {
    case "json":
      return JSON.stringify(records, null, 2) + "\n";
    case "jsonl":
      return records.map((record) => JSON.stringify(record) + "\n").join("");
    case "tsv": {
      const columns = Object.keys(records[0] ?? {}); // a column of ids is what records are matched by
      const rows = records.map((record) => columns.map((column) => record[column]));
      return [columns, ...rows].map((row) => row.join("\t") + "\n").join("");
    }
  }
}
