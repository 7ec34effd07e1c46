/**
 * Tensors as weights files hold them: data types, shapes, row-major elements in memory or still in their file.
 *
 * @module
 */

/** The array that holds the elements of each data type; 16-bit floats are raw bits, booleans are 0 or 1. */
export interface ArrayOf {
  I64: BigInt64Array;
  F64: Float64Array;
  F32: Float32Array;
  I32: Int32Array;
  BF16: Uint16Array;
  F16: Uint16Array;
  I16: Int16Array;
  I8: Int8Array;
  U8: Uint8Array;
  BOOL: Uint8Array;
}

/** Name of a data type as safetensors spells it. */
export type DataType = keyof ArrayOf;

/** Any array that a tensor's elements come in. */
export type TypedArray = ArrayOf[DataType];

/** A tensor in memory: row-major elements and their shape. */
export type TensorData = { [D in DataType]: { dtype: D; shape: number[]; data: ArrayOf[D] } }[DataType];

/** A tensor whose elements are fetched when they are asked for. */
export type LazyTensorData = {
  [D in DataType]: {
    dtype: D;
    shape: number[];
    read: () => ArrayOf[D] | Promise<ArrayOf[D]>;
    /** Writes the elements into bytes that somebody has, instead of new ones; not every tensor can. */
    fill?: (bytes: Uint8Array<ArrayBuffer>) => Promise<void>;
  };
}[DataType];

/** How each data type's elements are held, and the bytes each takes, widest first. */
const ARRAYS: { [D in DataType]: new (buffer: ArrayBuffer) => ArrayOf[D] } = {
  I64: BigInt64Array,
  F64: Float64Array,
  F32: Float32Array,
  I32: Int32Array,
  BF16: Uint16Array,
  F16: Uint16Array,
  I16: Int16Array,
  I8: Int8Array,
  U8: Uint8Array,
  BOOL: Uint8Array,
};

/** The data types in the order in which the reference implementation of safetensors lays tensors out. */
export const DATA_TYPES = Object.keys(ARRAYS) as readonly DataType[];

/** Bytes of one element. */
export const ELEMENT_BYTES: Readonly<Record<DataType, number>> = {
  I64: 8,
  F64: 8,
  F32: 4,
  I32: 4,
  BF16: 2,
  F16: 2,
  I16: 2,
  I8: 1,
  U8: 1,
  BOOL: 1,
};

/** How many elements a shape has. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((count, size) => count * size, 1);
}

/** Looks at little-endian bytes as elements; they begin where their buffer does. */
export function elementsOf<D extends DataType>(dtype: D, bytes: Uint8Array<ArrayBuffer>): ArrayOf[D] {
  return new ARRAYS[dtype](bytes.buffer);
}

/**
 * A tensor whose elements are still in their file.
 *
 * @param dtype Its data type.
 * @param shape Its shape.
 * @param fill Writes all its elements, little-endian and row-major, into bytes that are as many.
 */
export function lazyTensor(
  dtype: DataType,
  shape: readonly number[],
  fill: (bytes: Uint8Array<ArrayBuffer>) => Promise<void>,
): LazyTensorData {
  const read = async () => {
    const bytes = new Uint8Array(elementCount(shape) * ELEMENT_BYTES[dtype]);
    await fill(bytes);
    return elementsOf(dtype, bytes);
  };
  return { dtype, shape: [...shape], read, fill } as LazyTensorData;
}

/**
 * Reads a tensor's elements.
 *
 * @param tensor One of `readWeights`.
 * @returns The same with its elements in memory of their own.
 * @throws {UserError} If its file is no longer there, or damaged.
 *
 * @example
 * ```ts
 * import { loadTensor } from "./tensor.ts";
 * const bias = await loadTensor({ dtype: "F32", shape: [2], read: () => new Float32Array([1, 2]) });
 * console.log(bias.data); // [1, 2]
 * ```
 */
export async function loadTensor({ dtype, shape, read }: LazyTensorData): Promise<TensorData> {
  return { dtype, shape, data: await read() } as TensorData;
}

/**
 * Converts a floating-point tensor of any width to float32.
 *
 * @param tensor - A tensor of data type F16, BF16, F32 or F64.
 * @returns Its elements; the tensor's own array when it is F32.
 * @throws {TypeError} When the tensor is not floating-point.
 *
 * @example
 * ```ts
 * import { toFloat32 } from "./tensor.ts";
 * console.log(toFloat32({ dtype: "BF16", shape: [1], data: new Uint16Array([0x3fc0]) })); // [1.5]
 * ```
 */
export function toFloat32(tensor: TensorData): Float32Array {
  switch (tensor.dtype) {
    case "F32":
      return tensor.data;
    case "F64":
      return new Float32Array(tensor.data);
    case "F16": {
      const { buffer, byteOffset, length } = tensor.data;
      return new Float32Array(new Float16Array(buffer, byteOffset, length));
    }
    case "BF16": // the upper half of a float32
      return new Float32Array(Uint32Array.from(tensor.data, (bits) => bits << 16).buffer);
    default:
      throw new TypeError(`Cannot convert a tensor of data type ${tensor.dtype} to float32`);
  }
}
