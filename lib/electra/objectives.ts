/**
 * What a model is trained for: which losses there are, what they weigh, and where the two views of a sentence come from.
 *
 * ## Adding an objective
 *
 * One that weighs the losses otherwise, or drops some, is a row of {@linkcode OBJECTIVES}:
 *
 *     "electra-csp": {
 *       help: "masked and replaced tokens, and two views of a sentence",
 *       lossWeights: { generator: 1, rtd: 50, mts: 0, csp: 1 },
 *       views: "sentence",
 *     },
 *
 * With its name among the choices of `--objective` (`training/options.ts`), `deno task pretrain` takes it; heads of weight
 * 0 are neither made nor saved nor logged.
 *
 * One with a loss of its own, say the length of a sentence told from its `[CLS]`, is five small pieces more:
 *
 * 1. a name in {@linkcode LossWeights} and {@linkcode LOSS_NAMES}, and 0 for it in the rows that go without;
 * 2. the head's parameters, in `parameterShapes` (`parameters.ts`): `if (weights.length > 0) linear("…length", H, 1)`;
 * 3. what the head computes, in `discriminatorForward` (`pretraining.ts`), and a field for it in `Outputs`;
 * 4. its loss, in `criterion` (`criterion.ts`): a mean over what counts, 0 where nothing does, and what is right in
 *    `Targets`; whatever the host must bring for that is one more tensor of `PretrainingBatch`, laid out by `collate`;
 * 5. its name in `REPORT` (`training/pretraining_step.ts`), from where log, TensorBoard and report page have it.
 *
 * Packed rows, accumulation, mixed precision, checkpoints and evaluation need nothing: they know no loss by name. A test
 * like `tests/training/trainer_test.ts` shows that the loss falls; one like `tests/electra/packed_rows_test.ts` that
 * neighbours in a row do not see each other.
 *
 * @module
 */

/** Weights of the losses in the total; a loss of weight 0 does not exist, nor does its head. */
export interface LossWeights {
  /** Masked language modelling by the generator. */
  readonly generator: number;
  /** Replaced-token detection by the discriminator. */
  readonly rtd: number;
  /** Multi-token selection: the right token among candidates. */
  readonly mts: number;
  /** Contrast of sequences: the two views of a sentence, or a question and its answer. */
  readonly csp: number;
}

/** Names of the losses: those of {@linkcode LossWeights}. */
export const LOSS_NAMES = ["generator", "rtd", "mts", "csp"] as const satisfies (keyof LossWeights)[];

/** One row of {@linkcode OBJECTIVES}. */
export interface Objective {
  readonly help: string;
  readonly lossWeights: LossWeights;
  /**
   * Where view b comes from: from the same `sentence`, masked otherwise, or from the other half of its `pair`, so that
   * the contrast finds the answer to a question among the answers of the batch (and the question among questions).
   */
  readonly views: "sentence" | "pair";
}

/** Every objective that a run can choose. */
export const OBJECTIVES = {
  "ernie-health": {
    help: "masked tokens, replaced tokens, candidate tokens and two views of a sentence, as the original",
    lossWeights: { generator: 1, rtd: 50, mts: 20, csp: 1 },
    views: "sentence",
  },
  electra: {
    help: "masked and replaced tokens (Clark et al. 2020)",
    lossWeights: { generator: 1, rtd: 50, mts: 0, csp: 0 },
    views: "sentence",
  },
  mlm: {
    help: "masked tokens alone, with an encoder of the full size (Devlin et al. 2019)",
    lossWeights: { generator: 1, rtd: 0, mts: 0, csp: 0 },
    views: "sentence",
  },
  "qa-matching": {
    help: "as ernie-health, with questions and their answers from a corpus of pairs as the two views",
    lossWeights: { generator: 1, rtd: 50, mts: 20, csp: 1 },
    views: "pair",
  },
} as const satisfies Record<string, Objective>;

/** Names of the objectives. */
export type ObjectiveName = keyof typeof OBJECTIVES;

/** Whether any loss needs the discriminator: without it there is but the generator. */
export function hasDiscriminator(weights: LossWeights): boolean {
  return weights.rtd > 0 || weights.mts > 0 || weights.csp > 0;
}
