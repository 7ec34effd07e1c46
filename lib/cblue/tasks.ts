/**
 * The tasks of CBLUE as rows of a table; everything else in this room is generic.
 *
 * @module
 */
import { nearestName, UserError } from "../config/mod.ts";
import type { TaskKind } from "./examples.ts";
import {
  CRITERIA,
  ENTITY_TYPES,
  INTENTS,
  PREDICATES,
  QUERY_MATCHES,
  QUESTION_MATCHES,
  TERM_MATCHES,
  TITLE_MATCHES,
} from "./labels.ts";
import { readTask } from "./own_task.ts";

/** A label, an entity's type or a predicate. */
export interface Label {
  /** As files and submissions spell it. */
  readonly name: string;
  /** For people; the name itself if absent. */
  readonly chinese?: string;
  /** What files have for it, besides its name. */
  readonly aliases?: readonly string[];
}

/** How a score is made of predictions and answers. */
export type MetricName = "accuracy" | "macro-f1" | "f1" | "micro-f1";

/** The parts of a data set. */
export type Split = "train" | "dev" | "test";

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
export interface Task<K extends TaskKind = TaskKind> {
  /** As `--dataset` takes it. */
  readonly name: string;
  readonly kind: K;
  /** Names of its files, without their folder; other spellings are found too. */
  readonly files: Readonly<Record<Split, string>>;
  /** How records lie in a submission, if not as one JSON array; files are read in any of these layouts. */
  readonly layout?: "json" | "jsonl" | "tsv";
  /** The fields of a record that hold its text or texts. */
  readonly textFields: readonly [string] | readonly [string, string];
  /** The field by which a prediction is matched with its record. */
  readonly keyField: string;
  /** The field that holds the answer. */
  readonly answerField: string;
  /** What `end_idx` of an entity counts: its last character (default) or the one behind it. */
  readonly ends?: "inclusive" | "exclusive";
  /** Types of entities that have others within, and so a channel of labels of their own; absent: as the training set has it. */
  readonly nesting?: readonly string[];
  /** In the order of their ids. Empty for normalization, whose terms come from a file of their own. */
  readonly labels: readonly Label[];
  readonly metric: MetricName;
  readonly recipe: Recipe;
}

/** The kind of each of CBLUE's tasks. */
interface Kinds {
  "CMeEE": "entities";
  "CMeEE-V2": "entities";
  "CMeIE": "relations";
  "CMeIE-V2": "relations";
  "CHIP-CDN": "normalization";
  "CHIP-CDN-2C": "classification";
  "CHIP-CTC": "classification";
  "CHIP-STS": "classification";
  "KUAKE-QIC": "classification";
  "KUAKE-QTR": "classification";
  "KUAKE-QQR": "classification";
}

/**
 * CBLUE's tasks by name.
 *
 * Recipes are the original's; it has none for CHIP-CDN itself, whose row has that of CBLUE's baseline, and none for
 * the V2 tasks, whose rows have those of the first version.
 */
export const TASKS: { readonly [Name in keyof Kinds]: Task<Kinds[Name]> } = {
  CMeEE: {
    ...taggingTask("CMeEE", "entities"),
    nesting: ["sym"],
    recipe: { epochs: 2, batchSize: 32, learningRate: 6e-5, maxSeqLength: 128, published: 0.6612 },
  },
  // Version 2 counts ends as Python's slices do.
  "CMeEE-V2": {
    ...taggingTask("CMeEE-V2", "entities"),
    ends: "exclusive",
    nesting: ["sym"],
    recipe: { epochs: 2, batchSize: 32, learningRate: 6e-5, maxSeqLength: 128 },
  },
  CMeIE: {
    ...taggingTask("CMeIE", "relations"),
    recipe: { epochs: 100, batchSize: 12, learningRate: 6e-5, maxSeqLength: 300, published: 0.61385 },
  },
  "CMeIE-V2": {
    ...taggingTask("CMeIE-V2", "relations"),
    files: filesOf("CMeIE-V2", "jsonl"),
    recipe: { epochs: 100, batchSize: 12, learningRate: 6e-5, maxSeqLength: 300 },
  },
  "CHIP-CDN": {
    name: "CHIP-CDN",
    kind: "normalization",
    files: filesOf("CHIP-CDN"),
    textFields: ["text"],
    keyField: "text",
    answerField: "normalized_result",
    labels: [],
    metric: "micro-f1",
    recipe: { epochs: 3, batchSize: 32, learningRate: 4e-5, maxSeqLength: 64 },
  },
  "CHIP-CDN-2C": {
    ...classificationTask("CHIP-CDN-2C", ["text_a", "text_b"], TERM_MATCHES, "f1"),
    files: { train: "train.tsv", dev: "dev.tsv", test: "test.tsv" },
    layout: "tsv",
    recipe: { epochs: 16, batchSize: 256, learningRate: 3e-5, maxSeqLength: 32, published: 0.76979 },
  },
  "CHIP-CTC": {
    ...classificationTask("CHIP-CTC", ["text"], CRITERIA, "macro-f1"),
    recipe: { epochs: 4, batchSize: 32, learningRate: 6e-5, maxSeqLength: 160, published: 0.84136 },
  },
  "CHIP-STS": {
    ...classificationTask("CHIP-STS", ["text1", "text2"], QUESTION_MATCHES, "macro-f1"),
    recipe: { epochs: 4, batchSize: 16, learningRate: 3e-5, maxSeqLength: 96, published: 0.88749 },
  },
  "KUAKE-QIC": {
    ...classificationTask("KUAKE-QIC", ["query"], INTENTS, "accuracy"),
    recipe: { epochs: 4, batchSize: 32, learningRate: 6e-5, maxSeqLength: 128, published: 0.81483 },
  },
  "KUAKE-QTR": {
    ...classificationTask("KUAKE-QTR", ["query", "title"], TITLE_MATCHES, "accuracy"),
    recipe: { epochs: 4, batchSize: 32, learningRate: 6e-5, maxSeqLength: 64, published: 0.69722 },
  },
  "KUAKE-QQR": {
    ...classificationTask("KUAKE-QQR", ["query1", "query2"], QUERY_MATCHES, "accuracy"),
    recipe: { epochs: 2, batchSize: 32, learningRate: 6e-5, maxSeqLength: 64, published: 0.83865 },
  },
};

