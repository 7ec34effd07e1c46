/**
 * Weights on disk: safetensors files, written whole or not at all.
 *
 * @module
 */

export {
  type DataType,
  type LazyTensorData,
  readSafetensors,
  readSafetensorsHeader,
  type SafetensorsHeader,
  type TensorData,
  type TensorInfo,
  toFloat32,
  type TypedArray,
  writeSafetensors,
} from "./safetensors.ts";
