/** Fine-tuning: it learns, resumes to the bit, trains in several processes as in one, and its folder answers alike. */
import assert from "node:assert/strict";
import { join } from "node:path";
import {
  evaluateAnswers,
  finetune,
  FINETUNE_OPTIONS,
  FinetunedModel,
  type FinetuneOptions,
  readSplit,
} from "../../lib/cblue/mod.ts";
import { resolveOptions, UserError } from "../../lib/config/mod.ts";
import { testInFolder } from "../folders.ts";
import { type MadeUp, writeMadeUpSet } from "./made_up_sets.ts";

async function optionsFor(
  folder: string,
  task: MadeUp,
  given: Record<string, unknown>,
): Promise<FinetuneOptions> {
  const dataset = await writeMadeUpSet(join(folder, "data"), task, 120, 40);
  return resolveOptions(FINETUNE_OPTIONS, {
    dataset,
    data_dir: join(folder, "data"),
    save_dir: join(folder, "run"),
    preset: "tiny",
    max_seq_length: 32,
    batch_size: 16,
    valid_steps: 20,
    save_steps: 20,
    num_threads: 1,
    ...given,
  });
}

const silent = { print: () => {} };
const modelOf = (folder: string) => Deno.readFile(join(folder, "model.safetensors"));

const LEARNED: [MadeUp, Record<string, unknown>, number][] = [
  ["KUAKE-QIC", { max_steps: 60, learning_rate: 1e-3 }, 0.9],
  ["CMeEE", { max_steps: 100, learning_rate: 2e-3 }, 0.8],
  ["CHIP-CDN", { max_steps: 150, learning_rate: 1e-3, valid_steps: 75 }, 0.8],
  ["CMeIE", { max_steps: 120, learning_rate: 1e-3, max_grad_norm: 1 }, 0.9],
];
for (const [task, given, least] of LEARNED) {
  testInFolder(
    `${task}: learns, and the folder it leaves gives the same score and answers`,
    async (folder) => {
      const options = await optionsFor(folder, task, given);
      const { folder: best, best: found } = await finetune(options, silent);
      assert.ok(found && found.score.value >= least, `${found?.score.metric} ${found?.score.value}`);

      using model = await FinetunedModel.open(best);
      const examples = (await readSplit(model.task, options.data_dir, "dev"))!;
      const answers = await model.predict(examples, { batchSize: 7 });
      assert.deepEqual(evaluateAnswers(model.task, examples, answers).score, found.score);
      assert.deepEqual((await model.predict(examples.slice(3, 4)))[0], answers[3]);
    },
  );
}

testInFolder("a run that is stopped and goes on ends as one that is not, to the bit", async (folder) => {
  const options = await optionsFor(folder, "KUAKE-QIC", { max_steps: 30, valid_steps: 8, save_steps: 10 });
  const whole = await finetune({ ...options, save_dir: join(folder, "whole") }, silent);

  const stop = new AbortController(), lines: string[] = [];
  const print = (line: string) => {
    lines.push(line);
    if (line.startsWith("global step 20/")) stop.abort(); // in the middle of the third epoch
  };
  const stopped = await finetune(options, { signal: stop.signal, print });
  assert.ok(stopped.step >= 20 && stopped.step < 30, `${stopped.step}`);
  const resumed = await finetune(options, silent);
  assert.equal(resumed.step, 30);
  assert.deepEqual(resumed.best, whole.best);
  const [one, other] = await Promise.all(
    [join(folder, "whole"), options.save_dir].map((run) => modelOf(join(run, "checkpoint-30"))),
  );
  assert.ok(one!.every((byte, i) => byte === other![i]) && one!.length === other!.length);
});

testInFolder("a run that is stopped where an evaluation is due makes it when it goes on", async (folder) => {
  const options = await optionsFor(folder, "KUAKE-QIC", {
    max_steps: 20,
    valid_steps: 10,
    logging_steps: 10,
  });
  const whole = await finetune({ ...options, save_dir: join(folder, "whole") }, silent);
  const stop = new AbortController();
  const print = (line: string) => line.startsWith("global step 10/") && stop.abort();
  assert.equal((await finetune(options, { signal: stop.signal, print })).step, 10);
  const lines: string[] = [];
  const resumed = await finetune(options, { print: (line) => lines.push(line) });
  assert.ok(lines.some((line) => line.startsWith("dev at step 10:")), lines.join("\n"));
  assert.deepEqual(resumed.best, whole.best);
});

testInFolder("early stopping, and an encoder from an earlier run", async (folder) => {
  const options = await optionsFor(folder, "KUAKE-QIC", {
    max_steps: 400,
    valid_steps: 10,
    patience: 3,
    learning_rate: 1e-3,
  });
  const first = await finetune(options, silent);
  assert.ok(first.step < 400 && first.best!.step === first.step - 30, `${first.step}, ${first.best!.step}`);

  const lines: string[] = [];
  const again = { ...options, model: first.folder, save_dir: join(folder, "again"), max_steps: 1 };
  await finetune(again, { print: (line) => lines.push(line) });
  assert.equal(lines[0], `Encoder: "${first.folder}"`);
  assert.ok(!lines.some((line) => line.startsWith("New")));

  const { folder: other } = await finetune({
    ...again,
    dataset: await writeMadeUpSet(join(folder, "entities"), "CMeEE", 20, 5),
    data_dir: join(folder, "entities"),
    save_dir: join(folder, "entities/run"),
  }, { print: (line) => lines.push(line) });
  assert.ok(
    lines.includes("New, since the file has no such head: classifier_oth, classifier_sym"),
    lines.join("\n"),
  );
  await assert.rejects(
    finetune({ ...again, learning_rate: 0.5 }, silent),
    (error) => error instanceof UserError && /--learning_rate was 0.001 and now is 0.5/.test(error.message),
  );
  assert.ok(other.endsWith("checkpoint-1"));
});
