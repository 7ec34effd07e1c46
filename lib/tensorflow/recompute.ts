/**
 * Activation recomputation: a block of a model that keeps its inputs for the backward pass and nothing else
 * (Chen et al. 2016, "Training deep nets with sublinear memory cost").
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import type { GradSaveFunc, Tensor } from "@tensorflow/tfjs-core";
import { attr } from "./attributes.ts";
import { backend } from "./backend.ts";
import { recording } from "./binding.ts";
import type { RandomStream } from "./random.ts";

/** A differentiable part of a model. */
export type Block = (inputs: Tensor[], constants: Tensor[], random: RandomStream | undefined) => Tensor;

/**
 * Runs `block`, forgets its intermediate results, and computes them again when its gradient is wanted.
 *
 * Value and gradients are those of a plain call to the bit, dropout included; in mixed precision within its rounding, for
 * TensorFlow's rewrite decides for both computations on their own.
 *
 * @param block Uses no tensors but its arguments.
 * @param inputs What it is differentiated by.
 * @param constants What it reads besides.
 * @param random Where it draws from; the second time it draws the same.
 *
 * @example
 * ```ts
 * import { recomputed, tf } from "./mod.ts";
 * const [x, w] = [tf.ones([2, 3]), tf.ones([3, 3])];
 * const block = ([x, w]: tf.Tensor[]) => tf.relu(tf.matMul(tf.relu(tf.matMul(x, w)), w));
 * tf.grads((x, w) => recomputed(block, [x, w]))([x, w])[1].print(); // 12 everywhere
 * ```
 */
export function recomputed(
  block: Block,
  inputs: Tensor[],
  constants: Tensor[] = [],
  random?: RandomStream,
): Tensor {
  const again = random?.clone();
  return tf.customGrad((...args) => {
    const save = args.pop() as GradSaveFunc;
    save([...args as Tensor[], ...constants]);
    return {
      value: block(args as Tensor[], constants, random),
      gradFunc: (dy: Tensor, kept: Tensor[]) => {
        const run = (...inputs: Tensor[]) => block(inputs, kept.slice(inputs.length), again?.clone());
        return withOwnTape(() => tf.grads(run)(after(dy, kept.slice(0, inputs.length)), dy));
      },
    };
  })(...inputs);
}

/**
 * The same tensors, but not before `dy` is there: what is computed from them waits for the backward pass, and TensorFlow,
 * which merges computations that are alike, does not take it for the forward pass's. IdentityN, since mixed precision
 * would round what passes through Identity.
 */
function after(dy: Tensor, tensors: Tensor[]): Tensor[] {
  const graph = recording();
  if (!graph) return tensors;
  const types = attr.types("T", tensors.map(({ dtype }) => backend().getDTypeInteger(dtype)));
  const ids = backend().inputIds(tensors), [gradient] = backend().inputIds([dy]);
  return graph.execute("IdentityN", [types], ids, ids.length, { after: [gradient] })
    .map((output) => backend().outputTensor(output));
}

/** tfjs has one tape, which a gradient inside a gradient function would begin anew and then drop. */
function withOwnTape<T>(body: () => T): T {
  const { state } = tf.engine(), { activeTape } = state;
  try {
    return body();
  } finally {
    state.activeTape = activeTape;
  }
}
