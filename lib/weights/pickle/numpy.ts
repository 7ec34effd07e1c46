/**
 * NumPy's arrays in pickles, as Paddle's files have them.
 *
 * Source: numpy's `ndarray.__reduce_ex__` and `dtype.__reduce__`.
 *
 * @module
 */
import { columnMajor, type ElementSource, isListOfSizes, lazyView, rowMajor, viewFault } from "../strided.ts";
import { type DataType, ELEMENT_BYTES, elementCount, type LazyTensorData } from "../tensor.ts";
import { elementsInFile, elementsInMemory, elementsInText } from "./elements.ts";
import { BytesInFile, type Callable, PickleError, type Stateful } from "./unpickler.ts";

/** Paddle has no unsigned 16-bit tensors: such arrays are its bfloat16's bits. */
const DATA_TYPES: Readonly<Record<string, DataType>> = {
  f8: "F64",
  f4: "F32",
  f2: "F16",
  u2: "BF16",
  i8: "I64",
  i4: "I32",
  i2: "I16",
  i1: "I8",
  u1: "U8",
  b1: "BOOL",
};

/** The type of an array's elements. */
class ElementType implements Stateful {
  readonly dtype: DataType;

  constructor(name: unknown) {
    if (typeof name !== "string" || !Object.hasOwn(DATA_TYPES, name)) {
      const known = Object.keys(DATA_TYPES).join(", ");
      throw new PickleError(
        `its elements of type ${JSON.stringify(name)} are not read; convert them to one of ${known}`,
      );
    }
    this.dtype = DATA_TYPES[name]!;
  }

  setState(state: unknown): void {
    const order = Array.isArray(state) ? state[1] : undefined; // "|" of single bytes
    if (order !== "<" && order !== "|" && order !== "=") {
      throw new PickleError(
        `its elements of byte order ${JSON.stringify(order)} are not read; save them little-endian`,
      );
    }
  }
}

/** An array; whole once it has its state. */
export class NumpyArray implements Stateful {
  #dtype: DataType = "F32";
  #shape: number[] = [0];
  #isFortran = false;
  #data: Uint8Array | BytesInFile = new Uint8Array();

  setState(state: unknown): void {
    const [, shape, type, isFortran, data] = Array.isArray(state) ? state : [];
    const isData = data instanceof Uint8Array || data instanceof BytesInFile && data.encoding !== "utf8";
    if (!isListOfSizes(shape) || !(type instanceof ElementType) || !isData) {
      throw new PickleError("the pickle is damaged: an array without shape, type or elements");
    }
    [this.#dtype, this.#shape, this.#isFortran, this.#data] = [type.dtype, shape, isFortran === true, data];
  }

  /**
   * The array as a tensor.
   *
   * @param path The file of the pickle.
   * @throws {PickleError} If there are not as many elements as its shape takes.
   */
  tensor(path: string): LazyTensorData {
    const dtype = this.#dtype, shape = this.#shape, data = this.#data;
    const size = elementCount(shape) * ELEMENT_BYTES[dtype], stored = data.length;
    const isText = data instanceof BytesInFile && data.encoding === "latin1-as-utf8";
    const strides = this.#isFortran ? columnMajor(shape) : rowMajor(shape);
    const view = { dtype, shape, strides, offset: 0 }, fault = viewFault(view, stored);
    if (fault) throw new PickleError(`an array is damaged: ${fault}`);
    if (isText ? stored < size || stored > 2 * size : stored !== size) {
      throw new PickleError(
        `an array has ${stored} bytes, ${dtype} of shape [${shape}] takes ${size}; it is damaged`,
      );
    }
    return lazyView(view, isText ? elementsInText(path, data, size) : sourceOf(path, data));
  }

  /** Joins flat arrays to one of a shape. */
  static joined(parts: readonly LazyTensorData[], shape: readonly number[]): LazyTensorData {
    const dtype = parts[0]?.dtype ?? "F32", size = elementCount(shape) * ELEMENT_BYTES[dtype];
    const sizes = parts.map((part) => elementCount(part.shape) * ELEMENT_BYTES[part.dtype]);
    const isWhole = sizes.reduce((sum, size) => sum + size, 0) === size;
    if (!isWhole || parts.some((part) => part.dtype !== dtype)) {
      throw new PickleError(`the parts of an array of shape [${shape}] do not make it up; it is damaged`);
    }
    const source: ElementSource = {
      size,
      hasPieces: false,
      async fill(bytes) {
        let at = 0;
        for (const part of parts) {
          const { buffer, byteOffset, byteLength } = await part.read();
          bytes.set(new Uint8Array(buffer, byteOffset, byteLength), at);
          at += byteLength;
        }
      },
    };
    return lazyView({ dtype, shape, strides: rowMajor(shape), offset: 0 }, source);
  }
}

function sourceOf(path: string, data: Uint8Array | BytesInFile): ElementSource {
  return data instanceof BytesInFile
    ? elementsInFile(path, data.position, data.length)
    : elementsInMemory(data);
}

/** `numpy.core.numeric._frombuffer`: what protocol 5 writes of an array. */
function fromBuffer(data: unknown, type: unknown, shape: unknown, order: unknown): NumpyArray {
  const array = new NumpyArray();
  array.setState([1, shape, type, order === "F", data]);
  return array;
}

/** `_codecs.encode`: how protocol 2 writes bytes. */
function encode(text: unknown, encoding: unknown): Uint8Array | BytesInFile {
  if (encoding !== "latin1") {
    throw new PickleError(`its bytes of encoding ${JSON.stringify(encoding)} are not read`);
  }
  if (text instanceof BytesInFile) return new BytesInFile(text.position, text.length, "latin1-as-utf8");
  if (typeof text !== "string" || /[^\0-\xff]/.test(text)) {
    throw new PickleError("the pickle is damaged: bytes of no text");
  }
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** `multiarray.scalar`: a plain number, no tensor. */
const scalar = () => null;

/** numpy 1 and 2 have the same functions in modules of different names. */
const functions = (core: string): Record<string, Callable> => ({
  [`${core}.multiarray._reconstruct`]: () => new NumpyArray(),
  [`${core}.multiarray.scalar`]: scalar,
  [`${core}.numeric._frombuffer`]: fromBuffer,
});

/** What a pickle of arrays may name. */
export const NUMPY_NAMES: Readonly<Record<string, Callable>> = {
  ...functions("numpy.core"),
  ...functions("numpy._core"),
  "numpy.ndarray": () => new NumpyArray(),
  "numpy.dtype": (name) => new ElementType(name),
  "_codecs.encode": encode,
  "__builtin__.bytes": () => new Uint8Array(), // those of no bytes, in protocol 2
};
