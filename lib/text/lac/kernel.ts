/** The kernel of assembly/kernel.ts: its functions and the memory that they work on. */

/** Columns of a panel of weights. */
export const PANEL = 8;

/** Rows of a tile: a matrix product takes a whole number of them. */
export const TILE = 4;

const PAGE = 65_536;

/** Alignment of everything in memory, in bytes: a cache line. */
const ALIGNMENT = 64;

/** What the module exports; every number is a count or a byte address. See assembly/kernel.ts for their arguments. */
interface Functions {
  readonly memory: WebAssembly.Memory;
  readonly gemm: (...args: number[]) => void;
  readonly gru: (...args: number[]) => void;
  readonly viterbi: (...args: number[]) => void;
}

/** An instance of the kernel with a memory of its own. */
export class Kernel {
  readonly gemm: Functions["gemm"];
  readonly gru: Functions["gru"];
  readonly viterbi: Functions["viterbi"];
  readonly #memory: WebAssembly.Memory;
  #end = ALIGNMENT;

  private constructor({ memory, gemm, gru, viterbi }: Functions) {
    [this.#memory, this.gemm, this.gru, this.viterbi] = [memory, gemm, gru, viterbi];
  }

  /** @returns A new instance. */
  static async load(): Promise<Kernel> {
    const file = await fetch(new URL("kernel.wasm", import.meta.url));
    const { instance } = await WebAssembly.instantiate(await file.arrayBuffer());
    return new Kernel(instance.exports as unknown as Functions);
  }

  /** Where the memory in use ends. */
  get end(): number {
    return this.#end;
  }

  /**
   * Frees what was allocated last.
   *
   * @param end What {@linkcode Kernel.end} was before.
   */
  freeFrom(end: number) {
    this.#end = end;
  }

  /**
   * Takes memory, and grows it where it has to. Views made before are of no use afterwards.
   *
   * @param bytes How much.
   * @returns Where it is.
   */
  allocate(bytes: number): number {
    const address = this.#end;
    this.#end += roundUp(bytes, ALIGNMENT);
    const pages = Math.ceil((this.#end - this.#memory.buffer.byteLength) / PAGE);
    if (pages > 0) this.#memory.grow(pages);
    return address;
  }

  /** Stores numbers for good and tells where. */
  put(values: Float32Array): number {
    const address = this.allocate(values.byteLength);
    this.floats(address, values.length).set(values);
    return address;
  }

  /** @returns A view of float32 numbers. */
  floats(address: number, length: number): Float32Array {
    return new Float32Array(this.#memory.buffer, address, length);
  }

  /** @returns A view of int32 numbers. */
  integers(address: number, length: number): Int32Array {
    return new Int32Array(this.#memory.buffer, address, length);
  }

  /** @returns A view of bytes. */
  bytes(address: number, length: number): Uint8Array {
    return new Uint8Array(this.#memory.buffer, address, length);
  }
}

/**
 * Lays a matrix out as the kernel reads it: panels of eight columns, each row by row.
 *
 * @param matrix (K, N); N is filled up to whole panels with zeros.
 * @param rows K.
 * @returns The panels.
 */
export function packPanels(matrix: Float32Array, rows: number): Float32Array {
  const columns = matrix.length / rows;
  const panels = new Float32Array(rows * roundUp(columns, PANEL));
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const panel = column - column % PANEL;
      panels[panel * rows + row * PANEL + column % PANEL] = matrix[row * columns + column]!;
    }
  }
  return panels;
}

/** The next multiple. */
export function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}
