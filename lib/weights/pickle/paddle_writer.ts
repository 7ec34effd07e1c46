/**
 * Writes `.pdparams` as `paddle.load` reads it: a pickle of protocol 4 of a dict of numpy arrays.
 *
 * @module
 */
import { UserError, writeAtomically } from "../../config/mod.ts";
import { type DataType, ELEMENT_BYTES, type LazyTensorData } from "../tensor.ts";

/** NumPy's names of data types; Paddle takes unsigned 16-bit numbers for bfloat16's bits. */
const NUMPY_TYPES: Readonly<Record<DataType, string>> = {
  F64: "f8",
  F32: "f4",
  F16: "f2",
  BF16: "u2",
  I64: "i8",
  I32: "i4",
  I16: "i2",
  I8: "i1",
  U8: "u1",
  BOOL: "b1",
};

/**
 * Writes weights as `paddle.save` does.
 *
 * @param path File to create or replace, in one piece.
 * @param tensors By name; one in memory at a time.
 * @throws {UserError} When the disk refuses, or a size is beyond 32 bits.
 *
 * @example
 * ```ts
 * import { readWeights, writePaddle } from "../mod.ts";
 * const path = `${await Deno.makeTempDir()}/model_state.pdparams`;
 * await writePaddle(path, [["bias", { dtype: "F32", shape: [2], read: () => new Float32Array(2) }]]);
 * console.log((await readWeights(path)).get("bias")?.shape); // [2]
 * await Deno.remove(path);
 * ```
 */
export async function writePaddle(
  path: string,
  tensors: Iterable<readonly [string, LazyTensorData]>,
): Promise<void> {
  await writeAtomically(path, pieces(tensors));
}

async function* pieces(tensors: Iterable<readonly [string, LazyTensorData]>): AsyncIterable<Uint8Array> {
  yield Uint8Array.of(0x80, 4, 0x7d); // protocol 4; an empty dict
  for (const [name, { dtype, shape, read }] of tensors) {
    const { buffer, byteOffset, byteLength } = await read();
    yield joined([text(name), ...array(dtype, shape), data(byteLength)]);
    yield new Uint8Array(buffer, byteOffset, byteLength);
    yield Uint8Array.of(TUPLE, BUILD, 0x73); // the array's state; SETITEM
  }
  yield Uint8Array.of(0x2e); // STOP
}

const MARK = 0x28, TUPLE = 0x74, REDUCE = 0x52, BUILD = 0x62, NONE = 0x4e, FALSE = 0x89, TRUE = 0x88;
const TUPLE1 = 0x85, TUPLE3 = 0x87;
const ENCODER = new TextEncoder();

/** An array up to its elements: an empty one, and its state but for them. */
function array(dtype: DataType, shape: readonly number[]): Uint8Array[] {
  const order = ELEMENT_BYTES[dtype] === 1 ? "|" : "<";
  return [
    ...[named("numpy.core.multiarray", "_reconstruct"), named("numpy", "ndarray"), integer(0)],
    Uint8Array.of(TUPLE1, 0x43, 1, 0x62, TUPLE3, REDUCE), // of type b"b", as numpy writes it
    ...[Uint8Array.of(MARK), integer(1)], // version of the state
    ...[Uint8Array.of(MARK), ...shape.map(integer), Uint8Array.of(TUPLE)],
    ...[named("numpy", "dtype"), text(NUMPY_TYPES[dtype]), Uint8Array.of(FALSE, TRUE, TUPLE3, REDUCE)],
    ...[Uint8Array.of(MARK), integer(3), text(order), Uint8Array.of(NONE, NONE, NONE)],
    ...[integer(-1), integer(-1), integer(0), Uint8Array.of(TUPLE, BUILD)],
    Uint8Array.of(FALSE), // not in Fortran order
  ];
}

function named(module: string, name: string): Uint8Array {
  return ENCODER.encode(`c${module}\n${name}\n`);
}

function text(value: string): Uint8Array {
  const bytes = ENCODER.encode(value);
  return joined([number(0x58, 4, BigInt(bytes.length)), bytes]);
}

function integer(value: number): Uint8Array {
  if (value !== (value | 0)) throw new UserError(`Cannot write a tensor with a dimension of ${value}`);
  return number(0x4a, 4, BigInt(value));
}

/** What stands before so many bytes. */
function data(length: number): Uint8Array {
  return number(0x8e, 8, BigInt(length));
}

function number(opcode: number, bytes: 4 | 8, value: bigint): Uint8Array {
  const result = new Uint8Array(1 + bytes), view = new DataView(result.buffer);
  result[0] = opcode;
  if (bytes === 4) view.setInt32(1, Number(value), true);
  else view.setBigUint64(1, value, true);
  return result;
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
