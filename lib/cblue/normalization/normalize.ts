/**
 * From a clinician's words to standard terms: candidates, their scores by a model, the decision.
 *
 * @module
 */
import type { NormalizationExample } from "../examples.ts";
import { cleanName } from "./clean.ts";
import {
  decideTerms,
  fitDecision,
  type FitDecisionOptions,
  type FittedDecision,
  type TermDecision,
} from "./decision.ts";
import type { ScoredText } from "./features.ts";
import { answerOf } from "./pairs.ts";
import type { SearchOptions, TermIndex } from "./recall.ts";

/**
 * Gives the probability that the first name of each pair means the second; names come cleaned.
 *
 * @throws whatever stops it, an AbortError after Ctrl-C for instance
 */
export type PairScorer = (pairs: readonly (readonly [text: string, term: string])[]) => Promise<Float32Array>;

/** How candidates are found and scored. */
export interface ScoreOptions {
  /** How many candidates a text has; default 100. */
  readonly candidates?: number;
  /** The most pairs that the scorer is asked for at once; default 8192. */
  readonly pairsAtOnce?: number;
  readonly search?: SearchOptions;
  /** Hears how many texts are done. */
  readonly onProgress?: (texts: number) => void;
}

const DEFAULT_CANDIDATES = 100;
const DEFAULT_PAIRS_AT_ONCE = 8192;

/**
 * Finds each text's candidates and has them scored.
 *
 * @param texts as records have them
 * @param index the list of terms
 * @param scorer the model
 * @param options how many candidates, how many pairs at once
 * @yields texts in their order with their candidates
 * @throws {RangeError} if the scorer gives another number of probabilities than it got pairs
 */
export async function* scoreTexts(
  texts: Iterable<string>,
  index: TermIndex,
  scorer: PairScorer,
  options: ScoreOptions = {},
): AsyncGenerator<ScoredText> {
  const { candidates: count = DEFAULT_CANDIDATES, pairsAtOnce = DEFAULT_PAIRS_AT_ONCE, search = {} } =
    options;
  let done = 0;
  let waiting: { text: string; candidates: ReturnType<TermIndex["search"]> }[] = [];
  let waitingPairs = 0;
  const flush = async function* () {
    const pairs = waiting.flatMap(({ text, candidates }) => {
      const cleaned = cleanName(text);
      return candidates.map(({ term }) => [cleaned, cleanName(term)] as const);
    });
    const probabilities = pairs.length === 0 ? new Float32Array() : await scorer(pairs);
    if (probabilities.length !== pairs.length) {
      throw new RangeError(
        `Cannot score ${pairs.length} pairs: the scorer gave ${probabilities.length} probabilities`,
      );
    }
    let place = 0;
    for (const { text, candidates } of waiting) {
      yield {
        text,
        candidates: candidates.map((found) => ({ ...found, probability: probabilities[place++]! })),
      };
    }
    options.onProgress?.(done += waiting.length);
    [waiting, waitingPairs] = [[], 0];
  };
  for (const text of texts) {
    const candidates = index.search(text, count, search);
    if (waiting.length > 0 && waitingPairs + candidates.length > pairsAtOnce) yield* flush();
    waiting.push({ text, candidates });
    waitingPairs += candidates.length;
  }
  if (waiting.length > 0) yield* flush();
}

/** What {@linkcode normalizeExamples} needs besides the examples. */
export interface Normalizer extends ScoreOptions {
  readonly index: TermIndex;
  readonly scorer: PairScorer;
  readonly decision: TermDecision;
}

/**
 * Writes the terms that texts mean into their examples.
 *
 * @param examples with or without terms; those are not looked at
 * @param normalizer candidates, model and decision
 * @returns the examples in their order with the terms found, the surest first
 */
export async function normalizeExamples(
  examples: readonly NormalizationExample[],
  normalizer: Normalizer,
): Promise<NormalizationExample[]> {
  const { index, scorer, decision } = normalizer;
  const normalized: NormalizationExample[] = [];
  for await (const scored of scoreTexts(examples.map(({ text }) => text), index, scorer, normalizer)) {
    normalized.push({ ...examples[normalized.length]!, terms: decideTerms(scored, decision) });
  }
  return normalized;
}

/**
 * Has examples scored and fits the decision to them; they should not be among those that the scorer was trained on.
 *
 * Where the index has their texts among its aliases, search with `unseen`: new texts will not be there either.
 *
 * @param examples with their terms, held out of training
 * @param normalizer candidates and model
 * @param options how many candidates and terms the decision looks at
 * @returns the decision, with micro precision, recall and F1 on the examples
 * @throws {UserError} if an example has no answer, or none has a right candidate
 */
export async function fitNormalization(
  examples: readonly NormalizationExample[],
  normalizer: Omit<Normalizer, "decision">,
  options: FitDecisionOptions = {},
): Promise<FittedDecision> {
  const scored = [];
  const texts = examples.map(({ text }) => text);
  for await (const one of scoreTexts(texts, normalizer.index, normalizer.scorer, normalizer)) {
    scored.push({ ...one, terms: answerOf(examples[scored.length]!) });
  }
  return fitDecision(scored, options);
}
