/**
 * Values between JavaScript arrays and TensorFlow's host tensors.
 *
 * @module
 */
import { type Pointer, runtime } from "./runtime.ts";

/** TensorFlow's numbers for the dtypes that cross the binding (tensorflow/core/framework/types.proto). */
export const DTYPE = {
  float32: 1,
  float64: 2,
  int32: 3,
  uint8: 4,
  string: 7,
  complex64: 8,
  int64: 9,
  bool: 10,
  bfloat16: 14,
  float16: 19,
  resource: 20,
  uint64: 23,
} as const;

/** What tfjs hands over and takes back: a typed array, plain numbers or booleans, or one byte array per string. */
export type Values = ArrayBufferView | ArrayLike<number | bigint | boolean> | Uint8Array[];

const ARRAYS: Record<
  number,
  typeof Float32Array | typeof Float64Array | typeof Int32Array | typeof Uint8Array
> = {
  [DTYPE.float32]: Float32Array,
  [DTYPE.float64]: Float64Array,
  [DTYPE.complex64]: Float32Array, // real and imaginary parts in turn
  [DTYPE.int32]: Int32Array,
  [DTYPE.bool]: Uint8Array,
  [DTYPE.uint8]: Uint8Array,
};
/** Bytes of one element where they are not 4. */
const WIDTHS: Record<number, number> = {
  [DTYPE.float64]: 8,
  [DTYPE.complex64]: 8,
  [DTYPE.int64]: 8,
  [DTYPE.uint64]: 8,
  [DTYPE.bfloat16]: 2,
  [DTYPE.float16]: 2,
  [DTYPE.bool]: 1,
  [DTYPE.uint8]: 1,
};
const STRING_BYTES = 24; // sizeof(TF_TString)

/** `shape` as the int64 array that the C interface takes. */
export function dims(shape: readonly number[]): BigInt64Array<ArrayBuffer> {
  return BigInt64Array.from(shape, BigInt);
}

/**
 * Copies `values` into a new TF_Tensor of the given shape; the caller deletes it by {@linkcode deleteHostTensor}.
 *
 * @throws {RangeError} If the number of bytes, or of strings, does not fit the shape.
 */
export function newHostTensor(shape: readonly number[], dtype: number, values: Values): Pointer {
  const { symbols } = runtime();
  const size = shape.reduce((a, b) => a * b, 1);
  if (dtype === DTYPE.string) return newStringTensor(shape, values as Uint8Array[]);
  const bytes = toBytes(dtype, values);
  const width = WIDTHS[dtype] ?? 4;
  if (bytes.byteLength !== size * width) {
    throw new RangeError(
      `Cannot create a tensor of shape [${shape}]: it needs ${size * width} bytes, got ${bytes.byteLength}`,
    );
  }
  const tensor = symbols.TF_AllocateTensor(dtype, dims(shape), shape.length, BigInt(bytes.byteLength));
  if (tensor === null) throw new RangeError(`Cannot allocate a tensor of shape [${shape}]: out of memory`);
  if (bytes.byteLength) {
    const memory = Deno.UnsafePointerView.getArrayBuffer(symbols.TF_TensorData(tensor)!, bytes.byteLength);
    new Uint8Array(memory).set(bytes);
  }
  return tensor;
}

/** Copies a TF_Tensor out: a typed array, or one Uint8Array per string. */
export function readHostTensor(tensor: Pointer): ArrayBufferView | Uint8Array[] {
  const { symbols } = runtime();
  const dtype = symbols.TF_TensorType(tensor);
  const data = symbols.TF_TensorData(tensor);
  if (dtype === DTYPE.string) return readStrings(data, Number(symbols.TF_TensorElementCount(tensor)));
  const length = Number(symbols.TF_TensorByteSize(tensor));
  const copy = length ? Deno.UnsafePointerView.getArrayBuffer(data!, length).slice(0) : new ArrayBuffer(0);
  if (dtype === DTYPE.int64) return new BigInt64Array(copy);
  if (dtype === DTYPE.uint64) return new BigUint64Array(copy);
  if (dtype === DTYPE.bfloat16 || dtype === DTYPE.float16) return new Uint16Array(copy);
  return new (ARRAYS[dtype] ?? Uint8Array)(copy);
}

/** Deletes a tensor made by {@linkcode newHostTensor}, with the heap memory of its strings if it has any. */
export function deleteHostTensor(tensor: Pointer) {
  const { symbols } = runtime();
  if (symbols.TF_TensorType(tensor) !== DTYPE.string) return symbols.TF_DeleteTensor(tensor);
  const count = Number(symbols.TF_TensorElementCount(tensor));
  const data = symbols.TF_TensorData(tensor);
  for (let i = 0; i < count; i++) symbols.TF_StringDealloc(stringAt(data, i));
  symbols.TF_DeleteTensor(tensor);
}

function toBytes(dtype: number, values: Values): Uint8Array {
  const TypedArray = ARRAYS[dtype];
  // int64 comes as BigInt64Array, or as pairs of 32-bit words as tfjs-node packs its step counters
  if (!TypedArray) {
    return view(ArrayBuffer.isView(values) ? values : BigInt64Array.from(values as bigint[], BigInt));
  }
  return view(values instanceof TypedArray ? values : TypedArray.from(values as ArrayLike<number>));
}

function view(array: ArrayBufferView): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

function newStringTensor(shape: readonly number[], values: Uint8Array[]): Pointer {
  const { symbols } = runtime();
  const size = shape.reduce((a, b) => a * b, 1);
  if (values.length !== size) {
    throw new RangeError(
      `Cannot create a tensor of shape [${shape}]: it needs ${size} strings, got ${values.length}`,
    );
  }
  const tensor = symbols.TF_AllocateTensor(
    DTYPE.string,
    dims(shape),
    shape.length,
    BigInt(STRING_BYTES * values.length),
  );
  const data = symbols.TF_TensorData(tensor);
  values.forEach((value, i) => {
    const bytes = typeof value === "string" ? new TextEncoder().encode(value) : value;
    symbols.TF_StringInit(stringAt(data, i));
    symbols.TF_StringCopy(stringAt(data, i), Uint8Array.from(bytes), BigInt(bytes.length));
  });
  return tensor;
}

function readStrings(data: Pointer, count: number): Uint8Array[] {
  const { symbols } = runtime();
  return Array.from({ length: count }, (_, i) => {
    const copy = new Uint8Array(Number(symbols.TF_StringGetSize(stringAt(data, i))));
    const bytes = symbols.TF_StringGetDataPointer(stringAt(data, i));
    if (bytes && copy.length) new Deno.UnsafePointerView(bytes).copyInto(copy);
    return copy;
  });
}

function stringAt(data: Pointer, index: number): Pointer {
  return Deno.UnsafePointer.offset(data!, STRING_BYTES * index);
}
