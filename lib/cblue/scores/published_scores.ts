/**
 * CMeEE and CMeIE as the original scores them, to compare with its published numbers.
 *
 * Its numbers differ from the official definitions in small terms in the denominators, and for CMeEE in that a text is
 * cut before it is scored: an answer behind the cut is no answer.
 *
 * @module
 */
import { type Channels, decodeLabels, entityKey } from "../decoding/entity_labels.ts";
import { type Counts, countsByLabel, type PrecisionRecallF1, setCounts } from "./metrics.ts";

/** In the original's denominators for entities of CMeEE. */
const ENTITY_EPSILON = 1e-6;
/** In the original's denominators for triples of CMeIE. */
const TRIPLE_EPSILON = 1e-10;

/**
 * Compares the labels of a row as the original does for CMeEE.
 *
 * @param answers For each channel, the class of each token of the row, `[CLS]` and `[SEP]` among them.
 * @param predictions As many, from the model.
 * @param channels The types of each channel.
 * @returns Complete entities; also those that a model sees on `[CLS]` or `[SEP]`.
 *
 * @example
 * ```ts
 * import { publishedEntityCounts } from "./published_scores.ts";
 * const answers = [Int32Array.of(4, 0, 2, 3, 4)], predictions = [Int32Array.of(4, 0, 2, 4, 3)];
 * console.log(publishedEntityCounts(answers, predictions, [["dis"]])); // { correct: 1, predicted: 2, answers: 2 }
 * ```
 */
export function publishedEntityCounts(
  answers: readonly ArrayLike<number>[],
  predictions: readonly ArrayLike<number>[],
  channels: Channels,
): Counts {
  const read = (labels: typeof answers) => decodeLabels(labels, channels);
  return countsByLabel(setCounts(read(answers), read(predictions), { keyOf: entityKey }))[0]!;
}

/**
 * Scores entities of CMeEE as the original does.
 *
 * @example
 * ```ts
 * import { publishedEntityScore } from "./published_scores.ts";
 * console.log(publishedEntityScore({ correct: 30, predicted: 30, answers: 37 }).f1); // 0.8955218667857493
 * ```
 */
export function publishedEntityScore({ correct, predicted, answers }: Counts): PrecisionRecallF1 {
  const precision = correct / (predicted + ENTITY_EPSILON), recall = correct / (answers + ENTITY_EPSILON);
  return { precision, recall, f1: 2 * precision * recall / (precision + recall + ENTITY_EPSILON) };
}

/**
 * Scores triples of CMeIE as the original does: subject's and object's places and the predicate must be right.
 *
 * @example
 * ```ts
 * import { publishedTripleScore } from "./published_scores.ts";
 * console.log(publishedTripleScore({ correct: 1, predicted: 7, answers: 9 }).f1); // 0.1249999999984375
 * ```
 */
export function publishedTripleScore({ correct, predicted, answers }: Counts): PrecisionRecallF1 {
  const said = predicted + TRIPLE_EPSILON, right = answers + TRIPLE_EPSILON;
  return { precision: correct / said, recall: correct / right, f1: 2 * correct / (said + right) };
}
