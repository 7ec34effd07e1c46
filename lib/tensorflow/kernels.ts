/**
 * Kernels that replace tfjs-node's where those cannot be compiled or differ from tfjs's documented behaviour.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import type { GatherV2Attrs, GatherV2Inputs, KernelConfig, TensorInfo } from "@tensorflow/tfjs-core";
import { attr } from "./attributes.ts";
import type { TensorFlowBackend } from "./backend.ts";
import { DTYPE } from "./host_tensor.ts";

/**
 * GatherV2 without tfjs-node's look at the indices on the host, which stops the device and cannot be compiled:
 * TensorFlow checks them itself (on the CPU; on a GPU an index out of range gives zeros).
 */
const gatherV2: KernelConfig = {
  kernelName: "GatherV2",
  backendName: "tensorflow",
  kernelFunc: ({ inputs, attrs, backend }) => {
    const { x, indices } = inputs as Record<keyof GatherV2Inputs, TensorInfo>;
    const { axis, batchDims } = attrs as unknown as GatherV2Attrs;
    const b = backend as TensorFlowBackend;
    return tf.tidy(() => {
      const position = tf.scalar(axis, "int32");
      return b.op("GatherV2", [
        attr.type("Tparams", b.getDTypeInteger(x.dtype)),
        attr.type("Tindices", DTYPE.int32),
        attr.type("Taxis", DTYPE.int32),
        attr.int("batch_dims", batchDims ?? 0),
      ], [x, indices, position as TensorInfo])[0];
    });
  },
};

/** Registers the replacements; called once, after tfjs-node's kernels. */
export function registerKernels() {
  for (const kernel of [gatherV2]) {
    tf.unregisterKernel(kernel.kernelName, kernel.backendName);
    tf.registerKernel(kernel);
  }
}
