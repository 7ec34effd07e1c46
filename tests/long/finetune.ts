/**
 * Fine-tuning as its command: killed at 20 moments; what the last process leaves must be what an undisturbed run leaves, byte
 * for byte, and its scores on dev to the last digit. Minutes.
 */
import assert from "node:assert/strict";
import { type MADE_UP_TASKS, writeMadeUpSet } from "../../lib/cblue/mod.ts";
import { complete, digest, stepsIn, surviveKills } from "../killed_runs.ts";

const STEPS = 120;
const KILLS = 20;

/** What a run says of dev: of the best step, and of all evaluations in its records. */
async function scoresOf(output: string): Promise<unknown> {
  const states = JSON.parse(
    await Deno.readTextFile(`${output}/checkpoint-${STEPS}/training_state/run_states.json`),
  );
  const records = (await Deno.readTextFile(`${output}/train.jsonl`)).trimEnd().split("\n").map((line) =>
    JSON.parse(line)
  );
  const evaluations = records.filter(({ kind }) => kind === "evaluation")
    .map(({ step, score }) => ({ step, score }));
  return { best: states.progress.best, evaluations };
}

/** Kills a run of a task over and over. */
async function testKills(
  folder: string,
  task: (typeof MADE_UP_TASKS)[number],
  more: Readonly<Record<string, number>> = {},
): Promise<void> {
  await writeMadeUpSet(`${folder}/data`, task, { train: 100, dev: 24 });
  const options = {
    dataset: task,
    data_dir: `${folder}/data`,
    preset: "tiny",
    batch_size: 8, // 13 steps an epoch: all moments are in the middle of one
    max_seq_length: 32,
    learning_rate: 1e-3,
    max_steps: STEPS,
    save_steps: 10,
    valid_steps: 15, // the best is often saved between
    logging_steps: 7,
    ...more,
  };
  const whole = `${folder}/whole`, begin = performance.now();
  await complete("finetune", { ...options, output_dir: whole });
  const duration = performance.now() - begin, scores = await scoresOf(whole), last = stepsIn(whole).at(-1);
  assert.equal(last, STEPS);
  const { best } = scores as { best: { step: number } };
  const bestWeights = await digest(`${whole}/checkpoint-${best.step}`);
  console.log(`${task}, uninterrupted: ${(duration / 1000).toFixed(1)} s, best at step ${best.step}`);
  const check = async (output: string) => {
    assert.deepEqual(await scoresOf(output), scores);
    assert.equal(await digest(`${output}/checkpoint-${best.step}`), bestWeights);
  };
  await surviveKills(`${folder}/out`, {
    ...{ task: "finetune", options, whole, duration, kills: KILLS, steps: STEPS, check },
  });
}

export const FINETUNE_TESTS = {
  "finetune-kills": (folder: string) => testKills(folder, "KUAKE-QIC"),
  "finetune-kills-all-options": (folder: string) =>
    testKills(folder, "CMeEE", {
      ema_decay: 0.9,
      rdrop_alpha: 1,
      gradient_accumulation_steps: 2,
      length_pool: 3,
    }),
};
