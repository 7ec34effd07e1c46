/**
 * How far a run has come: what changes from step to step, beside the weights.
 *
 * @module
 */
import type { DataPosition } from "../packing/mod.ts";
import type { TrainingData } from "./data.ts";
import type { PretrainOptions } from "./options.ts";
import { hasSameData, type StartingPoint } from "./resume.ts";

/** What changes from step to step, as checkpoints keep it in `training_state/run_states.json`. */
export type Progress = {
  /** Steps that changed the weights; the others were skipped. */
  updates: number;
  /** Steps skipped because a loss or gradient was no finite number. */
  broken: number;
  /** Where the data of the next step begins. */
  position?: DataPosition | undefined;
  /** Epoch of the newest batch. */
  epoch: number;
  /** Whether the evaluation after the newest step is still to be made: a signal ended it. */
  evaluationDue: boolean;
  /** Step of the newest evaluation. */
  evaluated?: number | undefined;
  /** The checkpoint with the lowest evaluation loss. */
  best?: BestCheckpoint | undefined;
};

/** The checkpoint with the lowest evaluation loss. */
export type BestCheckpoint = {
  step: number;
  loss: number;
  /** What it was evaluated on: losses on something else do not compare. */
  evaluation: string;
};

/**
 * How far a run has come when it begins.
 *
 * Another run's checkpoint gives its updates, on which the learning rate depends, and its place in the data where the data
 * is the same; only the run's own gives everything.
 */
export function progressAt(
  from: StartingPoint | undefined,
  options: PretrainOptions,
  data: TrainingData,
): Progress {
  const state = (from?.state ?? {}) as Partial<Progress>;
  const { updates = from?.step ?? 0, position, epoch = 0 } = state;
  const hasPosition = from && hasSameData(from, options, data.identity);
  const { broken = 0, evaluationDue = false, evaluated, best }: Partial<Progress> = from?.resumed
    ? state
    : {};
  return {
    updates,
    broken,
    position: hasPosition ? position : undefined,
    epoch: hasPosition ? epoch : 0,
    evaluationDue,
    evaluated,
    best: best?.evaluation === data.evaluation?.identity ? best : undefined,
  };
}
