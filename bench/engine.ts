/**
 * Step time and memory of the engine: `deno task bench [--quick] [--json] [--rows 4] [--length 128] [--threads N]`.
 *
 * Cases: one training step (forward, gradients, AdamW) of the 12-layer, 768-wide encoder with a replaced-token
 * head, eager and compiled; and one whole pretraining step of the published sizes. Each case runs in a process
 * of its own, so that its peak memory is its own. The peer, in the same process: the step's matrix products
 * alone, one after another, by the same library; nothing that trains this model can need less.
 *
 * With `--torch PYTHON` (a Python with torch and transformers, and the reference scripts in ../shared/oracle), the
 * whole pretraining step is also timed against PyTorch's, in turn.
 *
 * The prototype's figures stand beside ours for orientation; they come from another machine (2 cores, Zen 4).
 *
 * @module
 */
import { parseArgs } from "node:util";
import process from "node:process";
import { fileURLToPath } from "node:url";
import type { Tensor } from "@tensorflow/tfjs-core";
import {
  createVariables,
  type ElectraConfig,
  encode,
  lookup,
  parameterShapes,
  presetConfig,
  type PretrainingConfig,
} from "../lib/electra/mod.ts";
import {
  compile,
  configureTensorFlow,
  type Precision,
  RandomStream,
  tf,
  Variable,
} from "../lib/tensorflow/mod.ts";
import { AdamW, clipFactor } from "../lib/training/adamw.ts";
import { pretrainingLearner } from "../lib/training/pretraining_step.ts";
import { compileGradients } from "../lib/training/step.ts";

const VOCABULARY = 22608, MASKED = 0.15;
const OPTIMIZER = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01 };

interface Case {
  model: "encoder" | "pretraining";
  mode: "eager" | Precision;
  /** What the prototype was measured at, on another machine. */
  prototype: string;
}
const CASES: Case[] = [
  { model: "encoder", mode: "eager", prototype: "2.7 s wall, 8.2 GB" },
  { model: "encoder", mode: "float32", prototype: "3.0 CPU-s, 3.4 GB" },
  { model: "encoder", mode: "mixed_bfloat16", prototype: "1.85 CPU-s, 2.9 GB" },
  { model: "pretraining", mode: "float32", prototype: "2.0 s wall, 3.2 GB" },
  { model: "pretraining", mode: "mixed_bfloat16", prototype: "1.35 s wall, 3.2 GB" },
];
const nameOf = ({ model, mode }: Case) =>
  `${model} ${B}x${L} ${mode === "eager" ? "eager float32" : `compiled ${mode}`}`;

interface Measurement {
  cpu: number;
  wall: number;
  peakGB: number;
  boundCpu: number;
  compileSeconds: number;
}

const { values: flags } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    quick: { type: "boolean", default: false },
    case: { type: "string" },
    torch: { type: "string" },
    steps: { type: "string", default: "6" },
    rows: { type: "string", default: "4" },
    length: { type: "string", default: "128" },
    threads: { type: "string", default: `${navigator.hardwareConcurrency}` },
    recompute: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
/** B rows of L positions. */
const [B, L] = [Number(flags.rows), Number(flags.length)];
const GROUPS = [{ rows: B, width: L }];
configureTensorFlow({ threads: Number(flags.threads) });
if (flags.help) {
  console.log(
    "deno task bench [--quick] [--json] [--steps N] [--case 'part of a name'] [--torch PYTHON]\n" +
      "                [--rows 4] [--length 128] [--threads N] [--recompute]",
  );
} else if (Deno.env.has("ERNIE_HEALTH_BENCH_CASE")) {
  console.log(JSON.stringify(await measure(CASES[Number(Deno.env.get("ERNIE_HEALTH_BENCH_CASE"))])));
} else {
  await runAll();
}

async function runAll() {
  if (!flags.json) {
    console.log(
      "case | CPU-s/step | matmul alone | ratio | wall s | peak GB | compile s | prototype",
    );
  }
  for (const [index, one] of CASES.entries()) {
    const { model, mode, prototype } = one, name = nameOf(one);
    if (flags.case && !name.includes(flags.case)) continue;
    if (flags.quick && (model !== "encoder" || mode !== "float32")) continue;
    const steps = flags.quick ? "2" : flags.steps;
    const { code, stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", import.meta.filename!, ...Deno.args, "--steps", steps],
      env: { ERNIE_HEALTH_BENCH_CASE: String(index) },
      stderr: "inherit",
    }).output();
    if (code !== 0) Deno.exit(code);
    const m = JSON.parse(new TextDecoder().decode(stdout)) as Measurement;
    if (flags.torch && model === "pretraining") await compareWithTorch(flags.torch, name, m);
    const ratio = m.cpu / m.boundCpu;
    if (flags.json) {
      const line = { bench: "engine", case: name, ours: m.cpu, peer: m.boundCpu, ratio, unit: "CPU-s/step" };
      console.log(JSON.stringify({ ...line, wall: m.wall, peakGB: m.peakGB }));
    } else {
      const cells = [m.cpu, m.boundCpu, ratio, m.wall, m.peakGB, m.compileSeconds].map((x) => x.toFixed(2));
      console.log([name, ...cells, prototype].join(" | "));
    }
  }
}

