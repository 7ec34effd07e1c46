/**
 * The tensors in nested containers, under names that tell where they were.
 *
 * @module
 */
import type { LazyTensorData } from "../tensor.ts";
import { PickleError } from "./unpickler.ts";

const DEEPEST = 16; // containers in containers
const MOST_VALUES = 1_000_000;

/**
 * Collects the tensors of a value that a pickle held.
 *
 * @param root A dict, list or tuple.
 * @param tensorOf Makes a tensor of a value that is one; `undefined` for any other.
 * @returns The tensors: under their key in the dict, with dots between the keys of dicts in dicts. Plain values are left out.
 * @throws {PickleError} If two have one name, or there are containers without end.
 */
export function tensorsIn(
  root: unknown,
  tensorOf: (value: unknown) => LazyTensorData | undefined,
): Map<string, LazyTensorData> {
  const tensors = new Map<string, LazyTensorData>();
  let values = 0;
  const visit = (value: unknown, path: readonly string[]) => {
    if (++values > MOST_VALUES) throw new PickleError(`it has more than ${MOST_VALUES} values`);
    const tensor = tensorOf(value);
    if (tensor) {
      const name = path.join(".");
      if (tensors.has(name)) throw new PickleError(`two tensors have the name "${name}"`);
      tensors.set(name, tensor);
      return;
    }
    if (!(value instanceof Map) && !Array.isArray(value)) return;
    if (path.length === DEEPEST) throw new PickleError(`it has containers more than ${DEEPEST} deep`);
    for (const [key, item] of value.entries()) {
      const isKey = ["string", "number", "bigint", "boolean"].includes(typeof key);
      visit(item, [...path, isKey ? String(key) : "?"]);
    }
  };
  visit(root, []);
  return tensors;
}
