/**
 * The model: generator, discriminator, heads and losses of ERNIE-Health.
 *
 * @module
 */
export {
  checkConfig,
  type ElectraConfig,
  type Preset,
  presetConfig,
  type PretrainingConfig,
} from "./config.ts";
export {
  hasDiscriminator,
  LOSS_NAMES,
  type LossWeights,
  type Objective,
  type ObjectiveName,
  OBJECTIVES,
} from "./objectives.ts";
export { ALONE, type Exchange } from "./exchange.ts";
export { criterion, type Losses, type Outputs, type Targets } from "./criterion.ts";
export { encode, type EncoderInputs, type EncodingOptions, type RowGroup } from "./encoder.ts";
export {
  type FinetuningConfig,
  finetuningForward,
  finetuningShapes,
  headBiases,
  type HeadConfig,
  type HeadInputs,
  initialFinetuningParameters,
  questionAnsweringLoss,
  relationsLoss,
  sequenceClassificationLoss,
  tokenClassificationLoss,
  twoChannelLoss,
} from "./heads.ts";
export {
  countParameters,
  hasWeightDecay,
  initialParameters,
  type Parameters,
  parameterShapes,
  under,
} from "./parameters.ts";
export {
  type Counts,
  type Draws,
  type PretrainingBatch,
  pretrainingForward,
  type PretrainingResult,
} from "./pretraining.ts";
export {
  createVariables,
  type LazyTensor,
  lazyTensor,
  loadVariables,
  lookup,
  type ModelVariables,
  stateDict,
} from "./variables.ts";
export { NEGATIVES, perturbed, sampleNegatives, sampleTokens, samplingScores } from "./sampling.ts";
