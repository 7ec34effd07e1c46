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
export {
  chineseName,
  findTask,
  type Label,
  labelIds,
  type MetricName,
  type Recipe,
  type Split,
  type Task,
  TASKS,
} from "./tasks.ts";
export { readTask } from "./own_task.ts";
export { type DataFile, dataFile, findCompanion, findFile } from "./files/files.ts";
export { readExamples, type ReadOptions } from "./files/readers.ts";
export { readCategories, readSchema, readTerms, type SchemaRow } from "./files/companions.ts";
export type { AnswerOf, TripleAnswer } from "./files/answers.ts";
export {
  readSubmission,
  type SubmissionOptions,
  submittedFile,
  writeSubmission,
  zipSubmission,
} from "./files/submission.ts";
export { checkFormat, type FormatReport } from "./files/format_check.ts";
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
  formatRecall,
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
export { characterIds, lowerCharacters } from "./decoding/characters.ts";
export { type Logits, rowOf } from "./decoding/logits.ts";
export {
  type Channels,
  channelsOf,
  chooseChannels,
  decodeEntities,
  decodeLabels,
  encodeEntities,
  type EntityDecoding,
  entityKey,
  labelNames,
  labelsOfRow,
  lostEntities,
} from "./decoding/entity_labels.ts";
export { decodeSpans, encodeSpans } from "./decoding/entity_spans.ts";
export {
  type LocatedTriple,
  locatedTripleKey,
  type LocatedTriples,
  type LocateOptions,
  locateTriples,
  namedTriples,
} from "./decoding/located_triples.ts";
export { type PairTargets, writeTargets } from "./decoding/pair_targets.ts";
export {
  type DecodedRelations,
  decodeRelations,
  encodeRelations,
  lostTriples,
  type RelationDecoding,
  type RelationEncoding,
} from "./decoding/relation_labels.ts";
export { firstWindow, mergeEntities, mergeTriples, windowsOf } from "./decoding/windows.ts";
export {
  accuracy,
  addCounts,
  classCounts,
  type Counts,
  countsByLabel,
  f1OfMatches,
  macroF1,
  microF1,
  type PrecisionRecallF1,
  precisionRecallF1,
  type Score,
  scoreCounts,
  setCounts,
  type SetOptions,
  totalOf,
} from "./scores/metrics.ts";
export {
  publishedEntityCounts,
  publishedEntityScore,
  publishedTripleScore,
} from "./scores/published_scores.ts";
export {
  bootstrap,
  type BootstrapOptions,
  confusionMatrix,
  type Interval,
  type LabelScore,
  labelTable,
} from "./scores/statistics.ts";
export { AnswerCollector } from "./answering.ts";
export { type AnsweredRow, type Approach } from "./approach.ts";
export {
  type BatchPosition,
  layOut,
  type Row,
  type RowBatch,
  type RowBatchOptions,
  rowsOnce,
  RowStream,
} from "./batches.ts";
export { balancedWeights, type ClassificationPrediction } from "./classification.ts";
export { approachOf, type FinetuningData, foldOf, openFinetuningData, readSplit } from "./data.ts";
export { finetune, type FinetuneContext, type FinetuneSummary } from "./finetune.ts";
export { type FinetuningRecord } from "./log.ts";
export { FinetunedModel, type OpenOptions, type PredictOptions } from "./finetuned_model.ts";
export { layerwiseFactor } from "./layerwise.ts";
export { finetuningLearner, type FinetuningSetup, isPackable, Predictor } from "./learner.ts";
export { rDropLoss, sigmoidDivergence, softmaxDivergence } from "./r_drop.ts";
export { type Packing, packTexts } from "./packing.ts";
export { loadParameters, readSavedModel, type SavedModel } from "./open_model.ts";
export { FINETUNE_OPTIONS, type FinetuneOptions } from "./options.ts";
export { classPriors, pairPriors } from "./priors.ts";
export { finetuningSchedule } from "./schedule.ts";
export { TermAnswerer } from "./terms.ts";
export {
  type Confusions,
  confusionsOf,
  countAnswer,
  evaluateAnswers,
  type Evaluation,
  formatEvaluation,
} from "./scores/scoring.ts";
export {
  CBLUE_OPTIONS,
  type CblueOptions,
  finetuneAll,
  formatScores,
  type TaskResult,
  type TaskScore,
} from "./all_tasks.ts";
export { type AnsweredSplit, answerSplit } from "./answered.ts";
export {
  AutoModelForQuestionAnswering,
  AutoModelForSequenceClassification,
  AutoModelForTokenClassification,
  AutoTokenizer,
  type LoadOptions,
  PretrainedModel,
} from "./auto.ts";
export { errorPage } from "./scores/error_page.ts";
export { type WrongAnswer, wrongAnswers } from "./scores/wrong_answers.ts";
export { MADE_UP_TASKS, type MadeUpTask, writeMadeUpSet, writeMadeUpSets } from "./made_up/mod.ts";
