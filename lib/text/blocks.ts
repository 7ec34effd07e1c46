/**
 * The bytes of text files in blocks of whole lines.
 *
 * Where blocks end depends only on where reading starts, so that work that stopped after a block goes on with the same
 * blocks. Files named `*.gz` are decompressed; then offsets are those of the decompressed text.
 */
import type { Buffer } from "node:buffer";
import { createReadStream } from "node:fs";
import { pipeline } from "node:stream";
import { createGunzip } from "node:zlib";
import { diskErrorReason, fileError, UserError } from "../config/mod.ts";

/** A piece of a file: whole lines, of which only the file's last may lack its ending. */
export interface TextBlock {
  /** Empty if the block is one line that is longer than {@linkcode MAX_LINE_BYTES}. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly isTooLong: boolean;
  /** Where the block starts in the text, and where the next one does. */
  readonly start: number;
  readonly end: number;
  /** Bytes of the file on disk that were read by then; `end` itself unless the file is compressed. */
  readonly fileBytes: number;
}

/** Which part of a file to read. */
export interface BlockOptions {
  /** Where to start, at the start of a line. Default: 0. */
  readonly start?: number;
  /** Where to end, at the start of a line. Default: the file's end. */
  readonly end?: number;
}

/** How a file holds its texts. */
export type TextFormat = "lines" | "jsonl";

/** Longer lines are bad lines: they would have to be in memory as a whole. */
export const MAX_LINE_BYTES = 64 << 20;

/** Lines of some 130 bytes: a thousand of them keep a worker busy for 50 ms (jieba) to a second (lac). */
const BLOCK_BYTES = 1 << 17;
const READ_BYTES = 1 << 18;
const LF = 0x0a;
const CR = 0x0d;

/**
 * Tells how a file holds its texts, by its name.
 *
 * @param path Path of the file.
 * @returns `"jsonl"` for `*.jsonl` and `*.jsonl.gz`.
 */
export function textFormatOf(path: string): TextFormat {
  return /\.jsonl(\.gz)?$/i.test(path) ? "jsonl" : "lines";
}

/**
 * Tells whether a file is compressed, by its name.
 *
 * @param path Path of the file.
 */
export function isGzip(path: string): boolean {
  return /\.gz$/i.test(path);
}

/**
 * Reads a file in blocks of whole lines, in constant memory.
 *
 * @param path The file.
 * @param options Which part of it.
 * @returns Its blocks in order.
 * @throws {UserError} If the file cannot be read, or is no whole gzip file.
 *
 * @example
 * ```ts
 * import { readBlocks } from "./blocks.ts";
 * import { blockTexts } from "./block_texts.ts";
 * const file = await Deno.makeTempFile({ suffix: ".txt" });
 * await Deno.writeTextFile(file, "发热\r\n咳嗽\n");
 * for await (const block of readBlocks(file)) console.log(blockTexts(block, "lines").texts); // ["发热", "咳嗽"]
 * await Deno.remove(file);
 * ```
 */
export async function* readBlocks(path: string, options: BlockOptions = {}): AsyncGenerator<TextBlock> {
  const { start = 0, end = Infinity } = options;
  const progress = { fileBytes: 0 };
  const cutter = new BlockCutter(start);
  for await (const piece of isGzip(path) ? gunzip(path, start, progress) : readBytes(path, start, end)) {
    for (const block of cutter.push(piece)) yield withFileBytes(block);
  }
  for (const block of cutter.finish()) yield withFileBytes(block);

  function withFileBytes(block: Omit<TextBlock, "fileBytes">): TextBlock {
    return { ...block, fileBytes: isGzip(path) ? progress.fileBytes : block.end };
  }
}

/** Cuts a stream of bytes into blocks that depend on the bytes alone, not on the pieces they come in. */
class BlockCutter {
  #buffer = new Uint8Array(BLOCK_BYTES); // starts with the first byte that no block has yet
  #filled = 0;
  #start: number;
  /** Bytes passed over of a line that is too long; 0 outside of one. */
  #skipped = 0;

