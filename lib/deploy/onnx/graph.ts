/**
 * ONNX graphs, written as one writes the model: each method adds an operator and returns its output.
 *
 * Source: https://onnx.ai/onnx/operators and ONNX's own onnx.proto.
 *
 * @module
 */
import { type LazyBytes, Message } from "./protobuf.ts";

/** Types of elements: their numbers in ONNX and their bytes. */
const TYPES = {
  float32: { id: 1, bytes: 4 },
  uint8: { id: 2, bytes: 1 },
  int8: { id: 3, bytes: 1 },
  int64: { id: 7, bytes: 8 },
  float16: { id: 10, bytes: 2 },
} as const;

/** The type of a tensor's elements. */
export type ElementType = keyof typeof TYPES;

/** Something in the graph that has a value: an input, a constant, an operator's output. */
export type Value = string & { readonly __value: never };

/** A tensor that is in the file. */
export interface Constant {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: readonly number[];
  readonly data: LazyBytes;
}

/** Sizes along the axes of an input or output: known ones, or what they are called. */
export type Axes = readonly (number | string)[];

type Attribute = number | readonly number[] | { readonly float: number };

/** The version of ONNX's operators: the first with `Gelu`. */
export const OPSET = 20;
/** onnxruntime's own operators. */
const MICROSOFT = "com.microsoft";

/**
 * A graph in the making.
 *
 * @example
 * ```ts
 * import { Graph } from "./graph.ts";
 * const g = new Graph("double");
 * const x = g.input("x", "float32", ["n"]);
 * g.output("y", g.mul(x, g.scalar(2)), "float32", ["n"]);
 * console.log(g.constants.length); // 1
 * ```
 */
export class Graph {
  readonly name: string;
  readonly constants: Constant[] = [];
  readonly #nodes: Message[] = [];
  readonly #inputs: Message[] = [];
  readonly #outputs: Message[] = [];
  readonly #domains = new Set<string>();
  readonly #shared = new Map<string, Value>();
  readonly #counts = new Map<string, number>();
  #scope = "";

  constructor(name: string) {
    this.name = name;
  }

  /** What the caller feeds. */
  input(name: string, type: ElementType, axes: Axes): Value {
    this.#inputs.push(valueInfo(name, type, axes));
    return name as Value;
  }

  /** What the caller gets. */
  output(name: string, value: Value, type: ElementType, axes: Axes): void {
    this.#outputs.push(valueInfo(name, type, axes));
    this.#nodes.push(node("Identity", name, [value], [name]));
  }

  /** Names the operators that `body` adds after what they belong to. */
  within<T>(name: string, body: () => T): T {
    const outer = this.#scope;
    this.#scope = `${outer}/${name}`;
    try {
      return body();
    } finally {
      this.#scope = outer;
    }
  }

