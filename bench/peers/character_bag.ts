/**
 * What characters alone tell: logistic regression on bags of them, the baseline that a model has to beat.
 *
 * A text is the set of its characters and pairs of neighbours. Of two texts these are taken of each, and once more of what they
 * have in common and what only one of them has, with how much of either is common. For entities each character is classified by
 * the characters and pairs within two places of it, and entities are read off the labels as off a model's.
 *
 * @module
 */
import {
  channelsOf,
  type ClassificationExample,
  decodeEntities,
  encodeEntities,
  type Entity,
  type EntityExample,
  labelNames,
  lowerCharacters,
  type Task,
} from "../../lib/cblue/mod.ts";
import { fitLogisticRegression, logitsOf, type SparseRows } from "./logistic_regression.ts";

/** Features of one row by name; each name is there once. */
type Features = readonly (readonly [name: string, value: number])[];

/** In fewer training rows than this a feature says nothing. */
const FEWEST = 2;
/** How far around a character the window reaches. */
const REACH = 2;
const OUTSIDE = "\n"; // no text has it within a line

/** Classifies texts, or pairs of texts. */
export function classifyByBag(
  { labels }: Pick<Task, "labels">,
  train: readonly ClassificationExample[],
  dev: readonly ClassificationExample[],
): { label: string }[] {
  const names = labels.map(({ name }) => name), C = names.length;
  const rowsOf = (examples: typeof train) => examples.map(({ texts }) => textFeatures(texts));
  const rows = rowsOf(train), index = indexOf(rows);
  const answers = Int32Array.from(train, ({ label }) => names.indexOf(label!));
  const weights = fitLogisticRegression(sparse(rows, index), answers, { classes: C, features: index.size });
  const logits = logitsOf(sparse(rowsOf(dev), index), weights, C);
  return dev.map((_, n) => ({ label: names[argMax(logits.subarray(n * C, (n + 1) * C))]! }));
}

/** Finds entities, in the two channels that the model has too. */
export function tagByBag(
  { labels }: Pick<Task, "labels">,
  train: readonly EntityExample[],
  dev: readonly EntityExample[],
): Entity[][] {
  const channels = channelsOf(labels.map(({ name }) => name));
  const texts = train.map(({ text }) => text), index = indexOf(windowFeatures(texts));
  const rows = sparse(windowFeatures(texts), index);
  const gold = train.map(({ text, entities }) => encodeEntities(entities!, [...text].length, channels));
  const weights = channels.map((types, channel) => {
    const answers = Int32Array.from(gold.flatMap((labels) => [...labels[channel]!]));
    return fitLogisticRegression(rows, answers, {
      classes: labelNames(types).length,
      features: index.size,
    });
  });
  return dev.map(({ text }) => {
    const windows = sparse(windowFeatures([text]), index), length = windows.starts.length - 1;
    const logits = channels.map((types, channel) => {
      const C = labelNames(types).length, values = new Float32Array((length + 2) * C);
      values.set(logitsOf(windows, weights[channel]!, C), C); // between [CLS] and [SEP], as the decoder has it
      return { values, shape: [length + 2, C] };
    });
    return decodeEntities(logits, length, channels);
  });
}

/** Features of a text or of two. */
function textFeatures([first, second]: readonly [string] | readonly [string, string]): Features {
  const one = grams(first);
  if (second === undefined) return present(one, "");
  const other = grams(second), common = one.intersection(other);
  return [
    ...present(one, "1 "),
    ...present(other, "2 "),
    ...present(common, "both "),
    ...present(one.difference(other), "only 1 "),
    ...present(other.difference(one), "only 2 "),
    ["common of 1", common.size / Math.max(1, one.size)],
    ["common of 2", common.size / Math.max(1, other.size)],
    ["common of all", common.size / Math.max(1, one.union(other).size)],
  ];
}

function present(names: ReadonlySet<string>, prefix: string): Features {
  return [...names].map((name) => [prefix + name, 1]);
}

/** Characters and pairs of neighbours. */
function grams(text: string): Set<string> {
  const characters = lowerCharacters(text);
  return new Set([...characters, ...characters.slice(1).map((character, i) => characters[i] + character)]);
}

/** Features of each character of texts; made anew each time, for they are many. */
function* windowFeatures(texts: readonly string[]): Generator<Features> {
  for (const text of texts) {
    const characters = lowerCharacters(text), at = (i: number) => characters[i] ?? OUTSIDE;
    for (let i = 0; i < characters.length; i++) {
      const names: string[] = [];
      for (let offset = -REACH; offset <= REACH; offset++) names.push(`${offset} ${at(i + offset)}`);
      for (let offset = -REACH; offset < REACH; offset++) {
        names.push(`${offset} ${at(i + offset)}${at(i + offset + 1)}`);
      }
      yield names.map((name) => [name, 1]);
    }
  }
}

/** Numbers of the features that enough rows have. */
function indexOf(rows: Iterable<Features>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const row of rows) {
    for (const [name] of row) counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  const used = [...counts].filter(([, count]) => count >= FEWEST);
  return new Map(used.map(([name], number) => [name, number]));
}

/** Rows as numbers; features without one are left out. */
function sparse(rows: Iterable<Features>, index: ReadonlyMap<string, number>): SparseRows {
  const features: number[] = [], values: number[] = [], starts = [0];
  for (const row of rows) {
    for (const [name, value] of row) {
      const number = index.get(name);
      if (number === undefined) continue;
      features.push(number);
      values.push(value);
    }
    starts.push(features.length);
  }
  return {
    starts: Int32Array.from(starts),
    features: Int32Array.from(features),
    values: Float32Array.from(values),
  };
}

function argMax(values: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[best]!) best = i;
  return best;
}
