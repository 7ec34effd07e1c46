/**
 * The object that tfjs-node's backend calls where its own package has a native addon (`TFJSBinding`).
 *
 * @module
 */
import type { TFJSBinding } from "@tensorflow/tfjs-node-gpu/dist/tfjs_binding.js";
import { ATTR, type Attribute } from "./attributes.ts";
import { EagerExecutor, type Executor, type TensorMetadata } from "./eager.ts";
import type { GraphRecorder } from "./graph.ts";
import { DTYPE, type Values } from "./host_tensor.ts";
import { runtime } from "./runtime.ts";

/** Where operations go: to the eager context, or, while a function is being compiled, into its graph. */
export const eager = new EagerExecutor();
let recorder: GraphRecorder | undefined;

/** The graph being recorded, if a function is being compiled. */
export function recording(): GraphRecorder | undefined {
  return recorder;
}

/** Sends operations into `graph` while `body` runs. */
export function recordInto<T>(graph: GraphRecorder, body: () => T): T {
  const outer = recorder;
  recorder = graph;
  try {
    return body();
  } finally {
    recorder = outer;
  }
}

const executor = (): Executor => recorder ?? eager;
const noSavedModels = () => {
  throw new Error(
    "Cannot use a TensorFlow SavedModel: this backend does not load them; convert the weights instead",
  );
};

/** Our implementation of tfjs-node's native interface. */
export const binding = {
  TensorMetadata: class {
    id!: number;
    shape!: number[];
    dtype!: number;
  },
  TFEOpAttr: class {
    name!: string;
    type!: number;
    value!: boolean | number | object | string | number[];
  },
  TF_FLOAT: DTYPE.float32,
  TF_INT32: DTYPE.int32,
  TF_INT64: DTYPE.int64,
  TF_BOOL: DTYPE.bool,
  TF_COMPLEX64: DTYPE.complex64,
  TF_STRING: DTYPE.string,
  TF_RESOURCE: DTYPE.resource,
  TF_UINT8: DTYPE.uint8,
  TF_ATTR_STRING: ATTR.string,
  TF_ATTR_INT: ATTR.int,
  TF_ATTR_FLOAT: ATTR.float,
  TF_ATTR_BOOL: ATTR.bool,
  TF_ATTR_TYPE: ATTR.type,
  TF_ATTR_SHAPE: ATTR.shape,
  TF_ATTR_RESOURCE: ATTR.resource,
  get TF_Version() {
    return runtime().version;
  },
  createTensor: (shape: number[], dtype: number, values: Values) =>
    executor().createTensor(shape, dtype, values),
  deleteTensor: (id: number) => executor().deleteTensor(id),
  tensorDataSync: (id: number) => executor().read(id) as Float32Array,
  executeOp: (op: string, attributes: Attribute[], inputs: number[], outputs: number): TensorMetadata[] =>
    executor().execute(op, attributes, inputs, outputs),
  loadSavedModel: noSavedModels,
  deleteSavedModel: noSavedModels,
  runSavedModel: noSavedModels,
  getNumOfSavedModels: () => 0,
  getNumOfTensors: () => eager.size,
  isUsingGpuDevice: () => false, // the backend answers for itself, once TensorFlow has started
} satisfies TFJSBinding;