  /** A tensor of the file; made once for each name. */
  constant(name: string, type: ElementType, shape: readonly number[], read: () => ArrayBufferView): Value {
    return this.#once(name, () => {
      const byteLength = shape.reduce((product, size) => product * size, TYPES[type].bytes);
      this.constants.push({ name, type, shape, data: { byteLength, read: () => bytesOf(read()) } });
      return name as Value;
    });
  }

  /** A number. */
  scalar(value: number): Value {
    return this.constant(`scalar ${value}`, "float32", [], () => Float32Array.of(value));
  }

  /** Whole numbers, as shapes and axes are given: (n). */
  integers(...values: number[]): Value {
    const read = () => BigInt64Array.from(values, BigInt);
    return this.constant(`integers ${values}`, "int64", [values.length], read);
  }

  /** A whole number. */
  integer(value: number): Value {
    return this.constant(`integer ${value}`, "int64", [], () => BigInt64Array.of(BigInt(value)));
  }

  add = (a: Value, b: Value) => this.#op("Add", [a, b]);
  sub = (a: Value, b: Value) => this.#op("Sub", [a, b]);
  mul = (a: Value, b: Value) => this.#op("Mul", [a, b]);
  max = (a: Value, b: Value) => this.#op("Max", [a, b]);
  neg = (x: Value) => this.#op("Neg", [x]);
  equal = (a: Value, b: Value) => this.#op("Equal", [a, b]);
  not = (x: Value) => this.#op("Not", [x]);
  matMul = (a: Value, b: Value) => this.#op("MatMul", [a, b]);
  gelu = (x: Value) => this.#op("Gelu", [x]);
  tanh = (x: Value) => this.#op("Tanh", [x]);
  /** Over the last axis. */
  softmax = (x: Value) => this.#op("Softmax", [x], { axis: -1 });
  /** The greatest, and the least, of the last axis, which becomes 1 long. */
  reduceMax = (x: Value) => this.#op("ReduceMax", [x, this.integers(-1)], { keepdims: 1 });
  reduceMin = (x: Value) => this.#op("ReduceMin", [x, this.integers(-1)], { keepdims: 1 });
  /** Over the last axis. */
  layerNorm = (x: Value, weight: Value, bias: Value, epsilon: number) =>
    this.#op("LayerNormalization", [x, weight, bias], { axis: -1, epsilon: { float: epsilon } });
  cast = (x: Value, to: ElementType) => this.#op("Cast", [x], { to: TYPES[to].id });

  shape = (x: Value) => this.#op("Shape", [x]);
  /** Sizes along axes `from` up to `to`: (to - from). */
  sizes = (x: Value, from: number, to: number) => this.#op("Shape", [x], { start: from, end: to });
  /** @param shape The new one: as a value, or as numbers, -1 for what is left and 0 for a size kept. */
  reshape = (x: Value, shape: Value | readonly number[]) =>
    this.#op("Reshape", [x, typeof shape === "string" ? shape : this.integers(...shape)]);
  transpose = (x: Value, perm: readonly number[]) => this.#op("Transpose", [x], { perm });
  concat = (...values: Value[]) => this.#op("Concat", values, { axis: 0 });
  squeeze = (x: Value, axis: number) => this.#op("Squeeze", [x, this.integers(axis)]);
  unsqueeze = (x: Value, ...axes: number[]) => this.#op("Unsqueeze", [x, this.integers(...axes)]);
  expand = (x: Value, shape: Value) => this.#op("Expand", [x, shape]);
  /** Entries of `table` at `indices`. */
  gather = (table: Value, indices: Value, axis = 0) => this.#op("Gather", [table, indices], { axis });
  slice = (x: Value, start: Value, end: Value, axis: number) =>
    this.#op("Slice", [x, start, end, this.integers(axis)]);
  /** 0 … limit - 1. */
  range = (limit: Value) => this.#op("Range", [this.integer(0), limit, this.integer(1)]);
  /** Places of what is not zero in a list: (n). */
  nonZero = (x: Value) => this.squeeze(this.#op("NonZero", [x]), 0);
  cumSum = (x: Value) => this.#op("CumSum", [x, this.integer(0)]);

  /** x / scale + zero, rounded to the type of `zero`; scale and zero have an entry for each row. */
  quantizeRows = (x: Value, scale: Value, zero: Value) =>
    this.#op("QuantizeLinear", [x, scale, zero], { axis: 0 });
  /** (a - aZero) · b, as floats times a scale for each column: of onnxruntime. */
  matMulIntegers = (a: Value, b: Value, aScale: Value, bScale: Value, aZero: Value) =>
    this.#op("MatMulIntegerToFloat", [a, b, aScale, bScale, aZero], {}, MICROSOFT);

  /** As ONNX has it: GraphProto, its tensors' data left to `encode`. */
  encode(encode: (constant: Constant) => Message): Message {
    const graph = new Message();
    for (const one of this.#nodes) graph.message(1, one);
    graph.text(2, this.name);
    for (const constant of this.constants) graph.message(5, encode(constant));
    for (const one of this.#inputs) graph.message(11, one);
    for (const one of this.#outputs) graph.message(12, one);
    return graph;
  }

  /** The versions of operators that the graph needs, by domain. */
  opsets(): [domain: string, version: number][] {
    return [["", OPSET], ...[...this.#domains].map((domain): [string, number] => [domain, 1])];
  }

  #once(name: string, make: () => Value): Value {
    const known = this.#shared.get(name) ?? make();
    this.#shared.set(name, known);
    return known;
  }

  #op(type: string, inputs: Value[], attributes: Record<string, Attribute> = {}, domain = ""): Value {
    const path = `${this.#scope}/${type}`, count = this.#counts.get(path) ?? 0;
    this.#counts.set(path, count + 1);
    const name = count === 0 ? path : `${path}_${count}`, output = `${name}_output`;
    const encoded = node(type, name, inputs, [output]);
    for (const [name, value] of Object.entries(attributes)) encoded.message(5, encodeAttribute(name, value));
    if (domain !== "") {
      encoded.text(7, domain);
      this.#domains.add(domain);
    }
    this.#nodes.push(encoded);
    return output as Value;
  }
}

/**
 * A tensor as ONNX has it: TensorProto.
 *
 * @param outside Where its data lies in another file; default: here.
 */
export function encodeTensor(
  { name, type, shape, data }: Constant,
  outside?: { readonly file: string; readonly offset: number },
): Message {
  const tensor = new Message();
  for (const size of shape) tensor.integer(1, size);
  tensor.integer(2, TYPES[type].id).text(8, name);
  if (!outside) return tensor.bytes(9, data);
  const place = { location: outside.file, offset: outside.offset, length: data.byteLength };
  for (const [key, value] of Object.entries(place)) tensor.message(13, encodeEntry(key, `${value}`));
  return tensor.integer(14, 1); // EXTERNAL
}

/** StringStringEntryProto. */
export function encodeEntry(key: string, value: string): Message {
  return new Message().text(1, key).text(2, value);
}

function node(type: string, name: string, inputs: readonly string[], outputs: readonly string[]): Message {
  const message = new Message();
  for (const input of inputs) message.text(1, input);
  for (const output of outputs) message.text(2, output);
  return message.text(3, name).text(4, type);
}

function encodeAttribute(name: string, value: Attribute): Message {
  const message = new Message().text(1, name);
  if (typeof value === "number") return message.integer(3, value).integer(20, 2);
  if ("float" in value) return message.float(2, value.float).integer(20, 1);
  for (const one of value) message.integer(8, one);
  return message.integer(20, 7);
}

function valueInfo(name: string, type: ElementType, axes: Axes): Message {
  const shape = new Message();
  for (const axis of axes) {
    shape.message(1, typeof axis === "number" ? new Message().integer(1, axis) : new Message().text(2, axis));
  }
  const tensor = new Message().integer(1, TYPES[type].id).message(2, shape);
  return new Message().text(1, name).message(2, new Message().message(1, tensor));
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
}
