import assert from "node:assert/strict";
import { scheduleWithWarmup } from "../../lib/training/schedule.ts";

const golden: Record<string, number[]> = JSON.parse(
  await Deno.readTextFile("tests/fixtures/lr_schedules.json"),
);
const pretraining = Object.entries(golden).filter(([name]) => name.startsWith("pretrain"));
assert.equal(pretraining.length, 4);

for (const [name, rates] of pretraining) {
  Deno.test(`linear decay with warm-up equals the original: ${name}`, () => {
    const [learningRate, totalSteps, warmup] = [...name.matchAll(/=(\S+)/g)].map(([, value]) =>
      Number(value)
    );
    const schedule = scheduleWithWarmup({
      learningRate: learningRate!,
      totalSteps: totalSteps!,
      warmup: warmup!,
    });
    assert.deepEqual(rates.map((_, step) => schedule(step)), rates);
  });
}

Deno.test("linear decay with warm-up follows the published formula", () => {
  const schedule = scheduleWithWarmup({ learningRate: 1, totalSteps: 10, warmup: 4 });
  const rounded = Array.from({ length: 10 }, (_, step) => Number(schedule(step).toFixed(4)));
  assert.deepEqual(rounded, [0, 0.25, 0.5, 0.75, 1, 0.8333, 0.6667, 0.5, 0.3333, 0.1667]);
});

Deno.test("a warm-up longer than the run never reaches the peak", () => {
  const schedule = scheduleWithWarmup({ learningRate: 2e-4, totalSteps: 300, warmup: 10_000 });
  assert.equal(schedule(299), 2e-4 * (299 / 10_000));
});

Deno.test("cosine and constant schedules follow the formulas of the original's Trainer", () => {
  const rates = (type: "cosine" | "constant" | "constant_with_warmup") => {
    const schedule = scheduleWithWarmup({ type, learningRate: 1, totalSteps: 10, warmup: 4 });
    return Array.from({ length: 11 }, (_, step) => Number(schedule(step).toFixed(4)));
  };
  // max(0, (1 + cos(π · (step - 4) / 6)) / 2), by hand
  assert.deepEqual(rates("cosine"), [0, 0.25, 0.5, 0.75, 1, 0.933, 0.75, 0.5, 0.25, 0.067, 0]);
  assert.deepEqual(rates("constant_with_warmup"), [0, 0.25, 0.5, 0.75, 1, 1, 1, 1, 1, 1, 1]);
  assert.deepEqual(rates("constant"), Array(11).fill(1));
});

const refused: [Parameters<typeof scheduleWithWarmup>[0], string][] = [
  [
    { learningRate: -1, totalSteps: 10, warmup: 0 },
    "Cannot schedule a learning rate of -1: it must be 0 or more",
  ],
  [
    { learningRate: NaN, totalSteps: 10, warmup: 0 },
    "Cannot schedule a learning rate of NaN: it must be 0 or more",
  ],
  [
    { learningRate: 1, totalSteps: 0, warmup: 0 },
    "Cannot schedule 0 steps: it must be a positive whole number",
  ],
  [
    { learningRate: 1, totalSteps: 10, warmup: 2.5 },
    "Cannot warm up for 2.5 steps: it must be a whole number, or a share below 1",
  ],
];
for (const [options, message] of refused) {
  Deno.test(`refuses ${JSON.stringify(options)}`, () => {
    assert.throws(() => scheduleWithWarmup(options), { name: "RangeError", message });
  });
}
