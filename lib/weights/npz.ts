/**
 * Weights in NumPy's `.npz` archives: an array a parameter.
 *
 * @module
 */
import { crc32 } from "node:zlib";
import { writeAtomically } from "../config/mod.ts";
import {
  decodeNpyHeader,
  encodeNpyHeader,
  encodeNpzDirectory,
  encodeNpzHeader,
  type NpyDtype,
  type NpzEntry,
} from "../packing/mod.ts";
import { invalid } from "./binary_file.ts";
import {
  type DataType,
  ELEMENT_BYTES,
  elementCount,
  lazyTensor,
  type LazyTensorData,
  toFloat32,
} from "./tensor.ts";
import type { ZipEntry } from "./zip.ts";

/** NumPy has no bfloat16: it is written as float32, which holds the same values. */
const NPY_TYPES: Readonly<Record<DataType, NpyDtype>> = {
  F64: "f8",
  F32: "f4",
  BF16: "f4",
  F16: "f2",
  I64: "i8",
  I32: "i4",
  I16: "i2",
  I8: "i1",
  U8: "u1",
  BOOL: "b1",
};
const HEADER_BYTES = 1 << 12; // more than shapes of any length take

/**
 * Opens an archive of arrays.
 *
 * @param entries Of the archive.
 * @returns The tensors by name.
 * @throws {UserError} If an entry is no array, or of a type that weights do not have.
 */
export async function openNpz(
  path: string,
  entries: ReadonlyMap<string, ZipEntry>,
): Promise<Map<string, LazyTensorData>> {
  const tensors = new Map<string, LazyTensorData>();
  for (const [file, entry] of entries) {
    const header = decodeNpyHeader(await entry.head(HEADER_BYTES), `${path}/${file}`);
    const { shape, dataOffset } = header, name = file.replace(/\.npy$/, "");
    const dtype = (Object.keys(NPY_TYPES) as DataType[]).find((type) => NPY_TYPES[type] === header.dtype);
    if (!dtype) {
      throw invalid(
        path,
        `its array "${name}" is of type ${header.dtype}, which no weights have; convert it`,
      );
    }
    const size = elementCount(shape) * ELEMENT_BYTES[dtype];
    if (dataOffset + size !== entry.size) {
      throw invalid(
        path,
        `its array "${name}" has ${entry.size - dataOffset} bytes, its shape [${shape}] takes ${size}`,
      );
    }
    tensors.set(name, lazyTensor(dtype, shape, (bytes) => entry.fill(bytes, dataOffset)));
  }
  return tensors;
}

/**
 * Writes weights as `numpy.savez` does, without compression; bfloat16 becomes float32.
 *
 * @param path File to create or replace, in one piece.
 * @param tensors By name; one in memory at a time.
 * @throws {UserError} When the disk refuses.
 *
 * @example
 * ```ts
 * import { readWeights, writeNpz } from "./mod.ts";
 * const folder = await Deno.makeTempDir();
 * await writeNpz(`${folder}/model.npz`, [["bias", { dtype: "F32", shape: [2], read: () => new Float32Array(2) }]]);
 * console.log((await readWeights(`${folder}/model.npz`)).get("bias")?.shape); // [2]
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export async function writeNpz(
  path: string,
  tensors: Iterable<readonly [string, LazyTensorData]>,
): Promise<void> {
  await writeAtomically(path, pieces(tensors));
}

async function* pieces(tensors: Iterable<readonly [string, LazyTensorData]>): AsyncIterable<Uint8Array> {
  const entries: NpzEntry[] = [];
  for (const [key, { dtype, shape, read }] of tensors) {
    const data = await read();
    const { buffer, byteOffset, byteLength } = dtype === "BF16"
      ? toFloat32({ dtype, shape, data: data as Uint16Array })
      : data;
    const header = encodeNpyHeader(NPY_TYPES[dtype], shape),
      body = new Uint8Array(buffer, byteOffset, byteLength);
    const entry = { key, size: header.length + byteLength, crc: crc32(body, crc32(header)) };
    entries.push(entry);
    yield encodeNpzHeader(entry);
    yield header;
    yield body;
  }
  yield encodeNpzDirectory(entries);
}
