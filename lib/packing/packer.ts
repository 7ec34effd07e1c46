/**
 * Lays waiting sentences into rows: first each row begins with the oldest sentence that it can take, then it is filled up
 * with the longest that fit.
 *
 * Every row of a batch begins with the oldest sentence that needs a row of its width, so that the oldest of each length class
 * goes into the very next batch, and nobody waits for more batches than there are sentences before him in the pool. The best
 * fit (Johnson 1973: largest first into what is left) has the whole pool to choose from, which is why so little is left over.
 */
import type { BatchLayout } from "./rows.ts";

/** Where a sentence lies in a batch. */
export interface Placement {
  /** Its place in the line of sentences. */
  readonly place: number;
  /** Slots of its `[CLS]` in view a and in view b. */
  readonly slots: readonly [number, number];
  /** Slots that it has in either view, for `[CLS]`, tokens and `[SEP]`. */
  readonly length: number;
  /** 1 for the first sentence of a row, 2 for the second … */
  readonly segment: number;
}

/** A row of view a that is being filled. */
interface Row {
  readonly width: number;
  /** Slots that no narrower row has: a sentence longer than this needs a row of this width. */
  readonly narrower: number;
  /** First slot in view a, and how far behind it the row of view b lies. */
  readonly start: number;
  readonly viewStride: number;
  readonly placements: Placement[];
  left: number;
}

/**
 * A pool of waiting sentences, from which batches are filled.
 *
 * @example
 * ```ts
 * import { RowPacker } from "./packer.ts";
 * const packer = new RowPacker({ groups: [{ rows: 2, width: 10 }], sentenceCapacity: 4 });
 * [6, 5, 4, 3].forEach((length, place) => packer.add(place, length));
 * console.log(packer.pack().map(({ place, slots }) => [place, ...slots])); // [[0, 0, 10], [2, 6, 16]]
 * console.log(packer.waiting()); // [1, 3]
 * ```
 */
export class RowPacker {
  readonly #layout: Pick<BatchLayout, "groups" | "sentenceCapacity">;
  readonly #widest: number;
  /** By length: places of waiting sentences, oldest first. */
  readonly #queues: number[][];
  #count = 0;

  /** @param layout the rows of a batch, and how many sentences it may have; at least as many as rows a view */
  constructor(layout: Pick<BatchLayout, "groups" | "sentenceCapacity">) {
    this.#layout = layout;
    this.#widest = Math.max(...layout.groups.map(({ width }) => width));
    this.#queues = Array.from({ length: this.#widest + 1 }, () => []);
  }

  /** Number of sentences that wait. */
  get size(): number {
    return this.#count;
  }

  /**
   * Puts a sentence at the end of the pool.
   *
   * @param place its place in the line; higher than of all before
   * @param length slots that it needs; what is more than the widest row has will be cut off
   */
  add(place: number, length: number): void {
    this.#queues[Math.min(length, this.#widest)]!.push(place);
    this.#count++;
  }

  /** @returns places of the sentences that wait, ascending: added again in this order, they make the same pool */
  waiting(): number[] {
    return this.#queues.flat().sort((a, b) => a - b);
  }

  /**
   * Takes sentences out of the pool and fills one batch.
   *
   * @returns where they lie, row after row from the widest on; fewer rows are used if the pool has too little
   */
  pack(): Placement[] {
    const rows = rowsOf(this.#layout);
    let free = this.#layout.sentenceCapacity;
    for (const row of rows) {
      if (free === 0) break;
      const length = this.#oldest(row.narrower + 1, row.width) ?? this.#oldest(1, row.narrower);
      if (length === undefined) continue;
      this.#put(row, length);
      free--;
    }
    for (const row of rows) {
      while (free > 0) {
        const length = this.#longest(row.left);
        if (length === undefined) break;
        this.#put(row, length);
        free--;
      }
    }
    return rows.flatMap(({ placements }) => placements);
  }

  /** Length of the sentence that has waited longest among those of `shortest` to `longest`. */
  #oldest(shortest: number, longest: number): number | undefined {
    let found: number | undefined, oldest = Infinity;
    for (let length = shortest; length <= longest; length++) {
      const place = this.#queues[length]![0];
      if (place !== undefined && place < oldest) [found, oldest] = [length, place];
    }
    return found;
  }

  #longest(room: number): number | undefined {
    for (let length = room; length > 0; length--) {
      if (this.#queues[length]!.length > 0) return length;
    }
    return undefined;
  }

  #put(row: Row, length: number): void {
    const slot = row.start + row.width - row.left;
    row.placements.push({
      place: this.#queues[length]!.shift()!,
      slots: [slot, slot + row.viewStride],
      length,
      segment: row.placements.length + 1,
    });
    row.left -= length;
    this.#count--;
  }
}

/** The empty rows of view a, widest first. */
function rowsOf({ groups }: Pick<BatchLayout, "groups">): Row[] {
  let start = 0;
  const rows: Row[] = [];
  for (const { rows: count, width } of groups) {
    const narrower = Math.max(0, ...groups.map((group) => group.width).filter((other) => other < width));
    const viewStride = count / 2 * width;
    for (let row = 0; row < count / 2; row++, start += width) {
      rows.push({ width, narrower, start, viewStride, placements: [], left: width });
    }
    start += viewStride; // view b
  }
  return rows.sort((a, b) => b.width - a.width);
}
