/**
 * The answers in records, as data sets and submissions write them.
 *
 * @module
 */
import { nearestName } from "../../config/mod.ts";
import type { Entity, Triple } from "../examples.ts";
import type { Fields } from "./fields.ts";
import { SpellingCheck } from "./spelling_check.ts";
import { labelIds, type Task } from "../tasks.ts";

/** A triple as submissions need it; what types its subject and object have follows from the schema. */
export type TripleAnswer = Pick<Triple, "subject" | "predicate" | "object"> & Partial<Triple>;

/** What is said of an example, by a model or by people. */
export interface AnswerOf {
  readonly classification: { readonly label: string };
  readonly entities: readonly Entity[];
  readonly relations: readonly TripleAnswer[];
  readonly normalization: readonly string[];
}

/** Between the terms of an answer of CHIP-CDN. */
export const TERM_SEPARATOR = "##";

/** How many labels an error lists. */
const MOST_LISTED = 12;

/** Reads the answers of one file. */
export class AnswerReader {
  readonly #task: Task;
  readonly #labels: ReadonlyMap<string, number>;
  readonly #spelling: SpellingCheck;

  /** @param file As errors name it. */
  constructor(task: Task, file: string) {
    this.#task = task;
    this.#labels = labelIds(task);
    this.#spelling = new SpellingCheck(file, task.ends);
  }

  /** Whether a record has an answer; labels and terms may also be empty where there is none. */
  isIn(fields: Fields): boolean {
    const { kind, answerField } = this.#task;
    if (!fields.has(answerField)) return false;
    const isText = kind === "classification" || kind === "normalization";
    return !isText || fields.word(answerField) !== "";
  }

  /** The label of a record. */
  label(fields: Fields): string {
    return this.#label(fields, this.#task.answerField);
  }

  /**
   * The entities of a record.
   *
   * @param text Its text.
   */
  entities(fields: Fields, text: string): Entity[] {
    const characters = Array.from(text), { ends = "inclusive", answerField } = this.#task;
    return fields.objects(answerField).map((entity) => {
      const start = entity.count("start_idx"), last = entity.count("end_idx");
      const end = ends === "inclusive" ? last + 1 : last;
      const problem = end > characters.length
        ? `${last} is not within the text of ${characters.length} characters`
        : start >= end
        ? `${last} is before the start, ${start}`
        : undefined;
      if (problem) throw entity.error("end_idx", `${problem}; the task takes ends to be ${ends}`);
      if (entity.has("entity")) {
        this.#spelling.add(characters, { start, end }, entity.text("entity"), entity.place("entity"));
      }
      return { start, end, type: this.#label(entity, "type") };
    });
  }

  /** The triples of a record. */
  triples(fields: Fields): Triple[] {
    return fields.objects(this.#task.answerField).map((triple) => ({
      subject: words(triple, "subject"),
      subjectType: triple.has("subject_type") ? triple.text("subject_type") : "",
      predicate: this.#label(triple, "predicate"),
      object: valueOf(triple, "object"),
      objectType: triple.has("object_type") ? valueOf(triple, "object_type") : "",
    }));
  }

  /** The terms of a record; quotes around them, which spreadsheets left there, are taken off. */
  terms(fields: Fields): string[] {
    const terms = unquote(fields.text(this.#task.answerField)).split(TERM_SEPARATOR).map(unquote);
    return [...new Set(terms.filter((term) => term !== ""))];
  }

  /**
   * Ends the reading of a file.
   *
   * @param warn Told of a few entities whose offsets do not fit.
   * @throws {UserError} If many do not.
   */
  finish(warn?: (line: string) => void) {
    this.#spelling.judge(warn);
  }

  #label(fields: Fields, field: string): string {
    const spelling = fields.word(field), id = this.#labels.get(spelling);
    if (id !== undefined) return this.#task.labels[id]!.name;
    const names = this.#task.labels.map(({ name }) => name), near = nearestName(spelling, names);
    const hint = names.length <= MOST_LISTED
      ? `, which are ${names.join(", ")}`
      : near === undefined
      ? ""
      : `; did you mean "${near}"?`;
    throw fields.error(field, `"${spelling}" is none of the labels of ${this.#task.name}${hint}`);
  }
}

/** What stands under `@value`, or as a plain string. */
function valueOf(fields: Fields, name: string): string {
  return fields.isText(name) ? words(fields, name) : words(fields.object(name), "@value");
}

function words(fields: Fields, name: string): string {
  const text = fields.text(name);
  if (text === "") throw fields.error(name, "it is empty");
  return text;
}

/** Takes off a pair of quotes around a text; others belong to it. */
function unquote(text: string): string {
  return /^"[^"]*"$/.test(text) ? text.slice(1, -1) : text;
}
