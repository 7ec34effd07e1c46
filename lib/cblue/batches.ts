/**
 * Rows of tokens in batches: as many rows each, as wide as their longest needs.
 *
 * B = rows of a process's batch, L = slots of a row.
 *
 * @module
 */
import { shuffledOrder } from "../packing/mod.ts";

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
    return batchOf(this.#rows, this.#plan.batches[batch]!, this.#options);
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
  for (const numbers of chunks(order, globalSize(options))) yield batchOf(rows, numbers, options);
}

/** Rows of a step in all processes. */
function globalSize({ batchSize, part = ALONE }: RowBatchOptions): number {
  return batchSize * part.size;
}

function batchOf<R extends Row>(
  all: readonly R[],
  numbers: readonly number[],
  { batchSize, maxLength, part = ALONE }: RowBatchOptions,
): RowBatch<R> {
  const longest = Math.max(...numbers.map((n) => all[n]!.ids.length));
  const own = numbers.slice(part.rank * batchSize, (part.rank + 1) * batchSize);
  return {
    rows: own.map((n) => all[n]!),
    numbers: own,
    capacity: batchSize,
    width: Math.min(maxLength, WIDTH_STEP * Math.ceil(longest / WIDTH_STEP)),
    longest,
    total: numbers.length,
    processes: part.size,
  };
}

function chunks<T>(items: readonly T[], size: number): T[][] {
  return Array.from(
    { length: Math.ceil(items.length / size) },
    (_, i) => items.slice(i * size, (i + 1) * size),
  );
}
