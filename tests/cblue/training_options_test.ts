/** What training can do beyond the published recipes, each against its definition. */
import assert from "node:assert/strict";
import { join } from "node:path";
import {
  balancedWeights,
  type ClassificationPrediction,
  finetune,
  FINETUNE_OPTIONS,
  FinetunedModel,
  foldOf,
  readSplit,
  sigmoidDivergence,
  softmaxDivergence,
} from "../../lib/cblue/mod.ts";
import { resolveOptions, UserError } from "../../lib/config/mod.ts";
import { tf } from "../../lib/tensorflow/mod.ts";
import { readSafetensors } from "../../lib/weights/mod.ts";
import { testInFolder } from "../folders.ts";
import { type MadeUp, writeMadeUpSet } from "./made_up_sets.ts";

const silent = { print: () => {} };

async function optionsFor(folder: string, task: MadeUp, given: Record<string, unknown>) {
  const data_dir = join(folder, "data"), dataset = await writeMadeUpSet(data_dir, task, 80, 20);
  return resolveOptions(FINETUNE_OPTIONS, {
    ...{ dataset, data_dir, save_dir: join(folder, "run"), preset: "tiny", num_threads: 1 },
    ...{ max_seq_length: 32, batch_size: 16, valid_steps: 100, save_steps: 100, ...given },
  });
}

Deno.test("balanced weights are scikit-learn's", () => {
  const labels = [0, 0, 0, 0, 1, 1].map(String);
  assert.deepEqual(balancedWeights(labels, ["0", "1"]), [0.75, 1.5]); // compute_class_weight("balanced", …)
  assert.deepEqual(balancedWeights(labels, ["0", "1", "never"]), [0.75, 1.5, 1]);
});

testInFolder("each record is held out in one of the folds", async (folder) => {
  const options = await optionsFor(folder, "KUAKE-QIC", {});
  const all = Array.from(
    { length: 23 },
    (_, i) => ({ key: `${i}`, record: {}, texts: ["头痛"] as const, label: "" }),
  );
  const folds = [1, 2, 3, 4].map((k) => foldOf(all, `${k}/4`));
  for (const { train, dev } of folds) {
    assert.deepEqual(new Set([...train, ...dev]), new Set(all));
    assert.ok(dev.length === 5 || dev.length === 6);
  }
  assert.deepEqual(new Set(folds.flatMap(({ dev }) => dev)), new Set(all));
  for (const fold of ["0/4", "5/4", "1", "1/1", "a/b", "1/24"]) {
    assert.throws(() => foldOf(all, fold), UserError, fold);
  }
  const lines: string[] = [];
  await finetune({ ...options, fold: "2/5", max_steps: 1 }, { print: (line) => lines.push(line) });
  assert.ok(
    lines.some((line) => line.startsWith("KUAKE-QIC: 64 rows for training, 16 for dev")),
    lines.join("\n"),
  );
});

testInFolder(
  "with R-Drop, FGM and an average of the weights, a stopped run goes on to the bit",
  async (folder) => {
    const options = await optionsFor(folder, "KUAKE-QIC", {
      ...{ max_steps: 12, valid_steps: 4, save_steps: 4, learning_rate: 1e-3 },
      ...{ rdrop_alpha: 1, fgm_epsilon: 0.5, ema_decay: 0.9, class_weights: "balanced" },
    });
    const whole = await finetune({ ...options, save_dir: join(folder, "whole") }, silent);
    const stop = new AbortController();
    const print = (line: string) => line.startsWith("dev at step 8") && stop.abort();
    assert.equal((await finetune(options, { signal: stop.signal, print })).step, 8);
    const resumed = await finetune(options, silent);
    assert.deepEqual([resumed.step, resumed.best], [12, whole.best]);
    const [one, other] = await Promise.all([join(folder, "whole"), options.save_dir].map(async (run) => [
      await readSafetensors(join(run, "checkpoint-12/model.safetensors")),
      await readSafetensors(join(run, "checkpoint-12/training_state/optimizer.safetensors")),
    ]));
    for (const [i, file] of one!.entries()) {
      for (const [name, { data }] of file) {
        assert.ok(data.every((value, j) => Object.is(value, other![i]!.get(name)!.data[j])), name);
      }
    }
    const [model, moments] = one!, name = "classifier.out_proj.weight";
    const trained = moments!.get(`${name}.trained`)!.data, average = model!.get(name)!.data;
    assert.ok(trained.some((value, i) => value !== average[i]), "the folder's model is the average");

    using opened = await FinetunedModel.open(resumed.folder); // and it is what was scored
    const dev = (await readSplit(opened.task, options.data_dir, "dev"))!;
    assert.equal((await opened.predict(dev)).length, dev.length);
  },
);

