/** Paddle's file of one parameter: a LoDTensor as `save_vars` of Paddle 1.x writes it. */

/** A parameter. */
export interface Parameter {
  readonly shape: readonly number[];
  readonly values: Float32Array<ArrayBuffer>;
}

/** `VarType.FP32` of Paddle's framework.proto. */
const FLOAT32 = 5;

/**
 * Reads a float32 parameter.
 *
 * The file is u32 0 (version), u64 number of levels (0 for a parameter), u32 0 (version of the tensor), i32 size of a
 * `TensorDesc` message, the message (field 1 data type, field 2 dimensions), and the values, all little endian.
 *
 * @param bytes The file.
 * @returns Its shape and values.
 * @throws {RangeError} If it is something else.
 */
export function readLodTensor(bytes: Uint8Array): Parameter {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(0, true) !== 0) throw new RangeError("it is not a LoDTensor of version 0");
  if (view.getBigUint64(4, true) !== 0n) throw new RangeError("it holds sequences, not a parameter");
  if (view.getUint32(12, true) !== 0) throw new RangeError("its tensor is not of version 0");
  const start = 20 + view.getInt32(16, true);
  const { type, shape } = readTensorDesc(bytes.subarray(20, start));
  if (type !== FLOAT32) throw new RangeError(`it is of data type ${type}, not float32`);
  const size = shape.reduce((product, dimension) => product * dimension, 1);
  const values = bytes.slice(start);
  if (values.length !== size * 4) {
    throw new RangeError(`its values take ${values.length} bytes, not the ${size * 4} of shape [${shape}]`);
  }
  return { shape, values: new Float32Array(values.buffer) };
}

/** The protobuf message: every field is a varint, dimensions singly or packed. */
function readTensorDesc(message: Uint8Array): { type: number; shape: number[] } {
  let position = 0;
  const varint = () => {
    let value = 0;
    for (let factor = 1;; factor *= 128) {
      const byte = message[position++];
      if (byte === undefined) throw new RangeError("its description is cut short");
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  };
  let type = -1;
  const shape: number[] = [];
  while (position < message.length) {
    const tag = varint();
    if (tag === (1 << 3)) type = varint();
    else if (tag === (2 << 3)) shape.push(varint());
    else if (tag === (2 << 3 | 2)) {
      for (const end = varint() + position; position < end;) shape.push(varint());
    } else throw new RangeError(`its description has an unknown field ${tag >> 3}`);
  }
  return { type, shape };
}
