/** Batches of packed rows, as a run makes them, compute what the same sentences do in padded rows: on real text too. */
import { strict as assert } from "node:assert";
import { join } from "node:path";
import { createVariables, presetConfig, type PretrainingConfig } from "../../lib/electra/mod.ts";
import { type Batch, Corpus, openBatches, paddedLayout, planLayout, slots } from "../../lib/packing/mod.ts";
import { preprocess } from "../../lib/preprocessing/mod.ts";
import { RandomStream, tf } from "../../lib/tensorflow/mod.ts";
import { buildVocabulary, generateCorpus, Vocabulary } from "../../lib/text/mod.ts";
import {
  BATCH_TENSORS,
  type BatchTensors,
  batchTensors,
  lossesAndGradients,
  REPORT,
} from "../../lib/training/pretraining_step.ts";
import { testInFolder } from "../folders.ts";

const WIDTH = 512;

/** Each sentence of a packed batch, read off its segment numbers, in a row of its own. */
function padded(batch: Batch): Batch {
  const { groups, sentenceCapacity: S } = batch.layout;
  const layout = paddedLayout(batch.sentences, WIDTH, batch.layout.maskCapacity);
  const size = slots(layout);
  const rows = {
    maskedIds: new Int32Array(size),
    rawIds: new Int32Array(size),
    labels: new Int32Array(size).fill(-100),
    positionIds: new Int32Array(size),
    segmentIds: new Int32Array(size),
    tokenKeys: new Int32Array(size),
  };
  for (const view of [0, 1]) {
    for (let n = 0; n < batch.sentences; n++) {
      const from = batch.clsPositions[view * S + n], to = (view * batch.sentences + n) * WIDTH;
      const end = endOfRow(groups, from);
      for (let i = 0; from + i < end && batch.segmentIds[from + i] === batch.segmentIds[from]; i++) {
        assert.equal(batch.positionIds[from + i], i);
        for (const name of Object.keys(rows) as (keyof typeof rows)[]) {
          rows[name][to + i] = batch[name][from + i];
        }
      }
    }
  }
  const clsPositions = Int32Array.from({ length: 2 * batch.sentences }, (_, row) => row * WIDTH);
  return { ...batch, layout, ...rows, clsPositions };
}

function withDropout(config: PretrainingConfig): PretrainingConfig {
  const rates = { hidden_dropout_prob: 0.1, attention_probs_dropout_prob: 0.1 };
  const { generator, discriminator } = config;
  return { ...config, generator: { ...generator, ...rates }, discriminator: { ...discriminator, ...rates } };
}

function endOfRow(groups: Batch["layout"]["groups"], slot: number): number {
  let start = 0;
  for (const { rows, width } of groups) {
    if (slot < start + rows * width) return start + width * (1 + Math.floor((slot - start) / width));
    start += rows * width;
  }
  throw new RangeError(`No row has slot ${slot}`);
}

async function compare(textPath: string, vocabulary: Vocabulary, folder: string, minFill: number) {
  const data = join(folder, "corpus");
  await Deno.mkdir(data);
  await preprocess({ inputPath: textPath, outputFile: join(data, "samples"), vocabulary, tool: "jieba" });
  using corpus = await Corpus.open(data, vocabulary);
  const options = { batchSize: 12, maxSeqLength: WIDTH, mlmProb: 0.15, packing: "rows" } as const;
  const layout = planLayout(corpus, options);
  using source = openBatches(corpus, { layout, vocabulary, mlmProb: 0.15, seed: 1000 });
  const config = withDropout(presetConfig("tiny", vocabulary.size)), variables = createVariables(config, 3);
  for (let step = 0; step < 3; step++) {
    const batch = await source.next();
    assert.ok(batch.tokens / slots(layout) >= minFill, `filled to ${batch.tokens / slots(layout)}`);
    const [packed, alone] = [report(batch), report(padded(batch))];
    packed.forEach((value, i) => {
      const difference = Math.abs(value - alone[i]);
      assert.ok(
        difference <= 1e-5 * Math.max(1, Math.abs(value)),
        `${REPORT[i]}: ${value}, padded ${alone[i]}`,
      );
    });
  }
  for (const variable of variables.values()) variable.dispose();

  /** Losses and counts; dropout, samples and candidates depend on the token alone, wherever it lies. */
  function report(batch: Batch): number[] {
    return tf.tidy(() => {
      const tensors = Object.fromEntries(batchTensors(batch).map((tensor, i) => [BATCH_TENSORS[i], tensor]));
      const values = [...variables.values()].map((variable) => variable.read());
      const random = new RandomStream(1, tf.scalar(0, "int32"));
      const inputs = { ...tensors as unknown as BatchTensors, groups: batch.layout.groups };
      return lossesAndGradients({ config, variables }, values, inputs, random).report
        .map((scalar) => scalar.dataSync()[0]);
    });
  }
}

testInFolder("generated text: packed batches have the losses of padded rows", async (folder) => {
  const path = join(folder, "text.txt"), lines = [...generateCorpus({ sentences: 400, seed: 3 })];
  await Deno.writeTextFile(path, lines.join("\n") + "\n");
  const { vocabulary } = await buildVocabulary(lines);
  await compare(path, vocabulary, folder, 0.9);
});

const REAL = "../shared/data/pretrain/huatuo26m_test.txt", VOCABULARY = "../shared/data/vocab/vocab.txt";
const isThere = await Deno.stat(REAL).then(() => true, () => false);
testInFolder("real text: packed batches have the losses of padded rows", async (folder) => {
  const path = join(folder, "text.txt");
  const lines = (await Deno.readTextFile(REAL)).split("\n").slice(0, 600);
  await Deno.writeTextFile(path, lines.join("\n") + "\n");
  await compare(path, await Vocabulary.read(VOCABULARY), folder, 0.97);
}, !isThere);
