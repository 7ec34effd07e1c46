/**
 * Tensors as views of stored elements: of a piece of them, transposed, or in Fortran order.
 *
 * @module
 */
import { type DataType, ELEMENT_BYTES, elementCount, lazyTensor, type LazyTensorData } from "./tensor.ts";

const MOST_DIMENSIONS = 64; // as numpy

/** Where stored elements come from. */
export interface ElementSource {
  /** In bytes. */
  readonly size: number;
  /** Whether any piece can be read without reading what is before it. */
  readonly hasPieces: boolean;
  /** Reads as many bytes as an array takes, from `start` on. */
  fill(bytes: Uint8Array, start: number): Promise<void>;
}

/** A view: element (i, j, …) is the stored element `offset + i · strides[0] + j · strides[1] + …`. */
export interface StridedView {
  readonly dtype: DataType;
  readonly shape: readonly number[];
  /** In elements. */
  readonly strides: readonly number[];
  /** In elements. */
  readonly offset: number;
}

/** The strides of elements that lie row after row. */
export function rowMajor(shape: readonly number[]): number[] {
  return shape.map((_, i) => elementCount(shape.slice(i + 1)));
}

/** The strides of elements that lie column after column, as Fortran has them. */
export function columnMajor(shape: readonly number[]): number[] {
  return shape.map((_, i) => elementCount(shape.slice(0, i)));
}

/** Whether a value of a file is a shape, or strides: a few whole numbers that are not negative. */
export function isListOfSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.length <= MOST_DIMENSIONS &&
    value.every((size) => Number.isSafeInteger(size) && size >= 0);
}

/**
 * Says what is wrong with a view of so many stored bytes.
 *
 * @returns The reason; `undefined` if nothing is. A view of more elements than are stored, which repeats some, counts as
 * wrong: a small file could tell of a tensor of any size.
 */
export function viewFault({ dtype, shape, strides, offset }: StridedView, size: number): string | undefined {
  const stored = Math.floor(size / ELEMENT_BYTES[dtype]), count = elementCount(shape);
  if (count === 0) return undefined;
  const last = offset + shape.reduce((last, size, i) => last + (size - 1) * strides[i]!, 0);
  if (last >= stored) return `shape [${shape}] needs ${last + 1} elements, ${stored} are stored`;
  if (count > stored) {
    return `shape [${shape}] repeats elements, ${stored} are stored; save it with .contiguous()`;
  }
  return undefined;
}

/**
 * A view as a tensor whose elements are read, and put in order, when they are asked for.
 *
 * @param view One without {@linkcode viewFault}.
 */
export function lazyView(view: StridedView, source: ElementSource): LazyTensorData {
  const { dtype, shape, offset } = view, width = ELEMENT_BYTES[dtype];
  return lazyTensor(dtype, shape, async (bytes) => {
    if (bytes.length === 0) return;
    if (isContiguous(view)) return await source.fill(bytes, offset * width);
    const pieces = source.hasPieces ? source : await inMemory(source);
    await gather(pieces, wordsOf(bytes, width), axesOf(view), inWords(offset, width), 0);
  });
}

/**
 * The transpose of a matrix, made when it is asked for.
 *
 * @param matrix A tensor of two dimensions.
 */
export function transposed(matrix: LazyTensorData): LazyTensorData {
  const { dtype, shape: [rows, columns] } = matrix, width = ELEMENT_BYTES[dtype];
  const view = { dtype, shape: [columns!, rows!], strides: [1, columns!], offset: 0 };
  return lazyTensor(dtype, view.shape, async (bytes) => {
    const put = (stored: ArrayBufferView) =>
      scatter(wordsOf(stored, width), wordsOf(bytes, width), axesOf(view), 0, 0);
    if (!matrix.fill) return put(await matrix.read());
    const stored = spare.length >= bytes.length
      ? spare.subarray(0, bytes.length)
      : new Uint8Array(bytes.length);
    spare = new Uint8Array(); // nobody else's meanwhile
    await matrix.fill(stored);
    put(stored);
    if (bytes.length <= MOST_SPARE) spare = new Uint8Array(stored.buffer);
  });
}

const MOST_SPARE = 1 << 25; // bytes
/** For the next matrix: new memory costs more time than what is done with it. */
let spare = new Uint8Array();

