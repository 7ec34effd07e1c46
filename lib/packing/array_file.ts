/** Arrays on disk, read a piece at a time: what a corpus is made of. */
import { diskErrorReason, UserError } from "../config/mod.ts";
import {
  checkNpySize,
  decodeNpyHeader,
  elementBytes,
  type NpyData,
  type NpyDtype,
  npyElements,
  npyHeaderBytes,
} from "./npy.ts";

/** Elements that are plain numbers. */
export type Elements = Exclude<NpyData, BigInt64Array>;

/** A list of whole numbers in an open `.npy` file. */
export class ArrayFile implements Disposable {
  readonly path: string;
  /** Number of elements. */
  readonly length: number;
  readonly #file: Deno.FsFile;
  readonly #dtype: NpyDtype;
  readonly #dataOffset: number;

  private constructor(path: string, length: number, file: Deno.FsFile, dtype: NpyDtype, dataOffset: number) {
    [this.path, this.length] = [path, length];
    [this.#file, this.#dtype, this.#dataOffset] = [file, dtype, dataOffset];
  }

  /**
   * Opens a file and checks that it is a list of the right type, as long as its header says.
   *
   * @param path the file
   * @param types element types that will do; none of 64 bits
   * @param what what its elements are, in the plural: "ids"
   * @returns the open list
   * @throws {UserError} if the file cannot be read, or is something else
   */
  static async open(path: string, types: readonly NpyDtype[], what: string): Promise<ArrayFile> {
    const cannot = (reason: string) => new UserError(`Cannot read corpus "${path}": ${reason}`);
    const file = await attempt(cannot, () => Deno.open(path));
    try {
      const size = (await file.stat()).size;
      const preamble = readAt(file, 0, Math.min(12, size));
      const header = readAt(file, 0, Math.min(npyHeaderBytes(preamble, path), size));
      const { dtype, shape, dataOffset } = decodeNpyHeader(header, path);
      if (!types.includes(dtype) || shape.length !== 1) {
        throw cannot(`it is an array of type ${dtype} and shape [${shape}], not a list of ${what}`);
      }
      checkNpySize(path, dtype, shape, size - dataOffset);
      return new ArrayFile(path, shape[0]!, file, dtype, dataOffset);
    } catch (error) {
      file.close();
      throw error;
    }
  }

  /**
   * Reads a piece.
   *
   * @param start number of its first element
   * @param count how many elements
   */
  read(start: number, count: number): Elements {
    const width = elementBytes(this.#dtype);
    const bytes = readAt(this.#file, this.#dataOffset + start * width, count * width);
    return npyElements(this.#dtype, bytes) as Elements;
  }

  /**
   * Reads bits that `numpy.packbits` packed into bytes: the first is the highest of its byte.
   *
   * @param start number of the first bit
   * @param count how many bits
   * @returns 0 or 1 each
   */
  readBits(start: number, count: number): Uint8Array {
    const firstByte = Math.floor(start / 8);
    const bytes = this.read(firstByte, Math.ceil((start + count) / 8) - firstByte);
    const skipped = start - 8 * firstByte;
    return Uint8Array.from(
      { length: count },
      (_, i) => (bytes[(skipped + i) >> 3]! >> (7 - (skipped + i) % 8)) & 1,
    );
  }

  /**
   * Reads all of it, four megabytes at a time.
   *
   * @param use called with each piece and the number of its first element
   */
  async visit(use: (elements: Elements, start: number) => void): Promise<void> {
    const step = SCAN_BYTES / elementBytes(this.#dtype);
    for (let start = 0; start < this.length; start += step) {
      use(this.read(start, Math.min(step, this.length - start)), start);
      await new Promise((resolve) => setTimeout(resolve)); // Ctrl-C gets its turn
    }
  }

  close(): void {
    this.#file.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

const SCAN_BYTES = 1 << 22;

function readAt(file: Deno.FsFile, position: number, count: number): Uint8Array {
  const bytes = new Uint8Array(count);
  file.seekSync(position, Deno.SeekMode.Start);
  for (let at = 0; at < count;) {
    const read = file.readSync(bytes.subarray(at));
    if (read === null) throw new Deno.errors.UnexpectedEof(`File ended ${count - at} bytes early`);
    at += read;
  }
  return bytes;
}

/** Runs a file operation; what the system refuses becomes the caller's one-line error. */
export async function attempt<T>(
  cannot: (reason: string) => UserError,
  operation: () => Promise<T>,
): Promise<T> {
  try {
    return await operation();
  } catch (error) {
    const reason = diskErrorReason(error);
    if (reason === undefined) throw error;
    const wrapped = cannot(reason);
    wrapped.cause = error;
    throw wrapped;
  }
}
