/**
 * Training: the loop, the optimizer, schedules, checkpoints, logs.
 *
 * @module
 */
export { dumpBatch, type DumpedArray } from "./batch_dump.ts";
export { AdamW, type AdamWOptions, clipFactor, globalNorm } from "./adamw.ts";
export {
  type Checkpoint,
  loadCheckpoint,
  type LoadedCheckpoint,
  loadLatestCheckpoint,
  removeLeftovers,
  saveCheckpoint,
  type SaveOptions,
} from "./checkpoint.ts";
export { AppendedFile } from "./appended_file.ts";
export { encoderConfig } from "./encoder_config.ts";
export { type InitialWeights, readInitialWeights, takeWeights } from "./initial_weights.ts";
export { lossChart, sparkline } from "./chart.ts";
export { lockOutputDir } from "./lock.ts";
export { LossScaler, type LossScalerState } from "./loss_scale.ts";
export { momentsOf, restoreMoments } from "./resume.ts";
export { TrainingLog } from "./log.ts";
export { processMemory } from "./process_memory.ts";
export { formatGigabytes, formatRate } from "./log_lines.ts";
export { estimateMemory } from "./memory.ts";
export { takeFirst } from "./model.ts";
export {
  type EvaluationRecord,
  type LogRecord,
  readLogRecords,
  readTrainingRecords,
  RECORDS_FILE,
  reproducibleFields,
  type TrainingRecord,
} from "./records.ts";
export { PRETRAIN_OPTIONS, type PretrainOptions } from "./options.ts";
export { pretrain, type PretrainContext, type PretrainSummary } from "./pretrain.ts";
export { type LearningRateSchedule, scheduleWithWarmup } from "./schedule.ts";
export { lossesAndGradients, pretrainingLearner, type PretrainingSetup } from "./pretraining_step.ts";
export {
  type Adversary,
  combined,
  compileEvaluation,
  compileGradients,
  type Learner,
  lossAndGradients,
  readReport,
  type StepReport,
} from "./step.ts";
export { MovingAverage, restoreTrained, trainedOf } from "./moving_average.ts";
export { type JointWork, together } from "./together.ts";
export { Trainer, type TrainerOptions } from "./trainer.ts";
