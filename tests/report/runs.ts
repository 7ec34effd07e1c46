/** Runs to report on. */
import type { RunFolder } from "../../lib/report/mod.ts";
import type { EvaluationRecord, TrainingRecord } from "../../lib/training/mod.ts";

/** A record of plain ELECTRA whose numbers follow from its step. */
export function trainingRecord(step: number): TrainingRecord {
  return {
    kind: "training",
    step,
    epoch: 0,
    batch: step - 1,
    avg_loss: 100 / step,
    generator: Math.PI / step,
    rtd: step % 7 === 0 ? null : 1 / (step + 1), // diverged now and then
    lr: 1e-4 / step,
    grad_norm: Math.sin(step) + 2,
    generator_accuracy: step / 1e6,
    replaced_rate: 0.1,
    rtd_precision: 0.75,
    rtd_recall: null,
    tokens_per_second: 1234.5,
    memory: 2 ** 30 + step,
    memory_peak: 2 ** 31,
    epochs: step / 100,
    seconds: step * 2.5,
    eta_seconds: 60,
  };
}

/** The same for an evaluation. */
export function evaluationRecord(step: number): EvaluationRecord {
  return {
    kind: "evaluation",
    step,
    eval_loss: 110 / step,
    eval_generator: 4 / step,
    eval_rtd: 0.5,
    eval_generator_accuracy: 0.3,
    eval_seconds: 3,
    seconds: step * 2.5,
  };
}

/** A run of `steps` records and an evaluation every tenth step. */
export function someRun(name: string, steps: number, more: Partial<RunFolder> = {}): RunFolder {
  const all = Array.from({ length: steps }, (_, i) => i + 1);
  return {
    name,
    path: `output/${name}`,
    training: all.map(trainingRecord),
    evaluation: all.filter((step) => step % 10 === 0).map(evaluationRecord),
    totalSteps: 1000,
    notes: ["Training a new model, preset tiny"],
    checkpoints: [{ step: 10, bytes: 3 * 2 ** 20, saved: new Date("2026-01-02T03:04:05.678Z") }],
    facts: undefined,
    ...more,
  };
}
