/**
 * Our side of fine-tuning, as `step_process.ts` drives it: the step that `deno task finetune` runs.
 *
 * @module
 */
import process from "node:process";
import { createInterface } from "node:readline";
import { approachOf, finetuningLearner, isPackable, layOut, loadParameters } from "../../lib/cblue/mod.ts";
import { configureTensorFlow, tensorflowInfo } from "../../lib/tensorflow/mod.ts";
import { Vocabulary } from "../../lib/text/mod.ts";
import { AdamW, Trainer } from "../../lib/training/mod.ts";
import { busySeconds, peakBytes } from "./machine.ts";
import type { FinetuneSpec, LabelledRow, StepCost } from "./step_process.ts";

const spec = JSON.parse(Deno.args[0]!) as FinetuneSpec;
const { config, task, precision, threads, seed, batchSize, maxLength } = spec;
configureTensorFlow({ device: "cpu", threads });
const special = Vocabulary.fromTokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]); // rows are ids already
const options = {
  max_seq_length: maxLength,
  activation: "tanh",
  long: "truncate",
  occurrences: "first",
} as const;
const approach = approachOf(task, special, options);
const { variables } = loadParameters(config, undefined, seed);
const optimizer = new AdamW(variables, { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01 });
const packed = isPackable(config.head);
const learner = finetuningLearner({ approach, config, variables, seed, packed });
const trainer = new Trainer(learner, optimizer, { maxGradNorm: 0, accumulation: 1, compile: { precision } });
const sample = JSON.parse(await Deno.readTextFile(spec.batches)) as LabelledRow[][];
const numbers = sample.map((rows, batch) => rows.map((_, i) => batch * batchSize + i)); // all but an epoch's last are full
const batches = [...layOut(sample.flat(), numbers, { batchSize, maxLength, packed })];

say({
  version: `TensorFlow ${tensorflowInfo().version}, Deno ${Deno.version.deno}`,
  parameters: [...variables.values()].reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0),
});
let steps = 0;
for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line);
  say(request.peak ? { peak: peakBytes() } : await step(request.batch, request.rate));
}

async function step(batch: number, learningRate: number): Promise<StepCost> {
  const others = busySeconds(), start = performance.now(), before = process.cpuUsage();
  const { report } = await trainer.step(() => Promise.resolve(batches[batch]!), {
    step: steps,
    updates: steps,
    learningRate,
  });
  steps++;
  const { user, system } = process.cpuUsage(before);
  const cpu = (user + system) / 1e6, wall = (performance.now() - start) / 1000;
  return {
    wall,
    cpu,
    others: Math.max(0, (busySeconds() - others - cpu) / wall),
    losses: [report.total, 0, 0, 0],
  };
}

function say(answer: unknown) {
  console.log(JSON.stringify(answer));
}
