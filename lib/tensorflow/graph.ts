/**
 * Records operations into a TensorFlow graph instead of running them: the other half of the binding.
 *
 * @module
 */
import { ATTR, type Attribute, setAttribute } from "./attributes.ts";
import type { EagerExecutor, Executor, TensorMetadata } from "./eager.ts";
import { deleteHostTensor, dims, DTYPE, newHostTensor, type Values } from "./host_tensor.ts";
import { groupInputs, opDefinition } from "./op_definitions.ts";
import { cName, type Pointer, type Runtime, runtime } from "./runtime.ts";
import { ScatteredRows } from "./scatter.ts";

/** An output of a node: what TF_Output is in C. */
export interface Node extends TensorMetadata {
  op: string;
  operation: Pointer;
  output: Uint8Array<ArrayBuffer>; // TF_Output: 8 bytes of pointer, 4 of index, 4 of padding
}

/** An eager tensor that the traced function uses without having been given it. */
export interface Capture {
  /** A handle of our own to the captured tensor. */
  id: number;
  node: Node;
}

/** Operations that only look at a variable; all other stateful ones change something. */
const READS = new Set(["ReadVariableOp", "ResourceGather", "ResourceGatherNd", "VariableShape"]);

/** Graph tensors are numbered from here, far above the eager ones, so that no number means both. */
const FIRST_ID = 2 ** 40;
let nextId = FIRST_ID;

/** Whether `id` names a node of some graph, not an eager tensor. */
export function isGraphTensor(id: number): boolean {
  return id >= FIRST_ID;
}

/** One graph under construction. */
export class GraphRecorder implements Executor {
  readonly graph: Pointer;
  readonly captures = new Map<number, Capture>();
  /** Gradients of gathers, to be added where they are wanted. */
  readonly scattered = new ScatteredRows(this);
  /** Operations with side effects, in program order: they run even if no output needs them. */
  readonly effects: Pointer[] = [];
  readonly #nodes = new Map<number, Node>();
  /** Of the variables among the parameters. */
  readonly #variableShapes = new Map<number, number[]>();
  readonly #eager: EagerExecutor;
  readonly #rt: Runtime = runtime();
  /** For each resource (and "" for effects without one): the last write and the reads since. */
  readonly #order = new Map<number | "", { write: Pointer; reads: Pointer[] }>();
  #count = 0;

  /**
   * @param functionName For messages.
   * @param scope Begins the name of every node, as TensorFlow's messages and optimised graphs show it.
   */
  constructor(eager: EagerExecutor, readonly functionName: string, readonly scope: string) {
    this.#eager = eager;
    this.graph = this.#rt.symbols.TF_NewGraph();
  }

  /** Operations recorded so far. */
  get size(): number {
    return this.#count;
  }

  /** A parameter of the function: a node without inputs. */
  parameter(shape: readonly number[], dtype: number): Node {
    const { symbols } = this.#rt;
    const description = this.#begin("Placeholder");
    symbols.TF_SetAttrType(description, cName("dtype"), dtype);
    symbols.TF_SetAttrShape(description, cName("shape"), dims(shape), shape.length);
    return this.#output("Placeholder", this.#finish("Placeholder", description), 0);
  }

  /** A parameter that is a variable's resource. */
  variableParameter(shape: readonly number[]): Node {
    const node = this.parameter([], DTYPE.resource);
    this.#variableShapes.set(node.id, [...shape]);
    return node;
  }

  createTensor(shape: number[], dtype: number, values: Values): number {
    const { symbols } = this.#rt;
    const tensor = newHostTensor(shape, dtype, values);
    try {
      const description = this.#begin("Const");
      this.#rt.call("Const", (s) => symbols.TF_SetAttrTensor(description, cName("value"), tensor, s));
      symbols.TF_SetAttrType(description, cName("dtype"), dtype);
      return this.#output("Const", this.#finish("Const", description), 0).id;
    } finally {
      deleteHostTensor(tensor);
    }
  }

