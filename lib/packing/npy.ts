/**
 * NumPy's `.npy` array files, byte for byte as numpy 1.26 writes them.
 *
 * Layout: magic `\x93NUMPY`, version, header length (little endian), a Python dict literal padded with spaces and closed
 * by a newline so that the data begin at a multiple of 64, then the elements in C order. numpy leaves room for the first
 * dimension to grow to 21 digits, so the header of a one-dimensional array has the same length whatever its size: a
 * writer can put it down first and correct it at the end.
 *
 * Source: numpy/lib/format.py (NEP 1).
 */
import { UserError } from "../config/mod.ts";

/** Little-endian element types, as numpy's type characters: unsigned, signed, float, boolean; and bytes each. */
const ELEMENT_TYPES = {
  b1: { descr: "|b1", bytes: 1, Array: Uint8Array },
  u1: { descr: "|u1", bytes: 1, Array: Uint8Array },
  u2: { descr: "<u2", bytes: 2, Array: Uint16Array },
  u4: { descr: "<u4", bytes: 4, Array: Uint32Array },
  i1: { descr: "|i1", bytes: 1, Array: Int8Array },
  i2: { descr: "<i2", bytes: 2, Array: Int16Array },
  i4: { descr: "<i4", bytes: 4, Array: Int32Array },
  i8: { descr: "<i8", bytes: 8, Array: BigInt64Array },
  f2: { descr: "<f2", bytes: 2, Array: Uint16Array },
  f4: { descr: "<f4", bytes: 4, Array: Float32Array },
  f8: { descr: "<f8", bytes: 8, Array: Float64Array },
} as const;

/** Element type of an array file. */
export type NpyDtype = keyof typeof ELEMENT_TYPES;

/** Elements of an array file; booleans (`b1`) are bytes 0 and 1, 16-bit floats (`f2`) their bits. */
export type NpyData =
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Float32Array
  | Float64Array;

/** What stands before the elements. */
export interface NpyHeader {
  readonly dtype: NpyDtype;
  readonly shape: readonly number[];
  /** Bytes before the first element. */
  readonly dataOffset: number;
}

/** An array with its shape; elements in C order. */
export interface NpyArray {
  readonly dtype: NpyDtype;
  readonly shape: readonly number[];
  readonly data: NpyData;
}

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59]; // \x93NUMPY
const PREAMBLE_BYTES = 10; // magic, version, header length of version 1.0
const ALIGNMENT = 64;
const GROWTH_DIGITS = 21; // room for the first dimension, from numpy 1.23 on

/**
 * Tells how many bytes an element takes.
 *
 * @param dtype the element type
 * @returns bytes, 1 to 8
 */
export function elementBytes(dtype: NpyDtype): number {
  return ELEMENT_TYPES[dtype].bytes;
}

/**
 * Writes the header of an array file, version 1.0.
 *
 * @param dtype the element type
 * @param shape the dimensions
 * @returns everything before the first element, a multiple of 64 bytes
 *
 * @example
 * ```ts
 * import { encodeNpyHeader } from "./npy.ts";
 * console.log(encodeNpyHeader("u2", [54]).length); // 128
 * ```
 */
export function encodeNpyHeader(dtype: NpyDtype, shape: readonly number[]): Uint8Array {
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(", ")})`;
  const spare = shape.length > 0 ? " ".repeat(GROWTH_DIGITS - String(shape[0]).length) : "";
  const dict = `{'descr': '${
    ELEMENT_TYPES[dtype].descr
  }', 'fortran_order': False, 'shape': ${tuple}, }${spare}`;
  const used = PREAMBLE_BYTES + dict.length + 1;
  const text = dict + " ".repeat(ALIGNMENT - used % ALIGNMENT) + "\n";
  const preamble = [...MAGIC, 1, 0, text.length & 0xff, text.length >> 8];
  return Uint8Array.from([...preamble, ...new TextEncoder().encode(text)]);
}

/**
 * Reads the header of an array file.
 *
 * @param bytes the beginning of the file; {@linkcode npyHeaderBytes} tells how much of it is needed
 * @param name the file's name, for errors
 * @returns element type, shape and where the data begin
 * @throws {UserError} if this is no array file or one we do not read; the message names file and reason
 */
