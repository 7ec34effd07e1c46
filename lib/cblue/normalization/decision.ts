/**
 * How many terms a text means, and which: fitted on examples, kept as JSON.
 *
 * Terms are taken greedily. At each step a logistic regression gives every remaining candidate the probability that the
 * text means it too, given the terms taken before; the likeliest is taken if its probability reaches a threshold, and the
 * first is always taken. The threshold is the one with the highest micro F1 on the examples. CBLUE's baseline trains a
 * second model that counts and then takes the best so many, which often are spellings of the same thing.
 *
 * @module
 */
import { UserError } from "../../config/mod.ts";
import { FEATURES, type ScoredText, Taking } from "./features.ts";
import { fitLogistic, logistic } from "./logistic.ts";

/** Everything that the decision depends on; plain JSON. */
export interface TermDecision {
  readonly kind: "greedy-logistic";
  /** Names of the features that the weights are for. */
  readonly features: readonly string[];
  /** One for each feature, and the bias. */
  readonly weights: readonly number[];
  /** The least probability of a second or later term. */
  readonly threshold: number;
  /** How many of the best candidates are looked at. */
  readonly considered: number;
  /** The most terms that a text gets. */
  readonly maxTerms: number;
}

/** A text, its judged candidates, and the terms that it means. */
export interface DecisionExample extends ScoredText {
  readonly terms: readonly string[];
}

/** How a decision is fitted. */
export interface FitDecisionOptions {
  /** Default 20. */
  readonly considered?: number;
  /** Default: the most terms that an example has. */
  readonly maxTerms?: number;
}

/** A fitted decision and how well it does on the examples it was fitted to. */
export interface FittedDecision {
  readonly decision: TermDecision;
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
}

const DEFAULT_CONSIDERED = 20;

/**
 * Fits the decision to texts that the pair scorer has not been trained on: on its own training texts a scorer is surer than
 * it ever will be again. Some hundred examples are enough.
 *
 * @param examples judged candidates and right terms
 * @param options how many candidates and terms
 * @returns the decision, with micro precision, recall and F1 on the examples
 * @throws {UserError} if no example has one of its terms among its candidates
 */
export function fitDecision(
  examples: readonly DecisionExample[],
  options: FitDecisionOptions = {},
): FittedDecision {
  const { considered = DEFAULT_CONSIDERED } = options;
  const maxTerms = options.maxTerms ??
    examples.reduce((most, { terms }) => Math.max(most, new Set(terms).size), 1);
  const { rows, outcomes } = trainingRows(examples, considered);
  if (!outcomes.includes(1)) {
    throw new UserError(
      "Cannot fit the decision on terms: no example has one of its terms among its candidates; check the list of terms",
    );
  }
  const weights = [...fitLogistic(Float64Array.from(rows), Uint8Array.from(outcomes))];
  const decision = {
    kind: "greedy-logistic",
    features: FEATURES,
    weights,
    threshold: 0,
    considered,
    maxTerms,
  } as const;
  const { threshold, ...scores } = bestThreshold(examples, decision);
  return { decision: { ...decision, threshold }, ...scores };
}

/**
 * Says which terms a text means.
 *
 * @param scored a text and its judged candidates
 * @param decision fitted
 * @returns terms, the surest first; at least one if there are candidates
 */
export function decideTerms(scored: ScoredText, decision: TermDecision): string[] {
  return greedySteps(scored, decision).map(({ term }) => term);
}

/**
 * Checks a decision that comes from a file.
 *
 * @param value parsed JSON
 * @param path for the message
 * @returns the decision
 * @throws {UserError} if it is not one, or was fitted by a version with other features
 */
export function checkDecision(value: unknown, path: string): TermDecision {
  const { kind, features, weights, threshold, considered, maxTerms } = (value ?? {}) as Partial<TermDecision>;
  const refuse = (reason: string): never => {
    throw new UserError(`Cannot read decision "${path}": ${reason}; fit it again`);
  };
  if (kind !== "greedy-logistic") refuse(`its kind is ${JSON.stringify(kind)}, not "greedy-logistic"`);
  if (JSON.stringify(features) !== JSON.stringify(FEATURES)) refuse("it was fitted with other features");
  if (
    !Array.isArray(weights) || weights.length !== FEATURES.length + 1 || !weights.every(Number.isFinite)
  ) refuse(`it needs ${FEATURES.length + 1} weights`);
  if (typeof threshold !== "number" || !(threshold >= 0)) refuse("its threshold is not a number from 0");
  for (const [name, number] of Object.entries({ considered, maxTerms })) {
    if (!Number.isInteger(number) || number! < 1) refuse(`${name} is not a whole number from 1`);
  }
  return value as TermDecision;
}

/** A term taken. */
interface Step {
  readonly term: string;
  /** The least probability of this and all terms taken before; 1 for the first, which is always taken. */
  readonly surety: number;
}

function greedySteps(scored: ScoredText, decision: TermDecision): Step[] {
  const taking = new Taking(scored, decision.considered);
  const left = new Set(taking.candidates.keys());
  const steps: Step[] = [];
  while (left.size > 0 && steps.length < decision.maxTerms) {
    let [likeliest, probability] = [-1, -1];
    for (const candidate of left) {
      const value = logistic(decision.weights, taking.features(candidate));
      if (value > probability) [likeliest, probability] = [candidate, value];
    }
    const surety = steps.length === 0 ? 1 : Math.min(steps.at(-1)!.surety, probability);
    if (surety < decision.threshold) break;
    taking.take(likeliest);
    left.delete(likeliest);
    steps.push({ term: taking.candidates[likeliest]!.term, surety });
  }
  return steps;
}

/** Every candidate left before each right term is taken, best right term first, and after the last one. */
function trainingRows(examples: readonly DecisionExample[], considered: number) {
  const rows: number[] = [];
  const outcomes: number[] = [];
  for (const { terms, ...scored } of examples) {
    const right = new Set(terms);
    const taking = new Taking(scored, considered);
    const left = new Set(taking.candidates.keys());
    for (;;) {
      const next = [...left].find((candidate) => right.has(taking.candidates[candidate]!.term));
      for (const candidate of left) {
        rows.push(...taking.features(candidate));
        outcomes.push(right.has(taking.candidates[candidate]!.term) ? 1 : 0);
      }
      if (next === undefined) break;
      taking.take(next);
      left.delete(next);
    }
  }
  return { rows, outcomes };
}

/** The threshold of highest micro F1; of equal ones the highest. */
function bestThreshold(examples: readonly DecisionExample[], decision: TermDecision) {
  const steps: (Step & { isRight: boolean })[] = [];
  let gold = 0;
  for (const example of examples) {
    const right = new Set(example.terms);
    gold += right.size;
    for (const step of greedySteps(example, decision)) steps.push({ ...step, isRight: right.has(step.term) });
  }
  steps.sort((a, b) => b.surety - a.surety);
  let best = { threshold: 1, precision: 0, recall: 0, f1: -1 };
  let right = 0;
  for (const [n, { surety, isRight }] of steps.entries()) {
    if (isRight) right++;
    if (surety === steps[n + 1]?.surety) continue; // a threshold takes all or none of equal ones
    const f1 = 2 * right / (n + 1 + gold);
    if (f1 > best.f1) {
      best = { threshold: surety, precision: right / (n + 1), recall: gold === 0 ? 0 : right / gold, f1 };
    }
  }
  return best;
}
