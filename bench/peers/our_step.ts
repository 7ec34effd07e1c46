/**
 * Our side of a comparison, as `step_process.ts` drives it: the training step that `deno task pretrain` runs.
 *
 * @module
 */
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import {
  ALONE,
  countParameters,
  createVariables,
  loadVariables,
  parameterShapes,
} from "../../lib/electra/mod.ts";
import { type Batch, Corpus, holdOut, onePass, openBatches } from "../../lib/packing/mod.ts";
import { compile, configureTensorFlow, tensorflowInfo, tf } from "../../lib/tensorflow/mod.ts";
import { Vocabulary } from "../../lib/text/mod.ts";
import { AdamW } from "../../lib/training/adamw.ts";
import { collectiveExchange } from "../../lib/training/collective_exchange.ts";
import { Evaluator } from "../../lib/training/evaluation.ts";
import { pretrainingLearner } from "../../lib/training/pretraining_step.ts";
import { Trainer } from "../../lib/training/trainer.ts";
import { readSafetensors } from "../../lib/weights/mod.ts";
import { loadBatches } from "./batches.ts";
import { busySeconds, peakBytes } from "./machine.ts";
import type { Losses, StepCost, StepSpec, StreamSpec } from "./step_process.ts";

/** Where batches come from. */
interface Source {
  groups: Batch["layout"]["groups"];
  next: (number: number) => Promise<Batch>;
  evaluation?: { groups: Batch["layout"]["groups"]; batches: () => Iterable<Batch> };
}

/** Who is held out, and how masked, is the same for every seed. */
const DATA_SEED = 1000;
const OPTIMIZER = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01 };

const spec = JSON.parse(Deno.args[0]!) as StepSpec;
const { config, precision, threads, seed, weights, recompute } = spec;
configureTensorFlow({ device: "cpu", threads });
const exchange = spec.cluster ? await collectiveExchange(spec.cluster) : ALONE;
const source = spec.stream ? await streamSource(spec.stream) : await fileSource(spec.batches!);
const variables = weights
  ? loadVariables(config, await readSafetensors(weights), weights)
  : createVariables(config, seed);
const optimizer = new AdamW(variables, OPTIMIZER);
const setup = { config, variables, seed, recompute, exchange };
const trainer = new Trainer(pretrainingLearner({ ...setup, groups: source.groups }), optimizer, {
  maxGradNorm: 1,
  accumulation: 1,
  compile: { precision },
});
const evaluator = source.evaluation &&
  new Evaluator({ ...setup, groups: source.evaluation.groups }, { precision });

say({
  version: `TensorFlow ${tensorflowInfo().version}, Deno ${Deno.version.deno}`,
  parameters: countParameters(parameterShapes(config)),
});
let steps = 0;
let zeros: tf.Tensor[] | undefined;
const onlyReduce = compile((...gradients: tf.Tensor[]) => exchange.mean(gradients));
for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line);
  if (request.peak) say({ peak: peakBytes() });
  else if (request.reduce) say(await reduce());
  else if (request.evaluate) say({ losses: await evaluate() });
  else say(await step(request.batch, request.rate));
}

async function step(batch: number, learningRate: number): Promise<StepCost> {
  const others = busySeconds(), start = performance.now(), before = process.cpuUsage();
  let sentences = 0;
  const next = async () => {
    const made = await source.next(batch);
    sentences += made.sentences;
    return made;
  };
  const { report, result } = await trainer.step(next, { step: steps, updates: steps, learningRate });
  if (result !== "updated") throw new Error(`Cannot update: the loss is ${report.total}`);
  steps++;
  const { user, system } = process.cpuUsage(before);
  const cpu = (user + system) / 1e6, wall = (performance.now() - start) / 1000;
  const losses: Losses = [report.generator, report.rtd, report.mts, report.csp];
  return { wall, cpu, others: Math.max(0, (busySeconds() - others - cpu) / wall), losses, sentences };
}

/** What a step does with its gradients when there are other processes, and nothing else. */
async function reduce(): Promise<Pick<StepCost, "wall" | "cpu">> {
  zeros ??= [...variables.values()].map(({ shape }) => tf.zeros([...shape]));
  const start = performance.now(), before = process.cpuUsage();
  tf.dispose(await onlyReduce.runAsync(...zeros));
  const { user, system } = process.cpuUsage(before);
  return { wall: (performance.now() - start) / 1000, cpu: (user + system) / 1e6 };
}

async function evaluate(): Promise<Losses> {
  const report = (await evaluator!.run(source.evaluation!.batches()))!;
  return [report.generator, report.rtd, report.mts, report.csp];
}

async function fileSource(file: string): Promise<Source> {
  const batches = await loadBatches(file);
  return { groups: batches[0]!.layout.groups, next: (number) => Promise.resolve(batches[number]!) };
}

async function streamSource(stream: StreamSpec): Promise<Source> {
  const { corpus: folder, layout, maskProbability: mlmProb, evaluation, seed = DATA_SEED } = stream;
  const vocabulary = await Vocabulary.read(join(folder, "vocab.txt"));
  const corpus = await Corpus.open(folder, vocabulary);
  const options = { vocabulary, mlmProb };
  const parts = evaluation && holdOut(corpus, evaluation.sentences / corpus.length, DATA_SEED);
  const batches = openBatches(parts?.train ?? corpus, { ...options, seed, layout });
  return {
    groups: layout.groups,
    next: () => batches.next(),
    ...(evaluation && {
      evaluation: {
        groups: evaluation.layout.groups,
        batches: () => onePass(parts!.evaluation, { ...options, seed: DATA_SEED, layout: evaluation.layout }),
      },
    }),
  };
}

function say(answer: unknown) {
  console.log(JSON.stringify(answer));
}