export function decodeNpyHeader(bytes: Uint8Array, name: string): NpyHeader {
  const dataOffset = npyHeaderBytes(bytes, name);
  const cannot = (reason: string) => new UserError(`Cannot read array "${name}": ${reason}`);
  if (bytes.length < dataOffset) {
    throw cannot(`it ends within its header, after ${bytes.length} of ${dataOffset} bytes`);
  }
  const text = new TextDecoder("latin1").decode(bytes.subarray(PREAMBLE_BYTES, dataOffset));
  const descr = /'descr':\s*'([^']*)'/.exec(text)?.[1];
  const fortran = /'fortran_order':\s*(True|False)/.exec(text)?.[1];
  const tuple = /'shape':\s*\(([\d\s,L]*)\)/.exec(text)?.[1];
  if (descr === undefined || fortran === undefined || tuple === undefined) {
    throw cannot("its header names no element type, order or shape; write it with numpy.save");
  }
  const dtype = (Object.keys(ELEMENT_TYPES) as NpyDtype[]).find((key) => ELEMENT_TYPES[key].descr === descr);
  if (dtype === undefined) {
    const known = Object.values(ELEMENT_TYPES).map((type) => type.descr).join(", ");
    throw cannot(`elements of type "${descr}" are not supported; convert it to one of ${known}`);
  }
  if (fortran === "True") {
    throw cannot("its elements are in Fortran order; save numpy.ascontiguousarray of it");
  }
  const shape = tuple.split(",").map((part) => part.replace("L", "").trim()).filter(Boolean).map(Number);
  return { dtype, shape, dataOffset };
}

/**
 * Tells how long the header of an array file is.
 *
 * @param bytes at least the first twelve bytes of the file
 * @param name the file's name, for errors
 * @returns bytes before the first element
 * @throws {UserError} if this is no array file
 */
export function npyHeaderBytes(bytes: Uint8Array, name: string): number {
  if (bytes.length < PREAMBLE_BYTES + 2 || !MAGIC.every((byte, i) => bytes[i] === byte)) {
    throw new UserError(
      `Cannot read array "${name}": it is no .npy file; the first bytes are not \\x93NUMPY`,
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const version = bytes[6]!;
  if (version === 1) return PREAMBLE_BYTES + view.getUint16(8, true);
  if (version === 2 || version === 3) return PREAMBLE_BYTES + 2 + view.getUint32(8, true);
  throw new UserError(
    `Cannot read array "${name}": .npy version ${version} is not supported; 1, 2 and 3 are`,
  );
}

/**
 * Writes an array file.
 *
 * @param array elements in C order with type and shape
 * @returns the bytes of the file, as numpy 1.26 writes them
 * @throws {RangeError} if the shape does not multiply to the number of elements
 *
 * @example
 * ```ts
 * import { decodeNpy, encodeNpy } from "./npy.ts";
 * const bytes = encodeNpy({ dtype: "u2", shape: [3], data: Uint16Array.of(7, 8, 9) });
 * console.log(decodeNpy(bytes, "memory").data); // Uint16Array [7, 8, 9]
 * ```
 */
export function encodeNpy(array: NpyArray): Uint8Array {
  const { dtype, shape, data } = array;
  if (sizeOf(shape) !== data.length) {
    throw new RangeError(`Cannot write array of shape [${shape}]: it has ${data.length} elements`);
  }
  const header = encodeNpyHeader(dtype, shape);
  const bytes = new Uint8Array(header.length + data.byteLength);
  bytes.set(header);
  bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), header.length);
  return bytes;
}

/**
 * Reads an array file.
 *
 * @param bytes the whole file
 * @param name its name, for errors
 * @returns the elements, copied, with type and shape
 * @throws {UserError} if this is no array file, one we do not read, or if it is cut short
 */
export function decodeNpy(bytes: Uint8Array, name: string): NpyArray {
  const { dtype, shape, dataOffset } = decodeNpyHeader(bytes, name);
  checkNpySize(name, dtype, shape, bytes.length - dataOffset);
  const buffer = bytes.slice(dataOffset).buffer;
  return { dtype, shape, data: new ELEMENT_TYPES[dtype].Array(buffer) };
}

/**
 * Checks that a file holds as many bytes of data as its header promises.
 *
 * @param name the file's name, for errors
 * @param dtype the element type
 * @param shape the dimensions
 * @param actual bytes after the header
 * @throws {UserError} if there are more or fewer
 */
export function checkNpySize(name: string, dtype: NpyDtype, shape: readonly number[], actual: number): void {
  const expected = sizeOf(shape) * elementBytes(dtype);
  if (actual === expected) return;
  throw new UserError(
    `Cannot read array "${name}": its header promises ${expected} bytes of data, it has ${actual}; ` +
      "the file is damaged, make it anew",
  );
}

/**
 * Looks at bytes as the elements of an array, without a copy where alignment allows.
 *
 * @param dtype the element type
 * @param bytes whole elements, little endian
 * @returns the elements
 */
export function npyElements(dtype: NpyDtype, bytes: Uint8Array): NpyData {
  const { Array: Elements, bytes: width } = ELEMENT_TYPES[dtype];
  const aligned = bytes.byteOffset % width === 0 ? bytes : bytes.slice();
  return new Elements(aligned.buffer as ArrayBuffer, aligned.byteOffset, aligned.byteLength / width);
}

function sizeOf(shape: readonly number[]): number {
  return shape.reduce((size, dimension) => size * dimension, 1);
}
