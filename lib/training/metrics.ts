/**
 * What steps tell about themselves, and how an interval of them is summed up.
 *
 * @module
 */
import type { LossWeights } from "../electra/mod.ts";
import type { PretrainingReport } from "./pretraining_step.ts";

/** What one training step tells about itself; what its objective does not have is left out. */
export interface StepMetrics {
  /** Weighted sum of the losses. */
  loss: number;
  /** Loss of the generator. */
  generator: number;
  /** Loss of replaced-token detection, unweighted. */
  rtd?: number | undefined;
  /** Loss of the choice among candidate tokens, unweighted. */
  multiChoice?: number | undefined;
  /** Loss of the contrast between sequences, unweighted. */
  seqContrastive?: number | undefined;
  /** Global norm of the gradients before clipping. */
  gradNorm: number;
  /** Tokens in all rows, without padding. */
  tokens: number;
  /** Places for tokens in all rows, padding included. */
  slots?: number | undefined;
  /** Sentences, each counted once. */
  sentences?: number | undefined;
  /** Positions whose token was masked for the generator. */
  masked: number;
  /** Masked positions where the generator's first choice is the original token. */
  generatorCorrect: number;
  /** Tokens that the generator replaced by another. */
  replaced?: number | undefined;
  /** Tokens that the discriminator takes for replaced ones. */
  rtdPredicted?: number | undefined;
  /** Tokens among those that are replaced ones. */
  rtdCorrect?: number | undefined;
  /** Replaced tokens whose original the discriminator chooses among the candidates. */
  mtsCorrect?: number | undefined;
  /** Views of sentences: two of each. */
  views?: number | undefined;
  /** Views whose nearest one is the other view of the same sentence. */
  cspCorrect?: number | undefined;
  /** Seconds that the device had nothing to do because no batch was ready. */
  waitedSeconds?: number | undefined;
  /** 1 for a step that left the weights as they were, its losses or gradients not being finite; else 0. */
  skipped?: number | undefined;
}

/** Names of the numbers of {@linkcode StepMetrics}. */
export type MetricName = keyof StepMetrics;

/** What a step was given, and what it cost. */
export interface StepData {
  /** As in {@linkcode StepMetrics}. */
  tokens: number;
  slots?: number;
  sentences?: number;
  waitedSeconds?: number;
  skipped?: boolean;
}

/**
 * The report of a step as the log takes it: without the losses and counts of heads that the model does not have.
 *
 * @param report - Mean losses and summed counts of the step's batches.
 * @param data - What its batches hold, all of them together.
 * @param weights - Weights of the losses; a loss of weight 0 does not exist.
 * @returns The metrics.
 *
 * @example
 * ```ts
 * import { stepMetrics } from "./metrics.ts";
 * import { REPORT } from "./pretraining_step.ts";
 * import { readReport } from "./step.ts";
 * const weights = { generator: 1, rtd: 50, mts: 0, csp: 0 }; // plain ELECTRA
 * console.log(stepMetrics(readReport({ numbers: REPORT }, [40, 5, 0.7]), { tokens: 300 }, weights).rtd); // 0.7
 * ```
 */
export function stepMetrics(report: PretrainingReport, data: StepData, weights: LossWeights): StepMetrics {
  const { tokens, slots, sentences, waitedSeconds, skipped } = data;
  return {
    loss: report.total,
    generator: report.generator,
    gradNorm: report.gradNorm,
    tokens,
    slots,
    sentences,
    masked: report.masked,
    generatorCorrect: report.generatorCorrect,
    waitedSeconds,
    skipped: skipped === undefined ? undefined : Number(skipped),
    ...((weights.rtd > 0 || weights.mts > 0 || weights.csp > 0) && { replaced: report.replaced }),
    ...(weights.rtd > 0 &&
      { rtd: report.rtd, rtdPredicted: report.rtdFlagged, rtdCorrect: report.rtdFound }),
    ...(weights.mts > 0 && { multiChoice: report.mts, mtsCorrect: report.mtsCorrect }),
    ...(weights.csp > 0 &&
      { seqContrastive: report.csp, cspCorrect: report.cspCorrect, views: report.views }),
  };
}

/** Averaged over steps; everything else is a count, to be added up. */
const MEANS: ReadonlySet<MetricName> = new Set(
  ["loss", "generator", "rtd", "multiChoice", "seqContrastive", "gradNorm"],
);

/** Sums of an interval as JSON keeps them: `null` for a sum that is not finite. */
export interface MetricSumsState {
  sums: { [Name in MetricName]?: number | null };
  steps: number;
}

/** What the steps of an interval add up to; steps that were skipped count, but not in means. */
export class MetricSums {
  readonly #sums = new Map<MetricName, number>();
  #steps: number;

  /** @param state - What {@linkcode MetricSums.state} gave. */
  constructor(state: MetricSumsState = { sums: {}, steps: 0 }) {
    for (const [name, sum] of Object.entries(state.sums)) this.#sums.set(name as MetricName, sum ?? NaN);
    this.#steps = state.steps;
  }

  /** Steps so far, skipped ones included. */
  get steps(): number {
    return this.#steps;
  }

  /** Adds one step. */
  add(metrics: { readonly [Name in MetricName]?: number | undefined }): void {
    this.#steps++;
    for (const [name, value] of Object.entries(metrics) as [MetricName, number | undefined][]) {
      if (value === undefined) continue;
      const addend = metrics.skipped && MEANS.has(name) ? 0 : value;
      this.#sums.set(name, (this.#sums.get(name) ?? 0) + addend);
    }
  }

  /** @returns The sum; `undefined` where no step told this number. */
  sum(name: MetricName): number | undefined {
    return this.#sums.get(name);
  }

  /** @returns The mean over the steps that were not skipped; `null` if it is not finite. */
  mean(name: MetricName): number | null | undefined {
    return quotient(this.#sums.get(name), this.#steps - (this.#sums.get("skipped") ?? 0));
  }

  /** @returns One sum over another; `null` if that is not finite, such as 0 of 0. */
  ratio(name: MetricName, of: MetricName | number | undefined): number | null | undefined {
    return quotient(this.#sums.get(name), typeof of === "string" ? this.#sums.get(of) : of);
  }

  /** @returns A snapshot that survives JSON. */
  state(): MetricSumsState {
    return { sums: Object.fromEntries(this.#sums), steps: this.#steps };
  }
}

function quotient(value: number | undefined, by: number | undefined): number | null | undefined {
  if (value === undefined || by === undefined) return undefined;
  return Number.isFinite(value / by) ? value / by : null;
}
