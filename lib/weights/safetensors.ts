/**
 * The safetensors format: header length, JSON header, then the tensors end to end, all little-endian.
 *
 * Written files are byte-equal to those of the reference implementation: widest data type first, then by
 * name, the header padded with spaces to a multiple of 8, so every tensor is aligned to its element size.
 */

import { type ByteHash, type Disk, fileError, realDisk, UserError, writeAtomically } from "../config/mod.ts";

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

/** Name of a data type as the header spells it. */
export type DataType = keyof ArrayOf;

/** Any array that a tensor's elements come in. */
export type TypedArray = ArrayOf[DataType];

/** A tensor in memory: row-major elements and their shape. */
export type TensorData = { [D in DataType]: { dtype: D; shape: number[]; data: ArrayOf[D] } }[DataType];

/** A tensor whose elements are fetched when their turn to be written comes: one in memory at a time. */
export type LazyTensorData = {
  [D in DataType]: { dtype: D; shape: number[]; read: () => ArrayOf[D] | Promise<ArrayOf[D]> };
}[DataType];

/** Where a tensor lies in a file. */
export interface TensorInfo {
  dtype: DataType;
  shape: number[];
  /** Byte offset of the first element from the start of the file. */
  offset: number;
  /** Bytes of all elements. */
  byteLength: number;
}

/** The header of a file. */
export interface SafetensorsHeader {
  /** Free text stored with the tensors. */
  metadata: Record<string, string>;
  /** In the order of the bytes. */
  tensors: Map<string, TensorInfo>;
}

