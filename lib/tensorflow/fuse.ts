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
import { DTYPE } from "./host_tensor.ts";
import { hasGpu } from "./runtime.ts";
import { readVariable, type Variable, writeVariable } from "./variable.ts";

/** Below this many elements the call costs more than the passes it saves. */
const WORTHWHILE = 2 ** 16;

/** A function of tensors, and of numbers that are fixed when it is compiled. */
export type Fusable = (inputs: Tensor[], ...constants: number[]) => Tensor[];

/** New values of some variables from their values, other tensors and numbers fixed at compilation. */
export type FusableUpdate = (values: Tensor[], inputs: Tensor[], ...constants: number[]) => Tensor[];

/** Changes variables. */
export type Update = (variables: Variable[], inputs: Tensor[], ...constants: number[]) => void;

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
    if (!isWorthwhile(inputs)) return tf.tidy(() => fn(inputs, ...constants));
    const key = JSON.stringify([inputs.map(({ dtype, shape }) => [dtype, shape]), constants]);
    const fused = known.get(key) ?? define(fn.name, (recorder) => {
      const parameters = inputs.map((input) => parameterLike(recorder, input));
      const results = fn(parameters.map((parameter) => backend().outputTensor(parameter)), ...constants);
      return { parameters, results };
    });
    known.set(key, fused);
    return call("PartitionedCall", fused, [], inputs);
  };
}

/**
 * The same for updates: the variables change in place, in one pass over all of them and the inputs.
 *
 * @param fn Pure; returns one new value for each of `values`.
 * @param otherwise Does the same where a call is not worth its price; default: `fn` and one assignment each.
 * @returns A function that updates the variables.
 *
 * @example
 * ```ts
 * import { compile, fuseUpdate, tf, Variable } from "./mod.ts";
 * using weight = new Variable([256, 256], tf.ones([256, 256]));
 * const decay = fuseUpdate(([weight], [rate]) => [tf.mul(weight, tf.sub(1, rate))]);
 * const run = compile((rate: tf.Tensor) => {
 *   decay([weight], [rate]);
 *   return tf.clone(rate);
 * });
 * run(tf.scalar(0.5));
 * weight.read().mean().print(); // 0.5
 * ```
 */
export function fuseUpdate(fn: FusableUpdate, otherwise: Update = assigning(fn)): Update {
  const known = new Map<string, FusedFunction>();
  return (variables, inputs, ...constants) => {
    if (!isWorthwhile(variables)) return otherwise(variables, inputs, ...constants);
    const shapes = variables.map(({ shape }) => shape);
    const key = JSON.stringify([shapes, inputs.map(({ dtype, shape }) => [dtype, shape]), constants]);
    const fused = known.get(key) ?? define(fn.name, (recorder) => {
      const own = shapes.map((shape) => recorder.variableParameter(shape));
      const others = inputs.map((input) => parameterLike(recorder, input));
      const tensors = others.map((parameter) => backend().outputTensor(parameter));
      const values = fn(own.map(({ id }) => readVariable(id)), tensors, ...constants);
      own.forEach(({ id }, i) => writeVariable(id, values[i]));
      return { parameters: [...own, ...others], results: [] };
    });
    known.set(key, fused);
    call("StatefulPartitionedCall", fused, variables.map(({ id }) => id), inputs);
  };
}

function assigning(fn: FusableUpdate): Update {
  return (variables, inputs, ...constants) =>
    tf.tidy(() => {
      const values = fn(variables.map((variable) => variable.read()), inputs, ...constants);
      variables.forEach((variable, i) => variable.assign(values[i]));
    });
}

/** Whether a call is being compiled for a processor, and large; in another fused function it is part of that. */
function isWorthwhile(operands: { size: number }[]): boolean {
  return recording() !== undefined && !fusing &&
    Math.max(...operands.map(({ size }) => size)) >= WORTHWHILE &&
    !hasGpu();
}

function parameterLike(recorder: GraphRecorder, { shape, dtype }: Tensor) {
  return recorder.parameter(shape, backend().getDTypeInteger(dtype));
}

function call(
  op: "PartitionedCall" | "StatefulPartitionedCall",
  { name, results }: FusedFunction,
  variables: number[],
  inputs: Tensor[],
): Tensor[] {
  const attributes = [
    attr.types("Tin", [
      ...variables.map(() => DTYPE.resource),
      ...inputs.map(({ dtype }) => backend().getDTypeInteger(dtype)),
    ]),
    attr.types("Tout", results.map(({ dtype }) => dtype)),
    attr.function("f", name),
    attr.bool("_XlaMustCompile", true),
  ];
  const ids = [...variables, ...backend().inputIds(inputs)];
  const shapes = results.map(({ shape }) => shape);
  return recording()!.execute(op, attributes, ids, results.length, { shapes })
    .map((output) => backend().outputTensor(output));
}

/** Records a function and makes it known to TensorFlow as one for XLA. */
function define(
  label: string,
  body: (
    recorder: GraphRecorder,
  ) => { parameters: ReturnType<GraphRecorder["parameter"]>[]; results: Tensor[] },
): FusedFunction {
  const name = `fused_${label || "function"}_${functions++}`;
  const recorder = new GraphRecorder(eager, label, name);
  const engine = tf.engine();
  engine.startScope(name);
  fusing = true;
  try {
    const { parameters, nodes } = recordInto(recorder, () => {
      const { parameters, results } = body(recorder);
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
