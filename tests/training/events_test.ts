/** What TensorBoard is told of a run. */
import assert from "node:assert/strict";
import { EventFileWriter } from "../../lib/tensorflow/mod.ts";
import { writeEvents } from "../../lib/training/report.ts";
import type { EvaluationRecord, TrainingRecord } from "../../lib/training/records.ts";
import { readEvents } from "../event_files.ts";
import { testInFolder } from "../folders.ts";

const training: TrainingRecord = {
  kind: "training",
  step: 10,
  epoch: 0,
  batch: 9,
  avg_loss: 40,
  generator: 5,
  rtd: 0.5,
  multi_choice: 0.25,
  seq_contrastive_loss: 3,
  lr: 0.125,
  grad_norm: 2,
  generator_accuracy: 0.5,
  replaced_rate: 0.125,
  rtd_precision: 0.75,
  rtd_recall: 0.25,
  mts_accuracy: 0.375,
  csp_accuracy: 0.625,
  tokens_per_second: 1024,
  sentences_per_second: 32,
  fill_rate: 0.875,
  waited_share: 0.0625,
  memory: 2 ** 30,
  memory_peak: 2 ** 31,
  loss_scale: 512,
  skipped: 1,
  epochs: 1.5,
  seconds: 60,
  eta_seconds: 60,
};
const evaluation: EvaluationRecord = {
  kind: "evaluation",
  step: 20,
  eval_loss: 30,
  eval_generator: null, // diverged
  eval_rtd: 0.5,
  eval_generator_accuracy: 0.25,
  eval_rtd_precision: 0.5,
  eval_seconds: 1,
  seconds: 61,
};

testInFolder("every number of a record has a tag; losses are weighted as the original's", (folder) => {
  {
    using events = new EventFileWriter(folder);
    const config = { loss_weights: { generator: 1, rtd: 50, mts: 20, csp: 1 } };
    writeEvents(events, training, config);
    writeEvents(events, evaluation, config);
  }
  const scalars = readEvents(folder);
  assert.deepEqual(
    Object.fromEntries(
      scalars.map(({ step, value: { tag, simple_value } }) => [`${step} ${tag}`, simple_value]),
    ),
    {
      "10 total_loss": 40,
      "10 loss/generator_loss": 5,
      "10 loss/rtd_loss": 25,
      "10 loss/mts_loss": 5,
      "10 loss/csp_loss": 3,
      "10 lr": 0.125,
      "10 grad_norm": 2,
      "10 loss_scale": 512,
      "10 skipped_steps": 1,
      "10 balance/generator_accuracy": 0.5,
      "10 balance/replaced_rate": 0.125,
      "10 balance/rtd_precision": 0.75,
      "10 balance/rtd_recall": 0.25,
      "10 balance/mts_accuracy": 0.375,
      "10 balance/csp_accuracy": 0.625,
      "10 tokens_per_second": 1024,
      "10 sentences_per_second": 32,
      "10 fill_rate": 0.875,
      "10 waited_share": 0.0625,
      "10 memory/resident_bytes": 2 ** 30,
      "10 memory/peak_bytes": 2 ** 31,
      "10 epochs": 1.5,
      "20 eval/total_loss": 30,
      "20 eval/rtd_loss": 25,
      "20 eval/generator_accuracy": 0.25,
      "20 eval/rtd_precision": 0.5,
    },
  );
  return Promise.resolve();
});
