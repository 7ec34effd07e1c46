import assert from "node:assert/strict";
import { TrainingLog } from "../../lib/training/log.ts";
import { readTrainingRecords } from "../../lib/training/mod.ts";
import { printSummary } from "../../tasks/summary.ts";

/** What is printed for a run of `steps` steps that logs every tenth. */
async function printed(steps: number): Promise<string> {
  const folder = await Deno.makeTempDir();
  const lines: string[] = [];
  const { log } = console;
  console.log = (line: string) => lines.push(line);
  try {
    {
      using log = new TrainingLog(folder, { totalSteps: 100, loggingSteps: 10, print: () => {} });
      for (let step = 1; step <= steps; step++) {
        log.add({ step, epoch: 0, batch: step - 1, learningRate: 1e-4 }, {
          loss: 40 - step,
          generator: 5,
          rtd: 0.5,
          multiChoice: 0.4,
          seqContrastive: 2,
          gradNorm: 9,
          tokens: 400,
          masked: 60,
          generatorCorrect: 6,
          replaced: 50,
          rtdPredicted: 0,
          rtdCorrect: 0,
        });
      }
    }
    const records = await readTrainingRecords(folder);
    await printSummary({
      folder: "run/checkpoint",
      step: steps,
      totalSteps: 100,
      parameters: 1_234_567,
      first: records[0],
      last: records.at(-1),
      chart: "run/losses.svg",
    }, folder);
  } finally {
    console.log = log;
    await Deno.remove(folder, { recursive: true });
  }
  return lines.join("\n");
}

Deno.test("a summary shows losses from first to last, and what nobody can know as a dash", async () => {
  const text = await printed(20);
  assert.match(text, /^total loss +34\.5000 → 24\.5000 {2}█▁$/m);
  assert.match(text, /^detection +precision -, recall 0\.0 %$/m);
  assert.match(text, /^model folder +run\/checkpoint \(1,234,567 parameters, step 20 of 100\)$/m);
  assert.match(text, /^loss picture +run\/losses\.svg$/m);
});

Deno.test("a run stopped before its first record has a model folder, no losses and no picture", async () => {
  assert.equal(await printed(3), "\nmodel folder  run/checkpoint (1,234,567 parameters, step 3 of 100)");
});
