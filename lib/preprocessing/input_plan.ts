/**
 * What there is to read: the files of the input as they are at the start, and the part of them that a shard takes.
 *
 * A shard is a range of the bytes of all files end to end; a line belongs to the shard in which its first byte lies. A
 * compressed file cannot be entered in the middle, and goes as a whole to the shard in which it starts.
 */
import { createHash } from "node:crypto";
import { relative } from "node:path";
import { UserError } from "../config/mod.ts";
import {
  attemptRead,
  isGzip,
  listTextFiles,
  nextLineStart,
  readBlocks,
  type TextBlock,
  type TextFormat,
  textFormatOf,
} from "../text/mod.ts";

/** A file as it was at the start. */
export interface InputFile {
  readonly path: string;
  /** Bytes on disk. */
  readonly size: number;
  /** Milliseconds since 1970; `null` where the system does not tell. */
  readonly modified: number | null;
}

/** Whole lines of one file. */
export interface Segment {
  readonly file: InputFile;
  readonly format: TextFormat;
  /** Where it starts and ends in the file, in bytes; the end of a compressed file is `Infinity`. */
  readonly start: number;
  readonly end: number;
  /** Bytes on disk. */
  readonly size: number;
}

/** One of `count` parts of the work. */
export interface Shard {
  readonly index: number;
  readonly count: number;
}

/** All that is to be read. */
export interface InputPlan {
  readonly path: string;
  readonly files: readonly InputFile[];
  readonly totalBytes: number;
}

/** How far the reading is: part of a work folder's state. */
export interface Position {
  /** Number of the segment. */
  segment: number;
  /** Where the next block starts in its file, in bytes of text. */
  offset: number;
  /** Lines of the segment before that. */
  line: number;
  /** Bytes on disk that are read, of all segments. */
  fileBytes: number;
}

/** A block of a segment. */
export interface PlacedBlock {
  readonly block: TextBlock;
  readonly segment: Segment;
  /** Number of the segment. */
  readonly index: number;
  /** Bytes on disk that are read with it, of all segments. */
  readonly fileBytes: number;
}

/**
 * Position before the first block.
 *
 * @returns zeros
 */
export function startPosition(): Position {
  return { segment: 0, offset: 0, line: 0, fileBytes: 0 };
}

/**
 * Lists the input and looks whether every file of it can be read.
 *
 * @param path a file or a folder
 * @returns its files
 * @throws {UserError} if a file cannot be read
 */
export async function planInput(path: string): Promise<InputPlan> {
  const files: InputFile[] = [];
  for (const file of await listTextFiles(path)) {
    files.push(await inspectFile(file));
    using handle = await attemptRead(file, () => Deno.open(file));
    await attemptRead(file, () => handle.read(new Uint8Array(1)));
  }
  return { path, files, totalBytes: files.reduce((sum, { size }) => sum + size, 0) };
}

async function inspectFile(path: string): Promise<InputFile> {
  const { size, mtime } = await attemptRead(path, () => Deno.stat(path));
  return { path, size, modified: mtime?.getTime() ?? null };
}

/**
 * A digest that is another if a file comes, goes or changes.
 *
 * @param plan the input
 * @param times whether times count; without, the same files on another machine have the same digest
 * @returns SHA-256 of paths within the input, sizes and times
 */
export function inputDigest({ path, files }: InputPlan, times: boolean): string {
  const digest = createHash("sha256");
  for (const { path: file, size, modified } of files) {
    digest.update(JSON.stringify([relative(path, file), size, ...(times ? [modified] : [])]));
  }
  return digest.digest("hex");
}

/**
 * Finds the lines of a shard.
 *
 * @param plan the input
 * @param shard which part of it
 * @returns segments in the order of the files; none if no line starts in the shard
 * @throws {UserError} if a file cannot be read
 */
export async function shardSegments(plan: InputPlan, { index, count }: Shard): Promise<Segment[]> {
  const from = Math.floor(plan.totalBytes * (index / count));
  const to = index + 1 === count ? plan.totalBytes : Math.floor(plan.totalBytes * ((index + 1) / count));
  const segments: Segment[] = [];
  let fileStart = 0;
  for (const file of plan.files) {
    const fileEnd = fileStart + file.size;
    const format = textFormatOf(file.path);
    if (isGzip(file.path)) {
      if (fileStart >= from && fileStart < to) {
        segments.push({ file, format, start: 0, end: Infinity, size: file.size });
      }
    } else if (fileStart < to && fileEnd > from) {
      const start = await lineStart(file, from - fileStart);
      const end = await lineStart(file, to - fileStart);
      if (start < end) segments.push({ file, format, start, end, size: end - start });
    }
    fileStart = fileEnd;
  }
  return segments;
}

/** The first line that starts at a place or after it, if that is within the file. */
async function lineStart(file: InputFile, offset: number): Promise<number> {
  if (offset <= 0) return 0;
  if (offset >= file.size) return file.size;
  return await nextLineStart(file.path, offset);
}

/**
 * Reads segments block by block, from a position on.
 *
 * @param segments what to read
 * @param from where to start
 * @param onSegment hears of each segment before its first block
 * @returns blocks in order, the same ones wherever a block's end was started from
 * @throws {UserError} if a file cannot be read, or is no longer as it was at the start
 */
export async function* readSegments(
  segments: readonly Segment[],
  from: Position,
  onSegment: (segment: Segment) => void = () => {},
): AsyncGenerator<PlacedBlock> {
  let done = segments.slice(0, from.segment).reduce((sum, { size }) => sum + size, 0);
  for (let index = from.segment; index < segments.length; index++) {
    const segment = segments[index]!;
    const isCompressed = segment.end === Infinity;
    let at = index === from.segment && from.offset > 0 ? from.offset : segment.start;
    onSegment(segment);
    for await (const block of readBlocks(segment.file.path, { start: at, end: segment.end })) {
      at = block.end;
      yield { block, segment, index, fileBytes: done + block.fileBytes - (isCompressed ? 0 : segment.start) };
    }
    const now = await inspectFile(segment.file.path);
    const { size, modified } = segment.file;
    if (now.size !== size || now.modified !== modified || (!isCompressed && at !== segment.end)) {
      throw new UserError(
        `Cannot preprocess "${segment.file.path}": it changed while it was read; run the command again ` +
          "when it no longer does",
      );
    }
    done += segment.size;
  }
}
