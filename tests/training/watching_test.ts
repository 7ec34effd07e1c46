/** Watching a run: every record is heard once and in order, also by who resumes it after a crash. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { finetune, FINETUNE_OPTIONS } from "../../lib/cblue/mod.ts";
import { resolveOptions } from "../../lib/config/mod.ts";
import { pretrain, PRETRAIN_OPTIONS, readLogRecords } from "../../lib/training/mod.ts";
import { writeMadeUpSet } from "../cblue/made_up_sets.ts";
import { testInFolder } from "../folders.ts";

const COMMON = { preset: "tiny", batch_size: 2, max_seq_length: 24, max_steps: 8, num_threads: 1 };
const STEPS = { save_steps: 4, logging_steps: 2 };

/** What both kinds of run can be told. */
interface Watched {
  print: () => void;
  onRecord: (record: { step: number; kind: string }) => Promise<void>;
}

/** Runs it; at a step its watcher fails, as if the kernel had died. */
async function watch(run: (context: Watched) => Promise<unknown>, diesAt = 0) {
  const heard: { step: number; kind: string }[] = [];
  let isBusy = false;
  const onRecord: Watched["onRecord"] = async (record) => {
    assert.ok(!isBusy, "training went on while its watcher was busy");
    isBusy = true;
    await new Promise((resolve) => setTimeout(resolve, 5));
    isBusy = false;
    heard.push(record);
    if (record.step === diesAt) throw new Error("died");
  };
  const running = run({ print: () => {}, onRecord });
  await (diesAt ? assert.rejects(running, /^Error: died$/) : running);
  return heard;
}

async function checkWatching(folder: string, run: (context: Watched) => Promise<unknown>) {
  const steps = (records: { step: number; kind: string }[]) =>
    records.filter(({ kind }) => kind === "training").map(({ step }) => step);
  assert.deepEqual(steps(await watch(run, 6)), [2, 4, 6]);
  const resumed = await watch(run); // from step 4
  assert.deepEqual(steps(resumed), [2, 4, 6, 8]);
  const written = JSON.parse(JSON.stringify(await readLogRecords(folder)));
  assert.deepEqual(JSON.parse(JSON.stringify(resumed)), written);
  assert.deepEqual(JSON.parse(JSON.stringify(await watch(run))), written); // at its end
}

testInFolder("pretraining tells its watcher of each record", async (folder) => {
  const given = { ...COMMON, ...STEPS, input_dir: "tests/fixtures/text", output_dir: folder };
  const options = resolveOptions(PRETRAIN_OPTIONS, given);
  await checkWatching(folder, (context) => pretrain(options, context));
});

testInFolder("fine-tuning tells its watcher of each record", async (folder) => {
  const data_dir = join(folder, "data"), save_dir = join(folder, "run");
  const dataset = await writeMadeUpSet(data_dir, "KUAKE-QIC", 20, 4);
  const given = { ...COMMON, ...STEPS, dataset, data_dir, save_dir, valid_steps: 4 };
  const options = resolveOptions(FINETUNE_OPTIONS, given);
  await checkWatching(save_dir, (context) => finetune(options, context));
});
