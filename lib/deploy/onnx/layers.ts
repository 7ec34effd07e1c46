/**
 * The layers that hold weights, in each of the formats that a file may have.
 *
 * N = tokens, K = numbers that go into a layer, C = numbers that come out.
 *
 * @module
 */
import type { Graph, Value } from "./graph.ts";
import { quantize, type Quantized } from "./quantize.ts";

/**
 * What weights are in the file: `fp32`; `fp16`, half the size, computed with as float32; `int8`, a quarter of the size and less
 * than half of the time, where the activations of each token are rounded too, by a scale of the token's own.
 */
export type Format = "fp32" | "fp16" | "int8";

/** A parameter, read when it is needed. */
export interface Parameter {
  readonly shape: readonly number[];
  readonly read: () => Float32Array<ArrayBuffer>;
}

/** Looks a parameter up by the original's name. */
export type ParameterLookup = (name: string) => Parameter;

/** Layers over a model's parameters. */
export interface Layers {
  /** x (N, K) · weight + bias: (N, C). */
  linear(x: Value, name: string): Value;
  /** Rows of a table: (N, width). */
  embedding(name: string, ids: Value): Value;
  /** Layer norm over the last axis. */
  norm(x: Value, name: string, epsilon: number): Value;
  /** Gaussian error linear unit, exact form. */
  gelu(x: Value): Value;
}

/** The layers of a format. */
export function layersOf(g: Graph, format: Format, parameters: ParameterLookup): Layers {
  switch (format) {
    case "fp32":
      return new FloatLayers(g, parameters);
    case "fp16":
      return new HalfLayers(g, parameters);
    case "int8":
      return new IntegerLayers(g, parameters);
  }
}

/** Weights as they are. */
class FloatLayers implements Layers {
  protected readonly g: Graph;
  protected readonly parameters: ParameterLookup;

  constructor(g: Graph, parameters: ParameterLookup) {
    this.g = g;
    this.parameters = parameters;
  }

  linear(x: Value, name: string): Value {
    return this.g.add(this.g.matMul(x, this.matrix(`${name}.weight`)), this.vector(`${name}.bias`));
  }

  embedding(name: string, ids: Value): Value {
    return this.g.gather(this.matrix(`${name}.weight`), ids);
  }

  norm(x: Value, name: string, epsilon: number): Value {
    return this.g.layerNorm(x, this.vector(`${name}.weight`), this.vector(`${name}.bias`), epsilon);
  }

  gelu(x: Value): Value {
    return this.g.gelu(x);
  }

  protected vector(name: string): Value {
    const { shape, read } = this.parameters(name);
    return this.g.constant(name, "float32", shape, read);
  }

  protected matrix(name: string): Value {
    return this.vector(name);
  }
}

/** Matrices as 16-bit floats; onnxruntime widens those of linear layers once, when it loads the file. */
class HalfLayers extends FloatLayers {
  override embedding(name: string, ids: Value): Value {
    return this.g.cast(this.g.gather(this.#half(`${name}.weight`), ids), "float32"); // few rows of many
  }

  protected override matrix(name: string): Value {
    return this.g.cast(this.#half(name), "float32");
  }

  #half(name: string): Value {
    const { shape, read } = this.parameters(name);
    return this.g.constant(name, "float16", shape, () => new Float16Array(read()));
  }
}

/** Between bytes and what they stand for, in activations. */
const ZERO = 128;
/** What gelu is never below. */
const LEAST_GELU = -0.17;

/**
 * Matrices as 8-bit integers, and the tokens that they are multiplied with.
 *
 * A token is scaled by its own greatest element, whoever shares its batch: the same text has the same logits in any batch.
 * One scale for the whole batch, as onnxruntime's dynamic quantization has it, would not give that.
 */
class IntegerLayers extends FloatLayers {
  readonly #rounded = new Map<Value, { integers: Value; scale: Value }>();
  /** Values that are known to be no less than some number. */
  readonly #least = new Map<Value, number>();

  override linear(x: Value, name: string): Value {
    const { shape, read } = this.parameters(`${name}.bias`);
    // a bias of one row: onnxruntime's fused BiasGelu, which takes a list, is slower than adding and Gelu
    const bias = this.g.constant(`${name}.bias`, "float32", [1, ...shape], read);
    return this.g.add(this.#product(x, name), bias);
  }

  override gelu(x: Value): Value {
    const active = this.g.gelu(x);
    this.#least.set(active, LEAST_GELU);
    return active;
  }

  override embedding(name: string, ids: Value): Value {
    const { g } = this, { shape } = this.parameters(`${name}.weight`);
    const quantized = this.#quantized(`${name}.weight`, "rows");
    const table = g.constant(`${name}.weight`, "int8", shape, () => quantized().values);
    const scales = g.constant(`${name}.weight scales`, "float32", [shape[0]!, 1], () => quantized().scales);
    return g.mul(g.cast(g.gather(table, ids), "float32"), g.gather(scales, ids));
  }

  /** x (N, K) · weight: (N, C). */
  #product(x: Value, name: string): Value {
    const { g } = this, { integers, scale } = this.#round(x);
    const { shape } = this.parameters(`${name}.weight`);
    const quantized = this.#quantized(`${name}.weight`, "columns");
    const weight = g.constant(`${name}.weight`, "int8", shape, () => quantized().values);
    const scales = g.constant(`${name}.weight scales`, "float32", [shape[1]!], () => quantized().scales);
    return g.mul(g.matMulIntegers(integers, weight, g.scalar(1), scales, this.#zero()), scale);
  }

  /** x (N, K) as bytes, and a scale for each row (N, 1). */
  #round(x: Value) {
    const known = this.#rounded.get(x);
    if (known) return known;
    const { g } = this;
    const least = this.#least.get(x);
    // not the greatest of Abs, which would write all of x once more
    const below = least === undefined ? g.neg(g.reduceMin(x)) : g.scalar(-least);
    // of a row of zeros the scale is 0, and so is all that it is multiplied with
    const scale = g.mul(g.max(g.reduceMax(x), below), g.scalar(1 / 127)); // (N, 1)
    const zeros = g.expand(this.#zero(), g.sizes(x, 0, 1)); // (N)
    const rounded = { integers: g.quantizeRows(x, g.squeeze(scale, 1), zeros), scale };
    this.#rounded.set(x, rounded);
    return rounded;
  }

  #zero(): Value {
    return this.g.constant(`zero point ${ZERO}`, "uint8", [], () => Uint8Array.of(ZERO));
  }

  /** Integers and scales lie apart in the file, but are made at once: the last matrix is remembered. */
  #quantized(name: string, axis: "rows" | "columns"): () => Quantized {
    const { shape: [rows, columns], read } = this.parameters(name);
    return () => {
      if (this.#last?.name !== name) {
        this.#last = { name, quantized: quantize(read(), rows!, columns!, axis) };
      }
      return this.#last.quantized;
    };
  }
  #last: { name: string; quantized: Quantized } | undefined;
}
