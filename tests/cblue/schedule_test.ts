import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { finetuningSchedule, layerwiseFactor } from "../../lib/cblue/mod.ts";

const recorded: Record<string, number[]> = JSON.parse(
  await Deno.readTextFile(fileURLToPath(new URL("../fixtures/lr_schedules.json", import.meta.url))),
);
for (const [name, rates] of Object.entries(recorded)) {
  const [, learningRate, totalSteps, warmup] =
    /^cblue lr=(\S+) total=(\d+) warmup=(\S+)$/.exec(name)?.map(Number) ?? [];
  if (learningRate === undefined) continue;
  Deno.test(`the learning rate is the original's: ${name}`, () => {
    const warmupProportion = warmup! < 1 ? warmup! : warmup! / totalSteps!;
    const schedule = finetuningSchedule({ learningRate, totalSteps: totalSteps!, warmupProportion });
    rates.forEach((rate, step) =>
      assert.ok(Math.abs(schedule(step) - rate) < 1e-12, `step ${step}: ${schedule(step)}`)
    );
  });
}

Deno.test("every layer learns slower than the one above it", () => {
  const factor = layerwiseFactor(0.9, 12);
  const names = ["electra.embeddings.layer_norm.bias", "electra.embeddings_project.weight"];
  const layers = Array.from({ length: 12 }, (_, i) => factor(`electra.encoder.layers.${i}.linear1.weight`));
  assert.ok(layers.every((own, i) => i === 0 || own > layers[i - 1]!));
  assert.ok(Math.abs(layers[11]! - 0.9) < 1e-12 && Math.abs(layers[0]! - 0.9 ** 12) < 1e-12);
  for (const name of names) assert.ok(factor(name) < layers[0]!);
  assert.equal(factor("span_attention.q_proj.weight"), 1);
});
