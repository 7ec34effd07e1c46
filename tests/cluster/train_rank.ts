/**
 * One process of several that train: prints the losses of each step, then a hash of all weights and moments.
 *
 *     train_rank.ts '{"corpus": FOLDER, "steps": 50, "batchSize": 4, "accumulation": 1, "weights": FILE}'
 */
import { createHash } from "node:crypto";
import { clusterFromEnvironment } from "../../lib/cluster/mod.ts";
import { ALONE, createVariables, presetConfig } from "../../lib/electra/mod.ts";
import { Corpus, openBatches, paddedLayout } from "../../lib/packing/mod.ts";
import { configureTensorFlow } from "../../lib/tensorflow/mod.ts";
import { Vocabulary } from "../../lib/text/mod.ts";
import { AdamW } from "../../lib/training/adamw.ts";
import { collectiveExchange } from "../../lib/training/collective_exchange.ts";
import { pretrainingLearner } from "../../lib/training/pretraining_step.ts";
import { Trainer } from "../../lib/training/trainer.ts";

const { corpus: folder, steps, batchSize, accumulation, weights } = JSON.parse(Deno.args[0]!);
const WIDTH = 48;

configureTensorFlow({ device: "cpu", threads: 1 });
const cluster = clusterFromEnvironment(Deno.env.toObject());
const exchange = cluster ? await collectiveExchange(cluster) : ALONE;
const vocabulary = await Vocabulary.read(`${folder}/vocab.txt`);
using corpus = await Corpus.open(folder, vocabulary);
const layout = paddedLayout(batchSize, WIDTH, batchSize * WIDTH);
using batches = openBatches(corpus, { layout, vocabulary, mlmProb: 0.15, seed: 1000, part: exchange });

const { generator, discriminator, ...rest } = presetConfig("tiny", vocabulary.size);
const rates = { hidden_dropout_prob: 0.1, attention_probs_dropout_prob: 0.1 };
const config = {
  ...rest,
  generator: { ...generator, ...rates },
  discriminator: { ...discriminator, ...rates },
};
const variables = createVariables(config, 5);
using optimizer = new AdamW(variables, { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01 });
using trainer = new Trainer(
  pretrainingLearner({ config, variables, groups: layout.groups, seed: 7, exchange }),
  optimizer,
  {
    maxGradNorm: 1,
    accumulation,
  },
);
for (let step = 0; step < steps; step++) {
  const position = { step, updates: step, learningRate: 1e-3 };
  const { report } = await trainer.step(() => batches.next(), position);
  console.log(JSON.stringify(report));
}
const values = [...variables.values()].map((variable) => variable.data());
const moments = [...optimizer.moments.values()].flatMap(({ first, second }) => [first.data(), second.data()]);
const hash = createHash("sha256");
for (const data of [...values, ...moments]) hash.update(new Uint8Array(data.buffer));
console.log(hash.digest("hex"));
if (weights) {
  const all = Float32Array.from(values.flatMap((data) => [...data]));
  await Deno.writeFile(weights, new Uint8Array(all.buffer));
}
