/**
 * What a run tells about itself: at its start, and at each log line to TensorBoard.
 *
 * @module
 */
import type { PretrainingConfig } from "../electra/mod.ts";
import { type EventFileWriter, hasGpu, inspectMachine, tensorflowInfo } from "../tensorflow/mod.ts";
import { presetOf } from "./options.ts";
import type { LogRecord } from "./records.ts";
import { notesOn } from "./initial_weights.ts";
import { inexactChanges } from "./resume.ts";
import type { RunParts } from "./run.ts";

/** TensorBoard's tags of the numbers of a record; losses are weighted, as the original logs them. */
const TAGS = {
  training: {
    total_loss: "avg_loss",
    "loss/generator_loss": "generator",
    "loss/rtd_loss": "rtd",
    "loss/mts_loss": "multi_choice",
    "loss/csp_loss": "seq_contrastive_loss",
    lr: "lr",
    grad_norm: "grad_norm",
    loss_scale: "loss_scale",
    skipped_steps: "skipped",
    "balance/generator_accuracy": "generator_accuracy",
    "balance/replaced_rate": "replaced_rate",
    "balance/rtd_precision": "rtd_precision",
    "balance/rtd_recall": "rtd_recall",
    "balance/mts_accuracy": "mts_accuracy",
    "balance/csp_accuracy": "csp_accuracy",
    tokens_per_second: "tokens_per_second",
    sentences_per_second: "sentences_per_second",
    fill_rate: "fill_rate",
    waited_share: "waited_share",
    "memory/resident_bytes": "memory",
    "memory/peak_bytes": "memory_peak",
    epochs: "epochs",
  },
  evaluation: {
    "eval/total_loss": "eval_loss",
    "eval/generator_loss": "eval_generator",
    "eval/rtd_loss": "eval_rtd",
    "eval/mts_loss": "eval_multi_choice",
    "eval/csp_loss": "eval_seq_contrastive_loss",
    "eval/generator_accuracy": "eval_generator_accuracy",
    "eval/replaced_rate": "eval_replaced_rate",
    "eval/rtd_precision": "eval_rtd_precision",
    "eval/rtd_recall": "eval_rtd_recall",
    "eval/mts_accuracy": "eval_mts_accuracy",
    "eval/csp_accuracy": "eval_csp_accuracy",
  },
} as const;

/** Writes a record for TensorBoard: the scalars that the original logs, and the numbers that show whether training is sound. */
export function writeEvents(
  events: EventFileWriter,
  record: LogRecord,
  { loss_weights: weights }: Pick<PretrainingConfig, "loss_weights">,
) {
  const weightOf: Record<string, number> = {
    generator: weights.generator,
    rtd: weights.rtd,
    multi_choice: weights.mts,
    seq_contrastive_loss: weights.csp,
  };
  for (const [tag, name] of Object.entries(TAGS[record.kind])) {
    const value = (record as unknown as Record<string, unknown>)[name];
    if (typeof value !== "number") continue; // the run has it not, or it was not finite
    events.scalar(tag, (weightOf[name.replace(/^eval_/, "")] ?? 1) * value, record.step);
  }
  events.flush();
}

/** Whether mixed precision makes this machine faster. */
export function hasFastBfloat16(): boolean {
  return hasGpu() || inspectMachine().instructionSets.some((name) => name.endsWith("bf16"));
}

/** One line on model, data and length of the run. */
export function describeRun({ options, data, plan, from, initial }: RunParts): string {
  const { layout, train, vocabulary } = data;
  const n = (value: number) => value.toLocaleString("en-US");
  const begin = from
    ? `Going on from "${from.folder}" at step ${from.step}`
    : initial
    ? `Training from the weights of "${initial.path}"`
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
export function runNotes({ options, plan, from, initial }: RunParts): string[] {
  const changes = from?.resumed
    ? inexactChanges(from, options, { tensorflow: tensorflowInfo().version, precision: plan.precision })
    : [];
  return [
    ...(initial ? notesOn(initial) : []),
    ...(plan.precision === "mixed_bfloat16" && !hasFastBfloat16()
      ? ["this processor has no bfloat16 instructions, so that mixed precision makes training slower here"]
      : []),
    ...changes.map((change) =>
      `${change}; from here on, results may differ in their last bits from the uninterrupted run's`
    ),
  ];
}
