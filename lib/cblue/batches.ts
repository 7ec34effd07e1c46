/**
 * Rows of tokens in batches: as many rows each, as wide as their longest needs.
 *
 * B = rows of a process's batch, L = slots of a row.
 *
 * @module
 */
import { shuffledOrder } from "../packing/mod.ts";
import { bestWidth, type Packing, packTexts, roundRows } from "./packing.ts";

/** What an encoder reads of one example. */
export interface Row {
  /** `[CLS] … [SEP]`, or a pair. */
  readonly ids: ArrayLike<number>;
  /** 0 for the first text, 1 for the second; default: all 0. */
  readonly typeIds?: ArrayLike<number>;
}

/** Rows that go through the model together. */
export interface RowBatch<R extends Row> {
  /** Those of this process, at most B; the other rows of the batch are empty. */
  readonly rows: readonly R[];
  /** Their numbers in the set, on which their dropout depends. */
  readonly numbers: readonly number[];
  /** B. */
  readonly capacity: number;
  /** L: enough for the longest row, and of few different values, for each of which the model is compiled. */
  readonly width: number;
  /** How its rows lie before the encoder, if several share one there. */
  readonly packing?: Packing | undefined;
  /** Tokens of the longest row, in all processes. */
  readonly longest: number;
  /** How many rows all processes have in this batch, and how many processes there are. */
  readonly total: number;
  readonly processes: number;
}

/** Where a run stands in its data: the next batch. */
export interface BatchPosition {
  readonly epoch: number;
  /** Within the epoch, from 0. */
  readonly batch: number;
}

/** How batches are made. */
export interface RowBatchOptions {
  /** B. */
  readonly batchSize: number;
  /** The most tokens that a row may have. */
  readonly maxLength: number;
  /** Which process of how many this is; default: the only one. */
  readonly part?: { readonly rank: number; readonly size: number };
  /** Whether several rows share one of the encoder's; default: none does. */
  readonly packed?: boolean | undefined;
}

/** Widths are multiples of this. */
const WIDTH_STEP = 32;
const ALONE = { rank: 0, size: 1 };

/**
 * Batches for training: the rows in another order each epoch, the last batch of an epoch perhaps not full.
 *
 * @example
 * ```ts
 * import { RowStream } from "./batches.ts";
 * const rows = [[2, 7, 3], [2, 8, 9, 3], [2, 6, 3]].map((ids) => ({ ids }));
 * const stream = new RowStream(rows, { batchSize: 2, maxLength: 128, seed: 1000 });
 * console.log(stream.batchesPerEpoch, stream.next().width); // 2 32
 * ```
 */
export class RowStream<R extends Row> {
  readonly batchesPerEpoch: number;
  readonly #rows: readonly R[];
  readonly #options: RowBatchOptions & { seed: number; pool?: number };
  readonly #packedWidth: number | undefined;
  #position: BatchPosition;
  #plan: { epoch: number; batches: readonly (readonly number[])[] } = { epoch: -1, batches: [] };

  /**
   * @param rows The training set.
   * @param options.seed Fixes the orders.
   * @param options.pool So many batches are sorted by length before they are cut; default 1: not sorted.
   * @param options.position Where to begin; default: the first epoch's first batch.
   * @throws {RangeError} If there are no rows.
   */
  constructor(
    rows: readonly R[],
    options: RowBatchOptions & { seed: number; pool?: number; position?: BatchPosition | undefined },
  ) {
    if (rows.length === 0) throw new RangeError("Cannot make batches of no rows");
    this.#rows = rows;
    this.#options = options;
    this.batchesPerEpoch = Math.ceil(rows.length / globalSize(options));
    this.#packedWidth = packedWidth(rows, this.#batchesOf(0), options);
    this.#position = options.position ?? { epoch: 0, batch: 0 };
  }

  /** The batch that comes next. */
  get position(): BatchPosition {
    return this.#position;
  }

