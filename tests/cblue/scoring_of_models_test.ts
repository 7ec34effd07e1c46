/** `evaluate --scoring original`, and recall among candidates: beside official scores of the same models. */
import assert from "node:assert/strict";
import { join } from "node:path";
import {
  answerSplit,
  finetune,
  FINETUNE_OPTIONS,
  FinetunedModel,
  readSplit,
  TASKS,
} from "../../lib/cblue/mod.ts";
import { resolveOptions, UserError } from "../../lib/config/mod.ts";
import { testInFolder } from "../folders.ts";
import { type MadeUp, writeMadeUpSet } from "./made_up_sets.ts";

async function train(folder: string, task: MadeUp, given: Record<string, unknown>) {
  const data_dir = join(folder, "data"), dataset = await writeMadeUpSet(data_dir, task, 80, 20);
  const options = resolveOptions(FINETUNE_OPTIONS, {
    ...{ dataset, data_dir, save_dir: join(folder, "run"), preset: "tiny", num_threads: 1, max_grad_norm: 1 },
    ...{ max_seq_length: 32, batch_size: 16, valid_steps: 1000, ...given },
  });
  const { folder: model } = await finetune(options, { print: () => {} });
  return { data_dir, model };
}

const LEARNING: [MadeUp, Record<string, unknown>][] = [
  ["CMeEE", { max_steps: 60, learning_rate: 2e-3 }],
  ["CMeIE", { max_steps: 35, learning_rate: 2e-3, head_bias: "frequency" }],
];
for (const [task, given] of LEARNING) {
  testInFolder(`${task}: the original's score is the official one until texts are cut`, async (folder) => {
    const { data_dir, model } = await train(folder, task, given);
    using opened = await FinetunedModel.open(model);
    const scores = async () => {
      const { examples, evaluation: { score } } = await answerSplit(opened, data_dir);
      return {
        official: score.value,
        original: (await opened.scoreAsPublished(examples, { batchSize: 7 })).f1,
      };
    };
    const before = await scores();
    assert.ok(before.official > 0.2 && before.official < 1, `${before.official}`);
    assert.ok(Math.abs(before.original - before.official) < 1e-5, JSON.stringify(before));

    // what lies behind the cut is an answer by the official definition, by the original's evaluator of CMeEE none
    const path = join(data_dir, TASKS[task].files.dev);
    const text = await Deno.readTextFile(path), isArray = text.startsWith("[");
    const records = isArray ? JSON.parse(text) : text.trim().split("\n").map((line) => JSON.parse(line));
    for (const record of records) {
      const start_idx = Array.from(record.text).length + 40, end_idx = start_idx + 1;
      record.text += "无".repeat(40) + "肺炎";
      record.entities?.push({ start_idx, end_idx, type: "dis", entity: "肺炎" });
    }
    const lines = records.map((record: unknown) => JSON.stringify(record));
    await Deno.writeTextFile(path, isArray ? `[${lines}]` : lines.join("\n"));
    const cut = await scores();
    if (task === "CMeEE") assert.ok(cut.original > cut.official + 0.05, JSON.stringify(cut));
    else assert.ok(Math.abs(cut.original - cut.official) < 1e-5, JSON.stringify(cut));

    using windows = await FinetunedModel.open(model, { long: "windows" });
    await assert.rejects(windows.scoreAsPublished([]), UserError);
    assert.equal(windows.recallOfCandidates([]), undefined);
  });
}

testInFolder("CHIP-CDN: recall among the candidates bounds the score", async (folder) => {
  const { data_dir, model } = await train(folder, "CHIP-CDN", { max_steps: 20, learning_rate: 1e-3 });
  using opened = await FinetunedModel.open(model);
  const dev = (await readSplit(opened.task, data_dir, "dev"))!;
  const { at, terms, unlisted } = opened.recallOfCandidates(dev)!;
  assert.deepEqual(at.map(({ k }) => k), [1, 5, 10, 50]);
  assert.ok(at.every(({ terms }, i) => terms >= (at[i - 1]?.terms ?? 0)));
  const { evaluation } = await answerSplit(opened, data_dir);
  assert.ok(evaluation.micro.recall <= at.at(-1)!.terms);
  assert.equal(unlisted, 0);
  assert.equal(terms, dev.flatMap((one) => "terms" in one ? one.terms! : []).length);
  await assert.rejects(opened.scoreAsPublished(dev), UserError);
});
