import assert from "node:assert/strict";
import { join } from "node:path";
import { readLog } from "../../lib/report/run_folder.ts";
import { readRunFolder } from "../../lib/report/mod.ts";
import { countParameters, parameterShapes, presetConfig } from "../../lib/electra/mod.ts";
import { saveCheckpoint } from "../../lib/training/mod.ts";
import { testInFolder } from "../folders.ts";
import { evaluationRecord, trainingRecord } from "./runs.ts";

const lines = (records: object[]) => records.map((record) => JSON.stringify(record) + "\n").join("");

testInFolder("a run under way is read as far as it is", async (folder) => {
  const config = presetConfig("tiny", 50, { maxPositions: 16, objective: "electra" });
  const save = (step: number) =>
    saveCheckpoint(folder, {
      step,
      model: new Map(),
      optimizer: new Map(),
      state: { corpus: "c0ffee", seed: step },
      config,
      run: { batch_size: step },
      vocabulary: ["[PAD]"],
    });
  await save(9);
  await save(10);
  await Deno.mkdir(join(folder, ".checkpoint-11.partial")); // being written
  await Deno.writeTextFile(
    join(folder, "train.jsonl"),
    lines([trainingRecord(10), evaluationRecord(10), trainingRecord(20), {
      ...evaluationRecord(10),
      eval_loss: 7,
    }]) +
      '{"kind":"training","st',
  );
  await Deno.writeTextFile(
    join(folder, "train.log"),
    "A new model\nglobal step 20/300, epoch: 0\n    eta: 3 s\nglobal st",
  );
  const run = await readRunFolder(folder);
  assert.deepEqual(run.training, [trainingRecord(10), trainingRecord(20)]);
  assert.deepEqual(run.evaluation.map(({ step, eval_loss }) => [step, eval_loss]), [[10, 7]]); // evaluated again on resume
  assert.deepEqual([run.totalSteps, run.notes], [300, ["A new model"]]);
  assert.deepEqual(run.checkpoints.map(({ step }) => step), [9, 10]);
  assert.ok(run.checkpoints.every(({ bytes, saved }) => bytes > 100 && saved instanceof Date));
  assert.deepEqual([run.facts!.options, run.facts!.state.corpus, run.facts!.state.seed], [
    { batch_size: 10 },
    "c0ffee",
    10,
  ]);
  assert.equal(run.facts!.parameters, countParameters(parameterShapes(config)));
});

testInFolder(
  "before the first checkpoint, and with one that is damaged, there are curves without facts",
  async (folder) => {
    await Deno.writeTextFile(join(folder, "train.jsonl"), lines([trainingRecord(1)]));
    const young = await readRunFolder(folder);
    assert.deepEqual([young.facts, young.checkpoints, young.notes, young.totalSteps], [
      undefined,
      [],
      [],
      undefined,
    ]);
    await Deno.mkdir(join(folder, "checkpoint-5/training_state"), { recursive: true });
    for (const name of ["run.json", "config.json", "training_state/run_states.json"]) {
      await Deno.writeTextFile(join(folder, "checkpoint-5", name), "{");
    }
    const damaged = await readRunFolder(folder);
    assert.deepEqual([damaged.facts, damaged.training.length, damaged.checkpoints[0]!.bytes], [
      undefined,
      1,
      3,
    ]);
  },
);

testInFolder("a folder without a run is refused in one line", async (folder) => {
  for (const path of [folder, join(folder, "missing")]) {
    await assert.rejects(readRunFolder(path), {
      name: "UserError",
      message:
        `Cannot report on "${path}": it has no "train.jsonl"; name the folder of a pretraining or fine-tuning run`,
    });
  }
});

Deno.test("messages are what is left of the log without numbers", () => {
  const log = [
    "Training a new model",
    "global step 10/40, epoch: 0, batch: 9",
    "    generator_accuracy: 3 %",
    "evaluation at step 10: eval_loss: 3",
    "Skipped step 12: the loss is NaN",
    "global step 20/40, epoch: 0, batch: 19",
    "",
  ];
  assert.deepEqual(readLog(log.join("\n")), {
    totalSteps: 40,
    notes: ["Training a new model", "Skipped step 12: the loss is NaN"],
  });
  assert.deepEqual(readLog(""), { totalSteps: undefined, notes: [] });
});