// In the order in which the reference implementation lays tensors out.
const arrayTypes: { [D in DataType]: new (buffer: ArrayBuffer) => ArrayOf[D] } = {
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
const layoutOrder = Object.keys(arrayTypes) as DataType[];
const elementBytes: Record<DataType, number> = {
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

const lengthBytes = 8;
const largestHeader = 100_000_000; // bytes; the reference implementation refuses more

/**
 * Reads every tensor of a safetensors file.
 *
 * @param path - The file.
 * @param options - `hash`: sees every byte of the file, in order.
 * @returns The tensors by name, in the order of the file; each has memory of its own.
 * @throws {UserError} When the file cannot be read, is cut short, or breaks the format.
 *
 * @example
 * ```ts
 * import { readSafetensors } from "./safetensors.ts";
 * const tensors = await readSafetensors("tests/fixtures/tiny/model.safetensors");
 * console.log(tensors.get("discriminator.bias_mts.weight")?.shape); // [200, 1]
 * ```
 */
export async function readSafetensors(
  path: string,
  { hash }: { hash?: ByteHash } = {},
): Promise<Map<string, TensorData>> {
  const tensors = new Map<string, TensorData>();
  using file = await open(path);
  const { tensors: infos } = await readHeader(file, path, hash);
  for (const [name, { dtype, shape, byteLength }] of infos) { // their bytes follow one another
    const bytes = await readBytes(file, byteLength, path, hash);
    tensors.set(name, { dtype, shape, data: new arrayTypes[dtype](bytes.buffer) } as TensorData);
  }
  return tensors;
}

/**
 * Reads and checks the header of a safetensors file, without its tensors.
 *
 * @param path - The file.
 * @returns Metadata, and shape and place of each tensor; they fill the file exactly.
 * @throws {UserError} When the file cannot be read, is cut short, or breaks the format.
 *
 * @example
 * ```ts
 * import { readSafetensorsHeader } from "./safetensors.ts";
 * const { metadata, tensors } = await readSafetensorsHeader("tests/fixtures/tiny/model.safetensors");
 * console.log(metadata, [...tensors.keys()]);
 * ```
 */
export async function readSafetensorsHeader(path: string): Promise<SafetensorsHeader> {
  using file = await open(path);
  return await readHeader(file, path);
}

/**
 * Writes tensors to a safetensors file, one at a time; the same tensors always give the same bytes.
 *
 * @param path - File to create or replace, in one piece: a failed write leaves the earlier file as it was.
 * @param tensors - Tensors by name, in any order; a lazy one is read when its turn comes.
 * @param options - `metadata`: free text to store along; `disk`: where to write; `hash`: sees every byte of the file.
 * @throws {UserError} When the disk refuses.
 * @throws {RangeError} When a tensor's elements don't fill its shape.
 *
 * @example
 * ```ts
 * import { readSafetensors, type TensorData, writeSafetensors } from "./safetensors.ts";
 * const folder = await Deno.makeTempDir();
 * const bias: TensorData = { dtype: "F32", shape: [2], data: new Float32Array([1, 2]) };
 * await writeSafetensors(`${folder}/model.safetensors`, new Map([["bias", bias]]));
 * console.log(await readSafetensors(`${folder}/model.safetensors`));
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export async function writeSafetensors(
  path: string,
  tensors: Iterable<[string, TensorData | LazyTensorData]>,
  { metadata = {}, disk = realDisk, hash }: {
    metadata?: Record<string, string>;
    disk?: Disk;
    hash?: ByteHash;
  } = {},
): Promise<void> {
  const sorted = [...tensors].sort(([a, { dtype: typeA }], [b, { dtype: typeB }]) =>
    layoutOrder.indexOf(typeA) - layoutOrder.indexOf(typeB) || (a < b ? -1 : 1)
  );
  await writeAtomically(path, fileChunks(sorted, metadata), disk, hash);
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
 * import { toFloat32 } from "./safetensors.ts";
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

async function* fileChunks(
  tensors: [string, TensorData | LazyTensorData][],
  metadata: Record<string, string>,
): AsyncIterable<Uint8Array> {
  const names = new Set(["__metadata__"]);
  const entries: [string, unknown][] = []; // an object would put names like "0" first
  if (Object.keys(metadata).length > 0) {
    entries.push(["__metadata__", Object.fromEntries(Object.entries(metadata).sort())]);
  }
  let end = 0;
  for (const [name, { dtype, shape }] of tensors) {
    if (names.has(name)) throw new RangeError(`Cannot write tensor "${name}": the name is taken`);
    names.add(name);
    const start = end;
    end += elementCount(shape) * elementBytes[dtype];
    entries.push([name, { dtype, shape, data_offsets: [start, end] }]);
  }
  const header = entries.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`);
  const json = new TextEncoder().encode(`{${header.join(",")}}`);
  const padded = new Uint8Array(lengthBytes + Math.ceil(json.length / 8) * 8).fill(0x20); // spaces
  new DataView(padded.buffer).setBigUint64(0, BigInt(padded.length - lengthBytes), true);
  padded.set(json, lengthBytes);
  yield padded;

  for (const [name, tensor] of tensors) {
    const data: TypedArray = "data" in tensor ? tensor.data : await tensor.read();
    const count = elementCount(tensor.shape);
    if (data.length !== count || data.BYTES_PER_ELEMENT !== elementBytes[tensor.dtype]) {
      throw new RangeError(
        `Cannot write tensor "${name}": ${data.length} elements of ${data.BYTES_PER_ELEMENT} bytes for ` +
          `${count} of ${tensor.dtype}, shape [${tensor.shape}]`,
      );
    }
    yield new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  }
}

async function readHeader(file: Deno.FsFile, path: string, hash?: ByteHash): Promise<SafetensorsHeader> {
  const fileSize = (await file.stat()).size;
  if (fileSize < lengthBytes) throw invalid(path, `not a safetensors file: only ${fileSize} bytes`);
  const lengthField = await readBytes(file, lengthBytes, path, hash);
  const headerLength = Number(new DataView(lengthField.buffer).getBigUint64(0, true));
  if (headerLength > largestHeader) {
    throw invalid(path, `not a safetensors file: the header would be ${headerLength} bytes`);
  }
  const dataStart = lengthBytes + headerLength;
  if (dataStart > fileSize) {
    throw invalid(
      path,
      `the file is cut short: the header ends at byte ${dataStart}, the file at ${fileSize}`,
    );
  }
  const header = parseHeader(await readBytes(file, headerLength, path, hash), path);
  const metadata = header["__metadata__"] ?? {};
  if (!isRecord(metadata) || !Object.values(metadata).every((value) => typeof value === "string")) {
    throw invalid(path, "__metadata__ is not a table of texts");
  }
  delete header["__metadata__"];

  const infos = Object.entries(header).map(([name, entry]) => [name, tensorInfo(name, entry, path)] as const);
  infos.sort(([, a], [, b]) => a.offset - b.offset || a.byteLength - b.byteLength); // empty ones first
  let end = 0;
  for (const [name, info] of infos) {
    if (info.offset !== end) {
      const fault = info.offset < end ? "overlaps the one before" : "leaves a gap after the one before";
      throw invalid(path, `tensor "${name}" ${fault}`);
    }
    end += info.byteLength;
    info.offset += dataStart;
  }
  if (dataStart + end !== fileSize) {
    const fault = dataStart + end > fileSize ? "the file is cut short" : "bytes follow the last tensor";
    throw invalid(path, `${fault}: the tensors end at byte ${dataStart + end}, the file at ${fileSize}`);
  }
  return { metadata: metadata as Record<string, string>, tensors: new Map(infos) };
}

function parseHeader(bytes: Uint8Array, path: string): Record<string, unknown> {
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw invalid(path, "not a safetensors file: the header is not JSON", cause);
  }
  if (bytes[0] !== 0x7b || !isRecord(header)) { // "{"
    throw invalid(path, "not a safetensors file: the header is not a JSON object");
  }
  return header;
}

/** Checks one entry of the header; the offset is still relative to the first tensor. */
function tensorInfo(name: string, entry: unknown, path: string): TensorInfo {
  const { dtype, shape, data_offsets: offsets } = isRecord(entry) ? entry : {};
  if (typeof dtype !== "string" || !Object.hasOwn(elementBytes, dtype)) {
    throw invalid(path, `tensor "${name}" has unknown data type ${JSON.stringify(dtype)}`);
  }
  if (!isListOfSizes(shape)) {
    throw invalid(path, `tensor "${name}" has no valid shape: ${JSON.stringify(shape)}`);
  }
  if (!isListOfSizes(offsets) || offsets.length !== 2) {
    throw invalid(path, `tensor "${name}" has no valid data_offsets: ${JSON.stringify(offsets)}`);
  }
  const [start, end] = offsets as [number, number];
  const byteLength = elementCount(shape) * elementBytes[dtype as DataType];
  if (end - start !== byteLength) {
    throw invalid(
      path,
      `tensor "${name}" holds ${end - start} bytes, but ${dtype} of shape [${shape}] takes ${byteLength}`,
    );
  }
  return { dtype: dtype as DataType, shape, offset: start, byteLength };
}

async function open(path: string): Promise<Deno.FsFile> {
  try {
    const file = await Deno.open(path, { read: true });
    if ((await file.stat()).isFile) return file;
    file.close();
  } catch (error) {
    throw fileError("read safetensors", path, error);
  }
  throw invalid(path, "it is not a file");
}

async function readBytes(
  file: Deno.FsFile,
  count: number,
  path: string,
  hash?: ByteHash,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(count);
  for (let filled = 0; filled < count;) {
    const read = await file.read(bytes.subarray(filled));
    if (read === null) throw invalid(path, "the file became shorter while it was read");
    filled += read;
  }
  hash?.update(bytes);
  return bytes;
}

function invalid(path: string, reason: string, cause?: unknown): UserError {
  return new UserError(`Cannot read safetensors "${path}": ${reason}`, { cause });
}

function elementCount(shape: number[]): number {
  return shape.reduce((count, size) => count * size, 1);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isListOfSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}
