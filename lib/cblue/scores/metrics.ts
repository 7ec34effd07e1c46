/**
 * Scores of CBLUE by its official definitions.
 *
 * Everything is counted for each example: three numbers for each label, how often it was right, was predicted, was the
 * answer. A metric is a function of the sums of these over examples; so processes add them up, and one bootstrap serves
 * all metrics.
 *
 * @module
 */
import type { MetricName } from "../tasks.ts";

/** What precision, recall and F1 of a label are made of. */
export interface Counts {
  /** Predicted, and right. */
  readonly correct: number;
  readonly predicted: number;
  /** In the answers, predicted or not. */
  readonly answers: number;
}

/** Numbers 0 to 1. */
export interface PrecisionRecallF1 {
  readonly precision: number;
  readonly recall: number;
  /** Their harmonic mean. */
  readonly f1: number;
}

/** How well predictions agree with answers. */
export interface Score {
  /** What it is called: accuracy, macro F1 … */
  readonly metric: string;
  /** 0 to 1. */
  readonly value: number;
  /** Other numbers worth a line, such as precision and recall. */
  readonly details: Readonly<Record<string, number>>;
}

/** Counts for each label: correct, predicted, answers. */
const NUMBERS_A_LABEL = 3;

/**
 * Compares the class of an example.
 *
 * @param answer Right class, from 0.
 * @param prediction Predicted class.
 * @param classes How many there are.
 * @returns Three numbers for each class: correct, predicted, answers.
 * @throws {RangeError} If there is no such class.
 *
 * @example
 * ```ts
 * import { classCounts } from "./metrics.ts";
 * console.log(classCounts(0, 1, 2)); // [0, 0, 1, 0, 1, 0]
 * ```
 */
export function classCounts(answer: number, prediction: number, classes: number): number[] {
  const counts = zeros(classes);
  add(counts, answer, 2);
  add(counts, prediction, 1);
  if (answer === prediction) add(counts, answer, 0);
  return counts;
}

/** How things are compared and sorted. */
export interface SetOptions<T> {
  /** Things are the same if their keys are; a key that is there twice counts once. */
  readonly keyOf: (thing: T) => string;
  /** The label under which a thing is counted, from 0; default: all under one. */
  readonly labelOf?: (thing: T) => number;
  /** How many labels there are; default 1. */
  readonly labels?: number;
}

/**
 * Compares a set of things, such as the entities of a text, by strict match.
 *
 * @param answers The right ones.
 * @param predictions The predicted ones.
 * @returns Three numbers for each label: correct, predicted, answers.
 * @throws {RangeError} If a thing has no such label.
 *
 * @example
 * ```ts
 * import { setCounts } from "./metrics.ts";
 * console.log(setCounts(["肺炎", "咳嗽"], ["咳嗽", "发热", "咳嗽"], { keyOf: (name) => name })); // [1, 2, 2]
 * ```
 */
export function setCounts<T>(
  answers: Iterable<T>,
  predictions: Iterable<T>,
  { keyOf, labelOf = () => 0, labels = 1 }: SetOptions<T>,
): number[] {
  const right = new Map(Array.from(answers, (thing) => [keyOf(thing), thing]));
  const said = new Map(Array.from(predictions, (thing) => [keyOf(thing), thing]));
  const counts = zeros(labels);
  for (const thing of right.values()) add(counts, labelOf(thing), 2);
  for (const [key, thing] of said) {
    add(counts, labelOf(thing), 1);
    if (right.has(key)) add(counts, labelOf(thing), 0);
  }
  return counts;
}

/**
 * Adds the counts of examples up.
 *
 * @param examples From {@linkcode classCounts} or {@linkcode setCounts}, all as long.
 * @returns As many numbers; none if there are no examples.
 */
export function addCounts(examples: readonly ArrayLike<number>[]): Float64Array {
  const sum = new Float64Array(examples[0]?.length ?? 0);
  for (const counts of examples) {
    for (let i = 0; i < sum.length; i++) sum[i]! += counts[i]!;
  }
  return sum;
}

/**
 * Names the numbers of counts.
 *
 * @param counts Three numbers for each label.
 * @returns One for each label.
 *
 * @example
 * ```ts
 * import { countsByLabel } from "./metrics.ts";
 * console.log(countsByLabel([3, 4, 6])); // [{ correct: 3, predicted: 4, answers: 6 }]
 * ```
 */
export function countsByLabel(counts: ArrayLike<number>): Counts[] {
  return Array.from({ length: counts.length / NUMBERS_A_LABEL }, (_, label) => ({
    correct: counts[NUMBERS_A_LABEL * label]!,
    predicted: counts[NUMBERS_A_LABEL * label + 1]!,
    answers: counts[NUMBERS_A_LABEL * label + 2]!,
  }));
}

/** Adds the counts of labels up. */
export function totalOf(labels: readonly Counts[]): Counts {
  const sumOf = (name: keyof Counts) => labels.reduce((sum, own) => sum + own[name], 0);
  return { correct: sumOf("correct"), predicted: sumOf("predicted"), answers: sumOf("answers") };
}

/**
 * Makes precision, recall and F1 of counts.
 *
 * @returns 0 where there is nothing to divide by; F1 = 2 correct / (predicted + answers).
 *
 * @example
 * ```ts
 * import { precisionRecallF1 } from "./metrics.ts";
 * console.log(precisionRecallF1({ correct: 3, predicted: 4, answers: 6 })); // 0.75, 0.5, 0.6
 * ```
 */
export function precisionRecallF1({ correct, predicted, answers }: Counts): PrecisionRecallF1 {
  return {
    precision: ratio(correct, predicted),
    recall: ratio(correct, answers),
    f1: ratio(2 * correct, predicted + answers),
  };
}