/**
 * Finds a task.
 *
 * @param name As the table spells it, in any case; or the path of a JSON file that {@linkcode readTask} reads.
 * @returns The task.
 * @throws {UserError} If there is none of that name, or its file is malformed.
 *
 * @example
 * ```ts
 * import { findTask } from "./tasks.ts";
 * console.log((await findTask("kuake-qic")).labels.length); // 11
 * ```
 */
export async function findTask(name: string): Promise<Task> {
  if (name.toLowerCase().endsWith(".json")) return await readTask(name, officialTask);
  return officialTask(name);
}

/** The ids of a task's labels, by all their spellings. */
export function labelIds({ labels }: Pick<Task, "labels">): Map<string, number> {
  const spellings = labels.flatMap(({ name, aliases = [] }, id) =>
    [name, ...aliases].map((spelling) => [spelling, id] as const)
  );
  return new Map(spellings);
}

/**
 * What a label is called in Chinese.
 *
 * @returns Its Chinese name, or the label itself where it has no other.
 *
 * @example
 * ```ts
 * import { chineseName, TASKS } from "./tasks.ts";
 * console.log(chineseName(TASKS.CMeEE, "dru")); // 药物
 * ```
 */
export function chineseName({ labels }: Pick<Task, "labels">, label: string): string {
  return labels.find(({ name }) => name === label)?.chinese ?? label;
}

function officialTask(name: string): Task {
  const tasks: readonly Task[] = Object.values(TASKS), wanted = name.toLowerCase();
  const found = tasks.find((task) => task.name.toLowerCase() === wanted);
  if (found) return found;
  const names = tasks.map((task) => task.name);
  const near = names[names.findIndex((one) => one.toLowerCase() === nearestName(wanted, names.map(lower)))];
  throw new UserError(
    `Cannot find task "${name}": ` + (near ? `did you mean "${near}"? ` : "") +
      `The tasks are ${names.join(", ")}, or a JSON file that describes one of your own`,
  );
}

function lower(name: string): string {
  return name.toLowerCase();
}

function classificationTask(
  name: string,
  textFields: Task["textFields"],
  labels: readonly Label[],
  metric: MetricName,
): Omit<Task<"classification">, "recipe"> {
  return {
    name,
    kind: "classification",
    files: filesOf(name),
    textFields,
    keyField: "id",
    answerField: "label",
    labels,
    metric,
  };
}

/** CMeEE's and CMeIE's kind: a text, and a list of what is in it. */
function taggingTask<K extends "entities" | "relations">(name: string, kind: K): Omit<Task<K>, "recipe"> {
  return {
    name,
    kind,
    files: filesOf(name),
    layout: kind === "relations" ? "jsonl" : "json",
    textFields: ["text"],
    keyField: "text",
    answerField: kind === "relations" ? "spo_list" : "entities",
    labels: kind === "relations" ? PREDICATES : ENTITY_TYPES,
    metric: "micro-f1",
  };
}

function filesOf(name: string, extension = "json"): Task["files"] {
  const file = (split: Split) => `${name}_${split}.${extension}`;
  return { train: file("train"), dev: file("dev"), test: file("test") };
}
