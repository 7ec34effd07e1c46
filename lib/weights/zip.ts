/**
 * Zip archives, read in place: the directory now, an entry's bytes when they are asked for, its checksum always.
 *
 * Names are only ever looked up, never written to; still an archive with names that lead out of it, entries that overlap or
 * a directory that disagrees with the entries is refused, for no honest program writes one.
 *
 * Source: PKWARE APPNOTE 6.3.
 *
 * @module
 */
import { crc32 } from "node:zlib";
import { Inflate } from "fflate";
import { BinaryFile, invalid } from "./binary_file.ts";

const LOCAL_HEADER = 0x04034b50, LOCAL_HEADER_BYTES = 30;
const DIRECTORY_HEADER = 0x02014b50, DIRECTORY_HEADER_BYTES = 46;
const END = 0x06054b50, END_BYTES = 22, LONGEST_COMMENT = 0xffff;
const ZIP64_END = 0x06064b50, ZIP64_END_BYTES = 56;
const ZIP64_LOCATOR = 0x07064b50, ZIP64_LOCATOR_BYTES = 20;
const ZIP64_FIELD = 1, ELSEWHERE_16 = 0xffff, ELSEWHERE_32 = 0xffffffff;
const STORED = 0, DEFLATED = 8;
const ENCRYPTED = 1; // bit of the flags
const LARGEST_DIRECTORY = 1 << 26; // bytes: half a million entries
const DEFLATE_LIMIT = 1032; // bytes that one deflated byte can stand for, at most
const PIECE = 1 << 20, COMPRESSED_PIECE = 1 << 14; // bytes

/** What the directory tells of an entry. */
interface EntryFacts {
  readonly name: string;
  readonly isStored: boolean;
  readonly crc: number;
  readonly compressedSize: number;
  /** Of its bytes as they were before compression. */
  readonly size: number;
  /** Where its own header is. */
  readonly headerOffset: number;
}

/** An entry of an archive. */
export class ZipEntry {
  readonly name: string;
  /** In bytes. */
  readonly size: number;
  /** Whether its bytes lie in the file as they are. */
  readonly isStored: boolean;
  readonly #path: string;
  readonly #facts: EntryFacts;
  readonly #offset: number;
  #checked: Promise<void> | undefined;

  constructor(path: string, facts: EntryFacts, offset: number) {
    [this.name, this.size, this.isStored] = [facts.name, facts.size, facts.isStored];
    [this.#path, this.#facts, this.#offset] = [path, facts, offset];
  }

  /** Reads the first bytes, or all if there are fewer; nothing vouches for them yet. */
  async head(count: number): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = new Uint8Array(Math.min(count, this.size));
    let filled = 0;
    for await (const piece of this.#pieces()) {
      bytes.set(piece.subarray(0, bytes.length - filled), filled);
      filled = Math.min(bytes.length, filled + piece.length);
      if (filled === bytes.length) break;
    }
    return bytes;
  }

