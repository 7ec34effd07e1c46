/**
 * Weights on disk: read from every format of the field, mapped between names, written whole or not at all.
 *
 * @module
 */

export { findWeights, type ReadOptions, readWeights, type Weights } from "./read_weights.ts";
export {
  openSafetensors,
  readSafetensors,
  readSafetensorsHeader,
  type SafetensorsHeader,
  type TensorInfo,
  writeSafetensors,
} from "./safetensors.ts";
export {
  type DataType,
  elementCount,
  type LazyTensorData,
  loadTensor,
  type TensorData,
  toFloat32,
  type TypedArray,
} from "./tensor.ts";
