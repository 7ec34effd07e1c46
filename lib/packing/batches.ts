/**
 * The stream of batches of a run: any step can be made by itself, so that resuming costs nothing.
 *
 * Sentences stand in one endless line, epoch after epoch, each epoch in its own order; step s takes sentences s·B … s·B+B−1
 * of it. All batches so have B sentences, as a compiled step wants: where the original ends an epoch with a short batch,
 * ours goes on with the first sentences of the next.
 */
import type { Corpus } from "./corpus_reader.ts";
import { type Batch, collate, type CollateOptions, type PlacedSentence } from "./collator.ts";
import { mersenneShuffle, shuffledOrder } from "./random.ts";

/** How the stream is cut. */
export interface BatchOptions extends CollateOptions {
  /** B: sentences a step; the batch has 2B rows. */
  readonly batchSize: number;
  /** First step to make, from 0. Default: 0. */
  readonly startStep?: number;
  /**
   * Order of sentences: `seeded` by seed and epoch, `original` as the original on GPUs (numpy's shuffle by epoch,
   * whatever the seed), or `stored`. Default: `seeded`.
   */
  readonly order?: "seeded" | "original" | "stored";
}

/** A batch and its place in the run. */
export interface PlacedBatch extends Batch {
  /** From 0. */
  readonly step: number;
  /** Epoch of the first sentence, from 0. */
  readonly epoch: number;
}

/**
 * Makes the batches of a run, without end.
 *
 * @param corpus the sentences
 * @param options batch size, masking, seed, first step
 * @returns batch after batch from `startStep` on, the same whenever it is called
 *
 * @example
 * ```ts
 * import { batches } from "./batches.ts";
 * import { Corpus } from "./corpus_reader.ts";
 * import { Vocabulary } from "../text/mod.ts";
 * const vocabulary = await Vocabulary.read("tests/fixtures/text/vocab.txt");
 * using corpus = await Corpus.open("tests/fixtures/text", vocabulary);
 * const options = { vocabulary, batchSize: 4, maxSeqLength: 16, mlmProb: 0.15, seed: 1000, startStep: 10 };
 * for (const batch of batches(corpus, options)) {
 *   console.log(batch.step, batch.epoch, batch.rows); // 10 6 8
 *   break;
 * }
 * ```
 */
export function* batches(
  corpus: Pick<Corpus, "length" | "sentence">,
  options: BatchOptions,
): Generator<PlacedBatch, never> {
  const { batchSize, startStep = 0, order = "seeded", seed } = options;
  const orders = new Map<number, Uint32Array>(); // of the epochs that the current batch touches
  const numberAt = (epoch: number, index: number): number => {
    if (order === "stored") return index;
    let numbers = orders.get(epoch);
    if (numbers === undefined) {
      orders.delete(epoch - 2);
      const shuffle = order === "original" ? mersenneShuffle(corpus.length, epoch) : undefined;
      orders.set(epoch, numbers = shuffle ?? shuffledOrder(corpus.length, seed, epoch));
    }
    return numbers[index]!;
  };
  for (let step = startStep;; step++) {
    const rows: PlacedSentence[] = [];
    for (let place = step * batchSize; place < (step + 1) * batchSize; place++) {
      const epoch = Math.floor(place / corpus.length);
      const sentence = numberAt(epoch, place % corpus.length);
      rows.push({ ...corpus.sentence(sentence), epoch, sentence });
    }
    yield { ...collate(rows, options), step, epoch: rows[0]!.epoch };
  }
}

/**
 * Counts the steps in which a number of epochs is seen.
 *
 * @param sentences sentences of the corpus
 * @param batchSize B
 * @param epochs how often each sentence is to be seen
 * @returns steps; the last may go on into the epoch after
 *
 * @example
 * ```ts
 * import { stepsForEpochs } from "./batches.ts";
 * console.log(stepsForEpochs(10, 4, 1), stepsForEpochs(10, 4, 2)); // 3 5
 * ```
 */
export function stepsForEpochs(sentences: number, batchSize: number, epochs: number): number {
  return Math.ceil((sentences * epochs) / batchSize);
}

/**
 * Counts the steps of one epoch, the last perhaps shared with the next.
 *
 * @param sentences sentences of the corpus
 * @param batchSize B
 * @returns steps
 */
export function stepsPerEpoch(sentences: number, batchSize: number): number {
  return stepsForEpochs(sentences, batchSize, 1);
}
