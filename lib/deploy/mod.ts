/**
 * Deployment: models as ONNX files, and answers from them without TensorFlow.
 *
 * @module
 */
export { type Agreement, compareWithToolkit } from "./check.ts";
export { type ExportContext, exportModel, type ExportOptions, type ExportSummary } from "./export.ts";
export { findModel, type FolderConfig, FORMATS, modelPath, readFolderConfig } from "./folder.ts";
export { BATCH_TOKENS, planBatches } from "./batches.ts";
export { type Format, type GraphOptions } from "./onnx/mod.ts";
export { type PredictOptions, Predictor, type PredictorOptions } from "./predictor.ts";
export { printedAnswer, type Report, reportAnswer, type ReportedSpan } from "./report.ts";
export { LocalSession, type Output, type Session, type SessionOptions, type TokenBatch } from "./session.ts";
export { type Answer, type Answers, type Predict, type Relations, TaskModel } from "./task_model.ts";
export { tokenBatch, type TokenRow, valuesOfRow } from "./token_batch.ts";
export { WorkerLostError, WorkerSession } from "./worker_session.ts";
