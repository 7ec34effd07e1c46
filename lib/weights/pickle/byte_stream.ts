/**
 * Bytes read one after the other, through a window, so that large pieces can be passed over unread.
 *
 * @module
 */

/** Where bytes come from. */
export interface ByteSource {
  /** How many there are. */
  readonly size: number;
  /** Reads some at a place; all of them are there. */
  read(position: number, count: number): Uint8Array;
}

/** The source ended where more bytes were needed. */
export class EndOfBytes extends Error {
  override name = "EndOfBytes";
}

const WINDOW = 1 << 14; // bytes

/** A place in a source that moves on as bytes are read. */
export class ByteStream {
  readonly #source: ByteSource;
  /** Of the next byte in the source. */
  position: number;
  #window: Uint8Array = new Uint8Array();
  #windowStart = 0;

  constructor(source: ByteSource, position = 0) {
    [this.#source, this.position] = [source, position];
  }

  /** Of the source. */
  get size(): number {
    return this.#source.size;
  }

  /**
   * Passes over bytes.
   *
   * @returns The position of the first.
   * @throws {EndOfBytes} If there are not so many.
   */
  skip(count: number): number {
    const start = this.position;
    if (!(count <= this.size - start)) {
      throw new EndOfBytes(`it ends at byte ${this.size}, where ${count} more than ${start} are needed`);
    }
    this.position += count;
    return start;
  }

  /** The next byte. */
  byte(): number {
    return this.take(1)[0]!;
  }

  /**
   * The next bytes; they are good until more are read.
   *
   * @throws {EndOfBytes} If there are not so many.
   */
  take(count: number): Uint8Array {
    const start = this.skip(count), at = start - this.#windowStart;
    if (at >= 0 && at + count <= this.#window.length) return this.#window.subarray(at, at + count);
    this.#window = this.#source.read(start, Math.min(Math.max(WINDOW, count), this.size - start));
    this.#windowStart = start;
    return this.#window.subarray(0, count);
  }

  /** The next bytes as a number, little-endian. */
  unsigned(bytes: 1 | 2 | 4 | 8): number {
    return this.take(bytes).reduceRight((value, byte) => value * 256 + byte, 0);
  }

  /** The next bytes up to a line break, which is passed over too; ASCII. */
  line(longest: number): string {
    const bytes: number[] = [];
    for (let byte = this.byte(); byte !== 0x0a; byte = this.byte()) {
      bytes.push(byte);
      if (bytes.length > longest) throw new EndOfBytes(`a line is longer than ${longest} characters`);
    }
    return String.fromCharCode(...bytes);
  }
}
