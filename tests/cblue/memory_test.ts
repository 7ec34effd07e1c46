/** Fine-tuning, evaluation and prediction leave no tensors, whatever a step consists of, stopped or not. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { answerSplit, finetune, FINETUNE_OPTIONS, FinetunedModel } from "../../lib/cblue/mod.ts";
import { resolveOptions } from "../../lib/config/mod.ts";
import { tf } from "../../lib/tensorflow/mod.ts";
import { testInFolder } from "../folders.ts";
import { type MadeUp, writeMadeUpSet } from "./made_up_sets.ts";

const CASES: [task: MadeUp, options: Record<string, unknown>][] = [
  ["KUAKE-QIC", { rdrop_alpha: 1, fgm_epsilon: 1, ema_decay: 0.9, gradient_accumulation_steps: 2 }],
  ["CMeEE", { long: "windows", max_seq_length: 20 }],
  ["CMeIE", {}],
  ["CHIP-CDN", {}],
];
for (const [task, given] of CASES) {
  testInFolder(`${task}: as many tensors after each step, none at the end`, async (folder) => {
    const data_dir = join(folder, "data"), dataset = await writeMadeUpSet(data_dir, task, 24, 7);
    const options = resolveOptions(FINETUNE_OPTIONS, {
      ...{ dataset, data_dir, save_dir: join(folder, "run"), preset: "tiny", num_threads: 1, batch_size: 5 },
      ...{ max_seq_length: 32, max_steps: 8, valid_steps: 3, save_steps: 2, logging_steps: 1, ...given },
    });
    const before = tf.memory().numTensors, counts: number[] = [], stop = new AbortController();
    const { folder: found } = await finetune(options, {
      print(line) {
        if (line.startsWith("global step")) counts.push(tf.memory().numTensors);
        if (line.startsWith("global step 6/")) setTimeout(() => stop.abort(), 1); // within a step or an evaluation
      },
      signal: stop.signal,
    });
    assert.equal(new Set(counts).size, 1, `${counts}`);
    assert.equal(tf.memory().numTensors, before);
    {
      using model = await FinetunedModel.open(found);
      await answerSplit(model, data_dir);
    }
    assert.equal(tf.memory().numTensors, before);
    const one = tf.scalar(1);
    assert.equal(tf.memory().numTensors, before + 1); // they are counted
    one.dispose();
  });
}
