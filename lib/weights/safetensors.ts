/**
 * The safetensors format: header length, JSON header, then the tensors end to end, all little-endian.
 *
 * Written files are byte-equal to those of the reference implementation: widest data type first, then by
 * name, the header padded with spaces to a multiple of 8, so every tensor is aligned to its element size.
 */

import { type ByteHash, type Disk, realDisk, writeAtomically } from "../config/mod.ts";
import { BinaryFile } from "./binary_file.ts";
import {
  DATA_TYPES,
  type DataType,
  ELEMENT_BYTES,
  elementCount,
  elementsOf,
  lazyTensor,
  type LazyTensorData,
  type TensorData,
  type TypedArray,
} from "./tensor.ts";

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

const WHAT = "safetensors"; // in errors
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
  using file = BinaryFile.open(path, WHAT);
  const { tensors: infos } = readHeader(file, hash);
  for (const [name, { dtype, shape, offset, byteLength }] of infos) { // their bytes follow one another
    const bytes = new Uint8Array(byteLength);
    await file.fill(offset, bytes);
    hash?.update(bytes);
    tensors.set(name, { dtype, shape, data: elementsOf(dtype, bytes) } as TensorData);
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
 * const { metadata, tensors } = readSafetensorsHeader("tests/fixtures/tiny/model.safetensors");
 * console.log(metadata, [...tensors.keys()]);
 * ```
 */
export function readSafetensorsHeader(path: string): SafetensorsHeader {
  using file = BinaryFile.open(path, WHAT);
  return readHeader(file);
}

/**
 * Opens a safetensors file: names, types and shapes now, elements when they are asked for.
 *
 * @param path - The file.
 * @returns The tensors by name, in the order of the file.
 * @throws {UserError} When the file cannot be read, is cut short, or breaks the format.
 *
 * @example
 * ```ts
 * import { openSafetensors } from "./safetensors.ts";
 * const tensors = openSafetensors("tests/fixtures/tiny/model.safetensors");
 * console.log(await tensors.get("discriminator.bias_mts.weight")?.read()); // 200 numbers
 * ```
 */
export function openSafetensors(path: string): Map<string, LazyTensorData> {
  const { tensors } = readSafetensorsHeader(path);
  return new Map(
    [...tensors].map(([name, { dtype, shape, offset }]) => [
      name,
      lazyTensor(dtype, shape, async (bytes) => {
        using file = BinaryFile.open(path, WHAT);
        await file.fill(offset, bytes);
      }),
    ]),
  );
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
    DATA_TYPES.indexOf(typeA) - DATA_TYPES.indexOf(typeB) || (a < b ? -1 : 1)
  );
  await writeAtomically(path, fileChunks(sorted, metadata), disk, hash);
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
    end += elementCount(shape) * ELEMENT_BYTES[dtype];
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
    if (data.length !== count || data.BYTES_PER_ELEMENT !== ELEMENT_BYTES[tensor.dtype]) {
      throw new RangeError(
        `Cannot write tensor "${name}": ${data.length} elements of ${data.BYTES_PER_ELEMENT} bytes for ` +
          `${count} of ${tensor.dtype}, shape [${tensor.shape}]`,
      );
    }
    yield new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  }
}

function readHeader(file: BinaryFile, hash?: ByteHash): SafetensorsHeader {
  const { size: fileSize } = file;
  if (fileSize < lengthBytes) throw file.invalid(`not a safetensors file: only ${fileSize} bytes`);
  const lengthField = file.read(0, lengthBytes);
  const headerLength = Number(new DataView(lengthField.buffer).getBigUint64(0, true));
  if (headerLength > largestHeader) {
    throw file.invalid(`not a safetensors file: the header would be ${headerLength} bytes`);
  }
  const dataStart = lengthBytes + headerLength;
  if (dataStart > fileSize) {
    throw file.invalid(
      `the file is cut short: the header ends at byte ${dataStart}, the file at ${fileSize}`,
    );
  }
  const json = file.read(lengthBytes, headerLength), header = parseHeader(file, json);
  hash?.update(lengthField);
  hash?.update(json);
  const metadata = header["__metadata__"] ?? {};
  if (!isRecord(metadata) || !Object.values(metadata).every((value) => typeof value === "string")) {
    throw file.invalid("__metadata__ is not a table of texts");
  }
  delete header["__metadata__"];

  const infos = Object.entries(header).map(([name, entry]) => [name, tensorInfo(file, name, entry)] as const);
  infos.sort(([, a], [, b]) => a.offset - b.offset || a.byteLength - b.byteLength); // empty ones first
  let end = 0;
  for (const [name, info] of infos) {
    if (info.offset !== end) {
      const fault = info.offset < end ? "overlaps the one before" : "leaves a gap after the one before";
      throw file.invalid(`tensor "${name}" ${fault}`);
    }
    end += info.byteLength;
    info.offset += dataStart;
  }
  if (dataStart + end !== fileSize) {
    const fault = dataStart + end > fileSize ? "the file is cut short" : "bytes follow the last tensor";
    throw file.invalid(`${fault}: the tensors end at byte ${dataStart + end}, the file at ${fileSize}`);
  }
  return { metadata: metadata as Record<string, string>, tensors: new Map(infos) };
}

function parseHeader(file: BinaryFile, bytes: Uint8Array): Record<string, unknown> {
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw file.invalid("not a safetensors file: the header is not JSON", cause);
  }
  if (bytes[0] !== 0x7b || !isRecord(header)) { // "{"
    throw file.invalid("not a safetensors file: the header is not a JSON object");
  }
  return header;
}

/** Checks one entry of the header; the offset is still relative to the first tensor. */
function tensorInfo(file: BinaryFile, name: string, entry: unknown): TensorInfo {
  const { dtype, shape, data_offsets: offsets } = isRecord(entry) ? entry : {};
  if (typeof dtype !== "string" || !Object.hasOwn(ELEMENT_BYTES, dtype)) {
    throw file.invalid(`tensor "${name}" has unknown data type ${JSON.stringify(dtype)}`);
  }
  if (!isListOfSizes(shape)) {
    throw file.invalid(`tensor "${name}" has no valid shape: ${JSON.stringify(shape)}`);
  }
  if (!isListOfSizes(offsets) || offsets.length !== 2) {
    throw file.invalid(`tensor "${name}" has no valid data_offsets: ${JSON.stringify(offsets)}`);
  }
  const [start, end] = offsets as [number, number];
  const byteLength = elementCount(shape) * ELEMENT_BYTES[dtype as DataType];
  if (end - start !== byteLength) {
    throw file.invalid(
      `tensor "${name}" holds ${end - start} bytes, but ${dtype} of shape [${shape}] takes ${byteLength}`,
    );
  }
  return { dtype: dtype as DataType, shape, offset: start, byteLength };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isListOfSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}
