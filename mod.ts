/**
 * ERNIE-Health in Deno: train, evaluate and serve Chinese medical language models from TypeScript.
 *
 * What a notebook or a script needs, in one import; every room is also an entry of its own
 * (`./tensorflow`, `./text`, `./preprocessing`, `./inspection`, `./packing`, `./electra`, `./weights`, `./training`).
 *
 * @example
 * ```ts ignore
 * import { generateCorpus, pretrain, PRETRAIN_OPTIONS, resolveOptions, tf } from "@ernie-health/ernie-health";
 *
 * const options = resolveOptions(PRETRAIN_OPTIONS, { input_dir: "data", output_dir: "output", max_steps: 300 });
 * const { folder } = await pretrain(options);
 * ```
 *
 * @module
 */
export { commandLine, resolveOptions, UserError } from "./lib/config/mod.ts";
export {
  compile,
  configureTensorFlow,
  EventFileWriter,
  RandomStream,
  tensorflowInfo,
  tf,
  Variable,
} from "./lib/tensorflow/mod.ts";
export {
  buildVocabulary,
  createSegmenter,
  generateCorpus,
  markWords,
  readLines,
  Tokenizer,
  Vocabulary,
  writeTokenizerFiles,
} from "./lib/text/mod.ts";
export { Corpus, openBatches, planLayout } from "./lib/packing/mod.ts";
export { preprocess } from "./lib/preprocessing/mod.ts";
export { exampleSentences, inspectCorpus } from "./lib/inspection/mod.ts";
export {
  countParameters,
  encode,
  parameterShapes,
  presetConfig,
  type PretrainingConfig,
  pretrainingForward,
} from "./lib/electra/mod.ts";
export { readSafetensors, writeSafetensors } from "./lib/weights/mod.ts";
export {
  loadCheckpoint,
  pretrain,
  PRETRAIN_OPTIONS,
  type PretrainOptions,
  readTrainingRecords,
} from "./lib/training/mod.ts";
export {
  type AnsweredSplit,
  answerSplit,
  CBLUE_OPTIONS,
  chineseName,
  confusionsOf,
  errorPage,
  findTask,
  finetune,
  FINETUNE_OPTIONS,
  finetuneAll,
  FinetunedModel,
  MADE_UP_TASKS,
  type TaskResult,
  TASKS,
  writeMadeUpSets,
  wrongAnswers,
} from "./lib/cblue/mod.ts";
export {
  bars,
  entityView,
  errorBrowser,
  examinedSentences,
  Figure,
  heatmap,
  LivePlot,
  maskedSentences,
  onStop,
  parameterTable,
  plot,
  prepareCorpus,
  PretrainingModel,
  Progress,
  relationView,
  rowsFigure,
  ScoreTable,
  show,
  table,
  tokenLines,
  turn,
  View,
  wordLines,
} from "./lib/notebook/mod.ts";
export { exportModel, Predictor, printedAnswer, reportAnswer } from "./lib/deploy/mod.ts";
export { DEFAULT_LIMITS, Server, Service } from "./lib/deploy/server/mod.ts";
