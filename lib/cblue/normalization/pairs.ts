/**
 * Pairs of a text and a term, from which a model learns to tell whether the text means the term: what is trained for
 * CHIP-CDN, and the rows of CHIP-CDN-2C.
 *
 * @module
 */
import { UserError } from "../../config/mod.ts";
import { RandomStream } from "../../packing/mod.ts";
import type { ClassificationExample, NormalizationExample } from "../examples.ts";
import { cleanName } from "./clean.ts";
import type { TermIndex } from "./recall.ts";

/** The labels of a pair: whether the text means the term. */
export const PAIR_LABELS = { no: "0", yes: "1" } as const;

/** How many pairs are made of an example. */
export interface TrainingPairsOptions {
  /** How often each term that a text means is repeated; 6 in CBLUE's baseline. */
  readonly repeats?: number;
  /** How many terms that a text does not mean it is paired with; 5 in CBLUE's baseline. */
  readonly negatives?: number;
  /** How many of the negatives are the most similar terms; the others are drawn from the candidates. Default: half. */
  readonly hardNegatives?: number;
  /** From how many candidates negatives are taken; 200 in CBLUE's baseline. */
  readonly candidates?: number;
  readonly seed?: number;
  /** Which epoch the pairs are for, from 0: each draws other negatives. */
  readonly epoch?: number;
}

/**
 * Pairs for training: terms that a text means, repeated, and terms that it does not, the most similar among them.
 *
 * @param examples with their terms
 * @param index the list of terms
 * @param options how many of which
 * @returns pairs of cleaned names in the order of the examples; training should shuffle them
 * @throws {UserError} if an example has no answer
 *
 * @example
 * ```ts
 * import { trainingPairs } from "./pairs.ts";
 * import { TermIndex } from "./recall.ts";
 * const index = new TermIndex(["高血压", "糖尿病", "糖尿病性肾病"]);
 * const example = { key: "糖病", record: {}, text: "糖病", terms: ["糖尿病"] };
 * const pairs = trainingPairs([example], index, { repeats: 1, negatives: 1 });
 * console.log(pairs.map(({ texts, label }) => `${texts[1]} ${label}`)); // [ "糖尿病 1", "糖尿病性肾病 0" ]
 * ```
 */
export function trainingPairs(
  examples: readonly NormalizationExample[],
  index: TermIndex,
  options: TrainingPairsOptions = {},
): ClassificationExample[] {
  const { repeats = 6, negatives = 5, candidates = 200, seed = 0, epoch = 0 } = options;
  const hard = Math.min(options.hardNegatives ?? Math.ceil(negatives / 2), negatives);
  const pairs: ClassificationExample[] = [];
  for (const [n, example] of examples.entries()) {
    const terms = new Set(answerOf(example));
    for (const term of terms) {
      for (let i = 0; i < repeats; i++) pairs.push(pairOf(example, term, PAIR_LABELS.yes, pairs.length));
    }
    const others = index.search(example.text, candidates + terms.size, { unseen: true })
      .map(({ term }) => term).filter((term) => !terms.has(term)).slice(0, candidates);
    // Sentence 0 of this purpose is the order of an epoch.
    drawInto(others, hard, negatives, new RandomStream({ seed, purpose: "order", epoch, sentence: n + 1 }));
    for (const term of others.slice(0, negatives)) {
      pairs.push(pairOf(example, term, PAIR_LABELS.no, pairs.length));
    }
  }
  return pairs;
}

/**
 * Pairs a text with all its candidates: what CHIP-CDN-2C's files hold.
 *
 * @param examples with or without their terms
 * @param index the list of terms
 * @param candidates how many a text; 100 in the published files
 * @yields pairs of cleaned names, the most similar terms of a text first, labelled where the example has an answer
 */
export function* candidatePairs(
  examples: Iterable<NormalizationExample>,
  index: TermIndex,
  candidates = 100,
): Generator<ClassificationExample> {
  let n = 0;
  for (const example of examples) {
    for (const { term } of index.search(example.text, candidates)) {
      const label = example.terms && (example.terms.includes(term) ? PAIR_LABELS.yes : PAIR_LABELS.no);
      yield pairOf(example, term, label, n++);
    }
  }
}

/**
 * A row of CHIP-CDN-2C's tab-separated files, whose header is `text_a`, `text_b`, `label`.
 *
 * @param pair of cleaned names
 * @returns a line without its end; two fields if the pair has no label
 */
export function pairLine({ texts, label }: ClassificationExample): string {
  return (label === undefined ? [...texts] : [...texts, label]).join("\t");
}

/** The terms of an example that must have some. */
export function answerOf({ key, terms }: NormalizationExample): readonly string[] {
  if (terms === undefined) {
    throw new UserError(`Cannot learn from example "${key}": it has no terms; give a file with answers`);
  }
  return terms;
}

function pairOf(
  { text }: NormalizationExample,
  term: string,
  label: string | undefined,
  n: number,
): ClassificationExample {
  const texts = [cleanName(text), cleanName(term)] as const;
  const record = { text_a: texts[0], text_b: texts[1], ...(label === undefined ? {} : { label }) };
  return { key: String(n), record, texts, label };
}

/** Moves a random choice of the items behind place `from` to places `from` to `to` − 1 (Fisher–Yates, not to the end). */
function drawInto<T>(items: T[], from: number, to: number, random: RandomStream): void {
  for (let place = from; place < Math.min(to, items.length); place++) {
    const other = place + random.below(items.length - place);
    [items[place], items[other]] = [items[other]!, items[place]!];
  }
}
