/**
 * Which rows a batch should have for the sentences at hand.
 *
 * Attention over a row of w slots costs each of them w steps: rows should be narrow. But a sentence needs a row that holds it,
 * and what remains of a row behind the last sentence is wasted: rows should be wide. So a few widths are tried out, each with
 * as many rows as its sentences need, on sentences of random lengths with the corpus's frequencies; the cheapest wins. The same
 * sentences and options give the same layout, on which resuming relies.
 *
 * B: sentences a step on average; L: tokens of the longest row; all lengths count `[CLS]` and `[SEP]`.
 */
import { LengthDistribution } from "./length_distribution.ts";
import { RowPacker } from "./packer.ts";
import { type BatchLayout, paddedLayout, type RowGroup, slots } from "./rows.ts";
import { type Sentences, SPECIAL_TOKENS_A_SENTENCE } from "./sentences.ts";

/** What a batch should be. */
export interface LayoutOptions {
  /** B: sentences a step; with packed rows on average. */
  readonly batchSize: number;
  /** L: slots of the longest row. */
  readonly maxSeqLength: number;
  /** Probability that a word is masked. */
  readonly mlmProb: number;
  /** `rows`: several sentences in each row; `none`: each in a row of its own of `maxSeqLength`, as the original. */
  readonly packing: "rows" | "none";
}

/** Widths that are tried, besides the one that the longest sentence needs. */
const WIDTHS = [64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048];
const MOST_GROUPS = 3;
/** Width at which attention costs as much as all the rest of a layer of 768 units. */
const COSTLY_WIDTH = 2048;
/** What one more group of rows costs, as a share of a step. */
const GROUP_COST = 0.01;
/** How many more rows there are than the sentences that need them would fill by themselves. */
const ROW_SLACK = 1.15;
/** How far from B sentences a layout may be, if another is nearer. */
const SIZE_TOLERANCE = 0.05;
const TRIAL_STEPS = 200;
const MOST_TRIAL_SENTENCES = 40_000;
/** Tokens of the word that an average token belongs to, for how much the number of masked tokens varies. */
const TOKENS_A_WORD = 2.5;

/**
 * Lays out the batches of a run.
 *
 * @param sentences what will be in them
 * @param options their size
 * @returns for `none` 2B rows of L; else rows of a few widths which hold about B sentences, or more where even one row that
 *   holds the longest sentence has room for more; capacities that batches practically never reach
 * @throws {RangeError} if rows are too short for a token
 *
 * @example
 * ```ts
 * import { planLayout } from "./layout_plan.ts";
 * const sentences = { length: 100, tokensOf: (n: number) => n === 0 ? 400 : 10 + n % 30 };
 * const { groups } = planLayout(sentences, { batchSize: 64, maxSeqLength: 512, mlmProb: 0.15, packing: "rows" });
 * console.log(groups); // [{ rows: 2, width: 408 }, { rows: 30, width: 96 }]
 * ```
 */
export function planLayout(
  sentences: Pick<Sentences, "length" | "tokensOf">,
  options: LayoutOptions,
): BatchLayout {
  const { batchSize, maxSeqLength, mlmProb, packing } = options;
  if (!(maxSeqLength > SPECIAL_TOKENS_A_SENTENCE)) {
    throw new RangeError(`Cannot make rows of ${maxSeqLength} tokens: the smallest length is 3`);
  }
  const lengths = new LengthDistribution(sentences, maxSeqLength);
  if (packing === "none") {
    const expected = 2 * batchSize * (lengths.mean - SPECIAL_TOKENS_A_SENTENCE) * mlmProb;
    const deviation = Math.sqrt(
      2 * (2 * batchSize) * lengths.variance * mlmProb ** 2 + // both views share their lengths
        TOKENS_A_WORD * expected * (1 - mlmProb),
    );
    const most = 2 * batchSize * (lengths.longest - SPECIAL_TOKENS_A_SENTENCE);
    return paddedLayout(batchSize, maxSeqLength, capacity(expected, deviation, most));
  }

  const trials = candidates(lengths, options).flatMap((groups) => tryOutEnough(groups, lengths, batchSize));
  const distance = ({ sentencesPerStep }: Trial) => Math.abs(sentencesPerStep / batchSize - 1);
  const nearest = Math.min(...trials.map(distance));
  const best = trials.filter((trial) => distance(trial) <= nearest + SIZE_TOLERANCE)
    .reduce((best, trial) => trial.cost < best.cost ? trial : best);
  const { groups, sentencesPerStep, mostSentences } = best;
  // Full rows, less their [CLS] and [SEP].
  const expected = slots(best) * mlmProb * (1 - SPECIAL_TOKENS_A_SENTENCE / lengths.mean);
  const deviation = Math.sqrt(TOKENS_A_WORD * expected * (1 - mlmProb));
  return {
    groups,
    packed: true,
    maskCapacity: capacity(expected, deviation, slots(best)),
    sentenceCapacity: 8 * Math.ceil(1.25 * mostSentences / 8),
    sentencesPerStep,
  };
}

/** Room for a count that varies: six standard deviations more than expected, a multiple of eight. */
function capacity(expected: number, deviation: number, most: number): number {
  return 8 * Math.max(1, Math.ceil(Math.min(most, expected + 6 * deviation) / 8));
}

/**
 * How many sentences wait in the pool that packed rows are filled from: the more, the better they fit; but sentences of a small
 * corpus should not overtake each other by epochs.
 *
 * @param layout the batches
 * @param length number of sentences in all
 * @returns sentences in the pool when a batch is filled
 */
export function poolSize(
  { sentenceCapacity }: Pick<BatchLayout, "sentenceCapacity">,
  length: number,
): number {
  return sentenceCapacity + Math.min(length, sentenceCapacity + 16);
}

