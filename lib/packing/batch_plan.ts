/**
 * Which sentences make up each batch of a run, and where in it they lie; from lengths alone, nothing is read here.
 *
 * S: sentences a batch, B: those of a padded batch.
 */
import { poolSize } from "./layout_plan.ts";
import { type Placement, RowPacker } from "./packer.ts";
import type { BatchLayout } from "./rows.ts";
import { SentenceLine, type SentenceOrder } from "./sentence_line.ts";
import { type Sentences, SPECIAL_TOKENS_A_SENTENCE } from "./sentences.ts";

/** Where a stream of batches stands: all that it takes to go on from there. */
export interface DataPosition {
  /** How many sentences have left the line, epoch after epoch. */
  readonly taken: number;
  /** Those of them that are in no batch yet: places in the line, ascending. */
  readonly waiting: readonly number[];
}

/** A sentence and its place in a batch. */
export interface PlannedSentence extends Omit<Placement, "place"> {
  /** Its masks depend on these two, the seed and the view alone. */
  readonly epoch: number;
  readonly sentence: number;
}

/** One batch, before anything is read. */
export interface BatchPlan {
  readonly sentences: readonly PlannedSentence[]; // (≤ S)
  /** Epoch of the sentence that has waited longest, from 0: never less than in the batch before. */
  readonly epoch: number;
  /** Where the stream stands after this batch. */
  readonly position: DataPosition;
}

/** How sentences come into batches. */
export interface BatchPlanOptions {
  readonly layout: BatchLayout;
  readonly seed: number;
  /** Order of sentences. Default: `seeded`. */
  readonly order?: SentenceOrder | undefined;
  /** Where to begin. Default: at the first sentence of epoch 0. */
  readonly position?: DataPosition | undefined;
  /** Which of several processes that train together this one is. Default: the only one. */
  readonly part?: Part | undefined;
}

/** One of several processes that share the work: the `rank`-th of `size`, from 0. */
export interface Part {
  readonly rank: number;
  readonly size: number;
}

/**
 * Plans batches without end.
 *
 * Processes that train together take turns at one line of sentences: of each `size` batches that are planned, this one has
 * the `rank`-th. Positions and epochs are those of all of them, so that any number of processes can go on.
 *
 * @param sentences who is to be placed
 * @param options shape of batches, order, where to begin
 * @returns plan after plan; from the position of one, another stream goes on with the next
 *
 * @example
 * ```ts
 * import { planBatches } from "./batch_plan.ts";
 * import { paddedLayout } from "./rows.ts";
 * const sentences = { length: 10, tokensOf: () => 8 };
 * const position = { taken: 10_000, waiting: [] };
 * const plans = planBatches(sentences, { layout: paddedLayout(4, 16), seed: 1000, position });
 * const { epoch, position: after } = plans.next().value;
 * console.log(epoch, after.taken); // 1000 10004
 * ```
 */
export function* planBatches(
  sentences: Pick<Sentences, "length" | "tokensOf">,
  options: BatchPlanOptions,
): Generator<BatchPlan, never> {
  const { layout, seed, order = "seeded", position = { taken: 0, waiting: [] } } = options;
  const { rank, size } = options.part ?? { rank: 0, size: 1 };
  const line = new SentenceLine(sentences.length, { order, seed });
  const packer = packerOf(layout);
  const pool = layout.packed ? poolSize(layout, sentences.length) : layout.sentenceCapacity;
  const enter = (place: number) =>
    packer.add(place, sentences.tokensOf(line.at(place).sentence) + SPECIAL_TOKENS_A_SENTENCE);
  let { taken } = position;
  position.waiting.forEach(enter);
  for (;;) {
    const plans = Array.from({ length: size }, () => {
      while (packer.size < pool) enter(taken++);
      return planOf(packer, line, taken);
    });
    yield { sentences: plans[rank].sentences, epoch: plans[0].epoch, position: plans[size - 1].position };
  }
}

/**
 * Plans the batches of a single pass over sentences in stored order, with the masks of epoch 0.
 *
 * @param sentences who is to be placed
 * @param layout shape of batches
 * @param part which of several processes this one is: each has as many batches, the last ones perhaps empty
 * @returns plan after plan, until every sentence has been in one; the last ones may have few
 */
export function* planOnePass(
  sentences: Pick<Sentences, "length" | "tokensOf">,
  layout: BatchLayout,
  { rank, size }: Part = { rank: 0, size: 1 },
): Generator<BatchPlan, void> {
  const line = new SentenceLine(sentences.length, { order: "stored", seed: 0 });
  const packer = packerOf(layout);
  const pool = layout.packed ? poolSize(layout, sentences.length) : layout.sentenceCapacity;
  for (let taken = 0; taken < sentences.length || packer.size > 0;) {
    const plans = Array.from({ length: size }, () => {
      while (packer.size < pool && taken < sentences.length) {
        packer.add(taken, sentences.tokensOf(taken++) + SPECIAL_TOKENS_A_SENTENCE);
      }
      return packer.size > 0 ? planOf(packer, line, taken) : emptyPlan(taken);
    });
    yield plans[rank];
  }
}

function emptyPlan(taken: number): BatchPlan {
  return { sentences: [], epoch: 0, position: { taken, waiting: [] } };
}

function planOf(packer: SentencePacker, line: SentenceLine, taken: number): BatchPlan {
  const placements = packer.pack();
  const oldest = placements.reduce((oldest, { place }) => Math.min(oldest, place), Infinity);
  const sentences = placements.map(({ place, ...where }) => ({ ...line.at(place), ...where }));
  line.forgetBefore(oldest);
  return { sentences, epoch: line.epochOf(oldest), position: { taken, waiting: packer.waiting() } };
}

type SentencePacker = Pick<RowPacker, "size" | "add" | "pack" | "waiting">;

function packerOf(layout: BatchLayout): SentencePacker {
  return layout.packed ? new RowPacker(layout) : new PaddedPacker(layout);
}

/** Gives each sentence a row of its own, first come, first served. */
class PaddedPacker implements SentencePacker {
  readonly #width: number;
  readonly #viewStride: number;
  readonly #queue: { place: number; length: number }[] = [];

  constructor({ groups }: BatchLayout) {
    const [{ rows, width }] = groups as [BatchLayout["groups"][number]];
    [this.#width, this.#viewStride] = [width, rows / 2 * width];
  }

  get size(): number {
    return this.#queue.length;
  }

  add(place: number, length: number): void {
    this.#queue.push({ place, length: Math.min(length, this.#width) });
  }

  waiting(): number[] {
    return []; // what is taken is placed at once
  }

  pack(): Placement[] {
    return this.#queue.splice(0).map((sentence, row) => ({
      ...sentence,
      slots: [row * this.#width, row * this.#width + this.#viewStride],
      segment: 1,
    }));
  }
}
