/**
 * What a fine-tuning run learns from: a task's files as examples, and as rows of tokens.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { UserError } from "../config/mod.ts";
import { shuffledOrder } from "../packing/mod.ts";
import { buildVocabulary, Tokenizer, Vocabulary } from "../text/mod.ts";
import type { Approach } from "./approach.ts";
import type { Row } from "./batches.ts";
import { balancedWeights, ClassificationApproach } from "./classification.ts";
import { chooseChannels } from "./decoding/entity_labels.ts";
import { EntityApproach } from "./entities.ts";
import type {
  ClassificationExample,
  EntityExample,
  Example,
  NormalizationExample,
  TaskKind,
} from "./examples.ts";
import { findFile } from "./files/files.ts";
import type { FinetuneOptions } from "./options.ts";
import { readExamples, type ReadOptions } from "./files/readers.ts";
import { NestedEntityApproach } from "./nested_entities.ts";
import { RelationApproach } from "./relations.ts";
import { countsByLabel, totalOf } from "./scores/metrics.ts";
import { countAnswer } from "./scores/scoring.ts";
import { pairTask, TermAnswerer } from "./terms.ts";
import { findTask, type Recipe, type Split, type Task } from "./tasks.ts";

/** What a run learns from. */
export interface FinetuningData {
  readonly task: Task;
  /** The task's recipe, as far as no option says otherwise. */
  readonly recipe: Recipe;
  readonly vocabulary: Vocabulary;
  readonly approach: Approach;
  /** Makes the task's answers of predictions, where they are not the same. */
  readonly answerer?: TermAnswerer | undefined;
  /** The training set. */
  readonly rows: readonly Row[];
  /** Answers of the training set, and those of them that no row's targets say. */
  readonly unsaid: Unsaid | undefined;
  /** Examples to score, if there is a dev set. */
  readonly dev: readonly Example[] | undefined;
  /** Hashes of training set and vocabulary. */
  readonly identity: { readonly data: string; readonly vocabulary: string };
}

/**
 * Reads a task's files.
 *
 * @param vocabularyPath The encoder's vocabulary, where there is an encoder.
 * @throws {UserError} If a file is missing or malformed.
 */
export async function openFinetuningData(
  options: FinetuneOptions,
  vocabularyPath: string | undefined,
): Promise<FinetuningData> {
  const given = await findTask(options.dataset);
  const recipe = recipeOf(given, options);
  const all = await readSplit(given, options.data_dir, "train", { answered: true });
  if (!all) {
    throw new UserError(`Cannot fine-tune on ${given.name}: "${options.data_dir}" has no training file`);
  }
  const task = withNesting(given, all);
  const { train, dev } = options.fold === undefined
    ? { train: all, dev: await readSplit(task, options.data_dir, "dev", { answered: true }) }
    : foldOf(all, options.fold);
  const vocabulary = await vocabularyOf(options, vocabularyPath, all);
  const { answerer, pairs } = isOf(task, "normalization")
    ? await TermAnswerer.forTraining(
      task,
      options.data_dir,
      train as readonly NormalizationExample[],
      options.seed,
    )
    : { answerer: undefined, pairs: train };
  const approach = approachOf(task, vocabulary, {
    ...options,
    max_seq_length: recipe.maxSeqLength,
    ...(options.class_weights === "balanced" && { weighedBy: pairs }),
  });
  const rowsOf = pairs.map((example) => approach.rows(example)), rows = rowsOf.flat();
  if (rows.length === 0) {
    throw new UserError(`Cannot fine-tune on ${task.name}: its training file has no records`);
  }
  const hash = createHash("sha256");
  for (const { record } of train) hash.update(JSON.stringify(record));
  const identity = { data: hash.digest("hex"), vocabulary: await vocabulary.hash() };
  return {
    task,
    recipe,
    vocabulary,
    approach,
    answerer,
    rows,
    unsaid: countUnsaid(task, approach, pairs, rowsOf),
    dev: some(dev, options.eval_examples),
    identity,
  };
}

/** A task of entities with the types that have others within: as it names them, or as lets its training set say most. */
function withNesting(task: Task, train: readonly Example[]): Task {
  if (!isOf(task, "entities") || task.nesting) return task;
  const types = task.labels.map(({ name }) => name);
  const [, nesting] = chooseChannels(
    (train as readonly EntityExample[]).map(({ entities }) => entities!),
    types,
  );
  return { ...task, nesting: nesting! };
}

/** How much of a set's answers gets lost on the way to targets. */
export interface Unsaid {
  readonly answers: number;
  readonly lost: number;
}

function countUnsaid(
  task: Task,
  approach: Approach,
  examples: readonly Example[],
  rowsOf: readonly (readonly Row[])[],
): Unsaid | undefined {
  if (!approach.ideal) return undefined;
  let [answers, lost] = [0, 0];
  examples.forEach((example, i) => {
    const ideal = approach.ideal!(example, rowsOf[i]!);
    const all = totalOf(countsByLabel(countAnswer(task, example as never, ideal as never)));
    answers += all.answers;
    lost += all.answers - all.correct;
  });
  return { answers, lost };
}