/** PyTorch's time for the same step: the same model, losses only where masked, fused AdamW. */
async function compareWithTorch(python: string, name: string, ours: Measurement) {
  const cwd = fileURLToPath(new URL("../../shared/oracle/", import.meta.url));
  const dtype = name.includes("bfloat16") ? "bf16" : "fp32";
  const step = [
    "--seq",
    flags.length,
    "--batch",
    flags.rows,
    "--gen",
    "small",
    "--mode",
    "lean",
    "--dtype",
    dtype,
  ];
  const args = [
    "bench_torch.py",
    ...step,
    "--threads",
    flags.threads,
    "--runs",
    flags.steps,
  ];
  const { success, stdout } = await new Deno.Command(python, { args, cwd, stderr: "inherit" }).output();
  if (!success) Deno.exit(1);
  const torch = JSON.parse(new TextDecoder().decode(stdout)) as { best_s: number; framework: string };
  const ratio = ours.wall / torch.best_s;
  const line = {
    bench: "engine",
    case: `${name} against ${torch.framework}`,
    ours: ours.wall,
    peer: torch.best_s,
    ratio,
  };
  if (flags.json) console.log(JSON.stringify({ ...line, unit: "s/step" }));
  else {
    console.log(
      `${line.case}: ours ${ours.wall.toFixed(2)} s, peer ${torch.best_s.toFixed(2)} s, ratio ${
        ratio.toFixed(2)
      }`,
    );
  }
}

async function measure({ model, mode }: Case): Promise<Measurement> {
  const started = performance.now();
  const step = model === "encoder" ? encoderStep(mode) : pretrainingStep(mode);
  await step(0); // compiles
  const compileSeconds = (performance.now() - started) / 1000;
  const times: { cpu: number; wall: number }[] = [];
  for (let i = 1; i <= Number(flags.steps); i++) times.push(await timed(() => step(i)));
  const best = (key: "cpu" | "wall") => Math.min(...times.map((time) => time[key]));
  const peakGB = peakMemory(); // before the bound allocates
  const config = presetConfig("base", VOCABULARY);
  const products = model === "encoder" ? encoderProducts(config.discriminator) : [
    ...encoderProducts(config.discriminator),
    ...encoderProducts(config.generator),
    ...headProducts(config),
  ];
  return {
    cpu: best("cpu"),
    wall: best("wall"),
    peakGB,
    boundCpu: await matmulBound(products),
    compileSeconds,
  };
}

async function timed(body: () => void | Promise<void>) {
  const wall = performance.now(), cpu = process.cpuUsage();
  await body();
  const { user, system } = process.cpuUsage(cpu);
  return { cpu: (user + system) / 1e6, wall: (performance.now() - wall) / 1000 };
}

/** Peak resident memory of this process in GB (2^30 bytes). */
function peakMemory(): number {
  if (Deno.build.os !== "linux") return Deno.memoryUsage().rss / 2 ** 30;
  const kilobytes = Deno.readTextFileSync("/proc/self/status").match(/VmHWM:\s*(\d+)/)![1];
  return Number(kilobytes) / 2 ** 20;
}

/** The encoder with a replaced-token head: the prototype's yardstick. */
function encoderStep(mode: Case["mode"]): (i: number) => Promise<void> {
  const base = presetConfig("base", VOCABULARY);
  const config = {
    ...base,
    shared_word_embeddings: false,
    discriminator: withoutDropout(base.discriminator),
  };
  const random = new RandomStream(1, tf.scalar(0, "int32"));
  const variables = new Map(
    [...parameterShapes(config)].filter(([name]) =>
      /^discriminator\.(electra|discriminator_rtd)\./.test(name)
    )
      .map(([name, shape]) => {
        const value = tf.tidy(() => tf.mul(random.normal(shape), 0.02));
        const variable = new Variable(shape, value);
        value.dispose();
        return [name, variable];
      }),
  );
  const optimizer = new AdamW(variables, OPTIMIZER);
  const ids = tf.randomUniform([B * L], 1, VOCABULARY, "int32");
  const labels = tf.cast(tf.randomUniform([B * L, 1], 0, 2, "int32"), "float32");
  const step = (ids: Tensor, labels: Tensor, rates: Tensor): Tensor => {
    const values = [...variables.values()].map((variable) => variable.read());
    const { value, grads } = tf.valueAndGrads((...values: Tensor[]) => {
      const p = lookup(config, variables, values);
      const hidden = encode((name) => p(`discriminator.electra.${name}`), config.discriminator, {
        ids,
        groups: GROUPS,
      });
      const rtd = (name: string) => p(`discriminator.discriminator_rtd.${name}`);
      const dense = tf.relu(tf.add(tf.matMul(hidden, rtd("dense.weight")), rtd("dense.bias")));
      const logits = tf.add(tf.matMul(dense, rtd("dense_prediction.weight")), rtd("dense_prediction.bias"));
      return tf.losses.sigmoidCrossEntropy(labels, logits) as tf.Scalar;
    })(values);
    optimizer.apply(rates, grads);
    return value;
  };
  const run = mode === "eager" ? undefined : compile(step, { precision: mode });
  return async (i) => {
    const rates = tf.tensor1d(optimizer.rates(i + 1, 1e-4));
    const loss = run ? await run.runAsync(ids, labels, rates) : tf.tidy(() => step(ids, labels, rates));
    await loss.data();
    tf.dispose([loss, rates]);
  };
}