  constructor(start: number) {
    this.#start = start;
  }

  *push(piece: Uint8Array): Generator<Omit<TextBlock, "fileBytes">> {
    for (let at = 0; at < piece.length;) {
      const taken = piece.subarray(at, at + this.#buffer.length - this.#filled);
      this.#buffer.set(taken, this.#filled);
      this.#filled += taken.length;
      at += taken.length;
      if (this.#filled === this.#buffer.length) yield* this.#cut();
    }
  }

  *finish(): Generator<Omit<TextBlock, "fileBytes">> {
    if (this.#skipped > 0) {
      const end = firstLineEnd(this.#buffer.subarray(0, this.#filled), true) || this.#filled;
      yield this.#takeTooLong(end);
    }
    if (this.#filled > 0) yield* this.#take(this.#filled);
  }

  /** The buffer is full: it gives a block, or grows, or is part of a line that is too long. */
  *#cut(): Generator<Omit<TextBlock, "fileBytes">> {
    if (this.#skipped > 0) {
      const end = firstLineEnd(this.#buffer, false);
      if (end > 0) yield this.#takeTooLong(end);
      else this.#skip();
      return;
    }
    const end = lastLineEnd(this.#buffer);
    if (end > 0) {
      yield* this.#take(end);
    } else if (this.#buffer.length < MAX_LINE_BYTES) {
      const larger = new Uint8Array(this.#buffer.length * 2);
      larger.set(this.#buffer);
      this.#buffer = larger;
    } else {
      this.#skip();
      yield* this.#shrink();
    }
  }

  *#take(length: number): Generator<Omit<TextBlock, "fileBytes">> {
    const bytes = this.#buffer.slice(0, length);
    const start = this.#start;
    this.#drop(length);
    yield { bytes, isTooLong: false, start, end: this.#start };
    if (this.#buffer.length > BLOCK_BYTES) yield* this.#shrink();
  }

  #takeTooLong(length: number): Omit<TextBlock, "fileBytes"> {
    const start = this.#start - this.#skipped;
    this.#skipped = 0;
    this.#drop(length);
    return { bytes: new Uint8Array(0), isTooLong: true, start, end: this.#start };
  }

  /** Forgets what is buffered, all of one line; a final `\r` stays, because a `\n` may follow it. */
  #skip(): void {
    const length = this.#buffer[this.#filled - 1] === CR ? this.#filled - 1 : this.#filled;
    this.#skipped += length;
    this.#drop(length);
  }

  /** After a long line: what follows it is cut as if it came from the file just now. */
  *#shrink(): Generator<Omit<TextBlock, "fileBytes">> {
    const rest = this.#buffer.subarray(0, this.#filled);
    this.#buffer = new Uint8Array(BLOCK_BYTES);
    this.#filled = 0;
    yield* this.push(rest);
  }

  #drop(length: number): void {
    this.#buffer.copyWithin(0, length, this.#filled);
    this.#filled -= length;
    this.#start += length;
  }
}

/** Position after the last line ending, 0 without one; a final `\r` is left open, because a `\n` may follow it. */
function lastLineEnd(bytes: Uint8Array): number {
  const end = bytes.lastIndexOf(LF) + 1;
  return end > 0 ? end : bytes.subarray(0, -1).lastIndexOf(CR) + 1;
}

/** Position after the first line ending, 0 without one; a final `\r` counts only if nothing can follow it. */
export function firstLineEnd(bytes: Uint8Array, isLast: boolean): number {
  for (let i = 0; i < bytes.length; i++) {
    if (bytes[i] === LF) return i + 1;
    if (bytes[i] !== CR) continue;
    if (i + 1 < bytes.length) return i + (bytes[i + 1] === LF ? 2 : 1);
    return isLast ? i + 1 : 0;
  }
  return 0;
}

/**
 * Finds the first line that starts at a place or after it.
 *
 * @param path A file that is not compressed.
 * @param offset A place in it, in bytes.
 * @returns Where that line starts; the size of the file if none does.
 * @throws {UserError} If the file cannot be read.
 */
export async function nextLineStart(path: string, offset: number): Promise<number> {
  if (offset === 0) return 0;
  let at = offset - 1; // a line starts at `offset` if an ending ends there
  let afterCr = false;
  for await (const bytes of readBytes(path, at, Infinity)) {
    for (let i = 0; i < bytes.length; i++, at++) {
      if (bytes[i] === LF) return at + 1;
      if (afterCr) return at;
      afterCr = bytes[i] === CR;
    }
  }
  return at;
}

/**
 * Counts the lines before a place in a file.
 *
 * @param path A file that is not compressed.
 * @param end Where a line starts.
 * @returns How many lines end before it.
 */
export async function countLines(path: string, end: number): Promise<number> {
  let lines = 0;
  let afterCr = false;
  for await (const bytes of readBytes(path, 0, end)) {
    for (const byte of bytes) {
      if (byte === CR || (byte === LF && !afterCr)) lines++;
      afterCr = byte === CR;
    }
  }
  return lines;
}

/** The bytes of a file in pieces, each good until the next is asked for. */
async function* readBytes(path: string, start: number, end: number): AsyncGenerator<Uint8Array> {
  using file = await attempt(path, () => Deno.open(path));
  await attempt(path, () => file.seek(start, Deno.SeekMode.Start));
  const buffer = new Uint8Array(READ_BYTES);
  for (let at = start; at < end;) {
    const count = await attempt(path, () => file.read(buffer.subarray(0, Math.min(READ_BYTES, end - at))));
    if (count === null) return;
    yield buffer.subarray(0, count);
    at += count;
  }
}

/** The decompressed bytes of a gzip file from a place on; parts that follow each other are one text. */
async function* gunzip(
  path: string,
  start: number,
  progress: { fileBytes: number },
): AsyncGenerator<Uint8Array> {
  const compressed = createReadStream(path, { highWaterMark: READ_BYTES });
  const text = createGunzip({ chunkSize: READ_BYTES });
  pipeline(compressed, text, () => {}); // an error ends the loop below
  let at = 0;
  try {
    for await (const piece of text as AsyncIterable<Buffer>) {
      progress.fileBytes = compressed.bytesRead;
      const skipped = Math.min(piece.length, Math.max(0, start - at));
      at += piece.length;
      if (skipped < piece.length) yield piece.subarray(skipped);
    }
  } catch (error) {
    throw gzipError(path, error);
  } finally {
    compressed.destroy();
  }
}

function gzipError(path: string, error: unknown): unknown {
  const { code, message } = error as { code?: string; message: string };
  if (code === "ENOENT") return new UserError(`Cannot read text "${path}": no such file or folder`);
  if (code?.startsWith("Z_")) {
    return new UserError(
      `Cannot read text "${path}": as a gzip file it is damaged (${message}); copy it again, or take it out of the folder`,
    );
  }
  return diskErrorReason(error) === undefined && code !== undefined
    ? new UserError(`Cannot read text "${path}": ${message}`)
    : fileError("read text", path, error);
}

/**
 * Runs a file operation and turns the system's refusals into one-line messages.
 *
 * @param path The file.
 * @param operation What to do with it.
 * @returns Its result.
 * @throws {UserError} If the system refuses.
 */
export async function attempt<T>(path: string, operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      throw new UserError(`Cannot read text "${path}": no such file or folder`);
    }
    if (error instanceof Deno.errors.PermissionDenied || error instanceof Deno.errors.NotCapable) {
      throw new UserError(`Cannot read text "${path}": permission denied; make it readable for this user`);
    }
    const reason = diskErrorReason(error);
    throw reason === undefined ? error : new UserError(`Cannot read text "${path}": ${reason}`);
  }
}