  /** Gives the next batch. */
  next(): RowBatch<R> {
    const { epoch, batch } = this.#position;
    if (this.#plan.epoch !== epoch) this.#plan = { epoch, batches: this.#batchesOf(epoch) };
    this.#position = batch + 1 < this.batchesPerEpoch
      ? { epoch, batch: batch + 1 }
      : { epoch: epoch + 1, batch: 0 };
    return batchOf(this.#rows, this.#plan.batches[batch]!, this.#packedWidth, this.#options);
  }

  #batchesOf(epoch: number): number[][] {
    const { seed, pool = 1 } = this.#options, size = globalSize(this.#options);
    const order = [...shuffledOrder(this.#rows.length, seed, epoch)];
    if (pool === 1) return chunks(order, size);
    const sorted = chunks(order, pool * size).flatMap((some) =>
      some.sort((a, b) => this.#rows[a]!.ids.length - this.#rows[b]!.ids.length || a - b)
    );
    const batches = chunks(sorted, size);
    return [...shuffledOrder(batches.length, seed + 1, epoch)].map((i) => batches[i]!);
  }
}

/**
 * Batches for evaluation and prediction: each row once, those of like lengths together.
 *
 * @param rows In any order; none make no batch.
 * @returns Batches; `numbers` tell which rows they hold.
 */
export function* rowsOnce<R extends Row>(
  rows: readonly R[],
  options: RowBatchOptions,
): Generator<RowBatch<R>> {
  const order = Array.from(rows, (_, i) => i)
    .sort((a, b) => rows[b]!.ids.length - rows[a]!.ids.length || a - b); // what needs most memory first
  yield* layOut(rows, chunks(order, globalSize(options)), options);
}

/**
 * Batches of given rows.
 *
 * @param batches Which rows each has, by their numbers.
 */
export function* layOut<R extends Row>(
  rows: readonly R[],
  batches: readonly (readonly number[])[],
  options: RowBatchOptions,
): Generator<RowBatch<R>> {
  const width = packedWidth(rows, batches, options);
  for (const numbers of batches) yield batchOf(rows, numbers, width, options);
}

/** Rows of a step in all processes. */
function globalSize({ batchSize, part = ALONE }: RowBatchOptions): number {
  return batchSize * part.size;
}

function batchOf<R extends Row>(
  all: readonly R[],
  numbers: readonly number[],
  packedWidth: number | undefined,
  { batchSize, maxLength, part = ALONE }: RowBatchOptions,
): RowBatch<R> {
  const longest = Math.max(...lengthsOf(all, numbers));
  const parts = chunks(numbers, batchSize), own = parts[part.rank] ?? [];
  return {
    rows: own.map((n) => all[n]!),
    numbers: own,
    capacity: batchSize,
    width: widthFor(longest, maxLength),
    longest,
    total: numbers.length,
    processes: part.size,
    packing: packedWidth
      ? packPart(parts.map((part) => lengthsOf(all, part)), part.rank, packedWidth)
      : undefined,
  };
}

/** How a process packs its rows; all have as many rows of the encoder, for they run the same compiled step. */
function packPart(parts: readonly (readonly number[])[], rank: number, width: number): Packing {
  const packings = parts.map((lengths) => packTexts(lengths, width));
  const rows = roundRows(Math.max(...packings.map(({ rows }) => rows)));
  return { rows, width, starts: packings[rank]?.starts ?? [] };
}

/** Planning looks at so many batches. */
const PLANNED = 200;

/** How wide the encoder's rows are where several rows share one. */
function packedWidth(
  all: readonly Row[],
  batches: readonly (readonly number[])[],
  { batchSize, maxLength, packed = false }: RowBatchOptions,
): number | undefined {
  if (!packed || batches.length === 0) return undefined;
  const longest = all.reduce((most, { ids }) => Math.max(most, ids.length), 0);
  const some = batches.filter((_, i) => i % Math.ceil(batches.length / PLANNED) === 0);
  const parts = some.flatMap((numbers) => chunks(lengthsOf(all, numbers), batchSize));
  return bestWidth(parts, widthFor(longest, maxLength));
}

function widthFor(longest: number, maxLength: number): number {
  return Math.min(maxLength, WIDTH_STEP * Math.ceil(longest / WIDTH_STEP));
}

function lengthsOf(all: readonly Row[], numbers: readonly number[]): number[] {
  return numbers.map((n) => all[n]!.ids.length);
}

function chunks<T>(items: readonly T[], size: number): T[][] {
  return Array.from(
    { length: Math.ceil(items.length / size) },
    (_, i) => items.slice(i * size, (i + 1) * size),
  );
}
