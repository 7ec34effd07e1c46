/**
 * Protocol buffers, as far as writing ONNX needs them: fields in order, sizes known beforehand, large values read when
 * their turn comes.
 *
 * Source: https://protobuf.dev/programming-guides/encoding/
 *
 * @module
 */

/** Bytes that are made when they are written, not before. */
export interface LazyBytes {
  readonly byteLength: number;
  /** Called once each time the message is written. */
  readonly read: () => Uint8Array;
}

const VARINT = 0, LENGTH_DELIMITED = 2, FIXED_32 = 5;
const text = new TextEncoder();
/** Shorter pieces are gathered into chunks of this size before they go to the disk. */
const CHUNK = 1 << 16;

/**
 * A message: fields are appended, then its bytes are taken piece by piece.
 *
 * @example
 * ```ts
 * import { Message } from "./protobuf.ts";
 * const message = new Message().integer(1, 150).message(3, new Message().text(2, "testing"));
 * console.log([...message.chunks()][0]!.toHex()); // 0896011a09120774657374696e67
 * ```
 */
export class Message {
  readonly #pieces: (Uint8Array | LazyBytes)[] = [];
  #byteLength = 0;

  /** Of all fields so far. */
  get byteLength(): number {
    return this.#byteLength;
  }

  /** A whole number; negative ones as 64 bits. */
  integer(field: number, value: number | bigint): this {
    return this.#append(varint(field << 3 | VARINT)).#append(varint(value));
  }

  /** A 32-bit float. */
  float(field: number, value: number): this {
    return this.#append(varint(field << 3 | FIXED_32)).#append(new Uint8Array(Float32Array.of(value).buffer));
  }

  /** A string. */
  text(field: number, value: string): this {
    return this.bytes(field, text.encode(value));
  }

  /** Bytes that are there, or that will be. */
  bytes(field: number, value: Uint8Array | LazyBytes): this {
    this.#append(varint(field << 3 | LENGTH_DELIMITED)).#append(varint(value.byteLength));
    return this.#append(value);
  }

  /** Another message, whose fields are all appended. */
  message(field: number, value: Message): this {
    this.#append(varint(field << 3 | LENGTH_DELIMITED)).#append(varint(value.byteLength));
    for (const piece of value.#pieces) this.#append(piece);
    return this;
  }

  /** All bytes in order, large values one at a time. */
  *chunks(): Generator<Uint8Array> {
    let small = new Uint8Array(CHUNK), filled = 0;
    for (const piece of this.#pieces) {
      if (filled > 0 && filled + piece.byteLength > CHUNK) {
        yield small.subarray(0, filled);
        [small, filled] = [new Uint8Array(CHUNK), 0];
      }
      const bytes = piece instanceof Uint8Array ? piece : piece.read();
      if (bytes.byteLength !== piece.byteLength) {
        throw new RangeError(`Cannot write ${bytes.byteLength} bytes: ${piece.byteLength} were announced`);
      }
      if (bytes.byteLength > CHUNK) yield bytes;
      else {
        small.set(bytes, filled);
        filled += bytes.byteLength;
      }
    }
    if (filled > 0) yield small.subarray(0, filled);
  }

  #append(piece: Uint8Array | LazyBytes): this {
    this.#pieces.push(piece);
    this.#byteLength += piece.byteLength;
    return this;
  }
}

function varint(value: number | bigint): Uint8Array {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}