  /**
   * Reads all bytes.
   *
   * @throws {UserError} If the checksum differs.
   */
  async bytes(): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = new Uint8Array(this.size);
    await this.fill(bytes);
    return bytes;
  }

  /**
   * Reads as many bytes as an array takes.
   *
   * @param start Of the first of them in the entry.
   * @throws {UserError} If the checksum of the whole entry differs.
   */
  async fill(bytes: Uint8Array, start = 0): Promise<void> {
    const end = start + bytes.length;
    if (end > this.size) throw this.#invalid(`has ${this.size} bytes, where ${end} or more are needed`);
    if (!this.isStored) return await this.#inflate(bytes, start);
    const isRest = end === this.size && start <= PIECE; // all, or all but a header
    if (!isRest) await (this.#checked ??= this.#inflate(new Uint8Array(), 0));
    using file = BinaryFile.open(this.#path);
    await file.fill(this.#offset + start, bytes);
    if (isRest) this.#compare(crc32(bytes, crc32(file.read(this.#offset, start))), this.size);
  }

  /** Goes through all bytes, checks them and keeps those that are wanted. */
  async #inflate(bytes: Uint8Array, start: number): Promise<void> {
    let crc = 0, at = 0;
    for await (const piece of this.#pieces()) {
      const wanted = piece.subarray(Math.max(0, start - at), Math.max(0, start + bytes.length - at));
      if (wanted.length > 0) bytes.set(wanted, Math.max(0, at - start));
      crc = crc32(piece, crc);
      at += piece.length;
    }
    this.#compare(crc, at);
  }

  #compare(crc: number, size: number): void {
    if (size === this.size && crc === this.#facts.crc) return;
    throw this.#invalid("is damaged, its checksum differs; get the file anew");
  }

  /** All bytes in turn, decompressed. */
  async *#pieces(): AsyncGenerator<Uint8Array> {
    using file = BinaryFile.open(this.#path);
    const { compressedSize } = this.#facts;
    const step = this.isStored ? PIECE : COMPRESSED_PIECE, inflated: Uint8Array[] = [];
    const inflate = this.isStored ? undefined : new Inflate((piece) => inflated.push(piece));
    let size = 0;
    for (let at = 0; at < compressedSize; at += step) {
      const piece = file.read(this.#offset + at, Math.min(step, compressedSize - at));
      if (!inflate) {
        yield piece;
        continue;
      }
      try {
        inflate.push(piece, at + step >= compressedSize);
      } catch (cause) {
        throw this.#invalid(`is damaged: ${(cause as Error).message}; get the file anew`, cause);
      }
      for (const piece of inflated.splice(0)) {
        size += piece.length;
        if (size > this.size) throw this.#invalid(`has more than the ${this.size} bytes that it tells of`);
        yield piece;
      }
    }
  }

  #invalid(reason: string, cause?: unknown) {
    return invalid(this.#path, `its entry "${this.name}" ${reason}`, { cause });
  }
}

/**
 * Opens an archive.
 *
 * @returns Its files in the order of the directory; folders are left out.
 * @throws {UserError} If it is cut short, damaged, encrypted or misleading.
 *
 * @example
 * ```ts
 * import { openZip } from "./zip.ts";
 * const entries = openZip("tests/fixtures/text/c_idx.npz");
 * console.log([...entries.keys()], (await entries.get("lens.npy")!.bytes()).length);
 * ```
 */
export function openZip(path: string): Map<string, ZipEntry> {
  using file = BinaryFile.open(path);
  const { offset, bytes, count } = findDirectory(file);
  if (bytes > LARGEST_DIRECTORY) throw file.invalid(`its directory would be ${bytes} bytes`);
  const facts = readDirectory(file, file.read(offset, bytes), count);
  const entries = new Map<string, ZipEntry>();
  let end = 0;
  for (const fact of facts.toSorted((a, b) => a.headerOffset - b.headerOffset)) {
    if (fact.headerOffset < end) throw file.invalid(`its entry "${fact.name}" overlaps the one before`);
    const start = dataOffset(file, fact);
    end = start + fact.compressedSize;
    if (end > offset) throw file.invalid(`its entry "${fact.name}" overlaps the directory`);
    if (entries.has(fact.name)) throw file.invalid(`its entry "${fact.name}" is there twice`);
    entries.set(fact.name, new ZipEntry(path, fact, start));
  }
  const files = facts.filter(({ name }) => !name.endsWith("/"));
  return new Map(files.map(({ name }) => [name, entries.get(name)!]));
}

/** Where the directory is, how long, and how many entries it has. */
function findDirectory(file: BinaryFile): { offset: number; bytes: number; count: number } {
  const tail = file.read(
    Math.max(0, file.size - END_BYTES - LONGEST_COMMENT),
    Math.min(file.size, END_BYTES + LONGEST_COMMENT),
  );
  const view = new DataView(tail.buffer);
  for (let at = tail.length - END_BYTES; at >= 0; at--) {
    const isEnd = view.getUint32(at, true) === END &&
      at + END_BYTES + view.getUint16(at + 20, true) === tail.length;
    if (!isEnd) continue;
    const count = view.getUint16(at + 10, true);
    const bytes = view.getUint32(at + 12, true), offset = view.getUint32(at + 16, true);
    const position = file.size - tail.length + at;
    const isElsewhere = count === ELSEWHERE_16 || bytes === ELSEWHERE_32 || offset === ELSEWHERE_32;
    const found = isElsewhere ? findLargeDirectory(file, position) : { count, bytes, offset };
    if (found.offset + found.bytes > position) {
      throw file.invalid("it is damaged: its directory overlaps its end");
    }
    return found;
  }
  throw file.invalid("the archive is cut short: it has no directory at its end; get the file anew");
}

/** The directory of an archive beyond 4 GB or 65,535 entries. */
function findLargeDirectory(file: BinaryFile, end: number) {
  const damaged = () => file.invalid("it is damaged: its zip64 directory is missing");
  if (end < ZIP64_LOCATOR_BYTES + ZIP64_END_BYTES) throw damaged();
  const locator = new DataView(file.read(end - ZIP64_LOCATOR_BYTES, ZIP64_LOCATOR_BYTES).buffer);
  const position = Number(locator.getBigUint64(8, true));
  if (locator.getUint32(0, true) !== ZIP64_LOCATOR || position > end - ZIP64_END_BYTES) throw damaged();
  const record = new DataView(file.read(position, ZIP64_END_BYTES).buffer);
  if (record.getUint32(0, true) !== ZIP64_END) throw damaged();
  const [count, bytes, offset] = [32, 40, 48].map((at) => Number(record.getBigUint64(at, true)));
  return { count: count!, bytes: bytes!, offset: offset! };
}

function readDirectory(file: BinaryFile, directory: Uint8Array<ArrayBuffer>, count: number): EntryFacts[] {
  const facts: EntryFacts[] = [], view = new DataView(directory.buffer);
  const damaged = (): never => {
    throw file.invalid("its directory is damaged; get the file anew");
  };
  let at = 0;
  while (at < directory.length) {
    if (at + DIRECTORY_HEADER_BYTES > directory.length || view.getUint32(at, true) !== DIRECTORY_HEADER) {
      damaged();
    }
    const [flags, method] = [view.getUint16(at + 8, true), view.getUint16(at + 10, true)];
    const [nameBytes, extraBytes, commentBytes] = [28, 30, 32].map((field) =>
      view.getUint16(at + field, true)
    );
    const nameStart = at + DIRECTORY_HEADER_BYTES, extraStart = nameStart + nameBytes!;
    const next = extraStart + extraBytes! + commentBytes!;
    if (next > directory.length) damaged();
    const name = entryName(file, directory.subarray(nameStart, extraStart));
    const cannot = (reason: string) => file.invalid(`its entry "${name}" ${reason}`);
    if (flags & ENCRYPTED) throw cannot("is encrypted");
    if (method !== STORED && method !== DEFLATED) throw cannot(`is compressed by unknown method ${method}`);
    const large = largeFields(new DataView(directory.buffer, extraStart, extraBytes));
    const field = (offset: number) => {
      const value = view.getUint32(at + offset, true);
      return value === ELSEWHERE_32 ? large() ?? damaged() : value;
    };
    const size = field(24), compressedSize = field(20), headerOffset = field(42); // their order in the extra field
    const isStored = method === STORED;
    if (isStored ? size !== compressedSize : size > compressedSize * DEFLATE_LIMIT) {
      throw cannot(`cannot be ${size} bytes, with ${compressedSize} in the file`);
    }
    facts.push({ name, isStored, crc: view.getUint32(at + 16, true), compressedSize, size, headerOffset });
    at = next;
  }
  if (facts.length !== count) damaged();
  return facts;
}

/** Takes the 64-bit numbers of an entry's extra field in turn. */
function largeFields(extra: DataView): () => number | undefined {
  let at = 0, end = 0;
  for (let field = 0; field + 4 <= extra.byteLength;) {
    const size = extra.getUint16(field + 2, true);
    if (extra.getUint16(field, true) === ZIP64_FIELD) {
      [at, end] = [field + 4, Math.min(field + 4 + size, extra.byteLength)];
      break;
    }
    field += 4 + size;
  }
  return () => {
    if (at + 8 > end) return undefined;
    at += 8;
    return Number(extra.getBigUint64(at - 8, true));
  };
}

function entryName(file: BinaryFile, bytes: Uint8Array): string {
  const name = new TextDecoder().decode(bytes);
  if (/^[/\\]|^[A-Za-z]:|(^|[/\\])\.\.([/\\]|$)|\0/.test(name)) {
    throw file.invalid(`its entry ${JSON.stringify(name)} leads out of the archive`);
  }
  return name;
}

/** Where an entry's bytes begin, after its own header, which must tell the same name. */
function dataOffset(file: BinaryFile, { name, headerOffset }: EntryFacts): number {
  const header = new DataView(file.read(headerOffset, LOCAL_HEADER_BYTES).buffer);
  const nameBytes = header.getUint16(26, true), extraBytes = header.getUint16(28, true);
  const nameStart = headerOffset + LOCAL_HEADER_BYTES;
  if (
    header.getUint32(0, true) !== LOCAL_HEADER ||
    new TextDecoder().decode(file.read(nameStart, nameBytes)) !== name
  ) throw file.invalid(`its entry "${name}" is not where the directory says; get the file anew`);
  return nameStart + nameBytes + extraBytes;
}
