/** What a run goes on from, and what it does not. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { finetune, FINETUNE_OPTIONS, type FinetuneOptions } from "../../lib/cblue/mod.ts";
import { resolveOptions, UserError } from "../../lib/config/mod.ts";
import { testInFolder } from "../folders.ts";
import { writeMadeUpSet } from "./made_up_sets.ts";

const silent = { print: () => {} };

async function optionsFor(folder: string): Promise<FinetuneOptions> {
  const data_dir = join(folder, "data"), dataset = await writeMadeUpSet(data_dir, "KUAKE-QIC", 24, 8);
  return resolveOptions(FINETUNE_OPTIONS, {
    ...{ dataset, data_dir, save_dir: join(folder, "run"), preset: "tiny", num_threads: 1 },
    ...{ max_seq_length: 32, batch_size: 8, max_steps: 2 },
  });
}

async function refuses(options: FinetuneOptions, message: RegExp) {
  await assert.rejects(
    finetune(options, silent),
    (error) => error instanceof UserError && message.test(error.message),
  );
}

testInFolder("another training set, vocabulary or encoder is another run", async (folder) => {
  const options = await optionsFor(folder), encoders = [join(folder, "a"), join(folder, "b")];
  for (const [i, save_dir] of encoders.entries()) {
    await finetune({ ...options, save_dir, seed: i, max_steps: 1 }, silent);
  }
  const [one, other] = encoders.map((run) => join(run, "checkpoint-1"));
  const run = { ...options, model: one! };
  await finetune(run, silent);
  await finetune(run, silent);
  await refuses(
    { ...run, model: other! },
    /checkpoint-2": it began with another encoder; use another --save_dir/,
  );
  await refuses(options, /it began with another encoder/);
  await refuses({ ...run, batch_size: 4 }, /--batch_size was 8 and now is 4; use the same options/);

  await Deno.rename(one!, join(folder, "moved")); // the same encoder, wherever it is
  await finetune({ ...run, model: join(folder, "moved") }, silent);

  const file = join(options.data_dir, "KUAKE-QIC_train.json");
  const records = JSON.parse(await Deno.readTextFile(file));
  await Deno.writeTextFile(file, JSON.stringify(records.toReversed()));
  await refuses({ ...run, model: join(folder, "moved") }, /it was trained on another training set/);
});

testInFolder("a best checkpoint that is gone is no longer the best", async (folder) => {
  const options = await optionsFor(folder),
    lasting = { ...options, max_steps: 4, valid_steps: 2, save_steps: 1 };
  const { best } = await finetune({ ...lasting, learning_rate: 0 }, silent); // all evaluations are alike: the first is best
  assert.equal(best!.step, 2);
  await Deno.remove(join(options.save_dir, "checkpoint-2"), { recursive: true });
  const { folder: found } = await finetune({ ...lasting, learning_rate: 0 }, silent);
  assert.ok((await Deno.stat(join(found, "model.safetensors"))).isFile);
});

testInFolder("--overwrite_output_dir begins afresh, with logs of its own", async (folder) => {
  const options = await optionsFor(folder);
  await finetune(options, silent);
  const events = () => Array.from(Deno.readDirSync(join(options.save_dir, "loss_log")), ({ name }) => name);
  const before = events();
  await finetune({ ...options, overwrite_output_dir: true, max_steps: 1 }, silent);
  assert.ok(before.length > 0 && before.every((name) => !events().includes(name)), `${events()}`);
  assert.ok(!(await Deno.readTextFile(join(options.save_dir, "train.log"))).includes("step 2"));
  assert.throws(() => Deno.statSync(join(options.save_dir, "checkpoint-2")), Deno.errors.NotFound);
});
