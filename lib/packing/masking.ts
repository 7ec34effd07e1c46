/**
 * Whole-word masking with the 80/10/10 rule, as the original's collator does it.
 *
 * A word is a token that continues nothing and the tokens that continue it. Each word is chosen with probability
 * `mlm_prob`; each token of a chosen word by itself becomes `[MASK]` (80 %), a random token of the whole vocabulary (10 %)
 * or stays (10 %). The model is asked for the original token at all of them.
 */
import { RandomStream, type StreamPosition } from "./random.ts";

/** Label of positions that are not masked: no loss there. */
export const IGNORED_LABEL = -100;

const MASK_SHARE = 0.8;
const RANDOM_SHARE_OF_REST = 0.5;

/** The decisions that masking leaves to chance; `position` counts a sentence's tokens from 0. */
export interface MaskingDraws {
  /** Whether the word that begins here is masked. */
  isWordChosen(position: number): boolean;
  /** What a masked token becomes. */
  replacement(position: number): "mask" | "random" | "keep";
  /** The random token, a vocabulary id; special tokens may come up. */
  randomToken(position: number): number;
}

/**
 * Draws from the stream of one sentence in one view of one epoch: the same masks whatever batch they are for.
 *
 * @param place seed, epoch, sentence and view
 * @param mlmProb probability that a word is masked, 0 to 1
 * @param vocabularySize V
 * @returns decisions that must be asked for from left to right
 */
export function streamDraws(
  place: Omit<StreamPosition, "purpose">,
  mlmProb: number,
  vocabularySize: number,
): MaskingDraws {
  const stream = new RandomStream({ ...place, purpose: "mask" });
  return {
    isWordChosen: () => stream.uniform() < mlmProb,
    replacement: () => {
      if (stream.uniform() < MASK_SHARE) return "mask";
      return stream.uniform() < RANDOM_SHARE_OF_REST ? "random" : "keep";
    },
    randomToken: () => stream.below(vocabularySize),
  };
}

/**
 * Chooses the words to mask.
 *
 * @param isSuffix 1 where a token continues the word before it
 * @param draws where the choices come from
 * @returns 1 at every token of a chosen word; tokens that continue a word cut off at the front are never chosen
 *
 * @example
 * ```ts
 * import { chooseWords } from "./masking.ts";
 * const draws = { isWordChosen: (i: number) => i === 1, replacement: () => "mask" as const, randomToken: () => 0 };
 * console.log(chooseWords(Uint8Array.of(0, 0, 1, 0), draws)); // Uint8Array [0, 1, 1, 0]
 * ```
 */
export function chooseWords(isSuffix: Uint8Array, draws: Pick<MaskingDraws, "isWordChosen">): Uint8Array {
  const chosen = new Uint8Array(isSuffix.length);
  for (let i = 0; i < isSuffix.length; i++) {
    if (isSuffix[i] === 0) chosen[i] = draws.isWordChosen(i) ? 1 : 0;
    else chosen[i] = i > 0 ? chosen[i - 1]! : 0;
  }
  return chosen;
}

/**
 * Takes back the last chosen word.
 *
 * @param chosen marks from {@linkcode chooseWords}; changed in place
 * @param isSuffix 1 where a token continues the word before it
 * @returns how many tokens are no longer chosen, 0 if none were
 */
export function dropLastWord(chosen: Uint8Array, isSuffix: Uint8Array): number {
  const last = chosen.lastIndexOf(1);
  if (last < 0) return 0;
  let first = last;
  while (isSuffix[first] === 1) first--;
  chosen.fill(0, first, last + 1);
  return last + 1 - first;
}

/**
 * Replaces the tokens of chosen words.
 *
 * @param ids vocabulary ids of a sentence
 * @param chosen 1 at the tokens to replace
 * @param draws where the choices come from
 * @param maskId id of `[MASK]`
 * @returns what the model sees, and the labels: the id where chosen, −100 elsewhere
 */
export function maskTokens(
  ids: Int32Array,
  chosen: Uint8Array,
  draws: Pick<MaskingDraws, "replacement" | "randomToken">,
  maskId: number,
): { masked: Int32Array; labels: Int32Array } {
  const masked = ids.slice();
  const labels = new Int32Array(ids.length).fill(IGNORED_LABEL);
  for (let i = 0; i < ids.length; i++) {
    if (chosen[i] === 0) continue;
    labels[i] = ids[i]!;
    const replacement = draws.replacement(i);
    if (replacement === "mask") masked[i] = maskId;
    else if (replacement === "random") masked[i] = draws.randomToken(i);
  }
  return { masked, labels };
}
