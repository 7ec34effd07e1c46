/**
 * The engine: TensorFlow.js on TensorFlow's own C library, eager and compiled.
 *
 * @module
 */
export { backend, TensorFlowBackend, tf } from "./backend.ts";
export { attr, type Attribute } from "./attributes.ts";
export {
  compile,
  type CompiledFunction,
  type CompileOptions,
  type Precision,
  type Results,
} from "./compile.ts";
export { EventFileWriter } from "./events.ts";
export { DTYPE } from "./host_tensor.ts";
export { type Fusable, type FusableUpdate, fuse, fuseUpdate, type Update } from "./fuse.ts";
export { findLibrary, type TensorFlowLibrary } from "./library.ts";
export { inspectMachine, type Machine } from "./machine.ts";
export {
  allGather,
  allReduce,
  broadcast,
  type BucketOptions,
  type CollectiveGroup,
  enableCollectives,
  gathered,
  reduceInBuckets,
  type Reduction,
} from "./collectives.ts";
export { gumbelNoise, hash, keepMask, placesOf, RandomStream, range } from "./random.ts";
export { type Block, recomputed } from "./recompute.ts";
export {
  configureTensorFlow,
  hasGpu,
  type RuntimeOptions,
  TensorFlowError,
  tensorflowInfo,
} from "./runtime.ts";
export { scatterGradient } from "./scatter.ts";
export { Variable } from "./variable.ts";
