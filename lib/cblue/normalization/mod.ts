/**
 * Normalisation of terms, CHIP-CDN: which standard terms a clinician's words mean.
 *
 * Candidates are recalled from a long list, a model scores each pair of text and candidate, and a fitted decision says
 * which of them are meant.
 *
 * @module
 */
export { cleanName, comparisonKey, splitMentions } from "./clean.ts";
export {
  checkDecision,
  decideTerms,
  type DecisionExample,
  fitDecision,
  type FitDecisionOptions,
  type FittedDecision,
  type TermDecision,
} from "./decision.ts";
export { combinedScore, type ScoredCandidate, type ScoredText } from "./features.ts";
export {
  fitNormalization,
  normalizeExamples,
  type Normalizer,
  type PairScorer,
  type ScoreOptions,
  scoreTexts,
} from "./normalize.ts";
export { groupPairs, type PairGroup } from "./pair_groups.ts";
export { candidatePairs, PAIR_LABELS, pairLine, trainingPairs, type TrainingPairsOptions } from "./pairs.ts";
export { aliasesOf, type Candidate, type SearchOptions, TermIndex, type TermIndexOptions } from "./recall.ts";
export { formatRecall, measureRecall, type RecallAt, type RecallReport } from "./recall_report.ts";
