/** A head that says how common each label is has nothing to learn about that: its biases' gradients are zero. */
import assert from "node:assert/strict";
import {
  approachOf,
  findTask,
  finetuningLearner,
  loadParameters,
  readSplit,
  RowStream,
} from "../../lib/cblue/mod.ts";
import { headBiases, presetConfig } from "../../lib/electra/mod.ts";
import { tf } from "../../lib/tensorflow/mod.ts";
import { buildVocabulary } from "../../lib/text/mod.ts";
import { compileGradients } from "../../lib/training/mod.ts";
import { testInFolder } from "../folders.ts";
import { type MadeUp, writeMadeUpSet } from "./made_up_sets.ts";

const ROWS = 24;
/** Each label counts once more than it is there: of so many copies of the rows that says nothing. */
const COPIES = 500;

for (const name of ["KUAKE-QIC", "CHIP-STS", "CMeEE", "CMeIE"] satisfies MadeUp[]) {
  testInFolder(`${name}: biases that say how common labels are stay as they are`, async (folder) => {
    const task = await findTask(await writeMadeUpSet(folder, name, ROWS, 8));
    const examples = (await readSplit(task, folder, "train", { answered: true }))!;
    const { vocabulary } = await buildVocabulary(
      examples.flatMap((one) => "texts" in one ? one.texts : [one.text]),
    );
    const approach = approachOf(task, vocabulary, { max_seq_length: 64 });
    const config = { encoder: presetConfig("tiny", vocabulary.size).discriminator, head: approach.head };
    const rows = examples.flatMap((example) => approach.rows(example));
    const biases = headBiases(config, approach.priors(Array.from({ length: COPIES }, () => rows).flat()));
    const { variables } = loadParameters(config, undefined, 7, biases);
    for (const [name, variable] of variables) {
      if (!biases.has(name.replace(/weight$/, "bias"))) continue;
      if (name.endsWith("weight")) variable.assign(tf.zeros([...variable.shape]));
    }
    const learner = finetuningLearner({ approach, config, variables, seed: 7 });
    const batch = new RowStream(rows, { batchSize: ROWS, maxLength: 64, seed: 7 }).next();
    const gradients = compileGradients(learner);
    const inputs = [...learner.tensors(batch), tf.scalar(3, "int32"), tf.scalar(1), tf.scalar(0)];
    const [numbers, ...all] = await gradients.runAsync(...inputs);
    // the loss of relations is a sum
    const tokens = rows.reduce((sum, { ids }) => sum + ids.length, 0), terms = name === "CMeIE" ? tokens : 1;
    assert.ok(biases.size > 0);
    for (const [i, name] of [...variables.keys()].entries()) {
      if (!biases.has(name)) continue;
      const most = (await all[i]!.data<"float32">()).reduce((most, x) => Math.max(most, Math.abs(x)), 0);
      assert.ok(most < 1e-3 * terms, `${name}: ${most}`);
    }
    tf.dispose([inputs, numbers!, all]);
    gradients.dispose();
    variables.forEach((variable) => variable.dispose());
  });
}
