/**
 * What a run tells about itself: at its start, and at each log line to TensorBoard.
 *
 * @module
 */
import type { PretrainingConfig } from "../electra/mod.ts";
import { type EventFileWriter, hasGpu, inspectMachine, tensorflowInfo } from "../tensorflow/mod.ts";
import type { StepMetrics, TrainingRecord } from "./log.ts";
import { presetOf } from "./options.ts";
import { inexactChanges } from "./resume.ts";
import type { RunParts } from "./run.ts";
import type { StepReport } from "./step.ts";

/** The report of a step as the log takes it. */
export function metricsOf(report: StepReport, batch: { tokens: number }): StepMetrics {
  return {
    loss: report.total,
    generator: report.generator,
    rtd: report.rtd,
    multiChoice: report.mts,
    seqContrastive: report.csp,
    gradNorm: report.gradNorm,
    tokens: batch.tokens,
    masked: report.masked,
    generatorCorrect: report.generatorCorrect,
    replaced: report.replaced,
    rtdPredicted: report.rtdFlagged,
    rtdCorrect: report.rtdFound,
  };
}

/** The scalars that the original logs, weighted as it does, and the numbers that show whether training is sound. */
export function writeEvents(events: EventFileWriter, record: TrainingRecord, config: PretrainingConfig) {
  const { rtd, mts } = config.loss_weights;
  const scalars = {
    "total_loss": record.avg_loss,
    "loss/generator_loss": record.generator,
    "loss/rtd_loss": record.rtd === null ? null : rtd * record.rtd,
    "loss/mts_loss": record.multi_choice === null ? null : mts * record.multi_choice,
    "loss/csp_loss": record.seq_contrastive_loss,
    "lr": record.lr,
    "grad_norm": record.grad_norm,
    "tokens_per_second": record.tokens_per_second,
    "balance/replaced_rate": record.replaced_rate,
    "balance/generator_accuracy": record.generator_accuracy,
    "balance/rtd_precision": record.rtd_precision,
    "balance/rtd_recall": record.rtd_recall,
  };
  for (const [tag, value] of Object.entries(scalars)) {
    if (value !== null) events.scalar(tag, value, record.step);
  }
  events.flush();
}

/** Whether mixed precision makes this machine faster. */
export function hasFastBfloat16(): boolean {
  return hasGpu() || inspectMachine().instructionSets.some((name) => name.endsWith("bf16"));
}

/** One line on model, data and length of the run. */
export function describeRun({ options, data, plan, from }: RunParts): string {
  const { layout, train, vocabulary } = data;
  const n = (value: number) => value.toLocaleString("en-US");
  const begin = from
    ? `Going on from "${from.folder}" at step ${from.step}`
    : `Training a new model, preset ${presetOf(options)}`;
  const rows = layout.groups.map(({ rows, width }) => `${rows} of ${width}`).join(" and ");
  return [
    `${begin}: ${n(plan.parameters)} parameters, ${n(vocabulary.size)} tokens in the vocabulary`,
    `${n(train.length)} sentences, rows a step: ${rows}, at most ${n(layout.maskCapacity)} masked`,
    `${n(plan.totalSteps)} steps` +
    (plan.precision === "float32" ? "" : `, ${plan.precision.replace("_", " ")}`),
  ].join("; ");
}

/** What a user should know before the first step. */
export function runNotes({ options, plan, from }: RunParts): string[] {
  const changes = from?.resumed ? inexactChanges(from, options, tensorflowInfo().version) : [];
  return [
    ...(plan.precision === "mixed_bfloat16" && !hasFastBfloat16()
      ? ["this processor has no bfloat16 instructions, so that mixed precision makes training slower here"]
      : []),
    ...changes.map((change) =>
      `${change}; from here on, results may differ in their last bits from the uninterrupted run's`
    ),
  ];
}
