/**
 * Answers against the right ones, whoever gave them: a model, or a submission's file.
 *
 * @module
 */
import { UserError } from "../../config/mod.ts";
import type { AnswerOf, TripleAnswer } from "../files/answers.ts";
import { entityKey } from "../decoding/entity_labels.ts";
import type { ExampleOf, TaskKind } from "../examples.ts";
import {
  addCounts,
  classCounts,
  type PrecisionRecallF1,
  precisionRecallF1,
  type Score,
  scoreCounts,
  setCounts,
  totalOf,
} from "./metrics.ts";
import { bootstrap, confusionMatrix, type Interval, type LabelScore, labelTable } from "./statistics.ts";
import { chineseName, type Task } from "../tasks.ts";

/** How one kind of answer is compared. */
type Comparison<K extends TaskKind> = (task: Task, example: ExampleOf[K], answer: AnswerOf[K]) => number[];

const COMPARISONS: { readonly [K in TaskKind]: Comparison<K> } = {
  classification(task, { label, key }, answer) {
    const ids = task.labels.map(({ name }) => name);
    return classCounts(ids.indexOf(known(task, key, label)), ids.indexOf(answer.label), ids.length);
  },
  entities(task, { entities, key }, answer) {
    const types = task.labels.map(({ name }) => name);
    return setCounts(known(task, key, entities), answer, {
      keyOf: entityKey,
      labelOf: ({ type }) => types.indexOf(type),
      labels: types.length,
    });
  },
  relations(task, { triples, key }, answer) {
    const predicates = task.labels.map(({ name }) => name);
    return setCounts<TripleAnswer>(known(task, key, triples), answer, {
      keyOf: ({ subject, predicate, object }) => JSON.stringify([subject, predicate, object]),
      labelOf: ({ predicate }) => predicates.indexOf(predicate),
      labels: predicates.length,
    });
  },
  normalization: (task, { terms, key }, answer) =>
    setCounts(known(task, key, terms), answer, { keyOf: (term) => term }),
};

function known<T>(task: Task, key: string, answer: T | undefined): T {
  if (answer !== undefined) return answer;
  throw new UserError(`Cannot score ${task.name}: record "${key}" has no ${task.answerField}`);
}

/**
 * How one answer went, as `metrics.ts` counts.
 *
 * @returns Three numbers for each label of the task; for normalization, three.
 * @throws {UserError} If the example has no right answer.
 */
export function countAnswer<K extends TaskKind>(
  task: Task<K>,
  example: ExampleOf[K],
  answer: AnswerOf[K],
): number[] {
  return (COMPARISONS[task.kind] as Comparison<K>)(task, example, answer);
}

/** What is known of answers that were scored. */
export interface Evaluation {
  readonly task: string;
  readonly examples: number;
  /** By the task's official definition. */
  readonly score: Score;
  /** Within which the score would lie in 95 of 100 draws of as many examples. */
  readonly interval: Interval;
  readonly labels: readonly LabelScore[];
  /** Of all labels together. */
  readonly micro: PrecisionRecallF1;
}

/**
 * Scores answers.
 *
 * @param answers One for each example, in their order.
 * @param options.seed Of the interval's draws; default 1000.
 * @throws {UserError} If an example has no right answer.
 *
 * @example
 * ```ts
 * import { evaluateAnswers } from "./scoring.ts";
 * import { TASKS } from "../tasks.ts";
 * const task = TASKS["KUAKE-QQR"];
 * const examples = ["0", "2", "2"].map((label, i) => ({ key: `${i}`, record: {}, texts: ["a", "b"] as const, label }));
 * const { score } = evaluateAnswers(task, examples, [{ label: "0" }, { label: "2" }, { label: "1" }]);
 * console.log(score.metric, score.value); // accuracy 0.667
 * ```
 */
export function evaluateAnswers<K extends TaskKind>(
  task: Task<K>,
  examples: readonly ExampleOf[K][],
  answers: readonly AnswerOf[K][],
  { seed = 1000 }: { readonly seed?: number } = {},
): Evaluation {
  const counts = examples.map((example, i) => countAnswer(task, example, answers[i]!));
  const sum = addCounts(counts), score = scoreCounts(task.metric, sum);
  const labels = labelTable(sum, task.labels.length > 0 ? task.labels.map(({ name }) => name) : [task.name]);
  return {
    task: task.name,
    examples: examples.length,
    score,
    interval: bootstrap(counts, (sum) => scoreCounts(task.metric, sum).value, { seed }),
    labels,
    micro: precisionRecallF1(totalOf(labels)),
  };
}

/** Which label was taken for which. */
export interface Confusions {
  /** Those that occur, in the task's order, as people call them. */
  readonly labels: readonly string[];
  /** A row for each right label, in it a number for each answered one. */
  readonly matrix: readonly (readonly number[])[];
}

/**
 * Counts which label was taken for which.
 *
 * @param answers One for each example, in their order.
 * @throws {UserError} If an example has no right answer.
 *
 * @example
 * ```ts
 * import { confusionsOf } from "./scoring.ts";
 * import { TASKS } from "../tasks.ts";
 * const example = { key: "1", record: {}, texts: ["感冒", "发热"] as const, label: "0" };
 * console.log(confusionsOf(TASKS["CHIP-STS"], [example], [{ label: "1" }]).matrix); // [[0, 1], [0, 0]]
 * ```
 */
export function confusionsOf(
  task: Task<"classification">,
  examples: readonly ExampleOf["classification"][],
  answers: readonly AnswerOf["classification"][],
): Confusions {
  const right = examples.map(({ key, label }) => known(task, key, label));
  const said = answers.map(({ label }) => label), occurring = new Set([...right, ...said]);
  const names = task.labels.map(({ name }) => name).filter((name) => occurring.has(name));
  const ids = (labels: readonly string[]) => labels.map((label) => names.indexOf(label));
  return {
    labels: names.map((name) => chineseName(task, name)),
    matrix: confusionMatrix(ids(right), ids(said), names.length),
  };
}

/**
 * Tells of an evaluation in lines for people.
 *
 * @param split Which part of the data the examples are: no score is without it.
 */
export function formatEvaluation(task: Task, split: string, evaluation: Evaluation): string {
  const { score, interval, labels, examples } = evaluation,
    percent = (share: number) => (100 * share).toFixed(2);
  const range = `95 % interval ${percent(interval.low)} to ${percent(interval.high)}`;
  const published = task.recipe.published;
  const lines = [
    `${task.name}, ${split}, ${examples} records: ${score.metric} ${percent(score.value)} (${range})`,
    ...(published !== undefined && split === "dev"
      ? [`The original's model of the published size, on the official dev set: ${percent(published)}`]
      : []),
    ["label", "precision", "recall", "F1", "answers"].join("\t"),
  ];
  for (const { label, precision, recall, f1, answers } of labels) {
    const chinese = chineseName(task, label);
    const name = chinese === label ? label : `${label} ${chinese}`;
    lines.push([name, percent(precision), percent(recall), percent(f1), answers].join("\t"));
  }
  return lines.join("\n");
}
