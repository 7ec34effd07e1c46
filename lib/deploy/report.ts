/**
 * Answers as people and programs read them: names in Chinese, places in the text, JSON or the original's print-out.
 *
 * @module
 */
import { chineseName, type Span, type Task, type TaskKind } from "../cblue/mod.ts";
import type { Answer, Answers } from "./task_model.ts";

/** A stretch of a text; places count its code points, as Python does. */
export interface ReportedSpan {
  readonly text: string;
  readonly start_id: number;
  /** Behind the last character. */
  readonly end_id: number;
}

/** What JSON lines have of an answer, beside the text or texts. */
export type Report =
  | { readonly label: string; readonly name: string; readonly confidence: number }
  | { readonly entities: readonly (ReportedSpan & { readonly type: string; readonly name: string })[] }
  | {
    readonly entities: readonly ReportedSpan[];
    readonly triples: readonly {
      readonly subject: ReportedSpan;
      readonly predicate: string;
      readonly object: ReportedSpan;
    }[];
  }
  | { readonly terms: readonly string[] };

type Reporters = { readonly [K in TaskKind]: (task: Task, text: string, answer: Answers[K]) => Report };

const REPORTERS: Reporters = {
  classification: (task, _, { label, probabilities }) => ({
    label,
    name: chineseName(task, label),
    confidence: Math.max(...probabilities),
  }),
  entities: (task, text, entities) => ({
    entities: entities.map(({ type, ...span }) => ({
      type,
      name: chineseName(task, type),
      ...reportedSpan(text)(span),
    })),
  }),
  relations: (_, text, { entities, triples }) => {
    const reported = reportedSpan(text);
    return {
      entities: entities.map(reported),
      triples: triples.map(({ subject, predicate, object }) => ({
        subject: reported(subject),
        predicate,
        object: reported(object),
      })),
    };
  },
  normalization: (_, __, terms) => ({ terms }),
};

/**
 * An answer for programs.
 *
 * @param texts What was answered.
 *
 * @example
 * ```ts
 * import { reportAnswer } from "./report.ts";
 * import { TASKS } from "../cblue/mod.ts";
 * const answer = [{ start: 2, end: 4, type: "dis" }];
 * console.log(reportAnswer(TASKS.CMeEE, ["诊断肺炎"], answer)); // { entities: [{ type: "dis", name: "疾病", text: "肺炎", … }] }
 * ```
 */
export function reportAnswer(task: Task, texts: readonly string[], answer: Answer): Report {
  const report = REPORTERS[task.kind] as (task: Task, text: string, answer: Answer) => Report;
  return report(task, texts[0]!, answer);
}

const RULE = "-----------------------------";

/**
 * An answer as the original's predictor prints it: ends of entities are exclusive in CMeEE, inclusive in CMeIE.
 *
 * @param texts What was answered.
 */
export function printedAnswer(task: Task, texts: readonly string[], answer: Answer): string {
  const report = reportAnswer(task, texts, answer);
  const input = texts.length === 1 ? texts[0]! : `[${texts.map((text) => `'${text}'`).join(", ")}]`;
  return [`input data: ${input}`, ...linesOf(report), RULE].join("\n");
}

function linesOf(report: Report): string[] {
  if ("label" in report) return [`labels: ${report.name}, confidence: ${report.confidence}`];
  if ("terms" in report) return [`terms: ${report.terms.join(", ")}`];
  if ("triples" in report) {
    return [
      "detected entities and relations:",
      ...report.entities.map(({ text, start_id, end_id }) =>
        `* entity: ${text}, position: (${start_id}, ${end_id - 1})`
      ),
      ...report.triples.map(({ subject, predicate, object }) =>
        `+ spo: (${subject.text}, ${predicate}, ${object.text})`
      ),
    ];
  }
  return [
    "detected entities:",
    ...report.entities.map(({ text, name, start_id, end_id }) =>
      `* entity: ${text}, type: ${name}, position: (${start_id}, ${end_id})`
    ),
  ];
}

function reportedSpan(text: string): (span: Span) => ReportedSpan {
  const characters = Array.from(text);
  return ({ start, end }) => ({ text: characters.slice(start, end).join(""), start_id: start, end_id: end });
}
