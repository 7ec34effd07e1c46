/**
 * Variables that live on the device: read and updated in place, inside compiled functions and outside.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import type { Tensor } from "@tensorflow/tfjs-core";
import { attr, type Attribute } from "./attributes.ts";
import { backend } from "./backend.ts";
import { binding, eager, recording } from "./binding.ts";
import { DTYPE } from "./host_tensor.ts";

const FLOAT = attr.type("dtype", DTYPE.float32);
let variables = 0;

/**
 * A float32 tensor of fixed shape with a place of its own in the device's memory.
 *
 * Unlike `tf.Variable` it is a TensorFlow resource: a compiled function reads and updates it in place, so that
 * an optimizer step allocates nothing and copies nothing.
 *
 * @example
 * ```ts
 * import { compile, tf, Variable } from "./mod.ts";
 * using weight = new Variable([2], new Float32Array([1, 2]));
 * const step = compile((gradient: tf.Tensor) => {
 *   weight.assignSub(gradient);
 *   return weight.read();
 * });
 * step(tf.tensor1d([1, 1])).print(); // [0, 1]
 * ```
 */
export class Variable implements Disposable {
  /** The binding's number for its resource. */
  readonly id: number;
  #disposed = false;

  /**
   * @param shape Its shape, for ever.
   * @param values Row-major values, or a tensor, to begin with.
   * @throws {RangeError} If they do not fit the shape.
   * @throws {Error} Inside a function that is being compiled: it would begin anew at every call.
   */
  constructor(readonly shape: readonly number[], values: Float32Array | Tensor) {
    const graph = recording();
    if (graph) {
      throw new Error(
        `Cannot create a variable while "${graph.functionName}" is being compiled: create it outside, use it inside`,
      );
    }
    this.id = eager.execute(
      "VarHandleOp",
      [
        FLOAT,
        attr.shape("shape", shape),
        attr.string("shared_name", `variable_${variables++}`), // one resource per name
        attr.string("container", ""),
      ],
      [],
      1,
    )[0].id;
    try {
      this.assign(values);
    } catch (error) {
      eager.deleteTensor(this.id);
      throw error;
    }
  }

  /** A variable of zeros that never were in JavaScript's memory. */
  static zeros(shape: readonly number[]): Variable {
    const zeros = tf.tidy(() =>
      backend().op("Fill", [attr.type("T", DTYPE.float32), attr.type("index_type", DTYPE.int32)], [
        tf.tensor1d([...shape], "int32"),
        tf.scalar(0),
      ])[0]
    );
    try {
      return new Variable(shape, zeros);
    } finally {
      zeros.dispose();
    }
  }

  /** Number of elements. */
  get size(): number {
    return this.shape.reduce((a, b) => a * b, 1);
  }

  /** Its value now: a tensor that later updates do not change. */
  read(): Tensor {
    return readVariable(this.id);
  }

  /** Copies its value to the host, row-major. @throws {Error} Inside a function that is being compiled. */
  data(): Float32Array {
    const graph = recording();
    if (graph) {
      throw new Error(
        `Cannot copy a variable's value while "${graph.functionName}" is being compiled: it is that of the first ` +
          "call only; use read() inside, or data() after the call",
      );
    }
    const [value] = eager.execute("ReadVariableOp", [FLOAT], [this.id], 1);
    try {
      return eager.read(value.id) as Float32Array;
    } finally {
      eager.deleteTensor(value.id);
    }
  }

  /** Replaces its value. @throws {RangeError} If the new one is of another shape, or not float32. */
  assign(values: Float32Array | Tensor) {
    this.#write("AssignVariableOp", values);
  }

  /** Adds to it, in place. @throws {RangeError} As {@linkcode assign}: nothing is broadcast. */
  assignAdd(values: Float32Array | Tensor) {
    this.#write("AssignAddVariableOp", values);
  }

  /** Subtracts from it, in place. @throws {RangeError} As {@linkcode assign}: nothing is broadcast. */
  assignSub(values: Float32Array | Tensor) {
    this.#write("AssignSubVariableOp", values);
  }

  /**
   * Runs a fused update operation on this variable and others, such as `ResourceApplyAdam`.
   *
   * @param op TensorFlow's name of it.
   * @param others Further variables, after this one.
   * @param inputs Its tensor inputs, after the variables.
   */
  apply(op: string, attributes: Attribute[], others: Variable[], inputs: Tensor[]) {
    const ids = [this, ...others].map((variable) => variable.id);
    binding.executeOp(op, attributes, [...ids, ...backend().inputIds(inputs)], 0);
  }

  /** Frees its memory; a second time does nothing. */
  dispose() {
    if (this.#disposed) return;
    this.#disposed = true;
    eager.execute("DestroyResourceOp", [attr.bool("ignore_lookup_error", true)], [this.id], 0);
    eager.deleteTensor(this.id);
  }

  [Symbol.dispose]() {
    this.dispose();
  }

  #write(op: string, values: Float32Array | Tensor) {
    if (values instanceof Float32Array) {
      const id = binding.createTensor([...this.shape], DTYPE.float32, values);
      try {
        binding.executeOp(op, [FLOAT], [this.id, id], 0);
      } finally {
        binding.deleteTensor(id);
      }
      return;
    }
    // TensorFlow itself would let an assignment change the shape
    if (values.dtype !== "float32" || `${values.shape}` !== `${this.shape}`) {
      throw new RangeError(
        `Cannot write to a float32 variable of shape [${this.shape}]: the tensor is ${values.dtype} of shape ` +
          `[${values.shape}]`,
      );
    }
    writeVariable(this.id, values, op);
  }
}

/** The value of the variable behind a resource. */
export function readVariable(resource: number): Tensor {
  return backend().outputTensor(binding.executeOp("ReadVariableOp", [FLOAT], [resource], 1)[0]);
}

/** Writes to the variable behind a resource. */
export function writeVariable(resource: number, value: Tensor, op = "AssignVariableOp") {
  binding.executeOp(op, [FLOAT], [resource, ...backend().inputIds([value])], 0);
}
