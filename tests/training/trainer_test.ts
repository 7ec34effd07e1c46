/** One update: the mean over several batches, loss scaling, steps that are not finite. */
import { strict as assert } from "node:assert";
import {
  createVariables,
  loadVariables,
  type ModelVariables,
  type ObjectiveName,
  presetConfig,
  stateDict,
} from "../../lib/electra/mod.ts";
import { type Batch, paddedLayout } from "../../lib/packing/mod.ts";
import { RandomStream, tf } from "../../lib/tensorflow/mod.ts";
import { AdamW, clipFactor, globalNorm } from "../../lib/training/adamw.ts";
import { LossScaler } from "../../lib/training/loss_scale.ts";
import {
  BATCH_TENSORS,
  type BatchTensors,
  batchTensors,
  lossesAndGradients,
  pretrainingLearner,
} from "../../lib/training/pretraining_step.ts";
import { Trainer } from "../../lib/training/trainer.ts";

const V = 40, B = 2, L = 12, CLS = 2, SEP = 3, MASK = 4;
const LAYOUT = paddedLayout(B, L, 16);
const OPTIMIZER = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01 };
const POSITION = { step: 0, updates: 0, learningRate: 1e-2 };

/** Two sentences of ten tokens, in two views; `seed` moves words and masks. */
function batchOf(seed: number): Batch {
  const size = 2 * B * L;
  const rawIds = Int32Array.from({ length: size }, (_, i) => {
    const column = i % L, row = Math.floor(i / L) % B;
    return column === 0 ? CLS : column === L - 1 ? SEP : 5 + (seed * 13 + row * 7 + column * 3) % (V - 5);
  });
  const isMasked = (i: number) => i % L > 0 && i % L < L - 1 && (i + seed) % 5 === 0;
  return {
    layout: LAYOUT,
    rawIds,
    maskedIds: rawIds.map((id, i) => isMasked(i) ? MASK : id),
    labels: rawIds.map((id, i) => isMasked(i) ? id : -100),
    positionIds: rawIds.map((_, i) => i % L),
    segmentIds: new Int32Array(size).fill(1),
    tokenKeys: Int32Array.from({ length: size }, (_, i) => 1000 * i),
    clsPositions: Int32Array.from({ length: 2 * B }, (_, row) => row * L),
    sentences: B,
    tokens: size,
  };
}

function open(objective: ObjectiveName = "ernie-health") {
  const config = presetConfig("tiny", V, { maxPositions: L, objective });
  const variables = createVariables(config, 5);
  return { config, variables, groups: LAYOUT.groups, seed: 7 };
}

const values = (variables: ModelVariables) => [...variables.values()].map((variable) => variable.data());
const largestDifference = (a: Float32Array[], b: Float32Array[]) =>
  Math.max(...a.map((values, i) => Math.max(...values.map((value, j) => Math.abs(value - b[i][j])))));

function dispose(variables: ModelVariables) {
  for (const variable of variables.values()) variable.dispose();
}

