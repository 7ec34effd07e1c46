/**
 * Kernels that replace tfjs-node's where those cannot be compiled or differ from tfjs's documented behaviour.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import type {
  BatchMatMulAttrs,
  BatchMatMulInputs,
  GatherV2Attrs,
  GatherV2Inputs,
  KernelConfig,
  MultinomialAttrs,
  NamedAttrMap,
  Tensor,
  TensorInfo,
  UnaryInputs,
} from "@tensorflow/tfjs-core";
import { attr } from "./attributes.ts";
import type { TensorFlowBackend } from "./backend.ts";
import { DTYPE } from "./host_tensor.ts";

const BACKEND = "tensorflow";

/** A kernel of tfjs-node, called with other arguments. */
function adapted(kernelName: string, adapt: (original: tf.KernelFunc) => tf.KernelFunc): KernelConfig {
  const original = tf.getKernel(kernelName, BACKEND);
  return { ...original, kernelFunc: adapt(original.kernelFunc) };
}

/**
 * GatherV2 without tfjs-node's look at the indices on the host, which stops the device and cannot be compiled:
 * TensorFlow checks them itself (on the CPU; on a GPU an index out of range gives zeros).
 */
const gatherV2: KernelConfig = {
  kernelName: "GatherV2",
  backendName: BACKEND,
  kernelFunc: ({ inputs, attrs, backend }) => {
    const { x, indices } = inputs as Record<keyof GatherV2Inputs, TensorInfo>;
    const { axis, batchDims } = attrs as unknown as GatherV2Attrs;
    const b = backend as TensorFlowBackend;
    tf.backend_util.segment_util.collectGatherOpShapeInfo(
      x as Tensor,
      indices as Tensor,
      axis,
      batchDims ?? 0,
    );
    return tf.tidy(() => {
      const position = tf.scalar(axis, "int32");
      try {
        return b.op("GatherV2", [
          attr.type("Tparams", b.getDTypeInteger(x.dtype)),
          attr.type("Tindices", DTYPE.int32),
          attr.type("Taxis", DTYPE.int32),
          attr.int("batch_dims", batchDims ?? 0),
        ], [x, indices, position as TensorInfo])[0];
      } catch (error) {
        const [, index, size] = /= (-?\d+) is not in \[0, (\d+)\)/.exec((error as Error).message) ?? [];
        if (index === undefined) throw error;
        // tfjs's words
        throw new RangeError(`GatherV2: the index value ${index} is not in [0, ${Number(size) - 1}]`, {
          cause: error,
        });
      }
    });
  },
};

/** Mean, whose original names the dtype before its own cast to float32: TensorFlow refuses int32 and bool then. */
const mean = () =>
  adapted("Mean", (original) => ({ inputs, ...rest }) => {
    const { x } = inputs as Record<keyof UnaryInputs, TensorInfo>;
    if (x.dtype === "float32") return original({ inputs, ...rest });
    const asFloat = tf.cast(x as Tensor, "float32");
    const result = original({ inputs: { x: asFloat }, ...rest });
    asFloat.dispose();
    return result;
  });

/** Multinomial, whose seed is a fraction in [0, 1) by default, where TensorFlow takes whole numbers (0: any). */
const multinomial = () =>
  adapted("Multinomial", (original) => ({ attrs, ...rest }) => {
    const { seed } = attrs as unknown as MultinomialAttrs;
    const whole = Math.trunc(seed) % 2 ** 31; // its square, the second seed, has to fit int64
    return original({ attrs: { ...attrs as NamedAttrMap, seed: whole }, ...rest });
  });

/** Round, which TensorFlow's kernel for integers answers with zeros: they are round already. */
const round = () =>
  adapted("Round", (original) => (args) => {
    const { x } = args.inputs as Record<keyof UnaryInputs, TensorInfo>;
    return x.dtype === "int32" ? tf.getKernel("Identity", BACKEND).kernelFunc(args) : original(args);
  });

/** Products of matrices by MatMul: tfjs-node takes the batched operation for them too, which has no fused bias. */
const batchMatMul = () =>
  adapted("BatchMatMul", (original) => (args) => {
    const { a, b } = args.inputs as Record<keyof BatchMatMulInputs, TensorInfo>;
    if (a.shape.length !== 2 || b.shape.length !== 2 || a.dtype !== "float32" || b.dtype !== "float32") {
      return original(args);
    }
    const { transposeA, transposeB } = args.attrs as unknown as BatchMatMulAttrs;
    return (args.backend as TensorFlowBackend).op("MatMul", [
      attr.type("T", DTYPE.float32),
      attr.bool("transpose_a", transposeA),
      attr.bool("transpose_b", transposeB),
    ], [a, b])[0];
  });

/** Registers the replacements; called once, after tfjs-node's kernels. */
export function registerKernels() {
  for (const kernel of [gatherV2, batchMatMul(), mean(), multinomial(), round()]) {
    tf.unregisterKernel(kernel.kernelName, kernel.backendName);
    tf.registerKernel(kernel);
  }
}
