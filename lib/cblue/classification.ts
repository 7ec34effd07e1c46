/**
 * One text or two, one label.
 *
 * B = rows of a batch, C = classes.
 *
 * @module
 */
import type { Tensor } from "@tensorflow/tfjs-core";
import { type HeadConfig, sequenceClassificationLoss } from "../electra/mod.ts";
import { tf } from "../tensorflow/mod.ts";
import { normalizeChars, type Tokenizer, tokenizeSpecialChars } from "../text/mod.ts";
import type { AnsweredRow, Approach } from "./approach.ts";
import type { Row, RowBatch } from "./batches.ts";
import type { ClassificationExample } from "./examples.ts";
import { classPriors } from "./priors.ts";
import { softmaxDivergence } from "./r_drop.ts";
import type { Task } from "./tasks.ts";

/** The label that a text got. */
export interface ClassificationPrediction {
  readonly label: string;
  /** Of each label, in the task's order; their sum is 1. */
  readonly probabilities: Float32Array;
}

/** A row with the number of its label, -1 where it has none. */
interface LabelledRow extends Row {
  readonly label: number;
}

/** How classification goes through the model. */
export class ClassificationApproach
  implements Approach<ClassificationExample, LabelledRow, ClassificationPrediction> {
  readonly head: HeadConfig;
  readonly numbers = ["correct", "rows"];
  readonly #labels: readonly string[];
  readonly #tokenizer: Tokenizer;
  readonly #maxLength: number;
  readonly #classWeights: readonly number[];

  /**
   * @param options.maxLength Longest row in tokens; longer texts lose their ends, the longer one of two first.
   * @param options.activation Within the head.
   * @param options.classWeights How much a row of each label counts, 1 on average; default: all the same.
   */
  constructor(
    task: Task<"classification">,
    tokenizer: Tokenizer,
    { maxLength, activation, classWeights = task.labels.map(() => 1) }: {
      maxLength: number;
      activation: "tanh" | "gelu";
      classWeights?: readonly number[] | undefined;
    },
  ) {
    this.head = { kind: "sequence-classification", classes: task.labels.length, activation };
    this.#labels = task.labels.map(({ name }) => name);
    this.#tokenizer = tokenizer;
    this.#maxLength = maxLength;
    this.#classWeights = classWeights;
  }

  isMean(): boolean {
    return false;
  }

  rows({ texts, label }: ClassificationExample): LabelledRow[] {
    const [first, second] = texts.map((text) => tokenizeSpecialChars(normalizeChars(text)));
    const { ids, typeIds } = this.#tokenizer.encode(first!, second, { maxLength: this.#maxLength });
    return [{ ids, typeIds, label: label === undefined ? -1 : this.#labels.indexOf(label) }];
  }

  priors(rows: readonly LabelledRow[]): Float32Array[] {
    return [classPriors(rows.map(({ label }) => label), this.#labels.length)];
  }

  /** Labels, and how much each row counts: 1, 0 for an empty row; both (B). */
  targets({ rows, capacity, total, processes }: RowBatch<LabelledRow>): Tensor[] {
    const labels = Int32Array.from({ length: capacity }, (_, i) => Math.max(0, rows[i]?.label ?? 0));
    // averaged over processes, the sums of these are means over all rows
    const weights = Float32Array.from(
      { length: capacity },
      (_, i) => i < rows.length ? this.#classWeights[Math.max(0, rows[i]!.label)]! * processes / total : 0,
    );
    return [tf.tensor1d(labels, "int32"), tf.tensor1d(weights), tf.scalar(rows.length)];
  }

  loss([logits]: readonly Tensor[], [labels, weights, rows]: readonly Tensor[]): Tensor[] {
    const isRow = tf.cast(tf.greater(weights!, 0), "float32");
    const hits = tf.cast(tf.equal(tf.argMax(logits!, -1), labels!), "float32");
    return [
      sequenceClassificationLoss(logits!, labels!, weights!),
      tf.sum(tf.mul(hits, isRow)),
      rows!,
    ];
  }

  divergence([one]: readonly Tensor[], [other]: readonly Tensor[], [, weights]: readonly Tensor[]): Tensor {
    return tf.sum(tf.mul(softmaxDivergence(one!, other!), weights!));
  }

  predict(
    _: ClassificationExample,
    [answered]: readonly AnsweredRow<LabelledRow>[],
  ): ClassificationPrediction {
    const probabilities = softmax(answered!.outputs[0]!.values);
    const best = probabilities.indexOf(Math.max(...probabilities));
    return { label: this.#labels[best]!, probabilities };
  }
}

/**
 * Weights that let rare labels count as much as frequent ones: n / (C · n_c), scikit-learn's "balanced"; 1 on average.
 *
 * @param labels Of the training set.
 * @param classes C, whose labels in their order; one that never occurs has weight 1.
 *
 * @example
 * ```ts
 * import { balancedWeights } from "./classification.ts";
 * console.log(balancedWeights(["a", "a", "a", "b"], ["a", "b"])); // [2 / 3, 2]
 * ```
 */
export function balancedWeights(labels: readonly string[], classes: readonly string[]): number[] {
  const counts = classes.map((name) => labels.filter((label) => label === name).length);
  const present = counts.filter((count) => count > 0).length;
  return counts.map((count) => count > 0 ? labels.length / (present * count) : 1);
}

/** Probabilities of logits. */
export function softmax(logits: Float32Array): Float32Array {
  const most = Math.max(...logits), powers = logits.map((logit) => Math.exp(logit - most));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / sum);
}
