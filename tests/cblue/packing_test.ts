/** Packed texts have the losses, gradients and outputs of padded ones, dropout included. */
import assert from "node:assert/strict";
import {
  approachOf,
  findTask,
  finetuningLearner,
  loadParameters,
  packTexts,
  readSplit,
  RowStream,
} from "../../lib/cblue/mod.ts";
import { presetConfig } from "../../lib/electra/mod.ts";
import { tf } from "../../lib/tensorflow/mod.ts";
import { buildVocabulary } from "../../lib/text/mod.ts";
import { compileGradients, readReport } from "../../lib/training/mod.ts";
import { testInFolder } from "../folders.ts";
import { type MadeUp, writeMadeUpSet } from "./made_up_sets.ts";

for (const name of ["KUAKE-QIC", "CHIP-STS", "CMeEE", "CMeIE"] satisfies MadeUp[]) {
  testInFolder(`${name}: losses and gradients of packed texts are those of padded ones`, async (folder) => {
    const task = await findTask(await writeMadeUpSet(folder, name, 24, 8));
    const examples = (await readSplit(task, folder, "train", { answered: true }))!;
    const texts = examples.flatMap((one) => "texts" in one ? one.texts : [one.text]);
    const { vocabulary } = await buildVocabulary(texts);
    const options = { max_seq_length: 64, activation: "tanh", long: "windows", occurrences: "all" } as const;
    const approach = approachOf(task, vocabulary, options);
    const encoder = {
      ...presetConfig("tiny", vocabulary.size).discriminator,
      hidden_dropout_prob: 0.1,
      attention_probs_dropout_prob: 0.1,
    };
    const config = { encoder, head: approach.head };
    const rows = examples.flatMap((example) => approach.rows(example));
    const { variables } = loadParameters(config, undefined, 7);
    const run = async (packed: boolean) => {
      const learner = finetuningLearner({ approach, config, variables, seed: 7, packed });
      const stream = new RowStream(rows, { batchSize: 8, maxLength: 64, seed: 7, packed });
      const gradients = compileGradients(learner);
      const batch = stream.next();
      assert.equal(batch.packing !== undefined, packed);
      const inputs = [...learner.tensors(batch), tf.scalar(3, "int32"), tf.scalar(1), tf.scalar(0)];
      const [numbers, ...all] = await gradients.runAsync(...inputs);
      const report = readReport(learner, await numbers!.data());
      const values = await Promise.all(all.map((gradient) => gradient.data()));
      tf.dispose([inputs, numbers!, all]);
      gradients.dispose();
      return { report, values, slots: batch.packing ? batch.packing.rows * batch.packing.width : 0 };
    };
    const padded = await run(false), packed = await run(true);
    assert.ok(packed.slots > 0 && packed.slots < 8 * 64);
    for (const [name, value] of Object.entries(padded.report)) {
      const other = packed.report[name as "total"];
      assert.ok(Math.abs(other - value) <= 1e-5 * Math.max(1, Math.abs(value)), `${name} ${value} ${other}`);
    }
    const names = [...variables.keys()];
    padded.values.forEach((gradient, i) => {
      const most = (gradient as Float32Array).reduce((most, x) => Math.max(most, Math.abs(x)), 1e-3);
      gradient.forEach((x, j) => {
        const difference = Math.abs(x - packed.values[i]![j]!);
        if (difference > 1e-4 * most) assert.fail(`${names[i]}: ${x} and ${packed.values[i]![j]}`);
      });
    });
    variables.forEach((variable) => variable.dispose());
  });
}

Deno.test("a text longer than a row is refused", () => {
  assert.throws(() => packTexts([3, 129], 128), /text of 129 tokens into rows of 128/);
});
