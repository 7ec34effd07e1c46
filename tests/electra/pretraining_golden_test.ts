/** Forward outputs, losses, every gradient and five optimizer steps against the original's recorded numbers. */
import { strict as assert } from "node:assert";
import type { Tensor } from "@tensorflow/tfjs-core";
import { loadVariables, lookup, pretrainingForward, type RowGroup } from "../../lib/electra/mod.ts";
import { compile, RandomStream, tf } from "../../lib/tensorflow/mod.ts";
import { AdamW, clipFactor, globalNorm } from "../../lib/training/adamw.ts";
import { scheduleWithWarmup } from "../../lib/training/schedule.ts";
import { lossesAndGradients } from "../../lib/training/pretraining_step.ts";
import { batchOf, type Fixture, largest, maxDifference, plainName, readFixture } from "./golden.ts";

const VARIANTS = ["tiny", "tiny_legacy", "tiny_proj"] as const;
const MODES = ["eager", "compiled"] as const;
const FORWARD = 1e-5, RELATIVE = 1e-4;
/**
 * Softmax does not see a bias on the keys: its gradient is 0 but for rounding, which Adam scales up to steps of the
 * learning rate's size in either direction. Five steps at up to 1e-3 may differ by their sum, and no more.
 */
const KEY_BIAS = 2 * (0.5 + 1 + 0.875 + 0.75) * 1e-3;

/** Runs `fn` at once or as a compiled function; arguments are tensors either way. */
function run<T extends { [name: string]: Tensor }>(
  mode: typeof MODES[number],
  fn: (...args: Tensor[]) => T,
  args: Tensor[],
): T {
  if (mode === "eager") return tf.tidy(() => fn(...args));
  const compiled = compile(fn, { name: "golden" });
  try {
    return compiled(...args);
  } finally {
    compiled.dispose();
  }
}

const stream = () => new RandomStream(0, tf.scalar(0, "int32")); // draws are given, dropout is 0
const lossNames = ["total", "generator", "rtd", "mts", "csp"];

function report(title: string, rows: [name: string, difference: number, scale: number][]) {
  console.log(`${title}: largest absolute difference (largest value)`);
  for (const [name, difference, scale] of rows) {
    console.log(`  ${difference.toExponential(1)} (${scale.toPrecision(3)}) ${name}`);
  }
}

/** A batch as the arguments of a compiled function. */
function argumentsOf({ draws, ...batch }: ReturnType<typeof batchOf>): Tensor[] {
  const { maskedIds, rawIds, positions, weights, clsPositions, clsWeights } = batch;
  return [maskedIds, rawIds, positions, weights, clsPositions, clsWeights, draws.sampled, draws.negatives];
}

/** The batch again, inside the function. */
function batchFrom(groups: RowGroup[], tensors: Tensor[]) {
  const [maskedIds, rawIds, positions, weights, clsPositions, clsWeights, sampled, negatives] = tensors;
  const batch = { groups, maskedIds, rawIds, positions, weights, clsPositions, clsWeights };
  return { batch, draws: { sampled, negatives } };
}

function forwardOutputs(fixture: Fixture, mode: typeof MODES[number]) {
  const { config, golden, state } = fixture;
  const variables = loadVariables(config, state, "fixture");
  const batch = batchOf(golden, "in.", "all");
  const outputs = run(mode, (...tensors) => {
    const values = [...variables.values()].map((variable) => variable.read());
    const { batch: inputs, draws } = batchFrom(batch.groups, tensors);
    const { outputs, targets, discriminatorIds } = pretrainingForward(
      lookup(config, variables, values),
      config,
      inputs,
      stream(),
      { training: false, draws },
    );
    return {
      generator_logits: outputs.generatorLogits,
      rtd_logits: outputs.rtdLogits!,
      ...(outputs.mtsLogits && { mts_logits: outputs.mtsLogits }),
      ...(outputs.cspVectors && { csp_logits: outputs.cspVectors }),
      disc_input_ids: tf.cast(discriminatorIds, "float32"),
      disc_labels: targets.replaced,
    };
  }, argumentsOf(batch));
  const rows = Object.entries(outputs).flatMap(([name, tensor]): [string, number, number][] => {
    const theirs = golden.get(`out.${name}`);
    return theirs ? [[name, maxDifference(tensor.dataSync(), theirs.data), largest(theirs.data)]] : [];
  });
  for (const variable of variables.values()) variable.dispose();
  return rows;
}

function lossesAndGradientsOf(fixture: Fixture, mode: typeof MODES[number], slots: "all" | "masked") {
  const { config, golden, state } = fixture;
  const variables = loadVariables(config, state, "fixture");
  const batch = batchOf(golden, "in.", slots);
  const names = [...variables.keys()];
  const results = run(mode, (...tensors) => {
    const values = [...variables.values()].map((variable) => variable.read());
    const { batch: inputs, draws } = batchFrom(batch.groups, tensors);
    const { report, gradients } = lossesAndGradients(
      { config, variables },
      values,
      { ...inputs, draws },
      stream(),
    );
    return {
      losses: tf.stack(report.slice(0, 5)),
      ...Object.fromEntries(names.map((name, i) => [name, gradients[i]])),
    } as { [name: string]: Tensor };
  }, argumentsOf(batch));
  for (const variable of variables.values()) variable.dispose();
  return {
    losses: Array.from(results.losses.dataSync()),
    gradients: new Map(names.map((name) => [name, results[name]])),
  };
}

