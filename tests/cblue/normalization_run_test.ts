/** Fine-tuning for terms: the decision how many a text gets is in every folder that is to answer. */
import assert from "node:assert/strict";
import { join } from "node:path";
import {
  finetune,
  FINETUNE_OPTIONS,
  FinetunedModel,
  type FinetuneOptions,
  readSplit,
} from "../../lib/cblue/mod.ts";
import { resolveOptions, UserError } from "../../lib/config/mod.ts";
import { testInFolder } from "../folders.ts";
import { writeMadeUpSet } from "./made_up_sets.ts";

const silent = { print: () => {} };

async function optionsFor(folder: string, given: Partial<FinetuneOptions>): Promise<FinetuneOptions> {
  const data_dir = join(folder, "data");
  await writeMadeUpSet(data_dir, "CHIP-CDN", 30, 8);
  return resolveOptions(FINETUNE_OPTIONS, {
    ...{ dataset: "CHIP-CDN", data_dir, save_dir: join(folder, "run"), preset: "tiny", num_threads: 1 },
    ...{ max_seq_length: 32, batch_size: 16, max_steps: 4, logging_steps: 1, ...given },
  });
}

/** How many terms the dev set's texts get. */
async function answersOf(folder: string, data: string): Promise<number> {
  using model = await FinetunedModel.open(folder);
  const examples = (await readSplit(model.task, data, "train"))!.slice(0, 5);
  return (await model.predict(examples) as string[][]).flat().length;
}

testInFolder("without a dev set, too", async (folder) => {
  const options = await optionsFor(folder, {});
  await Deno.remove(join(options.data_dir, "CHIP-CDN_dev.json"));
  const { folder: last, best } = await finetune(options, silent);
  assert.equal(best, undefined);
  assert.ok(await answersOf(last, options.data_dir) >= 5);
});

testInFolder("where a signal came before the evaluation, and the run went on", async (folder) => {
  const options = await optionsFor(folder, {});
  const stop = new AbortController();
  const print = (line: string) => line.startsWith("global step 4/") && stop.abort();
  const { folder: stopped, best } = await finetune(options, { print, signal: stop.signal });
  assert.equal(best, undefined);
  await assert.rejects(
    answersOf(stopped, options.data_dir),
    (error) => error instanceof UserError && /it was saved before the first evaluation/.test(error.message),
  );

  const lines: string[] = [];
  const resumed = await finetune(options, { print: (line) => lines.push(line) });
  assert.equal(lines.filter((line) => line.startsWith("dev at step 4")).length, 1, lines.join("\n"));
  assert.ok(await answersOf(resumed.folder, options.data_dir) >= 5);

  // and now it is done: nothing is scored again, and the score is known
  const again = await finetune(options, { print: (line) => lines.push(line) });
  assert.equal(lines.filter((line) => line.startsWith("dev at step 4")).length, 1, lines.join("\n"));
  assert.deepEqual(again.best, resumed.best);
});

testInFolder(
  "a checkpoint between evaluations has the decision of the one before, resumed or not",
  async (folder) => {
    const options = await optionsFor(folder, { valid_steps: 2, save_steps: 1, save_total_limit: 9 });
    const whole = join(folder, "whole");
    await finetune({ ...options, save_dir: whole }, silent);
    const stop = new AbortController();
    const print = (line: string) => line.startsWith("dev at step 2") && stop.abort();
    await finetune(options, { print, signal: stop.signal });
    await finetune(options, silent);
    for (const step of [2, 3, 4]) {
      const [one, other] = [whole, options.save_dir].map((run) =>
        Deno.readTextFileSync(join(run, `checkpoint-${step}/decision.json`))
      );
      assert.equal(one, other, `step ${step}`);
    }
  },
);

testInFolder("a list of other terms is refused before the first step", async (folder) => {
  const options = await optionsFor(folder, {}), file = join(options.data_dir, "CHIP-CDN_train.json");
  const records = Array.from({ length: 20 }, (_, i) => {
    const text = String.fromCodePoint(0x4e00 + 2 * i), term = String.fromCodePoint(0x5e00 + 2 * i);
    return { text, normalized_result: term };
  });
  await Deno.writeTextFile(file, JSON.stringify(records));
  await assert.rejects(
    finetune(options, silent),
    (error) => error instanceof UserError && /check the list of terms/.test(error.message),
  );
  assert.throws(() => Deno.statSync(options.save_dir), Deno.errors.NotFound);
});