  /** Nodes live as long as their graph; an eager tensor may be disposed of meanwhile, captures have their own handle. */
  deleteTensor(id: number) {
    if (!isGraphTensor(id)) this.#eager.deleteTensor(id);
  }

  read(id: number): ArrayBufferView | Uint8Array[] {
    if (!isGraphTensor(id)) return this.#eager.read(id);
    const op = this.#nodes.get(id)?.op ?? "another graph";
    throw new Error(
      `Cannot read the value of a tensor made by ${op} while "${this.functionName}" is being compiled: it has no ` +
        "value yet; return it from the function and read it after the call, or compute on it with tensor operations",
    );
  }

  /**
   * @param options.shapes Those of the outputs, where TensorFlow's shape inference cannot know them.
   * @param options.after Tensors that must be there before the operation may run, though it does not read them.
   */
  execute(
    op: string,
    attributes: Attribute[],
    inputs: number[],
    outputs: number,
    { shapes = [], after = [] }: { shapes?: readonly (readonly number[])[]; after?: number[] } = {},
  ): TensorMetadata[] {
    const sum = op === "Add" && this.scattered.sum(inputs[0], inputs[1]);
    if (sum) return [sum];
    this.scattered.read(inputs);
    const { symbols } = this.#rt;
    const definition = opDefinition(op);
    const nodes = inputs.map((id) => this.node(id));
    const lengthOf = (name: string) => {
      const value = attributes.find((attribute) => attribute.name === name)?.value;
      return Array.isArray(value) ? value.length : value as number | undefined;
    };
    const groups = groupInputs(definition, nodes, lengthOf);
    const description = this.#begin(op);
    for (const group of groups) {
      if (Array.isArray(group)) symbols.TF_AddInputList(description, concat(group), group.length);
      else symbols.TF_AddInput(description, group.output);
    }
    try {
      for (const attribute of attributes) setAttribute(this.#rt, "TF_", description, attribute);
    } catch (error) {
      throw new Error(`${op}: ${(error as Error).message}`, { cause: error });
    }
    for (const id of after) symbols.TF_AddControlInput(description, this.node(id).operation);
    const keepOrder = definition.is_stateful ? this.#orderEffects(op, description, nodes) : undefined;
    const operation = this.#finish(op, description);
    keepOrder?.(operation);
    if (op === "ReadVariableOp") shapes = [this.#variableShape(inputs[0])];
    shapes.forEach((shape, i) => this.#setShape(op, operation, i, shape));
    return Array.from({ length: outputs }, (_, i) => this.#output(op, operation, i));
  }

  /** The node behind a tensor number; an eager tensor becomes a captured parameter. */
  node(id: number): Node {
    const node = this.#nodes.get(id) ?? this.captures.get(id)?.node;
    if (node) return node;
    if (isGraphTensor(id)) {
      throw new Error(
        `Cannot use a tensor in "${this.functionName}" that was made while another function was being compiled: ` +
          "return it from there and pass it in",
      );
    }
    const { shape, dtype } = this.#eager.describe(id);
    const capture = { id: this.#eager.share(id), node: this.parameter(shape, dtype) };
    this.captures.set(id, capture);
    return capture.node;
  }

  /** A node of its own for a result, so that a parameter or a result named twice can be returned. */
  result(id: number): Node {
    const node = this.node(id);
    return this.node(
      this.execute("Identity", [{ name: "T", type: ATTR.type, value: node.dtype }], [node.id], 1)[0].id,
    );
  }

  /**
   * Closes the graph into a function.
   *
   * @returns The TF_Function; the caller deletes it.
   */
  toFunction(name: string, parameters: Node[], results: Node[]): Pointer {
    const inputs = [...parameters, ...[...this.captures.values()].map((capture) => capture.node)];
    const effects = BigUint64Array.from(this.effects, (operation) => Deno.UnsafePointer.value(operation));
    return this.#rt.call(
      "TF_GraphToFunction",
      (status) =>
        this.#rt.symbols.TF_GraphToFunctionWithControlOutputs(
          this.graph,
          cName(name),
          0,
          -1, // the body is the whole graph
          null,
          inputs.length,
          concat(inputs),
          results.length,
          concat(results),
          null,
          effects.length,
          effects,
          null,
          null,
          null,
          status,
        ),
    );
  }

  /** Frees the graph; captured tensors stay with the compiled function. */
  close() {
    this.#rt.symbols.TF_DeleteGraph(this.graph);
  }

  #begin(op: string): Pointer {
    return this.#rt.symbols.TF_NewOperation(
      this.graph,
      cName(op),
      new TextEncoder().encode(`${this.scope}/${op}_${this.#count}\0`),
    );
  }

  #finish(op: string, description: Pointer): Pointer {
    this.#count++;
    return this.#rt.call(op, (status) => this.#rt.symbols.TF_FinishOperation(description, status));
  }

