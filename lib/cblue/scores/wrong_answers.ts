/**
 * What a model got wrong, example by example.
 *
 * @module
 */
import type { AnswerOf } from "../files/answers.ts";
import type { Entity, ExampleOf, TaskKind } from "../examples.ts";
import { chineseName, type Task } from "../tasks.ts";

/** An example that was not answered wholly right; what an answer consists of is written for people. */
export interface WrongAnswer {
  readonly key: string;
  readonly texts: readonly string[];
  /** Right, and answered. */
  readonly found: readonly string[];
  /** Right, but not answered. */
  readonly missed: readonly string[];
  /** Answered, but not right. */
  readonly wrong: readonly string[];
}

/** The things that an answer consists of, each with what is shown of it. */
type Things = ReadonlyMap<string, string>;

/** How one kind of answer is taken apart. */
interface Parts<K extends TaskKind> {
  answer(example: ExampleOf[K]): AnswerOf[K] | undefined;
  things(task: Task, example: ExampleOf[K], answer: AnswerOf[K]): Things;
}

const PARTS: { readonly [K in TaskKind]: Parts<K> } = {
  classification: {
    answer: ({ label }) => label === undefined ? undefined : { label },
    things: (task, _, { label }) => new Map([[label, withChinese(task, label)]]),
  },
  entities: {
    answer: ({ entities }) => entities,
    things(task, { text }, answer) {
      const characters = Array.from(text);
      const shown = ({ start, end, type }: Entity) =>
        `${characters.slice(start, end).join("")} · ${withChinese(task, type)} · ${start}–${end}`;
      return new Map(answer.map((entity) => [`${entity.start} ${entity.end} ${entity.type}`, shown(entity)]));
    },
  },
  relations: {
    answer: ({ triples }) => triples,
    things: (_task, _example, answer) =>
      new Map(answer.map(({ subject, predicate, object }) => [
        JSON.stringify([subject, predicate, object]),
        `${subject} — ${predicate} → ${object}`,
      ])),
  },
  normalization: {
    answer: ({ terms }) => terms,
    things: (_task, _example, answer) => new Map(answer.map((term) => [term, term])),
  },
};

function withChinese(task: Task, label: string): string {
  const chinese = chineseName(task, label);
  return chinese === label ? label : `${label} ${chinese}`;
}

/**
 * Lists the examples that were answered wrongly.
 *
 * @param answers One for each example, in their order.
 * @returns What was right, missed and said without reason, in the order of the examples.
 * @throws {RangeError} If an example has no right answer.
 *
 * @example
 * ```ts
 * import { TASKS } from "../tasks.ts";
 * import { wrongAnswers } from "./wrong_answers.ts";
 * const example = { key: "1", record: {}, texts: ["感冒", "发热"] as const, label: "0" };
 * console.log(wrongAnswers(TASKS["CHIP-STS"], [example], [{ label: "1" }])[0]!.missed); // ["0 语义不同"]
 * ```
 */
export function wrongAnswers<K extends TaskKind>(
  task: Task<K>,
  examples: readonly ExampleOf[K][],
  answers: readonly AnswerOf[K][],
): WrongAnswer[] {
  const parts = PARTS[task.kind] as Parts<K>;
  return examples.flatMap((example, i) => {
    const right = parts.answer(example);
    if (right === undefined) throw new RangeError(`Cannot compare: record "${example.key}" has no answer`);
    const gold = parts.things(task, example, right), said = parts.things(task, example, answers[i]!);
    const among = (things: Things, others: Things, isIn: boolean) =>
      [...things].filter(([key]) => others.has(key) === isIn).map(([, shown]) => shown);
    const missed = among(gold, said, false), wrong = among(said, gold, false);
    if (missed.length + wrong.length === 0) return [];
    const texts = "texts" in example ? example.texts : [example.text];
    return [{ key: example.key, texts, found: among(gold, said, true), missed, wrong }];
  });
}
