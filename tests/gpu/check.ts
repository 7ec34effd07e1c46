/**
 * Whether a device computes right, in one process of each: `deno task doctor --gpu-check` starts it.
 *
 * A line for each check on stdout, exit code 1 if one fails. On a processor the same checks run with what it has instead:
 * bfloat16 for float16, a ring for NCCL.
 */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { clusterFromEnvironment, joinCluster, type Json } from "../../lib/cluster/mod.ts";
import { createVariables, presetConfig } from "../../lib/electra/mod.ts";
import { type Batch, Corpus, openBatches, paddedLayout } from "../../lib/packing/mod.ts";
import {
  allGather,
  allReduce,
  broadcast,
  configureTensorFlow,
  hasGpu,
  type Precision,
  tensorflowInfo,
  tf,
} from "../../lib/tensorflow/mod.ts";
import { Vocabulary } from "../../lib/text/mod.ts";
import { AdamW } from "../../lib/training/adamw.ts";
import { collectiveExchange } from "../../lib/training/collective_exchange.ts";
import { LossScaler } from "../../lib/training/loss_scale.ts";
import { pretrainingLearner } from "../../lib/training/pretraining_step.ts";
import { Trainer } from "../../lib/training/trainer.ts";

const CORPUS = fileURLToPath(new URL("../fixtures/text", import.meta.url));

/** Says how a check went. */
async function check(what: string, run: () => string | Promise<string>): Promise<void> {
  const start = performance.now();
  const print = (result: string, detail: string) => {
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    console.log(`${result.padEnd(7)} ${what}: ${detail} (${seconds} s)`);
  };
  try {
    print("ok", await run());
  } catch (error) {
    print("FAILED", (error as Error).message);
    Deno.exitCode = 1;
  }
}

/** A product of matrices against sums in double precision. */
function multiplies(): string {
  const M = 256, K = 1024, N = 256;
  const a = tf.randomUniform([M, K], -1, 1, "float32", 1), b = tf.randomUniform([K, N], -1, 1, "float32", 2);
  const ours = tf.matMul(a as tf.Tensor2D, b as tf.Tensor2D).dataSync();
  const [left, right] = [a.dataSync(), b.dataSync()];
  let most = 0;
  for (let i = 0; i < M; i++) {
    for (let j = 0; j < N; j++) {
      let sum = 0;
      for (let k = 0; k < K; k++) sum += left[i * K + k]! * right[k * N + j]!;
      most = Math.max(most, Math.abs(sum - ours[i * N + j]!));
    }
  }
  assert.ok(most < 1e-4, `off by ${most}`); // of sums of 1,024 products; TensorFloat-32 would be off by 1e-2
  return `${M}×${K}×${N} within ${most.toExponential(0)}`;
}

/** Five updates of a small model in a mixed precision, against float32. */
async function trainsIn(precision: Precision): Promise<string> {
  const wanted = await losses("float32"), ours = await losses(precision);
  wanted.forEach((loss, step) => {
    const difference = Math.abs(ours[step]! / loss - 1);
    assert.ok(difference < 0.05, `step ${step + 1}: loss ${ours[step]}, in float32 ${loss}`);
  });
  return `losses ${ours.map((loss) => loss.toFixed(2)).join(", ")}; float32 ends at ${
    wanted.at(-1)!.toFixed(2)
  }`;
}

/** The losses of five updates on one batch, without dropout. */
async function losses(precision: Precision): Promise<number[]> {
  const vocabulary = await Vocabulary.read(`${CORPUS}/vocab.txt`);
  using corpus = await Corpus.open(CORPUS, vocabulary);
  const layout = paddedLayout(4, 32, 4 * 32);
  using batches = openBatches(corpus, { layout, vocabulary, mlmProb: 0.15, seed: 1 });
  const { generator, discriminator, ...rest } = presetConfig("tiny", vocabulary.size);
  const still = { hidden_dropout_prob: 0, attention_probs_dropout_prob: 0 };
  const config = {
    ...rest,
    generator: { ...generator, ...still },
    discriminator: { ...discriminator, ...still },
  };
  const variables = createVariables(config, 1);
  using optimizer = new AdamW(variables, { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01 });
  using trainer = new Trainer(
    pretrainingLearner({ config, variables, groups: layout.groups, seed: 1 }),
    optimizer,
    {
      maxGradNorm: 1,
      accumulation: 1,
      scaler: precision === "mixed_float16" ? new LossScaler({ scale: 1024, goodSteps: 0 }) : undefined,
      compile: { precision },
    },
  );
  const batch: Batch = await batches.next(), found = [];
  for (let step = 0; step < 5; step++) {
    const { report, result } = await trainer.step(() => Promise.resolve(batch), {
      step: 0, // the same samples each time
      updates: step,
      learningRate: 1e-3,
    });
    assert.equal(result, "updated");
    found.push(report.total);
  }
  assert.ok(found.at(-1)! < found[0]!, `the loss does not fall: ${found}`);
  for (const variable of variables.values()) variable.dispose();
  return found;
}

/** Sums over all processes, and how fast they are. */
function addsUp(rank: number, size: number): string {
  const own = (n: number) => tf.tensor1d(Float32Array.from({ length: n }, (_, i) => (rank + 1) * (i % 1000)));
  const ranks = Array.from({ length: size }, (_, i) => i + 1), total = ranks.reduce((a, b) => a + b);
  for (const n of [1, 1000, 1 << 20]) {
    const sum = allReduce(own(n)).dataSync();
    sum.forEach((value, i) => assert.equal(value, total * (i % 1000), `element ${i} of ${n}`));
  }
  assert.deepEqual([...allGather(tf.tensor1d([rank])).dataSync()], ranks.map((n) => n - 1));
  assert.equal(broadcast(tf.scalar(rank)).dataSync()[0], 0);

  const ELEMENTS = 1 << 26, x = tf.ones([ELEMENTS]), start = performance.now();
  allReduce(x).sum().dataSync();
  const seconds = (performance.now() - start) / 1000, bytes = 2 * (size - 1) / size * 4 * ELEMENTS;
  return `${size} processes, exact; ${(bytes / seconds / 1e9).toFixed(1)} GB/s each way on 268 MB`;
}

configureTensorFlow({ threads: 1 });
const cluster = clusterFromEnvironment(Deno.env.toObject());
if (cluster) {
  await using job = await joinCluster<Json>(cluster, { "version of TensorFlow": tensorflowInfo().version });
  await job.guard(checkAll());
  await job.leave();
} else await checkAll();

async function checkAll(): Promise<void> {
  const exchange = cluster && await collectiveExchange(cluster);
  const [device, mixed] = hasGpu()
    ? ["GPU", "mixed_float16"] as const
    : ["processor", "mixed_bfloat16"] as const;
  await check(`matrices multiplied on the ${device}`, multiplies);
  await check(`a step in ${mixed} on the ${device}`, () => trainsIn(mixed));
  if (!exchange) return;
  const by = hasGpu() ? "NCCL" : "a ring over gRPC";
  await check(`all-reduce by ${by}`, () => addsUp(exchange.rank, exchange.size));
}