Deno.test("several batches before an update: the update of their mean gradient", async () => {
  const batches = [batchOf(1), batchOf(2), batchOf(3)];
  const setup = open();
  {
    using optimizer = new AdamW(setup.variables, OPTIMIZER);
    using trainer = new Trainer(pretrainingLearner(setup), optimizer, { maxGradNorm: 1, accumulation: 3 });
    const waiting = [...batches];
    const { report, result } = await trainer.step(() => Promise.resolve(waiting.shift()!), POSITION);
    assert.equal(result, "updated");

    const expected = open();
    using other = new AdamW(expected.variables, OPTIMIZER);
    tf.tidy(() => {
      const found = batches.map((batch, i) => {
        const named = batchTensors(batch).map((tensor, i) => [BATCH_TENSORS[i], tensor]);
        const tensors: BatchTensors = Object.fromEntries(named);
        const values = [...expected.variables.values()].map((variable) => variable.read());
        const random = new RandomStream(expected.seed, tf.scalar(i, "int32"));
        return lossesAndGradients(expected, values, { groups: LAYOUT.groups, ...tensors }, random);
      });
      const total = found.map(({ report }) => report[0].dataSync()[0]).reduce((a, b) => a + b) / 3;
      assert.ok(Math.abs(report.total / total - 1) < 1e-6, `${report.total}, by hand ${total}`);
      const means = found[0].gradients.map((_, i) =>
        tf.div(tf.addN(found.map(({ gradients }) => gradients[i])), 3)
      );
      const norm = globalNorm(means).dataSync()[0];
      assert.ok(Math.abs(report.gradNorm / norm - 1) < 1e-5, `${report.gradNorm}, by hand ${norm}`);
      other.apply(tf.tensor1d(other.rates(1, POSITION.learningRate, clipFactor(norm, 1))), means);
    });
    // Adam's first step is the gradient's sign times the rate: where a gradient is 0 but for rounding, anything up to it
    const difference = largestDifference(values(setup.variables), values(expected.variables));
    assert.ok(difference <= 2 * POSITION.learningRate, `${difference}`);
    const moments = (optimizer: AdamW) => [...optimizer.moments.values()].map(({ first }) => first.data());
    assert.ok(largestDifference(moments(optimizer), moments(other)) < 1e-7);
    dispose(expected.variables);
  }
  dispose(setup.variables);
});

Deno.test("a scaled loss trains as an unscaled one", async () => {
  const after = async (scaler?: LossScaler) => {
    const setup = open();
    using optimizer = new AdamW(setup.variables, OPTIMIZER);
    using trainer = new Trainer(pretrainingLearner(setup), optimizer, {
      maxGradNorm: 1,
      accumulation: 1,
      scaler,
    });
    const { report } = await trainer.step(() => Promise.resolve(batchOf(1)), POSITION);
    const first = [...optimizer.moments.values()].map(({ first }) => first.data());
    dispose(setup.variables);
    return { report, first };
  };
  const plain = await after(), scaled = await after(new LossScaler({ scale: 4096, goodSteps: 0 }));
  assert.equal(scaled.report.total, plain.report.total);
  assert.ok(Math.abs(scaled.report.gradNorm / plain.report.gradNorm - 1) < 1e-6);
  assert.ok(largestDifference(scaled.first, plain.first) < 1e-8);
});

Deno.test("gradients that overflow halve the loss scale and leave the weights; a loss that is no number stops", async () => {
  const setup = open(), scaler = new LossScaler({ scale: 2 ** 127, goodSteps: 0 });
  {
    using optimizer = new AdamW(setup.variables, OPTIMIZER);
    using trainer = new Trainer(pretrainingLearner(setup), optimizer, {
      maxGradNorm: 1,
      accumulation: 1,
      scaler,
    });
    const before = values(setup.variables);
    const { result } = await trainer.step(() => Promise.resolve(batchOf(1)), POSITION);
    assert.equal(result, "overflow");
    assert.equal(scaler.scale, 2 ** 126);
    assert.deepEqual(values(setup.variables), before);

    const bias = setup.variables.get("generator.generator_lm_head_bias")!;
    bias.assign(new Float32Array(V).fill(NaN));
    const spoilt = await trainer.step(() => Promise.resolve(batchOf(1)), POSITION);
    assert.equal(spoilt.result, "broken");
    assert.deepEqual(values(setup.variables).slice(0, 3), before.slice(0, 3));
  }
  dispose(setup.variables);
});

Deno.test("the loss scale doubles after 2,000 steps that went well, and only then", () => {
  const scaler = new LossScaler({ scale: 1024, goodSteps: 0 });
  for (let i = 0; i < 1999; i++) scaler.update(true);
  assert.equal(scaler.scale, 1024);
  const resumed = new LossScaler(scaler.state());
  resumed.update(true);
  assert.equal(resumed.scale, 2048);
  scaler.update(false);
  assert.deepEqual(scaler.state(), { scale: 512, goodSteps: 0 });
  for (let i = 0; i < 12; i++) scaler.update(false);
  assert.equal(scaler.scale, 1);
});

