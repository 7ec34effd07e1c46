/**
 * The endless line that the sentences of a run stand in: epoch after epoch, each in its own order.
 *
 * A place in the line is a whole number, epoch · n + index, from which epoch and sentence follow at once, however far it is.
 */
import { mersenneShuffle, shuffledOrder } from "./random.ts";

/**
 * How an epoch is ordered: `seeded` by seed and epoch, `original` as the original on GPUs (numpy's shuffle by epoch, whatever
 * the seed), or `stored`.
 */
export type SentenceOrder = "seeded" | "original" | "stored";

/**
 * Tells who stands where.
 *
 * @example
 * ```ts
 * import { SentenceLine } from "./sentence_line.ts";
 * const line = new SentenceLine(10, { order: "stored", seed: 1000 });
 * console.log(line.at(10_000_000_003)); // { epoch: 1000000000, sentence: 3 }
 * ```
 */
export class SentenceLine {
  readonly #length: number;
  readonly #order: SentenceOrder;
  readonly #seed: number;
  /** Of the epochs in use: four bytes a sentence each. */
  readonly #orders = new Map<number, Uint32Array>();

  /** @param length number of sentences, at least 1 */
  constructor(length: number, { order, seed }: { order: SentenceOrder; seed: number }) {
    if (length < 1) throw new RangeError("Cannot make batches: there are no sentences");
    [this.#length, this.#order, this.#seed] = [length, order, seed];
  }

  /** @returns the epoch that a place is in, from 0 */
  epochOf(place: number): number {
    return Math.floor(place / this.#length);
  }

  /** @returns who stands at a place */
  at(place: number): { epoch: number; sentence: number } {
    const epoch = this.epochOf(place), index = place % this.#length;
    if (this.#order === "stored") return { epoch, sentence: index };
    let numbers = this.#orders.get(epoch);
    if (numbers === undefined) {
      numbers = this.#order === "original"
        ? mersenneShuffle(this.#length, epoch)
        : shuffledOrder(this.#length, this.#seed, epoch);
      this.#orders.set(epoch, numbers);
    }
    return { epoch, sentence: numbers[index]! };
  }

  /** Forgets the orders of epochs before this place, which nobody will ask for again. */
  forgetBefore(place: number): void {
    const oldest = this.epochOf(place);
    for (const epoch of this.#orders.keys()) {
      if (epoch < oldest) this.#orders.delete(epoch);
    }
  }
}