for (const variant of VARIANTS) {
  for (const mode of MODES) {
    Deno.test(`${variant}, ${mode}: every forward output equals the original's`, async () => {
      const rows = forwardOutputs(await readFixture(variant), mode);
      report(`${variant}, ${mode}, forward`, rows);
      assert.equal(rows.length, variant === "tiny_proj" ? 3 : 6);
      for (const [name, difference] of rows) assert.ok(difference <= FORWARD, `${name}: ${difference}`);
    });

    for (const slots of ["all", "masked"] as const) {
      Deno.test(`${variant}, ${mode}, ${slots} positions: losses and every gradient equal the original's`, async () => {
        const fixture = await readFixture(variant);
        const { losses, gradients } = lossesAndGradientsOf(fixture, mode, slots);
        const theirs = fixture.info.losses_f32 ?? { total: fixture.info.loss_f32! };
        for (const [name, loss] of Object.entries(theirs)) {
          const ours = losses[lossNames.indexOf(name)];
          assert.ok(
            Math.abs(ours - loss) <= FORWARD * Math.max(1, Math.abs(loss)),
            `${name}: ${ours}, original ${loss}`,
          );
        }
        const recorded = [...fixture.golden.keys()].filter((key) => key.startsWith("grad."));
        const rows = recorded.map((key): [string, number, number] => {
          const name = plainName(key.slice("grad.".length));
          const theirs = fixture.golden.get(key)!.data;
          return [name, maxDifference(gradients.get(name)!.dataSync(), theirs), largest(theirs)];
        });
        report(`${variant}, ${mode}, ${slots} positions, gradients`, rows);
        assert.equal(rows.length, gradients.size);
        for (const [name, difference, scale] of rows) {
          assert.ok(
            difference <= RELATIVE * Math.max(scale, 1e-2),
            `gradient of ${name}: off by ${difference} of ${scale}`,
          );
        }
      });
    }
  }
}

for (const variant of ["tiny", "tiny_legacy"] as const) {
  for (const mode of MODES) {
    Deno.test(`${variant}, ${mode}: five AdamW steps equal the original's`, async () => {
      const { config, state, batches, after5, info } = await readFixture(variant);
      const { learning_rate: learningRate, total_steps: totalSteps, warmup_steps: warmup } =
        info.train!.optimizer;
      const schedule = scheduleWithWarmup({ learningRate, totalSteps, warmup });
      const variables = loadVariables(config, state, "fixture");
      const optimizer = new AdamW(variables, {
        beta1: 0.9,
        beta2: 0.999,
        epsilon: 1e-8,
        weightDecay: 0.01,
      });
      info.train!.float32.forEach((theirs, i) => {
        assert.equal(schedule(i), theirs.lr);
        const recorded = batchOf(batches!, `step${i}.`, "all");
        const { report, ...gradients } = run(mode, (...tensors) => {
          const values = [...variables.values()].map((variable) => variable.read());
          const { batch, draws } = batchFrom(recorded.groups, tensors);
          const { report, gradients } = lossesAndGradients(
            { config, variables },
            values,
            { ...batch, draws },
            stream(),
          );
          const losses = tf.stack([...report.slice(0, 5), globalNorm(gradients)]);
          return { report: losses, ...Object.fromEntries(gradients.entries()) } as Record<string, Tensor>;
        }, argumentsOf(recorded));
        const ours = report.dataSync();
        const rates = tf.tensor1d(optimizer.rates(i + 1, schedule(i), clipFactor(ours[5], 1)));
        run(mode, (rates, ...gradients) => {
          optimizer.apply(rates, gradients);
          return { rates: tf.clone(rates) };
        }, [rates, ...Object.values(gradients)]);
        lossNames.forEach((name, k) => {
          const expected = theirs.losses[name];
          assert.ok(
            Math.abs(ours[k] - expected) <= 1e-4 * Math.max(1, Math.abs(expected)),
            `step ${i}, ${name}: ${ours[k]}, original ${expected}`,
          );
        });
        assert.ok(
          Math.abs(ours[5] / theirs.grad_norm_before_clip - 1) <= RELATIVE,
          `step ${i}: gradient norm ${ours[5]}`,
        );
      });
      const rows = [...variables].map(([name, variable]): [string, number, number] => {
        const expected = after5!.get(name)!.data;
        return [name, maxDifference(variable.data(), expected), largest(expected)];
      });
      report(`${variant}, ${mode}, parameters after five steps`, rows);
      for (const [name, difference] of rows) {
        const bound = name.endsWith("k_proj.bias") ? KEY_BIAS : FORWARD;
        assert.ok(difference <= bound, `${name}: ${difference}`);
      }
    });
  }
}