/** The way of a kind of task through the model. */
export function approachOf(
  task: Task,
  vocabulary: Vocabulary,
  options:
    & {
      readonly max_seq_length: number;
      /** Examples by whose labels rows are weighed; default: all count the same. */
      readonly weighedBy?: readonly Example[];
    }
    & Partial<Pick<FinetuneOptions, "activation" | "long" | "occurrences" | "scheme">>,
): Approach {
  const { max_seq_length: maxLength, weighedBy } = options;
  const { activation = "tanh", long = "truncate", occurrences = "first", scheme = "channels" } = options;
  if (weighedBy && (isOf(task, "entities") || isOf(task, "relations"))) {
    throw new UserError(`Cannot weigh classes in ${task.name}: --class_weights is for classification`);
  }
  if (isOf(task, "entities")) {
    const Approach = scheme === "spans" ? NestedEntityApproach : EntityApproach;
    return new Approach(task, vocabulary, { maxLength, long });
  }
  if (isOf(task, "relations")) {
    return new RelationApproach(task, vocabulary, { maxLength, long, occurrences });
  }
  const judged = isOf(task, "classification") ? task : pairTask(task);
  const labels = judged.labels.map(({ name }) => name);
  const classWeights = weighedBy &&
    balancedWeights((weighedBy as readonly ClassificationExample[]).map(({ label }) => label!), labels);
  return new ClassificationApproach(judged, new Tokenizer(vocabulary), {
    maxLength,
    activation,
    classWeights,
  });
}

/**
 * One of N ways to part a training set in two; each example is held out in one of them, the same whatever else is drawn.
 *
 * @param fold `K/N`
 * @throws {UserError} If it is none, or parts would be empty.
 */
export function foldOf(
  all: readonly Example[],
  fold: string,
): { train: readonly Example[]; dev: readonly Example[] } {
  const [, k, n] = (/^(\d+)\/(\d+)$/.exec(fold) ?? []).map(Number);
  if (!k || !n || n < 2 || k > n) {
    throw new UserError(`Cannot use --fold "${fold}": expected K/N with N of 2 or more and K from 1 to N`);
  }
  if (n > all.length) {
    throw new UserError(`Cannot make ${n} folds of ${all.length} training records: lower N in --fold`);
  }
  const part = new Int32Array(all.length);
  shuffledOrder(all.length, FOLD_SEED, 0).forEach((example, place) => part[example] = 1 + place % n);
  return { train: all.filter((_, i) => part[i] !== k), dev: all.filter((_, i) => part[i] === k) };
}

/** Of the order in which folds are dealt. */
const FOLD_SEED = 1000;

/** At most so many, spread over all. */
function some<T>(all: readonly T[] | undefined, most = Infinity): readonly T[] | undefined {
  if (!all || all.length <= most) return all;
  return Array.from({ length: most }, (_, i) => all[Math.floor(i * all.length / most)]!);
}

function isOf<K extends TaskKind>(task: Task, kind: K): task is Task<K> {
  return task.kind === kind;
}

/**
 * Reads one of a task's files.
 *
 * @param folder With the official files, or a zip of them.
 * @param options Whether answers are needed, and who hears of oddities; default: `console.warn`.
 * @returns Its examples, or undefined if there is no such file.
 * @throws {UserError} If it is malformed.
 */
export async function readSplit(
  task: Task,
  folder: string,
  split: Split,
  { answered = false, warn = console.warn }: ReadOptions = {},
): Promise<readonly Example[] | undefined> {
  const file = await findFile(task, folder, split);
  return file && await readExamples(task, file, { answered, warn });
}

function recipeOf({ recipe }: Task, options: FinetuneOptions): Recipe {
  return {
    ...recipe,
    epochs: options.epochs ?? recipe.epochs,
    batchSize: options.batch_size ?? recipe.batchSize,
    learningRate: options.learning_rate ?? recipe.learningRate,
    maxSeqLength: options.max_seq_length ?? recipe.maxSeqLength,
  };
}

/** The encoder's own, the one that is named, the one beside the data, or one built from the training texts. */
async function vocabularyOf(
  { vocab, data_dir: folder }: FinetuneOptions,
  encoders: string | undefined,
  train: readonly Example[],
): Promise<Vocabulary> {
  if (encoders !== undefined) return await Vocabulary.ofModel(encoders);
  if (vocab !== undefined) return await Vocabulary.read(vocab);
  const beside = join(folder, "vocab.txt");
  if (existsSync(beside)) return await Vocabulary.read(beside);
  return (await buildVocabulary(train.flatMap((one) => "texts" in one ? one.texts : [one.text]))).vocabulary;
}
