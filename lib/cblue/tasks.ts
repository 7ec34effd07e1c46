/**
 * The tasks of CBLUE as rows of a table; everything else in this room is generic.
 *
 * @module
 */
import type { TaskKind } from "./examples.ts";

/** A label, an entity's type or a predicate. */
export interface Label {
  /** As files and submissions spell it. */
  readonly name: string;
  /** For people; the name itself if absent. */
  readonly chinese?: string;
}

/** How a score is made of predictions and answers. */
export type MetricName = "accuracy" | "macro-f1" | "f1" | "micro-f1";

/** How the original fine-tuned, and what it reached on dev. */
export interface Recipe {
  readonly epochs: number;
  readonly batchSize: number;
  readonly learningRate: number;
  readonly maxSeqLength: number;
  /** The original's published score on dev in float32, 0 to 1. */
  readonly published?: number;
}

/** A task: official, or a user's own from a JSON file. */
export interface Task {
  /** As `--dataset` takes it. */
  readonly name: string;
  readonly kind: TaskKind;
  /** Names of its files, without their folder; other spellings are found too. */
  readonly files: { readonly train: string; readonly dev: string; readonly test: string };
  /** The fields of a record that hold its text or texts. */
  readonly textFields: readonly [string] | readonly [string, string];
  /** The field by which a prediction is matched with its record. */
  readonly keyField: string;
  /** The field that holds the answer. */
  readonly answerField: string;
  /** In the order of their ids. Empty for normalization, whose terms come from a file of their own. */
  readonly labels: readonly Label[];
  readonly metric: MetricName;
  readonly recipe: Recipe;
}