testInFolder("an ensemble answers by the mean of its models' logits", async (folder) => {
  const options = await optionsFor(folder, "KUAKE-QIC", { max_steps: 4, learning_rate: 1e-3 });
  const folders: string[] = [];
  for (const seed of [1, 2]) {
    folders.push((await finetune({ ...options, seed, save_dir: join(folder, `${seed}`) }, silent)).folder);
  }
  const answersOf = async (folders: string | string[]) => {
    using model = await FinetunedModel.open(folders);
    const dev = (await readSplit(model.task, options.data_dir, "dev"))!;
    return await model.predict(dev) as ClassificationPrediction[];
  };
  const [one, other, both] = [
    await answersOf(folders[0]!),
    await answersOf(folders[1]!),
    await answersOf(folders),
  ];
  both.forEach(({ probabilities }, i) => { // softmax of mean logits: the normalised geometric mean
    const roots = probabilities.map((_, c) =>
      Math.sqrt(one[i]!.probabilities[c]! * other[i]!.probabilities[c]!)
    );
    const sum = roots.reduce((a, b) => a + b, 0);
    probabilities.forEach((p, c) => assert.ok(Math.abs(p - roots[c]! / sum) < 1e-5));
  });
  const longer = await finetune({ ...options, max_seq_length: 40, save_dir: join(folder, "longer") }, silent);
  await assert.rejects(
    FinetunedModel.open([folders[0]!, longer.folder]),
    /Cannot average ".*longer.*" with ".*": it has another longest row/,
  );
});

/** Diseases and, within each, the organ: both of the channel of all but symptoms, which can say but one of them. */
function nestedRecords(count: number) {
  const diseases = ["胃溃疡", "肝硬化", "肺脓肿", "肾结石"], begins = ["诊断为", "考虑", "患有", "排除了"];
  return Array.from({ length: count }, (_, i) => {
    const begin = begins[i % 4]!, disease = diseases[(i * 7 + (i >> 2)) % 4]!, start = begin.length;
    const entity = (length: number, type: string) => ({
      ...{ start_idx: start, end_idx: start + length - 1, type, entity: disease.slice(0, length) },
    });
    return { text: `${begin}${disease}`, entities: [entity(disease.length, "dis"), entity(1, "bod")] };
  });
}

for (const [scheme, least, most] of [["spans", 0.95, 1], ["channels", 0, 0.7]] as const) {
  testInFolder(`nested entities of one channel, as ${scheme}`, async (folder) => {
    const options = await optionsFor(folder, "CMeEE", {
      ...{ dataset: "CMeEE", scheme, max_steps: 120, learning_rate: 2e-3, max_grad_norm: 1 },
    });
    for (const [split, count] of [["train", 80], ["dev", 16]] as const) {
      const file = join(options.data_dir, `CMeEE_${split}.json`);
      await Deno.writeTextFile(file, JSON.stringify(nestedRecords(count)));
    }
    const { best, folder: found } = await finetune(options, silent);
    assert.ok(best!.score.value >= least && best!.score.value <= most, `${best!.score.value}`);
    using model = await FinetunedModel.open(found);
    const dev = (await readSplit(model.task, options.data_dir, "dev"))!;
    assert.equal((await model.predict(dev)).length, 16);
  });
}

/** Σ p log (p / q) */
const divergence = (p: number[], q: number[]) => p.reduce((sum, x, i) => sum + x * Math.log(x / q[i]!), 0);
const bothWays = (p: number[], q: number[]) => divergence(p, q) + divergence(q, p);

Deno.test("divergences are Kullback and Leibler's, both ways", async () => {
  const a = [[0.3, -1, 2], [4, 4.5, -3]], b = [[1, 0, -2], [-1, 4, 0.5]];
  const softmax = (x: number[]) => x.map((v) => Math.exp(v) / x.reduce((sum, v) => sum + Math.exp(v), 0));
  const found = await softmaxDivergence(tf.tensor2d(a), tf.tensor2d(b)).data();
  a.forEach((row, i) => {
    const expected = bothWays(softmax(row), softmax(b[i]!));
    assert.ok(Math.abs(found[i]! - expected) < 1e-5 * expected, `${found[i]}, ${expected}`);
  });
  const both = (x: number) => [1 / (1 + Math.exp(-x)), 1 / (1 + Math.exp(x))];
  const yes = await sigmoidDivergence(tf.tensor1d(a[0]!), tf.tensor1d(b[0]!)).data();
  a[0]!.forEach((x, i) => {
    const expected = bothWays(both(x), both(b[0]![i]!));
    assert.ok(Math.abs(yes[i]! - expected) < 1e-5, `${yes[i]}, ${expected}`);
  });
});
