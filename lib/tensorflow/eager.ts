/**
 * Runs operations at once, on TensorFlow's eager context.
 *
 * @module
 */
import { ATTR, type Attribute, setAttribute } from "./attributes.ts";
import { deleteHostTensor, DTYPE, newHostTensor, readHostTensor, type Values } from "./host_tensor.ts";
import { cName, type Pointer, runtime, TensorFlowError } from "./runtime.ts";

/** A tensor as the binding describes it to tfjs. */
export interface TensorMetadata {
  id: number;
  shape: number[];
  dtype: number;
}

/** What executes operations for the binding: at once ({@linkcode EagerExecutor}) or into a graph. */
export interface Executor {
  createTensor(shape: number[], dtype: number, values: Values): number;
  deleteTensor(id: number): void;
  read(id: number): ArrayBufferView | Uint8Array[];
  execute(op: string, attributes: Attribute[], inputs: number[], outputs: number): TensorMetadata[];
}

const FEW_OUTPUTS = 256;

/** Eager tensors by number, and the operations on them. */
export class EagerExecutor implements Executor {
  readonly #handles = new Map<number, Pointer>();
  readonly #outputs = new BigUint64Array(FEW_OUTPUTS);
  readonly #outputCount = new Int32Array(1);
  /** Shapes behind resource handles, which TensorFlow's shape inference cannot see through a function's border. */
  readonly #variableShapes = new Map<number, number[]>();
  #nextId = 1;

  /** Live tensors. */
  get size(): number {
    return this.#handles.size;
  }

  createTensor(shape: number[], dtype: number, values: Values): number {
    const rt = runtime();
    const tensor = newHostTensor(shape, dtype, values);
    try {
      const id = this.adopt(
        rt.call("TFE_NewTensorHandle", (s) => rt.symbols.TFE_NewTensorHandle(tensor, s)),
      );
      if (dtype !== DTYPE.string) return id;
      // The handle shares our strings, whose heap memory TensorFlow would never free: keep a copy that it owns.
      try {
        return this.execute("StringJoin", [{ name: "N", type: ATTR.int, value: 1 }], [id], 1)[0].id;
      } finally {
        this.deleteTensor(id);
      }
    } finally {
      deleteHostTensor(tensor);
    }
  }

  deleteTensor(id: number) {
    const handle = this.#handles.get(id);
    if (handle === undefined) return;
    this.#handles.delete(id);
    this.#variableShapes.delete(id);
    runtime().symbols.TFE_DeleteTensorHandle(handle);
  }

  read(id: number): ArrayBufferView | Uint8Array[] {
    const rt = runtime();
    const tensor = rt.call(
      "TFE_TensorHandleResolve",
      (s) => rt.symbols.TFE_TensorHandleResolve(this.handle(id), s),
    );
    try {
      return readHostTensor(tensor);
    } finally {
      rt.symbols.TF_DeleteTensor(tensor);
    }
  }

  execute(op: string, attributes: Attribute[], inputs: number[], outputs: number): TensorMetadata[] {
    const { symbols } = runtime();
    const operation = this.#prepare(op, attributes, inputs);
    const handles = outputs <= FEW_OUTPUTS ? this.#outputs : new BigUint64Array(outputs);
    try {
      this.#outputCount[0] = outputs;
      runtime().call(op, (status) => symbols.TFE_Execute(operation, handles, this.#outputCount, status));
    } finally {
      symbols.TFE_DeleteOp(operation);
    }
    const results = this.#adoptAll(handles, this.#outputCount[0]);
    if (op === "VarHandleOp") {
      const shape = attributes.find((attribute) => attribute.name === "shape")?.value as number[];
      this.#variableShapes.set(results[0].id, shape);
    }
    return results;
  }

  /** As {@linkcode execute}, on another thread: the event loop keeps running meanwhile. */
  async executeAsync(op: string, attributes: Attribute[], inputs: number[], outputs: number) {
    const rt = runtime(), { symbols } = rt;
    const operation = this.#prepare(op, attributes, inputs);
    const status = symbols.TF_NewStatus();
    const handles = new BigUint64Array(outputs), count = Int32Array.of(outputs);
    try {
      await symbols.TFE_ExecuteAsync(operation, handles, count, status);
      rt.check(status, op);
    } finally {
      symbols.TFE_DeleteOp(operation);
      symbols.TF_DeleteStatus(status);
    }
    return this.#adoptAll(handles, count[0]); // read here, so that both arrays live until the call is over
  }

  /** Shape and dtype of a live tensor. */
  describe(id: number): TensorMetadata {
    const rt = runtime(), handle = this.handle(id);
    const rank = rt.call("TFE_TensorHandleNumDims", (s) => rt.symbols.TFE_TensorHandleNumDims(handle, s));
    const shape = Array.from(
      { length: rank },
      (_, i) => Number(rt.call("TFE_TensorHandleDim", (s) => rt.symbols.TFE_TensorHandleDim(handle, i, s))),
    );
    return { id, shape, dtype: rt.symbols.TFE_TensorHandleDataType(handle) };
  }

  /** The shape of the variable behind resource handle `id`, if it was made here. */
  variableShape(id: number): number[] | undefined {
    return this.#variableShapes.get(id);
  }

  /** A second handle to the same tensor, with a life of its own. */
  share(id: number): number {
    const rt = runtime();
    const copy = this.adopt(
      rt.call(
        "TFE_TensorHandleCopySharingTensor",
        (s) => rt.symbols.TFE_TensorHandleCopySharingTensor(this.handle(id), s),
      ),
    );
    const shape = this.#variableShapes.get(id);
    if (shape) this.#variableShapes.set(copy, shape);
    return copy;
  }

  /** The handle of tensor `id`. @throws {Error} If it has been disposed of. */
  handle(id: number): Pointer {
    const handle = this.#handles.get(id);
    if (handle === undefined) {
      throw new Error(
        `Cannot use tensor ${id}: it has been disposed of, or it was made inside a function while that was ` +
          "compiled and has no value outside",
      );
    }
    return handle;
  }

  /** Registers a handle that TensorFlow returned and gives it a number. */
  adopt(handle: Pointer): number {
    this.#handles.set(this.#nextId, handle);
    return this.#nextId++;
  }

  #adoptAll(handles: BigUint64Array, count: number): TensorMetadata[] {
    return Array.from(
      { length: count },
      (_, i) => this.describe(this.adopt(Deno.UnsafePointer.create(handles[i]))),
    );
  }

  #prepare(op: string, attributes: Attribute[], inputs: number[]): Pointer {
    const rt = runtime(), { symbols, context } = rt;
    const handles = inputs.map((id) => this.handle(id));
    const operation = rt.call(op, (status) => symbols.TFE_NewOp(context, cName(op), status));
    try {
      for (const attribute of attributes) setAttribute(rt, "TFE_Op", operation, attribute);
      for (const handle of handles) {
        rt.call(op, (status) => symbols.TFE_OpAddInput(operation, handle, status));
      }
    } catch (error) {
      symbols.TFE_DeleteOp(operation);
      if (error instanceof TensorFlowError) throw error;
      throw new Error(`${op}: ${(error as Error).message}`, { cause: error });
    }
    return operation;
  }
}
