/**
 * Python's pickle format, read without Python and without running anything: of what a pickle may call, only the names in a
 * table are known, each a function of ours that makes a plain value; any other name is refused.
 *
 * Long texts and bytes, the elements of arrays, stay in the file: the value is their place. So a pickle of many gigabytes is
 * read in the memory of its names. (Readers on npm hold the whole file in memory.)
 *
 * Source: Python's `pickletools`, PEP 307, PEP 3154, PEP 574.
 *
 * @module
 */
import { type ByteSource, ByteStream } from "./byte_stream.ts";

/** Something is wrong with a pickle. */
export class PickleError extends Error {
  override name = "PickleError";
}

/** Text or bytes that are left in the file. */
export class BytesInFile {
  /**
   * @param position Of the first byte in the source.
   * @param length In bytes.
   * @param encoding `latin1-as-utf8`: each byte is a character of a text in UTF-8, as protocol 2 has to write bytes.
   */
  constructor(
    readonly position: number,
    readonly length: number,
    readonly encoding: "bytes" | "utf8" | "latin1-as-utf8",
  ) {}
}

/** What a name stands for: a function of the arguments that a pickle gives it. */
export type Callable = (...values: unknown[]) => unknown;

/** A value that takes a state once it is made. */
export interface Stateful {
  setState(state: unknown): void;
}

/** What a pickle's names and references mean. */
export interface Vocabulary {
  /** By `module.name`. */
  readonly names: Readonly<Record<string, Callable>>;
  /** What a reference to something outside of the pickle means; without it there can be none. */
  readonly reference?: (id: unknown) => unknown;
}

const STOP = 0x2e, FRAME = 0x95, NEWEST_PROTOCOL = 5;
const LONG_VALUE = 256; // bytes, from which on a text or bytes stay in the file
const MOST_OPCODES = 1_000_000; // a tensor takes some 40
const LONGEST_NAME = 1000; // characters
const MOST_ARGUMENTS = 16;

/** A name of the table, as a value. */
export class Name {
  constructor(readonly name: string, readonly call: Callable) {}
}

/**
 * Reads one pickle.
 *
 * @param source The bytes.
 * @param position Where it begins.
 * @param vocabulary What it may name.
 * @returns Its value, of plain JavaScript (dicts are `Map`s; lists and tuples arrays; long texts and bytes
 * {@linkcode BytesInFile}) and what the table's functions made; and where it ends.
 * @throws {PickleError} If it breaks the format, or names what is not in the table.
 * @throws {EndOfBytes} If it is cut short.
 *
 * @example
 * ```ts
 * import { unpickle } from "./unpickler.ts";
 * const bytes = new Uint8Array([0x80, 2, 0x5d, 0x4b, 7, 0x61, 0x2e]); // pickle.dumps([7], 2)
 * const read = (position: number, count: number) => bytes.subarray(position, position + count);
 * console.log(unpickle({ size: bytes.length, read }, 0, { names: {} }).value); // [7]
 * ```
 */
export function unpickle(
  source: ByteSource,
  position: number,
  vocabulary: Vocabulary,
): { value: unknown; end: number } {
  const bytes = new ByteStream(source, position), machine = new Machine(bytes, vocabulary);
  for (let count = 0;; count++) {
    if (count === MOST_OPCODES) throw new PickleError(`it has more than ${MOST_OPCODES} instructions`);
    const at = bytes.position, opcode = bytes.byte();
    machine.checkFrame(at, opcode === STOP || opcode === FRAME);
    if (opcode === STOP) return { value: machine.pop(), end: bytes.position };
    const instruction = INSTRUCTIONS[opcode];
    if (!instruction) {
      throw new PickleError(`byte ${at} is no instruction that weights need: 0x${opcode.toString(16)}`);
    }
    instruction(machine, bytes);
    if (opcode !== FRAME) machine.checkFrame(at, false);
  }
}

/** The stack, the marks in it and the memo. */
class Machine {
  readonly #memo = new Map<number, unknown>();
  #lastKept: number | undefined;
  #frameEnd = 0; // before the first there is none
  readonly #bytes: ByteStream;
  readonly #vocabulary: Vocabulary;
  readonly #stack: unknown[] = [];
  readonly #marks: number[] = [];

