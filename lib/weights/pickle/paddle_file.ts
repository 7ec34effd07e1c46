/**
 * Paddle's `.pdparams` and `.pdopt`: one pickle, of protocol 2 to 5, of a dict of numpy arrays.
 *
 * Beside the arrays it tells the framework's own names of the parameters (`StructuredToParameterName@@`), which nothing here
 * needs, and how arrays beyond a gigabyte were split (`UnpackBigParamInfor@@`).
 *
 * Source: `paddle.save` and `paddle.load` (python/paddle/framework/io.py).
 *
 * @module
 */
import { BinaryFile } from "../binary_file.ts";
import type { LazyTensorData } from "../tensor.ts";
import { isListOfSizes } from "../strided.ts";
import { EndOfBytes } from "./byte_stream.ts";
import { NUMPY_NAMES, NumpyArray } from "./numpy.ts";
import { tensorsIn } from "./tree.ts";
import { type Callable, PickleError, unpickle } from "./unpickler.ts";

const FRAMEWORK_NAMES = "StructuredToParameterName@@";
const SPLIT_ARRAYS = "UnpackBigParamInfor@@";

/** Within nested containers Paddle writes a tensor as a tuple of its own name and the array. */
const tuple: Callable = (items) => {
  if (!Array.isArray(items)) throw new PickleError("the pickle is damaged: a tuple of what is no list");
  return items.length === 2 && typeof items[0] === "string" && items[1] instanceof NumpyArray
    ? items[1]
    : items;
};

const NAMES: Readonly<Record<string, Callable>> = {
  ...NUMPY_NAMES,
  "builtins.tuple": tuple,
  "__builtin__.tuple": tuple, // in protocol 2
  "collections.OrderedDict": () => new Map(),
};

/**
 * Opens a file of `paddle.save`.
 *
 * @returns The tensors by name; those of nested dicts under names joined by dots.
 * @throws {UserError} If it is damaged, or names anything but arrays and plain containers.
 */
export function openPaddle(path: string): Map<string, LazyTensorData> {
  using file = BinaryFile.open(path);
  try {
    const { value, end } = unpickle(file, 0, { names: NAMES });
    if (end !== file.size) throw new PickleError(`${file.size - end} bytes follow its end`);
    if (!(value instanceof Map)) throw new PickleError("it holds no dict of tensors");
    const split = value.get(SPLIT_ARRAYS);
    value.delete(FRAMEWORK_NAMES);
    value.delete(SPLIT_ARRAYS);
    const tensors = tensorsIn(value, (item) => item instanceof NumpyArray ? item.tensor(path) : undefined);
    if (split instanceof Map) joinSplit(tensors, split);
    return tensors;
  } catch (error) {
    if (error instanceof PickleError || error instanceof EndOfBytes) throw file.invalid(error.message, error);
    throw error;
  }
}

/** Puts arrays together that were too large for their pickle's protocol. */
function joinSplit(tensors: Map<string, LazyTensorData>, split: ReadonlyMap<unknown, unknown>): void {
  for (const [name, info] of split) {
    const [shape, names] = info instanceof Map ? [info.get("OriginShape"), info.get("slices")] : [];
    const parts = Array.isArray(names) ? names.map((part) => tensors.get(part)) : [];
    const isWhole = typeof name === "string" && isListOfSizes(shape) && parts.length > 0 &&
      !tensors.has(name);
    if (!isWhole || parts.includes(undefined)) {
      throw new PickleError("the parts of a split array are missing");
    }
    for (const part of names) tensors.delete(part);
    tensors.set(name, NumpyArray.joined(parts as LazyTensorData[], shape));
  }
}
