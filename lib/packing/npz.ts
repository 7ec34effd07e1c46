/**
 * NumPy's `.npz` archives: a zip of `.npy` files, byte for byte as `numpy.savez` writes them.
 *
 * numpy stores without compression, dates every entry 1980-01-01 and always adds the zip64 field to the local header, so
 * that the two sizes there read 0xFFFFFFFF. Reading takes any zip, stored or deflated.
 *
 * Source: numpy/lib/npyio.py (`_savez`), PKWARE APPNOTE 6.3.
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

/**
 * Writes an archive as `numpy.savez(file, **arrays)` does.
 *
 * @param arrays the arrays by key, in order
 * @returns the bytes of the file
 * @throws {RangeError} if an array takes 4 GiB or more
 *
 * @example
 * ```ts
 * import { decodeNpz, encodeNpz } from "./npz.ts";
 * const bytes = encodeNpz({ lens: { dtype: "i4", shape: [2], data: Int32Array.of(5, 3) } });
 * console.log(decodeNpz(bytes, "memory").get("lens")?.data); // Int32Array [5, 3]
 * ```
 */
export function encodeNpz(arrays: Readonly<Record<string, NpyArray>>): Uint8Array {
  const parts: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let offset = 0;
  for (const [key, array] of Object.entries(arrays)) {
    const data = encodeNpy(array);
    if (offset + data.length >= ALL_ONES) {
      throw new RangeError(`Cannot write "${key}.npy": archives end at 4 GiB`);
    }
    const entry = { name: new TextEncoder().encode(`${key}.npy`), data, crc: crc32(data), offset };
    const header = localHeader(entry);
    parts.push(header, data);
    directory.push(directoryHeader(entry));
    offset += header.length + data.length;
  }
  const directoryBytes = directory.reduce((sum, part) => sum + part.length, 0);
  return concatenate([...parts, ...directory, endOfDirectory(directory.length, directoryBytes, offset)]);
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

interface Entry {
  readonly name: Uint8Array;
  readonly data: Uint8Array;
  readonly crc: number;
  /** Of the local header, from the start of the file. */
  readonly offset: number;
}

function localHeader({ name, data, crc }: Entry): Uint8Array {
  return fields([
    [4, 0x04034b50],
    ...commonFields(name, crc, ALL_ONES),
    [2, name.length],
    [2, 20], // bytes of the extra field
    name,
    [2, 1], // zip64: original size, compressed size
    [2, 16],
    [4, data.length],
    [4, 0],
    [4, data.length],
    [4, 0],
  ]);
}

function directoryHeader({ name, data, crc, offset }: Entry): Uint8Array {
  return fields([
    [4, 0x02014b50],
    [2, VERSION_ZIP64 | UNIX << 8],
    ...commonFields(name, crc, data.length),
    [2, name.length],
    [2, 0], // no extra field
    [2, 0], // no comment
    [2, 0], // first disk
    [2, 0], // internal attributes
    [4, PERMISSIONS * 0x10000],
    [4, offset],
    name,
  ]);
}

function commonFields(name: Uint8Array, crc: number, size: number): Field[] {
  return [
    [2, VERSION_ZIP64],
    [2, name.some((byte) => byte > 127) ? UTF8_NAME : 0],
    [2, 0], // stored
    [2, 0], // 00:00
    [2, DATE_1980_01_01],
    [4, crc],
    [4, size],
    [4, size],
  ];
}

function endOfDirectory(entries: number, bytes: number, offset: number): Uint8Array {
  return fields([[4, 0x06054b50], [2, 0], [2, 0], [2, entries], [2, entries], [4, bytes], [4, offset], [
    2,
    0,
  ]]);
}

/** A little-endian number of two or four bytes, or bytes as they are. */
type Field = readonly [width: 2 | 4, value: number] | Uint8Array;

function fields(list: readonly Field[]): Uint8Array {
  return concatenate(list.map((field) => {
    if (field instanceof Uint8Array) return field;
    const [width, value] = field;
    const bytes = new Uint8Array(width);
    for (let i = 0; i < width; i++) bytes[i] = Math.floor(value / 2 ** (8 * i)) & 0xff;
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
