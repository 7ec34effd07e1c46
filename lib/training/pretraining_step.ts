/**
 * What pretraining learns from a batch: the losses of generator and discriminator.
 *
 * N = tokens of all rows, M = capacity of masked positions, S = capacity of sentences.
 *
 * @module
 */
import type { Tensor } from "@tensorflow/tfjs-core";
import {
  ALONE,
  type Draws,
  type Exchange,
  lookup,
  LOSS_NAMES,
  type ModelVariables,
  type PretrainingBatch,
  type PretrainingConfig,
  pretrainingForward,
  type RowGroup,
} from "../electra/mod.ts";
import { type Batch, maskedPositions } from "../packing/mod.ts";
import { type RandomStream, tf } from "../tensorflow/mod.ts";
import { type Learner, lossAndGradients, type StepReport } from "./step.ts";

/** What a step of pretraining reports, in this order. */
export const REPORT = [
  "total",
  "generator",
  "rtd",
  "mts",
  "csp",
  "masked",
  "replaced",
  "generatorCorrect",
  "rtdFlagged",
  "rtdFound",
  "mtsCorrect",
  "cspCorrect",
  "views",
  "tokens",
] as const;

/** A number that a step of pretraining reports. */
export type PretrainingNumber = typeof REPORT[number];

/** The numbers of one step of pretraining. */
export type PretrainingReport = StepReport<PretrainingNumber>;

/** The tensors of a batch in the order that compiled functions take them; the last two for packed rows only. */
export const BATCH_TENSORS = [
  "maskedIds",
  "rawIds",
  "positions",
  "weights",
  "clsPositions",
  "clsWeights",
  "tokenKeys",
  "segmentIds",
  "positionIds",
] as const;

/** Named as in {@linkcode BATCH_TENSORS}. */
export type BatchTensors = Omit<PretrainingBatch, "groups">;

/** What stays the same for every step of a run. */
export interface PretrainingSetup {
  config: PretrainingConfig;
  variables: ModelVariables;
  /** How the tokens of every batch form rows. */
  groups: readonly RowGroup[];
  /** The run's seed: dropout and samples of step n depend on it and n alone. */
  seed: number;
  /** Compute the activations of each layer a second time in the backward pass instead of keeping them. */
  recompute?: boolean | undefined;
  /** How this process talks to others that train the same model; default: there are none. */
  exchange?: Exchange | undefined;
}

const MEANS: ReadonlySet<string> = new Set(["total", ...LOSS_NAMES]);

/** Pretraining, as {@linkcode Trainer} and {@linkcode Evaluator} take it. */
export function pretrainingLearner(setup: PretrainingSetup): Learner<Batch, PretrainingNumber> {
  return {
    variables: setup.variables,
    seed: setup.seed,
    exchange: setup.exchange,
    numbers: REPORT,
    isMean: (name) => MEANS.has(name),
    tensors: batchTensors,
    forward: (values, tensors, random, { training }) =>
      numbersOf(setup, values, { groups: setup.groups, ...namedTensors(tensors) }, random, training),
  };
}

/** A batch, and what is drawn from chance where that is given. */
type GivenBatch = PretrainingBatch & { draws?: Draws };

/**
 * Losses, counts and gradients of a batch that lies on the device, for comparisons: samples and candidates may be given.
 *
 * @param values Parameters in the order of the model's variables.
 * @returns `report`: scalars in the order of {@linkcode REPORT}; one gradient per parameter.
 */
export function lossesAndGradients(
  setup: Omit<PretrainingSetup, "groups" | "seed">,
  values: Tensor[],
  batch: GivenBatch,
  random: RandomStream,
): { report: Tensor[]; gradients: Tensor[] } {
  const forward = (values: Tensor[]) => numbersOf(setup, values, batch, random, true);
  return lossAndGradients({ forward }, values, [], random);
}

function numbersOf(
  { config, variables, recompute = false, exchange = ALONE }: Omit<PretrainingSetup, "groups" | "seed">,
  values: Tensor[],
  { draws, ...batch }: GivenBatch,
  random: RandomStream,
  training: boolean,
): Tensor[] {
  const options = { training, recompute, exchange, ...(draws && { draws }) };
  const parameters = lookup(config, variables, values);
  const { losses, counts } = pretrainingForward(parameters, config, batch, random, options);
  const all: Record<string, Tensor> = { ...losses, ...counts };
  return REPORT.map((name) => all[name]);
}

/** A batch on the device, in the order of `BATCH_TENSORS`. */
export function batchTensors(batch: Batch): Tensor[] {
  const { layout: { maskCapacity, sentenceCapacity: S, packed }, sentences } = batch;
  const { positions, weights } = maskedPositions(batch, maskCapacity);
  const ofView = Float32Array.from({ length: S }, (_, i) => i < sentences ? 1 : 0);
  const int32 = (values: Int32Array) => tf.tensor1d(values, "int32");
  return [
    int32(batch.maskedIds), // (N)
    int32(batch.rawIds), // (N)
    int32(positions), // (M)
    tf.tensor1d(weights), // (M)
    int32(batch.clsPositions), // (2S)
    tf.tensor1d(Float32Array.of(...ofView, ...ofView)), // (2S)
    int32(batch.tokenKeys), // (N)
    ...(packed ? [int32(batch.segmentIds), int32(batch.positionIds)] : []), // (N)
  ];
}

function namedTensors(tensors: Tensor[]): BatchTensors {
  return Object.fromEntries(
    tensors.map((tensor, i) => [BATCH_TENSORS[i], tensor]),
  ) as unknown as BatchTensors;
}
