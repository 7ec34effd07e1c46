/**
 * `fuse(fn)`: chains of element-wise operations compiled by XLA into single loops, inside a compiled function whose
 * matrix products stay with oneDNN.
 *
 * TensorFlow runs such a chain operation by operation, every intermediate through memory and with the oldest vector
 * instructions; XLA makes one pass of it with the processor's newest ones. XLA's own matrix products and Philox random
 * numbers are several times slower than TensorFlow's on a processor, so a whole step is no case for it.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import type { Tensor } from "@tensorflow/tfjs-core";
import { attr } from "./attributes.ts";
import { backend } from "./backend.ts";
import { eager, recording, recordInto } from "./binding.ts";
import { addFunction } from "./compile.ts";
import { GraphRecorder } from "./graph.ts";
import { hasGpu } from "./runtime.ts";

/** Below this many elements the call costs more than the passes it saves. */
const WORTHWHILE = 2 ** 16;

/** A function of tensors, and of numbers that are fixed when it is compiled. */
export type Fusable = (inputs: Tensor[], ...constants: number[]) => Tensor[];

interface FusedFunction {
  name: string;
  results: { shape: number[]; dtype: number }[];
}
let functions = 0, fusing = false;

/**
 * Makes a function of element-wise operations and reductions that XLA turns into as few loops as it can.
 *
 * Within a compiled function that runs on a processor, a call with large inputs becomes one operation; elsewhere the
 * function runs as it is. It may use nothing but its arguments, has no gradient (give it one by `tf.customGrad`), and is
 * compiled once per combination of shapes and constants, for the life of the process.
 *
 * @param fn Pure; returns new tensors.
 * @returns A function of the same signature.
 *
 * @example
 * ```ts
 * import { compile, fuse, tf } from "./mod.ts";
 * const decay = fuse(([x], rate) => [tf.exp(tf.mul(x, -rate))]);
 * const run = compile((x: tf.Tensor) => decay([x], 0.5)[0]);
 * run(tf.zeros([256, 256])).min().print(); // 1
 * ```
 */
export function fuse(fn: Fusable): Fusable {
  const known = new Map<string, FusedFunction>();
  return (inputs, ...constants) => {
    const largest = Math.max(...inputs.map(({ size }) => size));
    // within another fused function it is part of that
    if (!recording() || fusing || largest < WORTHWHILE || hasGpu()) {
      return tf.tidy(() => fn(inputs, ...constants));
    }
    const key = JSON.stringify([inputs.map(({ dtype, shape }) => [dtype, shape]), constants]);
    let fused = known.get(key);
    if (!fused) known.set(key, fused = define(fn, inputs, constants));
    return call(fused, inputs);
  };
}

function call({ name, results }: FusedFunction, inputs: Tensor[]): Tensor[] {
  const attributes = [
    attr.types("Tin", inputs.map(({ dtype }) => backend().getDTypeInteger(dtype))),
    attr.types("Tout", results.map(({ dtype }) => dtype)),
    attr.function("f", name),
    attr.bool("_XlaMustCompile", true),
  ];
  const outputs = recording()!.execute(
    "PartitionedCall",
    attributes,
    backend().inputIds(inputs),
    results.length,
    { shapes: results.map(({ shape }) => shape) },
  );
  return outputs.map((output) => backend().outputTensor(output));
}

function define(fn: Fusable, example: Tensor[], constants: number[]): FusedFunction {
  const label = fn.name || "function", name = `fused_${label}_${functions++}`;
  const recorder = new GraphRecorder(eager, label, name);
  const engine = tf.engine();
  engine.startScope(name);
  fusing = true;
  try {
    const { parameters, nodes } = recordInto(recorder, () => {
      const parameters = example.map(({ shape, dtype }) =>
        recorder.parameter(shape, backend().getDTypeInteger(dtype))
      );
      const results = fn(parameters.map((parameter) => backend().outputTensor(parameter)), ...constants);
      return { parameters, nodes: backend().inputIds(results).map((id) => recorder.result(id)) };
    });
    if (recorder.captures.size > 0) {
      throw new Error(`Cannot fuse "${label}": it uses a tensor from outside; pass it in`);
    }
    addFunction(recorder.toFunction(name, parameters, nodes), { xla: true });
    return { name, results: nodes.map(({ shape, dtype }) => ({ shape, dtype })) };
  } finally {
    fusing = false;
    engine.endScope();
    for (const capture of recorder.captures.values()) eager.deleteTensor(capture.id);
    recorder.close();
  }
}