/** The whole pretraining step, dropout included, as `deno task pretrain` runs it. */
function pretrainingStep(mode: Case["mode"]): (i: number) => Promise<void> {
  const config = presetConfig("base", VOCABULARY);
  const variables = createVariables(config, 1);
  const optimizer = new AdamW(variables, OPTIMIZER);
  const slots = Math.ceil(MASKED * B * L);
  const ids = tf.randomUniform([B * L], 5, VOCABULARY, "int32");
  const batch = [
    ids, // masked
    ids, // raw
    tf.tensor1d(Array.from({ length: slots }, (_, i) => Math.floor(i * B * L / slots)), "int32"),
    tf.ones([slots]),
    tf.range(0, B * L, L, "int32"), // [CLS]
    tf.ones([B]),
    tf.range(0, B * L, 1, "int32"), // keys of tokens
  ];
  const options = mode === "eager" ? { eager: true } : { precision: mode };
  const setup = { config, variables, groups: GROUPS, seed: 1, recompute: flags.recompute };
  const gradients = compileGradients(pretrainingLearner(setup), options);
  const update = optimizer.compile();
  return async (i) => {
    const number = tf.scalar(i, "int32");
    const [report, ...grads] = await gradients.runAsync(...batch, number, tf.scalar(1), tf.scalar(0));
    const norm = (await report.data()).at(-1)!;
    const rates = tf.tensor1d(optimizer.rates(i + 1, 1e-4, clipFactor(norm, 1)));
    tf.dispose([await update.runAsync(rates, ...grads), report, grads, number, rates]);
  };
}

function withoutDropout(config: ElectraConfig): ElectraConfig {
  return { ...config, hidden_dropout_prob: 0, attention_probs_dropout_prob: 0 };
}

/** A matrix product of the step, [batch, rows, inner, columns], and how often it is computed. */
type Product = [shape: [number, number, number, number], times: number];

/** Forward products of one encoder and its head; each has two of the same size in the backward pass. */
function encoderProducts(c: ElectraConfig): Product[] {
  const N = B * L, H = c.hidden_size, F = c.intermediate_size, A = c.num_attention_heads, D = H / A;
  const layers = 3 * c.num_hidden_layers;
  return [
    [[1, N, H, H], 4 * layers + 3],
    [[1, N, H, F], layers],
    [[1, N, F, H], layers],
    [[B * A, L, D, L], layers],
    [[B * A, L, L, D], layers],
  ];
}

/** Vocabulary projection at masked positions and the embeddings' projection. */
function headProducts(config: PretrainingConfig): Product[] {
  const { vocab_size: V, embedding_size: E, hidden_size: H } = config.generator;
  return [[[1, Math.ceil(MASKED * B * L), E, V], 3], [[1, B * L, E, H], 3]];
}

/** CPU-seconds that the products take one by one, best of three. */
async function matmulBound(products: Product[]): Promise<number> {
  let total = 0;
  for (const [[batch, rows, inner, columns], times] of products) {
    const outer = batch > 1 ? [batch] : [];
    const a = tf.randomNormal([...outer, rows, inner]), b = tf.randomNormal([...outer, inner, columns]);
    const product = () => tf.matMul(a, b).dispose(); // operations on the processor end before they return
    const runs = Math.max(1, Math.min(times, 12));
    product();
    const seconds: number[] = [];
    for (let i = 0; i < 3; i++) {
      const { cpu } = await timed(() => {
        for (let j = 0; j < runs; j++) product();
      });
      seconds.push(cpu / runs);
    }
    total += times * Math.min(...seconds);
    tf.dispose([a, b]);
  }
  return total;
}
