/**
 * PaddleNLP's SimpleServer: `POST /models/cblue_ner` and its like, requests and responses as its clients have them.
 *
 * Unlike there, places are those of what was sent: of a text in characters (code points), of a list of its characters in
 * elements, white space and all.
 *
 * @module
 */
import { chineseName, type Task, type TaskKind } from "../../cblue/mod.ts";
import { type Report, reportAnswer } from "../report.ts";
import type { Answer } from "../task_model.ts";
import { fieldsOf, wrongField } from "./fields.ts";
import { RequestError } from "./request_error.ts";

/** How the original calls its server of a kind of task. */
export const SIMPLE_SERVER_NAMES: Readonly<Record<TaskKind, string>> = {
  classification: "cblue_cls",
  entities: "cblue_ner",
  relations: "cblue_spo",
  normalization: "cblue_cdn",
};

/** A text as it was sent: whole, or in pieces, mostly characters. */
type SentText = string | readonly string[];

/** What is asked. */
export interface SimpleRequest {
  /** Of each example the text, or the two of a pair, as they were sent. */
  readonly sent: readonly (readonly SentText[])[];
  /** The same as strings. */
  readonly texts: readonly (readonly string[])[];
}

/** Names of the fields, as messages have them. */
export const SIMPLE_FIELDS: readonly string[] = ["data.text", "data.text_pair"];

/**
 * Reads a request.
 *
 * @param body JSON: `{"data": {"text": …, "text_pair": …}, "parameters": {…}}`; parameters are checked and not used: rows are as
 * long as the model's, batches are the server's.
 * @throws {RequestError} If it is not of this form, or has not the texts that the task takes.
 *
 * @example
 * ```ts
 * import { parseSimpleRequest } from "./simple_server.ts";
 * import { TASKS } from "../../cblue/mod.ts";
 * console.log(parseSimpleRequest({ data: { text: ["头痛"] } }, TASKS["KUAKE-QIC"]).texts); // [["头痛"]]
 * ```
 */
export function parseSimpleRequest(body: unknown, task: Pick<Task, "name" | "textFields">): SimpleRequest {
  const { data, parameters } = fieldsOf(body, "the body", ["data", "parameters"]);
  if (data === undefined) throw wrongField("data", 'an object as {"text": ["…"]}', data);
  if (parameters !== undefined && parameters !== null) checkParameters(parameters);
  const { text, text_pair = null } = fieldsOf(data, '"data"');
  const texts = textsOf(text, "data.text"), isPair = task.textFields.length === 2;
  if (!isPair) {
    if (text_pair === null) return requestOf(texts.map((one) => [one]));
    throw new RequestError(400, `Cannot use "data.text_pair": ${task.name} takes one text; leave it out`);
  }
  if (text_pair === null) {
    throw wrongField("data.text_pair", `the second texts, as ${task.name} takes two`, undefined);
  }
  const pairs = textsOf(text_pair, "data.text_pair");
  if (pairs.length !== texts.length) {
    throw new RequestError(
      400,
      `Cannot use "data.text_pair": it has ${pairs.length} texts, "data.text" ${texts.length}; send as many of both`,
    );
  }
  return requestOf(texts.map((one, i) => [one, pairs[i]!]));
}

function checkParameters(value: unknown): void {
  const parameters = fieldsOf(value, '"parameters"');
  for (const name of ["max_seq_len", "batch_size"]) {
    const number = parameters[name] ?? 1;
    if (typeof number !== "number" || !(Number.isInteger(number) && number > 0)) {
      throw wrongField(`parameters.${name}`, "a whole number above 0", number);
    }
  }
}

function textsOf(value: unknown, name: string): SentText[] {
  if (typeof value === "string") return [value];
  if (!Array.isArray(value)) throw wrongField(name, "a text or a list of texts", value);
  return value.map((text, i) => {
    const isPieces = Array.isArray(text) && text.every((piece) => typeof piece === "string");
    if (typeof text === "string" || isPieces) return text;
    throw wrongField(`${name}[${i}]`, "a text or a list of its characters", text);
  });
}

function requestOf(sent: readonly (readonly SentText[])[]): SimpleRequest {
  const whole = (text: SentText) => typeof text === "string" ? text : text.join("");
  return { sent, texts: sent.map((texts) => texts.map(whole)) };
}

/**
 * Writes a response.
 *
 * @param answers One for each example of the request.
 */
export function simpleResponse(
  task: Task,
  { sent, texts }: SimpleRequest,
  answers: readonly Answer[],
): { result: Record<string, unknown[]> } {
  const reports = answers.map((answer, i) => reportAnswer(task, texts[i]!, answer));
  return { result: RESULTS[task.kind](task, reports as never, sent.map(([text]) => text!)) };
}

type ReportOf<Field extends string> = Extract<Report, Record<Field, unknown>>;
type Reports = {
  classification: ReportOf<"label">;
  entities: Exclude<ReportOf<"entities">, { triples: unknown }>;
  relations: ReportOf<"triples">;
  normalization: ReportOf<"terms">;
};

const RESULTS: {
  readonly [K in TaskKind]: (
    task: Task,
    reports: Reports[K][],
    sent: SentText[],
  ) => Record<string, unknown[]>;
} = {
  classification: ({ labels }, reports) => ({
    label: reports.map(({ label }) => labels.findIndex(({ name }) => name === label)),
    confidence: reports.map(({ confidence }) => confidence),
  }),
  entities: (task, reports, sent) => ({
    entity: reports.map(({ entities }, i) => {
      const placeOf = placesIn(sent[i]!);
      return entities.map(({ type, start_id, end_id }) => ({
        type: chineseName(task, type),
        start_id: placeOf(start_id),
        end_id: placeOf(end_id - 1) + 1,
      }));
    }),
  }),
  relations: (_, reports) => ({
    entity: reports.map(({ entities }) => entities.map(({ text }) => text)),
    spo: reports.map(({ triples }) =>
      triples.map(({ subject, predicate, object }) => [subject.text, predicate, object.text])
    ),
  }),
  normalization: (_, reports) => ({ terms: reports.map(({ terms }) => terms) }),
};

/** From a character of a text to the piece that it was sent in. */
function placesIn(sent: SentText): (character: number) => number {
  if (typeof sent === "string") return (character) => character;
  // by UTF-16 units, for two pieces may be one character together
  const pieceOfUnit = sent.flatMap((piece, i) => Array<number>(piece.length).fill(i));
  let unit = 0;
  const places = Array.from(sent.join(""), ({ length }) => pieceOfUnit[(unit += length) - length]!);
  return (character) => places[character]!;
}