/**
 * Counts the steps in which a number of epochs is seen.
 *
 * @param sentences the sentences of one epoch
 * @param layout the batches that they come in
 * @param epochs how often each sentence is to be seen
 * @returns steps, for packed rows about; the last may go on into the epoch after
 *
 * @example
 * ```ts
 * import { stepsForEpochs } from "./layout_plan.ts";
 * import { paddedLayout } from "./rows.ts";
 * console.log(stepsForEpochs({ length: 10 }, paddedLayout(4, 16), 2)); // 5
 * ```
 */
export function stepsForEpochs(
  sentences: Pick<Sentences, "length">,
  layout: Pick<BatchLayout, "sentencesPerStep">,
  epochs: number,
): number {
  return Math.ceil(sentences.length * epochs / layout.sentencesPerStep);
}

/** Row groups worth trying: every choice of a few widths, with the rows that it needs. */
function candidates(lengths: LengthDistribution, options: LayoutOptions): RowGroup[][] {
  const { maxSeqLength } = options;
  const narrowest = Math.min(maxSeqLength, 8 * Math.ceil(lengths.longest / 8)); // that holds every sentence
  const widths = WIDTHS.filter((width) => width < maxSeqLength);
  const found = new Map<string, RowGroup[]>();
  for (const widest of [narrowest, ...widths.filter((width) => width > narrowest), maxSeqLength]) {
    for (const others of subsets(widths.filter((width) => width < widest), MOST_GROUPS - 1)) {
      const groups = groupsOf([widest, ...others.sort((a, b) => b - a)], lengths, options);
      found.set(JSON.stringify(groups), groups);
    }
  }
  return [...found.values()];
}

/**
 * Rows of the given widths, widest first. The sentences that are too long for the next width make up a class; it has the rows
 * that it needs, less what room wider rows have left. The narrowest rows have whatever sentences are left.
 */
function groupsOf(
  widths: readonly number[],
  lengths: LengthDistribution,
  { batchSize }: LayoutOptions,
): RowGroup[] {
  const groups: RowGroup[] = [];
  let left = batchSize * lengths.mean; // slots a view
  let spare = { rows: 0, width: widths[0]! };
  widths.forEach((width, i) => {
    const next = widths[i + 1];
    const need = (width: number) =>
      ROW_SLACK * batchSize * lengths.rowsASentence(next ?? 0, widths[i]!, width);
    const inSpare = need(spare.width);
    const hosted = inSpare === 0 ? 1 : Math.min(1, spare.rows / inSpare);
    const own = (1 - hosted) * need(width);
    let rows = next === undefined ? Math.max(0, Math.round(left / width)) : Math.ceil(own);
    if (i === 0) rows = Math.max(1, rows);
    spare = rows === 0
      ? { ...spare, rows: spare.rows - hosted * inSpare }
      : { rows: spare.rows - hosted * inSpare + rows - own, width }; // a wider row is at least one of these
    if (rows > 0) groups.push({ rows: 2 * rows, width });
    left -= rows * width;
  });
  return groups;
}

/** All choices of at most so many. */
function subsets(items: readonly number[], most: number): number[][] {
  return items.reduce<number[][]>(
    (all, item) => [...all, ...all.filter(({ length }) => length < most).map((some) => [...some, item])],
    [[]],
  );
}

/** How rows did with sentences of random lengths. */
interface Trial {
  readonly groups: RowGroup[];
  readonly sentencesPerStep: number;
  readonly mostSentences: number;
  /** Of a sentence; without attention and at full rows it would be its length. */
  readonly cost: number;
}

/** Tries rows, and with them more of the narrowest until there is room: sentences about as long as these leave much empty. */
function tryOutEnough(groups: RowGroup[], lengths: LengthDistribution, batchSize: number): Trial[] {
  const trial = tryOut(groups, lengths);
  if (trial.sentencesPerStep >= (1 - SIZE_TOLERANCE) * batchSize) return [trial];
  const last = groups.at(-1)!;
  const missing = batchSize - trial.sentencesPerStep;
  const aRow = Math.max(1, Math.floor(last.width / lengths.mean)); // sentences
  const rows = last.rows + 2 * Math.max(1, Math.floor(missing / aRow));
  return [trial, ...tryOutEnough([...groups.slice(0, -1), { ...last, rows }], lengths, batchSize)];
}

function tryOut(groups: RowGroup[], lengths: LengthDistribution): Trial {
  const perView = slots({ groups }) / 2;
  const expected = perView / lengths.mean;
  const rows = groups.reduce((sum, group) => sum + group.rows / 2, 0);
  const sentenceCapacity = Math.ceil(Math.max(rows, 2 * expected + 8));
  const packer = new RowPacker({ groups, sentenceCapacity });
  const draw = lengths.sampler();
  const pool = poolSize({ sentenceCapacity: 1.25 * expected }, Infinity);
  const steps = Math.ceil(Math.min(TRIAL_STEPS, MOST_TRIAL_SENTENCES / expected));
  let placed = 0, mostSentences = rows;
  for (let step = 0, place = 0; step < steps; step++) {
    while (packer.size < pool) packer.add(place++, draw());
    const { length } = packer.pack();
    placed += length;
    mostSentences = Math.max(mostSentences, length);
  }
  const sentencesPerStep = placed / steps;
  const attention = groups.reduce((sum, { rows, width }) => sum + rows * width ** 2, 0) / 2 / COSTLY_WIDTH;
  const cost = (perView + attention) * (1 + GROUP_COST * groups.length) / sentencesPerStep;
  return { groups, sentencesPerStep, mostSentences, cost };
}