  constructor(bytes: ByteStream, vocabulary: Vocabulary) {
    [this.#bytes, this.#vocabulary] = [bytes, vocabulary];
  }

  push(value: unknown): void {
    this.#stack.push(value);
  }

  pop(): unknown {
    this.top();
    return this.#stack.pop();
  }

  /** The last value after the last mark. */
  top(): unknown {
    if (this.#stack.length > (this.#marks.at(-1) ?? 0)) return this.#stack.at(-1);
    throw this.error("takes a value from an empty stack");
  }

  mark(): void {
    this.#marks.push(this.#stack.length);
  }

  popToMark(): unknown[] {
    const mark = this.#marks.pop();
    if (mark === undefined) throw this.error("looks for a mark that is not there");
    return this.#stack.splice(mark);
  }

  popTuple(size: number): void {
    const values = Array.from({ length: size }, () => this.pop());
    this.push(values.reverse());
  }

  /** Keeps the last value; Python numbers what it keeps without gaps, so that a gap tells of lost bytes. */
  keep(index = this.#memo.size): void {
    const last = this.#lastKept;
    if (last !== undefined && index !== last + 1) throw this.error(`keeps value ${index} after ${last}`);
    this.#memo.set(index, this.top());
    this.#lastKept = index;
  }

  recall(index: number): void {
    if (!this.#memo.has(index)) throw this.error(`recalls value ${index}, which was never kept`);
    this.push(this.#memo.get(index));
  }

  /** From protocol 4 on a pickle tells how long its frames are, which no instruction crosses; long bytes stand between them. */
  beginFrame(length: number): void {
    this.#frameEnd = this.#bytes.position + length;
  }

  /** Checks the frame that the instruction at a place began in. */
  checkFrame(at: number, isLast: boolean): void {
    const end = this.#frameEnd, { position } = this.#bytes;
    if (at < end && (position > end || isLast && position < end)) {
      throw this.error(`does not end with its frame, at byte ${end}`);
    }
  }

  setItems(pairs: unknown[]): void {
    const dict = this.top();
    if (!(dict instanceof Map) || pairs.length % 2 === 1) throw this.error("sets items of what is no dict");
    for (let i = 0; i < pairs.length; i += 2) dict.set(pairs[i], pairs[i + 1]);
  }

  append(values: unknown[]): void {
    const list = this.top();
    if (!Array.isArray(list)) throw this.error("appends to what is no list");
    for (const value of values) list.push(value);
  }

  name(module: unknown, name: unknown): void {
    if (typeof module !== "string" || typeof name !== "string") {
      throw this.error("names something by no text");
    }
    const full = `${module}.${name}`, { names } = this.#vocabulary;
    if (!Object.hasOwn(names, full)) {
      throw new PickleError(
        `it names ${
          JSON.stringify(full)
        }, which is refused: only tensors and plain containers are read, and ` +
          "nothing in a file is ever run",
      );
    }
    this.push(new Name(full, names[full]!));
  }

  call(): void {
    const values = this.pop(), callee = this.pop();
    if (!(callee instanceof Name)) throw this.error("calls what cannot be called");
    if (!Array.isArray(values) || values.length > MOST_ARGUMENTS) {
      throw this.error(`calls ${callee.name} with what are no arguments`);
    }
    this.push(callee.call(...values));
  }

  build(): void {
    const state = this.pop(), value = this.top();
    if (isStateful(value)) value.setState(state);
    else if (!(value instanceof Map)) throw this.error("gives a state to what has none"); // attributes of a dict are left out
  }

  refer(): void {
    const { reference } = this.#vocabulary, id = this.pop();
    if (!reference) throw this.error("refers to something outside of it");
    this.push(reference(id));
  }

  bytes(length: number, encoding: "bytes" | "utf8"): void {
    const bytes = this.#bytes;
    if (length >= LONG_VALUE) return this.push(new BytesInFile(bytes.skip(length), length, encoding));
    const value = bytes.take(length);
    this.push(encoding === "bytes" ? value.slice() : this.#text(value));
  }

  #text(bytes: Uint8Array): string {
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch {
      throw this.error("has a text that is no UTF-8");
    }
  }

  /** A whole number of any size, two's complement. */
  long(length: number): void {
    if (length > 16) throw this.error(`has a number of ${length} bytes`);
    const value = this.#bytes.take(length).reduceRight((value, byte) => value * 256n + BigInt(byte), 0n);
    const signed = BigInt.asIntN(8 * length, value), number = Number(signed);
    this.push(Number.isSafeInteger(number) ? number : signed);
  }

  error(what: string): PickleError {
    return new PickleError(`the pickle is damaged: before byte ${this.#bytes.position} it ${what}`);
  }
}

function isStateful(value: unknown): value is Stateful {
  return typeof value === "object" && value !== null && "setState" in value;
}

type Instruction = (machine: Machine, bytes: ByteStream) => void;

/** What each opcode of the binary protocols does; those of protocols 0 and 1 that the later ones never write are left out. */
const INSTRUCTIONS: Readonly<Record<number, Instruction>> = {
  0x80: (m, b) => { // PROTO
    const version = b.byte();
    if (version > NEWEST_PROTOCOL) {
      throw m.error(`asks for protocol ${version}; the newest is ${NEWEST_PROTOCOL}`);
    }
  },
  [FRAME]: (m, b) => m.beginFrame(b.unsigned(8)), // FRAME
  0x28: (m) => m.mark(), // MARK
  0x30: (m) => void m.pop(), // POP
  0x31: (m) => void m.popToMark(), // POP_MARK
  0x32: (m) => m.push(m.top()), // DUP

  0x4e: (m) => m.push(null), // NONE
  0x88: (m) => m.push(true), // NEWTRUE
  0x89: (m) => m.push(false), // NEWFALSE
  0x4a: (m, b) => m.push(b.unsigned(4) | 0), // BININT
  0x4b: (m, b) => m.push(b.byte()), // BININT1
  0x4d: (m, b) => m.push(b.unsigned(2)), // BININT2
  0x8a: (m, b) => m.long(b.byte()), // LONG1
  0x8b: (m, b) => m.long(b.unsigned(4)), // LONG4
  0x47: (m, b) => { // BINFLOAT
    const bytes = b.take(8);
    m.push(new DataView(bytes.buffer, bytes.byteOffset).getFloat64(0)); // big-endian, alone in all of pickle
  },

  0x58: (m, b) => m.bytes(b.unsigned(4), "utf8"), // BINUNICODE
  0x8c: (m, b) => m.bytes(b.byte(), "utf8"), // SHORT_BINUNICODE
  0x8d: (m, b) => m.bytes(b.unsigned(8), "utf8"), // BINUNICODE8
  0x42: (m, b) => m.bytes(b.unsigned(4), "bytes"), // BINBYTES
  0x43: (m, b) => m.bytes(b.byte(), "bytes"), // SHORT_BINBYTES
  0x8e: (m, b) => m.bytes(b.unsigned(8), "bytes"), // BINBYTES8
  0x96: (m, b) => m.bytes(b.unsigned(8), "bytes"), // BYTEARRAY8

  0x29: (m) => m.push([]), // EMPTY_TUPLE
  0x74: (m) => m.push(m.popToMark()), // TUPLE
  0x85: (m) => m.popTuple(1), // TUPLE1
  0x86: (m) => m.popTuple(2), // TUPLE2
  0x87: (m) => m.popTuple(3), // TUPLE3
  0x5d: (m) => m.push([]), // EMPTY_LIST
  0x61: (m) => m.append([m.pop()]), // APPEND
  0x65: (m) => m.append(m.popToMark()), // APPENDS
  0x7d: (m) => m.push(new Map()), // EMPTY_DICT
  0x73: (m) => { // SETITEM
    const value = m.pop();
    m.setItems([m.pop(), value]);
  },
  0x75: (m) => m.setItems(m.popToMark()), // SETITEMS

  0x71: (m, b) => m.keep(b.byte()), // BINPUT
  0x72: (m, b) => m.keep(b.unsigned(4)), // LONG_BINPUT
  0x94: (m) => m.keep(), // MEMOIZE
  0x68: (m, b) => m.recall(b.byte()), // BINGET
  0x6a: (m, b) => m.recall(b.unsigned(4)), // LONG_BINGET

  0x63: (m, b) => m.name(b.line(LONGEST_NAME), b.line(LONGEST_NAME)), // GLOBAL
  0x93: (m) => { // STACK_GLOBAL
    const name = m.pop();
    m.name(m.pop(), name);
  },
  0x52: (m) => m.call(), // REDUCE
  0x81: (m) => m.call(), // NEWOBJ
  0x62: (m) => m.build(), // BUILD
  0x51: (m) => m.refer(), // BINPERSID
};
