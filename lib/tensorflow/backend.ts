/**
 * TensorFlow.js on TensorFlow's C library: tfjs-node's kernels over our binding, registered as "tensorflow".
 * Importing this module is cheap; the library is loaded by the first operation.
 *
 * @module
 */
import "./node_polyfill.ts"; // before tfjs-node-gpu
import * as tf from "@tensorflow/tfjs-core";
import type { DataType, Tensor, TensorInfo } from "@tensorflow/tfjs-core";
import { NodeJSKernelBackend } from "@tensorflow/tfjs-node-gpu/dist/nodejs_kernel_backend.js";
import "@tensorflow/tfjs-node-gpu/dist/register_all_kernels.js";
import type { Attribute } from "./attributes.ts";
import { binding, eager, recording } from "./binding.ts";
import type { TensorMetadata } from "./eager.ts";
import type { GraphRecorder } from "./graph.ts";
import type { Values } from "./host_tensor.ts";
import { registerKernels } from "./kernels.ts";
import { hasGpu } from "./runtime.ts";

/** A tensor's data: its number in the binding, or values that no operation has needed yet. */
interface TensorData {
  id: number;
  shape: number[];
  dtype: number;
  values: Values | null;
  refCount: number;
  /** The graph during whose recording these values were written. */
  graph?: GraphRecorder;
}

/** The private half of tfjs-node's backend class that we build on. */
interface KernelBackendInternals {
  tensorMap: tf.DataStorage<TensorData>;
  createOutputTensor(metadata: TensorMetadata): Tensor;
}

/** tfjs-node's backend, aware of functions being compiled. */
export class TensorFlowBackend extends NodeJSKernelBackend {
  constructor() {
    super(binding, "@tensorflow/tfjs-node-gpu");
    // asked by the constructor above, before anything may start TensorFlow: answer when a kernel asks
    Object.defineProperty(this, "isUsingGpuDevice", { get: () => hasGpu() });
  }

  get #internals(): KernelBackendInternals {
    return this as unknown as KernelBackendInternals;
  }

  /** Keeps values on the host until an operation needs them, and remembers what was being compiled then. */
  override move(
    dataId: tf.DataId,
    values: tf.backend_util.BackendValues,
    shape: number[],
    dtype: DataType,
    refCount: number,
  ) {
    super.move(dataId, values, shape, dtype, refCount);
    const graph = recording();
    if (graph) this.#internals.tensorMap.get(dataId).graph = graph;
  }

  /**
   * The binding's numbers for `tensors`, uploading values that are still on the host. Values from outside the
   * function being compiled are uploaded eagerly and captured: as a constant they would be lost with its graph.
   */
  inputIds(tensors: TensorInfo[]): number[] {
    return tensors.map((tensor) => {
      if ("valueArray" in tensor) { // tfjs-node's Int64Scalar, not a tensor
        return binding.createTensor([], binding.TF_INT64, tensor.valueArray as Int32Array);
      }
      const data = this.#internals.tensorMap.get(tensor.dataId);
      if (data.values != null) {
        const executor = data.graph === recording() ? binding : eager;
        data.id = executor.createTensor(data.shape, data.dtype, data.values);
        data.values = null;
      }
      return data.id;
    });
  }

  /** Wraps an output of the binding as a tensor that `tf.tidy` looks after. */
  outputTensor(metadata: TensorMetadata): Tensor {
    return this.#internals.createOutputTensor(metadata);
  }

  /**
   * Runs one TensorFlow operation on tensors.
   *
   * @param op Its name in TensorFlow's registry.
   * @param attributes All attributes that cannot be inferred, and those that tfjs-node would set.
   * @returns One tensor per output.
   */
  op(op: string, attributes: Attribute[], inputs: TensorInfo[], outputs = 1): Tensor[] {
    return binding.executeOp(op, attributes, this.inputIds(inputs), outputs).map((out) =>
      this.outputTensor(out)
    );
  }
}
// A prototype method, private in the published types, that tfjs-node's own kernels call.
Object.assign(TensorFlowBackend.prototype, {
  getInputTensorIds(this: TensorFlowBackend, tensors: TensorInfo[]) {
    return this.inputIds(tensors);
  },
});

tf.registerBackend("tensorflow", () => new TensorFlowBackend(), 3);
registerKernels();

/** The backend in use. @throws {Error} If another backend was selected. */
export function backend(): TensorFlowBackend {
  const current = tf.backend();
  if (!(current instanceof TensorFlowBackend)) {
    throw new Error(`Cannot use backend "${tf.getBackend()}" here: call tf.setBackend("tensorflow") first`);
  }
  return current;
}

export { tf };
