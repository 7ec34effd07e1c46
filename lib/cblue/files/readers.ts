/**
 * From the records of a task's files to its examples.
 *
 * @module
 */
import { AnswerReader } from "./answers.ts";
import type { Example, ExampleBase, ExampleOf, TaskKind } from "../examples.ts";
import { Fields } from "./fields.ts";
import { type DataFile, dataFile } from "./files.ts";
import { readRecords } from "./records.ts";
import type { Task } from "../tasks.ts";

/** How examples are read. */
export interface ReadOptions {
  /** Whether each record must have an answer, as in training; default: it may lack it. */
  readonly answered?: boolean;
  /** Told of what is odd but no error. */
  readonly warn?: (line: string) => void;
}

/**
 * Reads the examples of a file.
 *
 * Texts stay as they are: no character is removed or replaced, so that offsets hold.
 *
 * @param task Which task's records these are.
 * @param file Its path, or what `findFile` found: a JSON array, JSON lines, or tab-separated columns.
 * @param options Whether answers are needed.
 * @returns The examples in the file's order; where no record has the task's key field, keys are numbers from 0.
 * @throws {UserError} If the file or one of its records is malformed; it names file, record (from 1) and field.
 *
 * @example
 * ```ts
 * import { readExamples } from "./readers.ts";
 * import { TASKS } from "../tasks.ts";
 * const path = await Deno.makeTempFile({ suffix: ".json" });
 * const entities = [{ start_idx: 0, end_idx: 2, type: "dis", entity: "糖尿病" }];
 * await Deno.writeTextFile(path, JSON.stringify([{ text: "糖尿病足", entities }]));
 * const [example] = await readExamples(TASKS.CMeEE, path);
 * console.log(example!.entities); // [{ start: 0, end: 3, type: "dis" }]
 * await Deno.remove(path);
 * ```
 */
export async function readExamples<K extends TaskKind>(
  task: Task<K>,
  file: string | DataFile,
  { answered = false, warn }: ReadOptions = {},
): Promise<ExampleOf[K][]> {
  const { name, records } = await readKeyed(task, file);
  const answers = new AnswerReader(task, name);
  const examples = records.map(({ fields, ...base }) => {
    const isAnswered = answers.isIn(fields);
    if (answered && !isAnswered) throw fields.error(task.answerField, "it is missing");
    return exampleOf(task, fields, base, isAnswered ? answers : undefined);
  });
  answers.finish(warn);
  return examples as ExampleOf[K][];
}

/** A record with the key by which a prediction is matched with it. */
export interface KeyedRecord extends ExampleBase {
  readonly fields: Fields;
}

/** Reads records and their keys. */
export async function readKeyed(
  { keyField, textFields }: Task,
  file: string | DataFile,
): Promise<{ name: string; layout: string; records: KeyedRecord[] }> {
  const source = typeof file === "string" ? dataFile(file) : file;
  const { layout, records } = await readRecords(source);
  const all = records.map((record, i) => new Fields(record, `"${source.name}": record ${i + 1}`));
  const isNumbered = !textFields.includes(keyField) && !all.some((fields) => fields.has(keyField));
  const keyed = all.map((fields, i) => ({
    fields,
    key: isNumbered ? String(i) : fields.word(keyField),
    record: records[i] as ExampleBase["record"],
  }));
  return { name: source.name, layout, records: keyed };
}

function exampleOf(task: Task, fields: Fields, base: ExampleBase, answers?: AnswerReader): Example {
  const [first, second] = task.textFields;
  const text = fields.text(first);
  switch (task.kind) {
    case "classification": {
      const texts = second === undefined ? [text] as const : [text, fields.text(second)] as const;
      return { ...base, texts, label: answers?.label(fields) };
    }
    case "entities":
      return { ...base, text, entities: answers?.entities(fields, text) };
    case "relations":
      return { ...base, text, triples: answers?.triples(fields) };
    case "normalization":
      return { ...base, text, terms: answers?.terms(fields) };
  }
}
