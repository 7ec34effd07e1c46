/** Tensors: shape, type, range, and the corner that fits on a screen. */
import { formatCount } from "../../chart/mod.ts";
import type { tf } from "../../tensorflow/mod.ts";
import { table } from "./table.ts";
import type { View } from "./view.ts";

const MOST_ROWS = 10, MOST_COLUMNS = 12;

/**
 * Shows a tensor.
 *
 * @param tensor of any rank; of more than two dimensions the last two are shown, at the beginning of the others
 * @param what how it is called
 * @returns a view; a tensor that is disposed of says so
 */
export async function tensorView(tensor: tf.Tensor, what = "Tensor"): Promise<View> {
  const { shape, dtype } = tensor;
  const head = `${what} ${dtype} (${shape.join(", ")})`;
  if (tensor.isDisposed) return table([], { caption: `${head}, disposed` });
  const values = await tensor.data();
  const columns = shape.at(-1) ?? 1, rows = shape.at(-2) ?? 1;
  const names = Array.from({ length: Math.min(columns, MOST_COLUMNS) }, (_, column) => `${column}`);
  const corner = Array.from({ length: Math.min(rows, MOST_ROWS, values.length) }, (_, row) => ({
    "": row,
    ...Object.fromEntries(names.map((name, column) => [name, values[row * columns + column]])),
  }));
  const hidden = values.length - corner.length * names.length;
  const notes = [head, ...rangeOf(values), ...(hidden > 0 ? [`… ${formatCount(hidden)} more values`] : [])];
  return table(corner, { columns: ["", ...names], caption: notes.join(", ") });
}

function rangeOf(values: ArrayLike<number | string>): string[] {
  if (values.length < 2 || typeof values[0] !== "number") return [];
  let least = Infinity, greatest = -Infinity, sum = 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    least = Math.min(least, value);
    greatest = Math.max(greatest, value);
    sum += value;
  }
  const write = (value: number) => String(Number(value.toPrecision(4)));
  return [`within ${write(least)} … ${write(greatest)}, mean ${write(sum / values.length)}`];
}
