/**
 * Gradients of gathers: tables that are zero but for a few rows.
 *
 * To add one to another gradient of the same table, its rows are added to the other one where it lies. Word embeddings are
 * read in four places: one table is made for their gradient, not seven.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import type { Tensor } from "@tensorflow/tfjs-core";
import { attr } from "./attributes.ts";
import { backend } from "./backend.ts";
import { recording } from "./binding.ts";
import type { GraphRecorder, Node } from "./graph.ts";
import { hasGpu } from "./runtime.ts";

/**
 * The gradient of a gather of rows.
 *
 * In a function that is being compiled, the first sum of it and the product of two matrices, or another such gradient, is
 * made in the memory of that other one, which must not be read again.
 *
 * @param values (n, …), gradients of the rows.
 * @param indices int32 (n): which rows, with repetitions.
 * @param size Rows of the table.
 * @returns (size, …)
 */
export function scatterGradient(values: Tensor, indices: Tensor, size: number): Tensor {
  const table = tf.unsortedSegmentSum(values, indices as tf.Tensor1D, size);
  const [id, ...rows] = backend().inputIds([table, indices, values]);
  if (!hasGpu()) recording()?.scattered.remember(id, rows); // a GPU adds to repeated rows in no order, and may lose some
  return table;
}

/** Operations whose results share no memory with an operand. */
const FRESH = new Set(["MatMul", "UnsortedSegmentSum", "InplaceAdd"]);

/** The gradients of gathers in one graph. */
export class ScatteredRows {
  /** What was added to zeros, by the table's number: pairs of indices and values. */
  readonly #tables = new Map<number, number[][]>();
  readonly #read = new Set<number>();
  readonly #overwritten = new Set<number>();

  constructor(private readonly graph: GraphRecorder) {}

  remember(table: number, rows: number[]) {
    this.#tables.set(table, [rows]);
  }

  /** The sum of two nodes in the memory of one of them, if the other one is such a gradient. */
  sum(a: number, b: number): Node | undefined {
    const [table, base] = this.#tables.has(b) ? [b, a] : [a, b];
    const all = this.#tables.get(table), { op, shape, dtype } = this.graph.node(base);
    if (!all || !FRESH.has(op) || this.#read.has(base) || table === base) return undefined;
    if (`${this.graph.node(table).shape}` !== `${shape}`) return undefined;
    const types = [attr.type("T", dtype)];
    const total = all.reduce(
      (sum, rows) => this.graph.execute("InplaceAdd", types, [sum, ...rows], 1)[0].id,
      base,
    );
    this.#overwritten.add(base);
    const before = this.#tables.get(base);
    if (before) this.#tables.set(total, [...before, ...all]);
    return this.graph.node(total);
  }

  /** Takes note of what an operation reads. @throws {Error} If that has been overwritten. */
  read(inputs: number[]) {
    for (const id of inputs) {
      if (this.#overwritten.has(id)) {
        throw new Error(
          `Cannot read the result of ${this.graph.node(id).op} again: a gradient was added to it in place`,
        );
      }
      this.#read.add(id);
    }
  }
}
