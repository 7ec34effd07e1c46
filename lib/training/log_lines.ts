/**
 * Records as people read them: the original's line, and what we tell beyond it on a second one.
 *
 * @module
 */
import { formatDuration } from "../config/mod.ts";
import type { EvaluationRecord, TrainingRecord } from "./records.ts";

/**
 * Formats a record as the original's log line.
 *
 * @param record - The record; a loss that the run does not have is 0, as the original prints it.
 * @param run - `totalSteps`: updates in the whole run; `secondsPerStep`: mean since the line before.
 * @returns The line.
 *
 * Source: `run_pretrain.py` of PaddleNLP, with one process.
 */
export function formatLogLine(
  record: TrainingRecord,
  { totalSteps, secondsPerStep }: { totalSteps: number; secondsPerStep: number },
): string {
  const losses = (["avg_loss", "generator", "rtd", "multi_choice", "seq_contrastive_loss"] as const)
    .map((name) => `${name}: ${formatLoss(record[name], 15)}`);
  return [
    `global step ${record.step}/${totalSteps}`,
    `epoch: ${record.epoch}`,
    `batch: ${record.batch}`,
    ...losses,
    `lr: ${record.lr.toFixed(10)}`,
    `speed: ${secondsPerStep.toFixed(2)} s/it`,
  ].join(", ");
}

/**
 * Formats what a record tells beyond the original's line.
 *
 * @param record - The record.
 * @returns A line indented by four spaces; numbers that the run does not have are left out.
 */
export function formatDetails(record: TrainingRecord): string {
  const { loss_scale: scale, skipped, epochs, sentences_per_second: sentences } = record;
  return "    " + join([
    ...shares(record, [
      "generator_accuracy",
      "replaced_rate",
      "rtd_precision",
      "rtd_recall",
      "mts_accuracy",
      "csp_accuracy",
    ]),
    ["grad_norm", record.grad_norm?.toPrecision(4) ?? "nan"],
    ["tokens/s", formatRate(record.tokens_per_second)],
    ["sentences/s", sentences === undefined ? undefined : formatRate(sentences)],
    ...shares(record, ["fill_rate", "waited_share"]),
    ["memory", `${formatGigabytes(record.memory)} (peak ${formatGigabytes(record.memory_peak)})`],
    ["loss_scale", scale?.toString()],
    ["skipped", skipped ? `${skipped}` : undefined],
    ["epochs", epochs?.toFixed(3)],
    ["eta", formatDuration(record.eta_seconds)],
  ]);
}

/**
 * Formats an evaluation.
 *
 * @param record - The record.
 * @returns The line.
 */
export function formatEvaluation(record: EvaluationRecord): string {
  const losses = ([
    "eval_loss",
    "eval_generator",
    "eval_rtd",
    "eval_multi_choice",
    "eval_seq_contrastive_loss",
  ] as const).map((
    name,
  ): Field => [name, record[name] === undefined ? undefined : formatLoss(record[name], 6)]);
  return `evaluation at step ${record.step}: ` + join([
    ...losses,
    ...shares(record, [
      "eval_generator_accuracy",
      "eval_replaced_rate",
      "eval_rtd_precision",
      "eval_rtd_recall",
      "eval_mts_accuracy",
      "eval_csp_accuracy",
    ]),
    ["sentences", record.eval_sentences?.toString()],
    ["took", formatDuration(record.eval_seconds)],
  ]);
}

type Field = [name: string, value: string | undefined];

function join(fields: Field[]): string {
  return fields.filter(([, value]) => value !== undefined).map(([name, value]) => `${name}: ${value}`).join(
    ", ",
  );
}

function formatLoss(loss: number | null | undefined, digits: number): string {
  return loss === null ? "nan" : (loss ?? 0).toFixed(digits);
}

function shares<Name extends string>(
  values: { readonly [_ in Name]?: number | null },
  names: readonly Name[],
): Field[] {
  return names.map((name): Field => {
    const share = values[name];
    return [name, share === undefined ? undefined : share === null ? "-" : `${(100 * share).toFixed(1)} %`];
  });
}

/** A number a second, large ones without decimals; a dash where it is not known. */
export function formatRate(value: number | null): string {
  return value === null ? "-" : value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

/** Bytes as "1.50 GB". */
export function formatGigabytes(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(2)} GB`;
}