for (const objective of ["electra", "mlm"] as const) {
  Deno.test(`objective ${objective}: only its own parameters, and its losses fall`, async () => {
    const setup = open(objective);
    const names = [...setup.variables.keys()];
    assert.equal(names.some((name) => /mts|csp/.test(name)), false);
    assert.equal(names.some((name) => name.startsWith("discriminator.")), objective === "electra");
    const hidden = setup.variables.get("generator.electra.encoder.layers.0.linear1.weight")!.shape[0];
    assert.equal(hidden, objective === "mlm" ? 128 : 64); // masked language modelling trains the full-size encoder
    {
      using optimizer = new AdamW(setup.variables, OPTIMIZER);
      using trainer = new Trainer(pretrainingLearner(setup), optimizer, { maxGradNorm: 1, accumulation: 1 });
      const totals: number[] = [];
      for (let step = 0; step < 30; step++) {
        const { report } = await trainer.step(() => Promise.resolve(batchOf(1)), {
          step,
          updates: step,
          learningRate: 1e-3,
        });
        totals.push(report.generator);
        assert.equal(report.rtd > 0, objective === "electra");
        assert.deepEqual([report.mts, report.csp], [0, 0]);
      }
      assert.ok(totals.at(-1)! < totals[0] / 2, `${totals[0]} → ${totals.at(-1)}`);
      const state = stateDict(setup.config, setup.variables);
      const copy = loadVariables(
        setup.config,
        new Map([...state].map(([name, tensor]) => [name, { shape: tensor.shape, data: tensor.read() }])),
        "a copy",
      );
      assert.deepEqual(values(copy), values(setup.variables));
      dispose(copy);
    }
    dispose(setup.variables);
  });
}

Deno.test("activations computed again: the same losses, and gradients, to the bit, dropout included", async () => {
  const after = async (recompute: boolean) => {
    const setup = open();
    setup.config.discriminator.hidden_dropout_prob = 0.1;
    setup.config.discriminator.attention_probs_dropout_prob = 0.1;
    using optimizer = new AdamW(setup.variables, OPTIMIZER);
    using trainer = new Trainer(pretrainingLearner({ ...setup, recompute }), optimizer, {
      maxGradNorm: 1,
      accumulation: 1,
    });
    const { report } = await trainer.step(() => Promise.resolve(batchOf(1)), POSITION);
    const weights = values(setup.variables);
    dispose(setup.variables);
    return { report, weights };
  };
  const plain = await after(false), again = await after(true);
  assert.deepEqual(again.report, plain.report);
  assert.equal(largestDifference(again.weights, plain.weights), 0);
});

Deno.test("a parameter with half the learning rate moves and decays as in a run with half of it", () => {
  const setup = open(), other = open(), HALVED = /layers\.0/;
  const gradients = [...setup.variables.values()].map(({ shape }) => tf.fill([...shape], 0.5));
  const update = (
    { variables }: typeof setup,
    learningRate: number,
    rateFactor?: (name: string) => number,
  ) => {
    using optimizer = new AdamW(variables, { ...OPTIMIZER, ...(rateFactor && { rateFactor }) });
    const rates = tf.tensor1d(optimizer.rates(1, learningRate));
    optimizer.apply(rates, gradients);
  };
  update(setup, 1e-2, (name) => HALVED.test(name) ? 0.5 : 1);
  update(other, 5e-3);
  let moved = 0;
  for (const [name, variable] of setup.variables) {
    const expected = other.variables.get(name)!.data(), isHalved = HALVED.test(name);
    const difference = largestDifference([variable.data()], [expected]);
    assert.ok(isHalved ? difference < 1e-8 : difference > 1e-3, `${name}: ${difference}`);
    if (isHalved) moved++;
  }
  assert.ok(moved > 10);
  for (const { variables } of [setup, other]) dispose(variables);
});
