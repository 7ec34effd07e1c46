/** What a pretraining run prints at its end. */
import {
  type PretrainSummary,
  readTrainingRecords,
  sparkline,
  type TrainingRecord,
} from "../lib/training/mod.ts";

const LOSSES = {
  total: "avg_loss",
  generator: "generator",
  "replaced-token detection": "rtd",
  "multi-token selection": "multi_choice",
  "contrastive prediction": "seq_contrastive_loss",
} as const;

/**
 * Prints losses at the beginning and at the end, speed, the balance of generator and discriminator, and where
 * everything is.
 *
 * @param outputDir Folder of the run, whose records are shown as curves.
 */
export async function printSummary(summary: PretrainSummary, outputDir: string) {
  const { first, last, step, totalSteps, parameters, folder, chart } = summary;
  const records = await readTrainingRecords(outputDir);
  const percent = (value: number | null | undefined) => value == null ? "-" : `${(100 * value).toFixed(1)} %`;
  const number = (value: number | null | undefined) => value?.toFixed(4) ?? "-";
  const rows: [string, string][] = [[
    "model folder",
    `${folder} (${parameters.toLocaleString("en-US")} parameters, step ${step} of ${totalSteps})`,
  ]];
  if (records.length > 0) { // else it was stopped before the first
    rows.unshift(
      ...Object.entries(LOSSES).map(([name, key]): [string, string] => [
        `${name} loss`,
        `${number(first?.[key])} → ${number(last?.[key])}  ${sparkline(curve(records, key))}`,
      ]),
      ["tokens per second", last?.tokens_per_second?.toFixed(0) ?? "-"],
      ["replaced rate", `${percent(last?.replaced_rate)} of all tokens`],
      ["generator accuracy", `${percent(last?.generator_accuracy)} of masked tokens`],
      ["detection", `precision ${percent(last?.rtd_precision)}, recall ${percent(last?.rtd_recall)}`],
    );
    rows.push(["loss picture", chart]);
  }
  const width = Math.max(...rows.map(([name]) => name.length));
  console.log("\n" + rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join("\n"));
}

function curve(records: TrainingRecord[], key: typeof LOSSES[keyof typeof LOSSES]): number[] {
  return records.flatMap((record) => record[key] ?? []);
}
