/**
 * The tasks of CBLUE: their files, heads, scores and submissions.
 *
 * @module
 */
export type {
  ClassificationExample,
  Entity,
  EntityExample,
  Example,
  ExampleBase,
  ExampleOf,
  NormalizationExample,
  RelationExample,
  Span,
  TaskKind,
  Triple,
} from "./examples.ts";
export type { Label, MetricName, Recipe, Task } from "./tasks.ts";
export {
  aliasesOf,
  type Candidate,
  candidatePairs,
  checkDecision,
  cleanName,
  comparisonKey,
  decideTerms,
  type DecisionExample,
  fitDecision,
  type FitDecisionOptions,
  fitNormalization,
  type FittedDecision,
  groupPairs,
  measureRecall,
  normalizeExamples,
  type Normalizer,
  PAIR_LABELS,
  type PairGroup,
  pairLine,
  type PairScorer,
  type RecallAt,
  type RecallReport,
  type ScoredCandidate,
  type ScoredText,
  type ScoreOptions,
  scoreTexts,
  type SearchOptions,
  type TermDecision,
  TermIndex,
  type TermIndexOptions,
  trainingPairs,
  type TrainingPairsOptions,
} from "./normalization/mod.ts";
