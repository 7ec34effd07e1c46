/**
 * NumPy's `.npz` archives: a zip of `.npy` files, byte for byte as `numpy.savez` writes them.
 *
 * numpy stores without compression, dates every entry 1980-01-01 and always adds the zip64 field to the local header, so
 * that the two sizes there read 0xFFFFFFFF; the directory has such fields only for what passes 2 GiB. Reading takes any
 * zip, stored or deflated.
 *
 * Source: numpy/lib/npyio.py (`_savez`), Python's zipfile, PKWARE APPNOTE 6.3.
 */
import { crc32 } from "node:zlib";
import { unzipSync } from "fflate";
import { UserError } from "../config/mod.ts";
import { decodeNpy, encodeNpy, type NpyArray } from "./npy.ts";

const VERSION_ZIP64 = 45; // 4.5, the first with zip64
const UNIX = 3;
const UTF8_NAME = 0x800;
const DATE_1980_01_01 = 0x21;
const PERMISSIONS = 0o600;
const ALL_ONES = 0xffffffff;
const ZIP64_FIELD = 1;
const ZIP64_LIMIT = 2 ** 31 - 1; // Python's, for it reads signed numbers

/** An array in an archive, without its elements. */
export interface NpzEntry {
  readonly key: string;
  /** Bytes of the `.npy` file, header included. */
  readonly size: number;
  /** CRC-32 of that file. */
  readonly crc: number;
}

/**
 * Writes an archive as `numpy.savez(file, **arrays)` does.
 *
 * @param arrays the arrays by key, in order
 * @returns the bytes of the file
 *
 * @example
 * ```ts
 * import { decodeNpz, encodeNpz } from "./npz.ts";
 * const bytes = encodeNpz({ lens: { dtype: "i4", shape: [2], data: Int32Array.of(5, 3) } });
 * console.log(decodeNpz(bytes, "memory").get("lens")?.data); // Int32Array [5, 3]
 * ```
 */
export function encodeNpz(arrays: Readonly<Record<string, NpyArray>>): Uint8Array {
  const files = Object.entries(arrays).map(([key, array]) => {
    const data = encodeNpy(array);
    return { key, data, size: data.length, crc: crc32(data) };
  });
  return concatenate([
    ...files.flatMap((file) => [encodeNpzHeader(file), file.data]),
    encodeNpzDirectory(files),
  ]);
}

/**
 * Writes what stands before an array in an archive; it is as long whatever size and checksum are.
 *
 * @param entry the array
 * @returns its local header
 */
export function encodeNpzHeader({ key, size, crc }: NpzEntry): Uint8Array {
  const name = fileName(key);
  return fields([
    [4, 0x04034b50],
    ...commonFields(name, crc, ALL_ONES, ALL_ONES),
    [2, name.length],
    [2, 20], // bytes of the extra field
    name,
    [2, ZIP64_FIELD],
    [2, 16],
    [8, size], // original
    [8, size], // compressed
  ]);
}

/**
 * Writes the end of an archive.
 *
 * @param entries all its arrays in order
 * @returns the directory, and where it is
 */
export function encodeNpzDirectory(entries: readonly NpzEntry[]): Uint8Array {
  const parts: Uint8Array[] = [];
  let offset = 0;
  for (const entry of entries) {
    parts.push(directoryHeader(entry, offset));
    offset += encodeNpzHeader(entry).length + entry.size;
  }
  const directory = concatenate(parts);
  return concatenate([directory, endOfDirectory(entries.length, directory.length, offset)]);
}

/**
 * Reads an archive.
 *
 * @param bytes the whole file
 * @param name its name, for errors
 * @returns the arrays by key
 * @throws {UserError} if this is no zip, or an entry is no array
 */
export function decodeNpz(bytes: Uint8Array, name: string): Map<string, NpyArray> {
  let entries: Record<string, Uint8Array>;
  try {
    entries = unzipSync(bytes);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new UserError(`Cannot read archive "${name}": it is no .npz file, or damaged (${reason})`, {
      cause: error,
    });
  }
  return new Map(
    Object.entries(entries).map((
      [entry, data],
    ) => [entry.replace(/\.npy$/, ""), decodeNpy(data, `${name}/${entry}`)]),
  );
}

function directoryHeader({ key, size, crc }: NpzEntry, offset: number): Uint8Array {
  const name = fileName(key);
  const large = [...(size > ZIP64_LIMIT ? [size, size] : []), ...(offset > ZIP64_LIMIT ? [offset] : [])];
  const shownSize = size > ZIP64_LIMIT ? ALL_ONES : size;
  return fields([
    [4, 0x02014b50],
    [2, VERSION_ZIP64 | UNIX << 8],
    ...commonFields(name, crc, shownSize, shownSize),
    [2, name.length],
    [2, large.length === 0 ? 0 : 4 + 8 * large.length], // bytes of the extra field
    [2, 0], // no comment
    [2, 0], // first disk
    [2, 0], // internal attributes
    [4, PERMISSIONS * 0x10000],
    [4, offset > ZIP64_LIMIT ? ALL_ONES : offset],
    name,
    ...(large.length === 0 ? [] : [[2, ZIP64_FIELD], [2, 8 * large.length]] as const),
    ...large.map((value) => [8, value] as const),
  ]);
}

function commonFields(name: Uint8Array, crc: number, compressed: number, size: number): Field[] {
  return [
    [2, VERSION_ZIP64],
    [2, name.some((byte) => byte > 127) ? UTF8_NAME : 0],
    [2, 0], // stored
    [2, 0], // 00:00
    [2, DATE_1980_01_01],
    [4, crc],
    [4, compressed],
    [4, size],
  ];
}

function endOfDirectory(entries: number, bytes: number, offset: number): Uint8Array {
  const large: Field[] = [
    [4, 0x06064b50], // end of directory, zip64
    [8, 44], // bytes that follow in this record
    [2, VERSION_ZIP64],
    [2, VERSION_ZIP64],
    [4, 0], // this disk
    [4, 0], // the directory's
    [8, entries],
    [8, entries],
    [8, bytes],
    [8, offset],
    [4, 0x07064b50], // where that record is
    [4, 0],
    [8, offset + bytes],
    [4, 1], // disks
  ];
  return fields([
    ...(offset > ZIP64_LIMIT ? large : []),
    [4, 0x06054b50],
    [2, 0],
    [2, 0],
    [2, entries],
    [2, entries],
    [4, bytes],
    [4, Math.min(offset, ALL_ONES)],
    [2, 0], // no comment
  ]);
}

function fileName(key: string): Uint8Array {
  return new TextEncoder().encode(`${key}.npy`);
}

/** A little-endian number of two, four or eight bytes, or bytes as they are. */
type Field = readonly [width: 2 | 4 | 8, value: number] | Uint8Array;

function fields(list: readonly Field[]): Uint8Array {
  return concatenate(list.map((field) => {
    if (field instanceof Uint8Array) return field;
    const [width, value] = field;
    const bytes = new Uint8Array(width);
    for (let i = 0; i < width; i++) bytes[i] = Math.floor(value / 2 ** (8 * i)) % 256;
    return bytes;
  }));
}

function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
