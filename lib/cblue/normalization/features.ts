/**
 * What speaks for one more term: the features of the decision how many terms a text means.
 *
 * Terms are taken one after another, best first. Whether the next one is taken depends on its scores, on what the terms
 * taken before leave of the text, and on how many things the text seems to name.
 *
 * @module
 */
import { cleanName, comparisonKey, splitMentions } from "./clean.ts";
import type { Candidate } from "./recall.ts";

/** A candidate that the pair scorer has judged. */
export interface ScoredCandidate extends Candidate {
  /** That the text means the term, as the pair scorer says. */
  readonly probability: number;
}

/** A text and its candidates. */
export interface ScoredText {
  readonly text: string;
  readonly candidates: readonly ScoredCandidate[];
}

/** Names of the features, in their order; saved with fitted weights, so that old weights never meet new features. */
export const FEATURES = [
  "logit of probability",
  "probability",
  "recall",
  "first",
  "new characters",
  "characters left",
  "likeness to a taken term",
  "parts left",
  "characters of the text",
] as const;

const LOGIT_BOUND = 8;

/**
 * A candidate's score of both stages, as CBLUE's baseline has it: half recall, half the pair scorer.
 *
 * @param candidate judged
 * @returns 0 to 1
 */
export function combinedScore({ recall, probability }: ScoredCandidate): number {
  return (recall + probability) / 2;
}

/** A text whose terms are being taken one by one. */
export class Taking {
  /** The candidates with the highest combined scores, best first. */
  readonly candidates: readonly ScoredCandidate[];

  readonly #text: ReadonlySet<string>; // distinct characters
  readonly #length: number;
  readonly #parts: number;
  readonly #characters: readonly ReadonlySet<string>[]; // of each candidate
  readonly #covered = new Set<string>();
  readonly #taken: number[] = [];

  /**
   * @param scored a text and its candidates in any order
   * @param considered how many candidates are worth a thought
   */
  constructor({ text, candidates }: ScoredText, considered: number) {
    this.candidates = [...candidates].sort((a, b) => combinedScore(b) - combinedScore(a)).slice(
      0,
      considered,
    );
    this.#text = charactersOf(text);
    this.#length = cleanName(text).length;
    this.#parts = splitMentions(text).length;
    this.#characters = this.candidates.map(({ term }) => charactersOf(term));
  }

  /** Which candidates have been taken, as places in `candidates`. */
  get taken(): readonly number[] {
    return this.#taken;
  }

  /** Takes a candidate. */
  take(candidate: number): void {
    this.#taken.push(candidate);
    for (const char of this.#characters[candidate]!) if (this.#text.has(char)) this.#covered.add(char);
  }

  /**
   * Says what speaks for taking a candidate next.
   *
   * @param candidate its place in `candidates`
   * @returns one number for each of {@linkcode FEATURES}, of about unit size
   */
  features(candidate: number): number[] {
    const { recall, probability } = this.candidates[candidate]!;
    const characters = this.#characters[candidate]!;
    let [shared, fresh] = [0, 0];
    for (const char of characters) {
      if (!this.#text.has(char)) continue;
      shared++;
      if (!this.#covered.has(char)) fresh++;
    }
    const isFirst = this.#taken.length === 0;
    const newness = shared === 0 ? 0 : fresh / shared;
    const partsLeft = Math.max(-2, Math.min(3, this.#parts - this.#taken.length));
    const logit = Math.log(Math.max(probability, 1e-9) / Math.max(1 - probability, 1e-9));
    return [
      Math.max(-LOGIT_BOUND, Math.min(LOGIT_BOUND, logit)) / LOGIT_BOUND * 2,
      probability,
      recall,
      isFirst ? 1 : 0,
      isFirst ? 0 : newness,
      this.#text.size === 0 ? 0 : 1 - this.#covered.size / this.#text.size,
      Math.max(0, ...this.#taken.map((taken) => likeness(this.#characters[taken]!, characters))),
      partsLeft,
      Math.min(this.#length, 40) / 20,
    ];
  }
}

function charactersOf(text: string): Set<string> {
  return new Set(comparisonKey(text));
}

/** Dice's coefficient of two sets of characters: 1 if they are the same, 0 if they have nothing in common. */
function likeness(a: ReadonlySet<string>, b: ReadonlySet<string>): number {
  let common = 0;
  for (const char of a) if (b.has(char)) common++;
  return a.size + b.size === 0 ? 0 : 2 * common / (a.size + b.size);
}
