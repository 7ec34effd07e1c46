/**
 * Weights on disk: read from every format of the field, mapped between names, written whole or not at all.
 *
 * @module
 */

export {
  type Conversion,
  type ConversionOptions,
  type ConversionTarget,
  convertModel,
  huggingFaceConfig,
  TARGETS,
} from "./convert.ts";
export { describeModel, type ModelDescription, type ParameterInfo } from "./describe.ts";
export { checkFit, type Misfits, misfits } from "./fit.ts";
export { type CardFacts, cardOfRun, modelCard, readCardFacts } from "./model_card.ts";
export { huggingFaceNames, type Layout, type NamedWeights, ourNames } from "./names.ts";
export { writeNpz } from "./npz.ts";
export { writePaddle } from "./pickle/paddle_writer.ts";
export {
  findWeights,
  type ReadOptions,
  readWeights,
  type Weights,
  type WeightsFormat,
  weightsFormat,
} from "./read_weights.ts";
export {
  openSafetensors,
  readSafetensors,
  readSafetensorsHeader,
  type SafetensorsHeader,
  type TensorInfo,
  writeSafetensors,
} from "./safetensors.ts";
export {
  type EncoderSizes,
  encoderSizes,
  readModel,
  type StoredModel,
  TRAINING_STATE,
} from "./stored_model.ts";
export {
  type DataType,
  elementCount,
  type LazyTensorData,
  loadTensor,
  type TensorData,
  toFloat32,
  type TypedArray,
} from "./tensor.ts";
