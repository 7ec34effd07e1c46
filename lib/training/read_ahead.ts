/**
 * Batches made while the device works.
 *
 * @module
 */
import type { BatchSource, PlacedBatch } from "../packing/mod.ts";

/** Has the next batch made while the device works on this one. */
export class ReadAhead {
  readonly #source: BatchSource;
  #next: Promise<PlacedBatch> | undefined;
  /** Seconds that the device had nothing to do because a batch was not ready. */
  waited = 0;

  constructor(source: BatchSource) {
    this.#source = source;
  }

  async next(): Promise<PlacedBatch> {
    const start = performance.now();
    const batch = await (this.#next ?? this.#source.next());
    this.waited += (performance.now() - start) / 1000;
    // once the device is at work: making a batch may keep this thread busy
    this.#next = new Promise<void>((resolve) => setTimeout(resolve, 0)).then(() => this.#source.next());
    this.#next.catch(() => {}); // told to whoever asks for the batch
    return batch;
  }
}
