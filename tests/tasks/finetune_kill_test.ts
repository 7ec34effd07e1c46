/** `deno task finetune` killed in the middle of an epoch and of a save, and started again, ends as if nothing had happened. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { writeMadeUpSet } from "../../lib/cblue/mod.ts";
import { testInFolder } from "../folders.ts";
import { afterCheckpoint, complete, digest, runUntil, whileSaving } from "../killed_runs.ts";

const STEPS = 60;

/** What the last checkpoint keeps of the best score, to the last digit. */
async function scoreOf(output: string): Promise<unknown> {
  const states = JSON.parse(
    await Deno.readTextFile(join(output, `checkpoint-${STEPS}/training_state/run_states.json`)),
  );
  return states.progress.best;
}

testInFolder("killed by SIGKILL and started again: same weights, same score on dev", async (folder) => {
  const data_dir = join(folder, "data");
  await writeMadeUpSet(data_dir, "KUAKE-QIC", { train: 100, dev: 24 });
  const options = {
    ...{
      dataset: "KUAKE-QIC",
      data_dir,
      preset: "tiny",
      max_seq_length: 32,
      num_threads: 1,
      learning_rate: 1e-3,
    },
    ...{ batch_size: 8, max_steps: STEPS, save_steps: 10, valid_steps: 15, logging_steps: 1 },
  };
  const whole = join(folder, "whole"), output = join(folder, "run");
  const run = ["finetune", { ...options, save_dir: output }] as const;
  const { out: said } = await complete("finetune", { ...options, save_dir: whole });
  const moments = [afterCheckpoint(10, 30), whileSaving(2, 2)]; // 13 steps make an epoch
  for (const moment of moments) {
    const { killed, out, err } = await runUntil(moment, output, ...run);
    assert.ok(killed, `it was over before it could be killed ${moment.name}: ${out}${err}`);
  }
  const { out } = await complete(...run);
  assert.match(out, /^Going on from ".*checkpoint-\d+" at step \d+$/m);
  assert.equal(
    await digest(join(output, `checkpoint-${STEPS}`)),
    await digest(join(whole, `checkpoint-${STEPS}`)),
  );
  assert.deepEqual(await scoreOf(output), await scoreOf(whole));
  const bestOf = (text: string) => text.match(/^Best on dev: (.*), "/m)![1];
  assert.equal(bestOf(out), bestOf(said));
});
