/** Batches of a run, one after the other: made when asked for, or ahead of it by workers. */
import {
  type BatchPlan,
  type BatchPlanOptions,
  type Part,
  planBatches,
  type PlannedSentence,
  planOnePass,
} from "./batch_plan.ts";
import { type Batch, collate, type CollateOptions } from "./collator.ts";
import type { Sentences } from "./sentences.ts";
import { WorkerBatchSource } from "./worker_source.ts";

/** A batch and its place in the run. */
export interface PlacedBatch extends Batch, Omit<BatchPlan, "sentences"> {
  /** Which sentences it is of, in the order of their `[CLS]`. */
  readonly contents: BatchPlan["sentences"];
}

/** An endless stream of batches. */
export interface BatchSource extends Disposable {
  /**
   * @returns the next batch
   * @throws whatever went wrong when it was made
   */
  next(): Promise<PlacedBatch>;
  /** Seconds that were spent in `next` so far. */
  readonly waited: number;
  /** Ends it, and its workers; called twice it does nothing. */
  close(): void;
}

/** How batches are made. */
export interface BatchOptions extends Omit<CollateOptions, "draws">, BatchPlanOptions {
  /** Workers that make them ahead. Default: 0, made when asked for. */
  readonly workers?: number | undefined;
  /** Most batches that are ready or being made per worker. Default: 2. */
  readonly prefetch?: number | undefined;
}

/**
 * Opens the stream of batches of a run.
 *
 * @param sentences what they are made of
 * @param options shape, masking, seed, order, where to begin, workers
 * @returns the stream: the same batches to the bit, however many workers there are and wherever it is taken up again
 * @throws {RangeError} if there are no sentences, or workers are wanted for sentences that are in memory only
 *
 * @example
 * ```ts
 * import { openBatches } from "./batch_source.ts";
 * import { Corpus } from "./corpus_reader.ts";
 * import { planLayout } from "./layout_plan.ts";
 * import { Vocabulary } from "../text/mod.ts";
 * const vocabulary = await Vocabulary.read("tests/fixtures/text/vocab.txt");
 * using corpus = await Corpus.open("tests/fixtures/text", vocabulary);
 * const layout = planLayout(corpus, { batchSize: 4, maxSeqLength: 32, mlmProb: 0.15, packing: "rows" });
 * using source = openBatches(corpus, { layout, vocabulary, mlmProb: 0.15, seed: 1000 });
 * const { sentences, position } = await source.next();
 * console.log(sentences, position.taken - position.waiting.length); // twice the same number
 * ```
 */
export function openBatches(sentences: Sentences, options: BatchOptions): BatchSource {
  const { workers = 0, prefetch = 2 } = options;
  const plans = planBatches(sentences, options);
  if (workers === 0) return new InProcessSource(sentences, plans, options);
  if (sentences.stored === undefined) {
    throw new RangeError("Cannot make batches in workers: the sentences are in memory only");
  }
  return new WorkerBatchSource(sentences.stored, plans, { ...options, workers, prefetch });
}

/**
 * Goes through sentences once, in stored order and with the same masks every time.
 *
 * @param sentences what the batches are made of
 * @param options shape, masking, seed; which of several processes this one is
 * @returns batches in which every sentence is exactly once, those of the other processes counted; the last ones are partly
 *   empty
 */
export function* onePass(
  sentences: Sentences,
  options: Omit<CollateOptions, "draws"> & { part?: Part | undefined },
): Generator<Batch, void> {
  for (const plan of planOnePass(sentences, options.layout, options.part)) {
    yield collatePlanned(sentences, plan.sentences, options);
  }
}

class InProcessSource implements BatchSource {
  readonly #sentences: Sentences;
  readonly #plans: Iterator<BatchPlan, never>;
  readonly #options: CollateOptions;
  waited = 0;

  constructor(sentences: Sentences, plans: Iterator<BatchPlan, never>, options: CollateOptions) {
    [this.#sentences, this.#plans, this.#options] = [sentences, plans, options];
  }

  // deno-lint-ignore require-await -- what it throws is to be a rejection
  async next(): Promise<PlacedBatch> {
    const start = performance.now();
    const { sentences: contents, ...place } = this.#plans.next().value;
    const batch = { ...collatePlanned(this.#sentences, contents, this.#options), contents, ...place };
    this.waited += (performance.now() - start) / 1000;
    return batch;
  }

  close(): void {}

  [Symbol.dispose](): void {}
}

function collatePlanned(
  sentences: Sentences,
  planned: readonly PlannedSentence[],
  options: CollateOptions,
): Batch {
  return collate(planned.map((place) => ({ ...sentences.sentence(place.sentence), ...place })), options);
}