/** Elements as whole numbers that copy bit for bit; those of eight bytes are two. */
type Words = Uint8Array | Uint16Array | Uint32Array;

function wordsOf({ buffer, byteOffset, byteLength }: ArrayBufferView, width: number): Words {
  const Words = width === 1 ? Uint8Array : width === 2 ? Uint16Array : Uint32Array;
  return new Words(buffer as ArrayBuffer, byteOffset, byteLength / Words.BYTES_PER_ELEMENT);
}

function inWords(elements: number, width: number): number {
  return width === 8 ? 2 * elements : elements;
}

/** One dimension of a view: how far apart its words are where they are stored, and in the tensor. */
interface Axis {
  readonly size: number;
  readonly from: number;
  readonly to: number;
}

/** The dimensions of a view, that of the largest stride first. */
function axesOf({ dtype, shape, strides }: StridedView): Axis[] {
  const width = ELEMENT_BYTES[dtype], targets = rowMajor(shape);
  const axes = shape.map((size, i) => ({
    size,
    from: inWords(strides[i]!, width),
    to: inWords(targets[i]!, width),
  })).filter(({ size }) => size > 1).sort((a, b) => b.from - a.from);
  return width === 8 ? [...axes, { size: 2, from: 1, to: 1 }] : axes;
}

const BLOCK = 1 << 22; // bytes that are read at once

function isContiguous({ shape, strides }: StridedView): boolean {
  const expected = rowMajor(shape);
  return shape.every((size, i) => size === 1 || strides[i] === expected[i]);
}

async function inMemory(source: ElementSource): Promise<ElementSource> {
  const all = new Uint8Array(source.size);
  await source.fill(all, 0);
  const fill = (bytes: Uint8Array, start: number) => {
    bytes.set(all.subarray(start, start + bytes.length));
    return Promise.resolve();
  };
  return { size: all.length, hasPieces: true, fill };
}

/** Reads the words of some axes, in blocks of limited size, and puts them in their places. */
async function gather(
  source: ElementSource,
  target: Words,
  axes: readonly Axis[],
  from: number,
  to: number,
): Promise<void> {
  const [outer, ...inner] = axes, width = target.BYTES_PER_ELEMENT;
  const span = (axes: readonly Axis[]) => axes.reduce((span, { size, from }) => span + (size - 1) * from, 1);
  if (!outer || span(axes) * width <= BLOCK) {
    const block = new Uint8Array(span(axes) * width);
    await source.fill(block, from * width);
    return scatter(wordsOf(block, width), target, axes, 0, to);
  }
  if (outer.size === 1) return await gather(source, target, inner, from, to);
  const fitting = 1 + Math.floor((BLOCK / width - span(inner)) / outer.from);
  const step = Math.min(outer.size, Math.max(1, fitting));
  for (let i = 0; i < outer.size; i += step) {
    const some = { ...outer, size: Math.min(step, outer.size - i) };
    await gather(source, target, [some, ...inner], from + i * outer.from, to + i * outer.to);
  }
}

function scatter(block: Words, target: Words, axes: readonly Axis[], from: number, to: number): void {
  const [outer, inner, ...more] = axes;
  if (!outer) {
    target[to] = block[from]!;
  } else if (more.length === 0) {
    scatterMatrix(block, target, outer, inner ?? { size: 1, from: 0, to: 0 }, from, to);
  } else {
    for (let i = 0; i < outer.size; i++) {
      scatter(block, target, axes.slice(1), from + i * outer.from, to + i * outer.to);
    }
  }
}

const STRIP = 64; // words that lie side by side in the target: as many streams a processor can follow in the source

/** The loop in which the time goes. */
function scatterMatrix(block: Words, target: Words, one: Axis, other: Axis, from: number, to: number): void {
  const [rows, columns] = one.to > other.to ? [one, other] : [other, one]; // along columns the target is densest
  for (let column = 0; column < columns.size; column += STRIP) {
    const width = Math.min(STRIP, columns.size - column);
    for (let row = 0; row < rows.size; row++) {
      let source = from + row * rows.from + column * columns.from;
      let goal = to + row * rows.to + column * columns.to;
      for (let i = 0; i < width; i++, source += columns.from, goal += columns.to) {
        target[goal] = block[source]!;
      }
    }
  }
}