  #output(op: string, operation: Pointer, index: number): Node {
    const { symbols } = this.#rt;
    const output = outputOf(operation, index);
    const rank = this.#rt.call(op, (s) => symbols.TF_GraphGetTensorNumDims(this.graph, output, s));
    const sizes = new BigInt64Array(Math.max(rank, 0));
    if (rank > 0) {
      this.#rt.call(op, (s) => symbols.TF_GraphGetTensorShape(this.graph, output, sizes, rank, s));
    }
    if (rank < 0 || sizes.some((size) => size < 0n)) {
      throw new Error(
        `Cannot compile "${this.functionName}": the shape of ${op}'s result depends on values, ` +
          "which a compiled function does not know; use an operation of fixed shape (mask instead of select)",
      );
    }
    const node = {
      id: nextId++,
      shape: Array.from(sizes, Number),
      dtype: symbols.TF_OperationOutputType(output),
      op,
      operation,
      output,
    };
    this.#nodes.set(node.id, node);
    return node;
  }

  #setShape(op: string, operation: Pointer, index: number, shape: readonly number[]) {
    const { symbols } = this.#rt, output = outputOf(operation, index);
    this.#rt.call(
      op,
      (status) => symbols.TF_GraphSetTensorShape(this.graph, output, dims(shape), shape.length, status),
    );
  }

  #variableShape(id: number): number[] {
    const shape = this.#variableShapes.get(id) ?? this.#eager.variableShape(id);
    if (!shape) {
      throw new Error(`Cannot read a variable in "${this.functionName}": it was not made by this runtime`);
    }
    return shape;
  }

  /**
   * Keeps side effects in program order, as TensorFlow's own function decorator does: a write comes after the
   * reads and the write before it, a read after the last write; effects without a resource follow one another.
   */
  #orderEffects(op: string, description: Pointer, inputs: Node[]): (operation: Pointer) => void {
    const { symbols } = this.#rt;
    const resources: (number | "")[] = inputs.filter((node) => node.dtype === DTYPE.resource).map((node) =>
      node.id
    );
    if (resources.length === 0) resources.push("");
    const reads = READS.has(op);
    for (const resource of resources) {
      const before = this.#order.get(resource);
      if (before?.write) symbols.TF_AddControlInput(description, before.write);
      if (!reads) { for (const read of before?.reads ?? []) symbols.TF_AddControlInput(description, read); }
    }
    return (operation) => {
      if (!reads) this.effects.push(operation);
      for (const resource of resources) {
        const before = this.#order.get(resource);
        if (reads) {
          this.#order.set(resource, {
            write: before?.write ?? null,
            reads: [...before?.reads ?? [], operation],
          });
        } else this.#order.set(resource, { write: operation, reads: [] });
      }
    };
  }
}

/** A TF_Output. */
function outputOf(operation: Pointer, index: number): Uint8Array<ArrayBuffer> {
  const output = new Uint8Array(16), fields = new DataView(output.buffer);
  fields.setBigUint64(0, Deno.UnsafePointer.value(operation), true);
  fields.setInt32(8, index, true);
  return output;
}

function concat(nodes: Node[]): Uint8Array<ArrayBuffer> {
  const outputs = new Uint8Array(16 * nodes.length);
  nodes.forEach((node, i) => outputs.set(node.output, 16 * i));
  return outputs;
}
