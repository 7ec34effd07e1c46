/**
 * What a model is trained for: which losses there are and what they weigh.
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

/** One row of {@linkcode OBJECTIVES}. */
export interface Objective {
  readonly help: string;
  readonly lossWeights: LossWeights;
  /**
   * Where view b comes from: from the same `sentence`, masked otherwise, or from the other half of its `pair`, so that
   * the contrast finds the answer to a question among those of the batch.
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