/**
 * Accuracy: the share of examples whose class is right (KUAKE-QIC, -QTR, -QQR).
 *
 * @example
 * ```ts
 * import { accuracy, addCounts, classCounts, countsByLabel } from "./metrics.ts";
 * const answers = [0, 0, 1, 2], predictions = [0, 1, 1, 2];
 * const counts = addCounts(answers.map((answer, i) => classCounts(answer, predictions[i]!, 3)));
 * console.log(accuracy(countsByLabel(counts))); // 3 of 4: 0.75
 * ```
 */
export function accuracy(labels: readonly Counts[]): number {
  return precisionRecallF1(totalOf(labels)).recall;
}

/**
 * Macro F1: the plain mean of the F1 of each class (CHIP-STS, CHIP-CTC).
 *
 * @param options.over "all" classes of the task as the original, those that occur nowhere with 0; or those "present" in
 * answers or predictions alone, as scikit-learn unless it is given the labels. Default "all".
 *
 * @example
 * ```ts
 * import { addCounts, classCounts, countsByLabel, macroF1 } from "./metrics.ts";
 * const answers = [0, 0, 1, 1], predictions = [0, 1, 1, 1]; // F1: 2 / 3, 4 / 5, and 0 for class 2
 * const counts = countsByLabel(addCounts(answers.map((answer, i) => classCounts(answer, predictions[i]!, 3))));
 * console.log(macroF1(counts), macroF1(counts, { over: "present" })); // 0.489, 0.733
 * ```
 */
export function macroF1(
  labels: readonly Counts[],
  { over = "all" }: { readonly over?: "all" | "present" } = {},
): number {
  const used = over === "all" ? labels : labels.filter((own) => own.predicted + own.answers > 0);
  return ratio(used.reduce((sum, own) => sum + precisionRecallF1(own).f1, 0), used.length);
}

/**
 * F1 of class 1 (CHIP-CDN-2C): pairs that match are what is looked for.
 *
 * @throws {RangeError} If there is but one class.
 *
 * @example
 * ```ts
 * import { addCounts, classCounts, countsByLabel, f1OfMatches } from "./metrics.ts";
 * const answers = [1, 1, 0, 0], predictions = [1, 0, 1, 0]; // 1 right, 2 predicted, 2 answers
 * const counts = addCounts(answers.map((answer, i) => classCounts(answer, predictions[i]!, 2)));
 * console.log(f1OfMatches(countsByLabel(counts))); // 0.5
 * ```
 */
export function f1OfMatches(labels: readonly Counts[]): number {
  return precisionRecallF1(matches(labels)).f1;
}

/**
 * Micro F1: F1 of all things together, by strict match (CMeEE, CMeIE, CHIP-CDN).
 *
 * @example
 * ```ts
 * import { addCounts, countsByLabel, microF1, setCounts } from "./metrics.ts";
 * const texts = [[["a", "b"], ["a"]], [["c"], ["c", "d"]]]; // 2 right, 3 predicted, 3 answers
 * const counts = texts.map(([right, said]) => setCounts(right!, said!, { keyOf: (name) => name }));
 * console.log(microF1(countsByLabel(addCounts(counts)))); // 0.667
 * ```
 */
export function microF1(labels: readonly Counts[]): number {
  return precisionRecallF1(totalOf(labels)).f1;
}

/** The metrics that tasks name. */
const METRICS: Readonly<
  Record<MetricName, {
    readonly title: string;
    readonly valueOf: (labels: readonly Counts[]) => number;
    readonly detailsOf: (labels: readonly Counts[]) => Readonly<Record<string, number>>;
  }>
> = {
  "accuracy": {
    title: "accuracy",
    valueOf: accuracy,
    detailsOf: (labels) => ({ "macro F1": macroF1(labels) }),
  },
  "macro-f1": {
    title: "macro F1",
    valueOf: macroF1,
    detailsOf: (labels) => ({ accuracy: accuracy(labels) }),
  },
  "f1": {
    title: "F1",
    valueOf: f1OfMatches,
    detailsOf: (labels) => ({ ...precisionAndRecall(matches(labels)), accuracy: accuracy(labels) }),
  },
  "micro-f1": {
    title: "micro F1",
    valueOf: microF1,
    detailsOf: (labels) => precisionAndRecall(totalOf(labels)),
  },
};

/**
 * Scores counts as a task does.
 *
 * @param metric The task's.
 * @param counts Three numbers for each label, added up over examples.
 * @returns The score, and what else is worth a line.
 *
 * @example
 * ```ts
 * import { scoreCounts } from "./metrics.ts";
 * console.log(scoreCounts("micro-f1", [3, 4, 6])); // micro F1 0.6; precision 0.75, recall 0.5
 * ```
 */
export function scoreCounts(metric: MetricName, counts: ArrayLike<number>): Score {
  const labels = countsByLabel(counts), { title, valueOf, detailsOf } = METRICS[metric];
  return { metric: title, value: valueOf(labels), details: detailsOf(labels) };
}

function matches(labels: readonly Counts[]): Counts {
  if (labels.length < 2) throw new RangeError("Cannot score class 1: there is but one class");
  return labels[1]!;
}

function precisionAndRecall(counts: Counts): { precision: number; recall: number } {
  const { precision, recall } = precisionRecallF1(counts);
  return { precision, recall };
}

function zeros(labels: number): number[] {
  return Array<number>(NUMBERS_A_LABEL * labels).fill(0);
}

function add(counts: number[], label: number, number: number): void {
  const place = NUMBERS_A_LABEL * label + number;
  if (counts[place] === undefined) {
    throw new RangeError(
      `Cannot count label ${label}: labels are 0 to ${counts.length / NUMBERS_A_LABEL - 1}`,
    );
  }
  counts[place]++;
}

function ratio(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole;
}
