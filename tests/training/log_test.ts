import assert from "node:assert/strict";
import { join } from "node:path";
import {
  formatLogLine,
  readTrainingRecords,
  type StepMetrics,
  TrainingLog,
  type TrainingLogState,
  type TrainingRecord,
} from "../../lib/training/log.ts";
import { hasSmallDisks, onSmallDisk } from "./small_disk.ts";
import { testInFolder } from "../folders.ts";

/** Metrics that follow from the step, with losses that no sum of few bits holds exactly. */
function metricsAt(step: number): StepMetrics {
  return {
    loss: 100 / (step + 2),
    generator: Math.PI / (step + 1),
    rtd: 1 / (step + 7),
    multiChoice: 1 / (step + 9),
    seqContrastive: 2 / (step + 11),
    gradNorm: step * 0.1,
    tokens: 400 + step,
    masked: 60,
    generatorCorrect: step,
    replaced: 50,
    rtdPredicted: 40,
    rtdCorrect: 30,
  };
}

const totalSteps = 22;

/** Runs steps `from`…`to` as a process would, and returns the log state kept after `saveAt`. */
function train(
  outputDir: string,
  { from, to, saveAt, resume }: {
    from: number;
    to: number;
    saveAt?: number;
    resume?: { step: number; state: TrainingLogState };
  },
): TrainingLogState | undefined {
  let clock = 0;
  let saved: TrainingLogState | undefined;
  const print = () => {};
  using log = new TrainingLog(outputDir, { totalSteps, loggingSteps: 4, print, now: () => clock, resume });
  for (let step = from; step <= to; step++) {
    clock += 500; // ms
    const position = { step, epoch: Math.floor(step / 10), batch: step % 10, learningRate: 1e-4 / step };
    log.add(position, metricsAt(step));
    if (step === saveAt) saved = JSON.parse(JSON.stringify(log.state()));
  }
  log.flush();
  return saved;
}

const read = (outputDir: string, name: string) => Deno.readTextFile(join(outputDir, name));

const sample: TrainingRecord = {
  step: 100,
  epoch: 0,
  batch: 99,
  avg_loss: 104.0101471,
  generator: 1.3213174343109131,
  rtd: 0.1 + 0.2,
  multi_choice: 1 / 3,
  seq_contrastive_loss: 1e-9,
  lr: 1e-7 * 100 / 10000,
  grad_norm: 1,
  replaced_rate: 0.1,
  generator_accuracy: 0.1,
  rtd_precision: 0.1,
  rtd_recall: 0.1,
  tokens_per_second: 1000,
  seconds: 1,
};

Deno.test("the log line is the original's", () => {
  assert.equal( // as Python formats these numbers with the original's pattern
    formatLogLine(sample, { totalSteps: 1_000_000, secondsPerStep: 2.346 }),
    "global step 100/1000000, epoch: 0, batch: 99, avg_loss: 104.010147099999998, " +
      "generator: 1.321317434310913, rtd: 0.300000000000000, multi_choice: 0.333333333333333, " +
      "seq_contrastive_loss: 0.000000001000000, lr: 0.0000000010, speed: 2.35 s/it",
  );
});

testInFolder(
  "each line is the mean of its interval, and ratios are of the interval's sums",
  async (outputDir) => {
    train(outputDir, { from: 1, to: totalSteps });
    const records = await readTrainingRecords(outputDir);
    assert.deepEqual(records.map(({ step }) => step), [4, 8, 12, 16, 20, 22]); // the end too
    const { step, ...rest } = records[1]!; // steps 5, 6, 7 and 8
    assert.equal(step, 8);
    assert.deepEqual(rest, {
      epoch: 0,
      batch: 8,
      avg_loss: (100 / 7 + 100 / 8 + 100 / 9 + 100 / 10) / 4,
      generator: (Math.PI / 6 + Math.PI / 7 + Math.PI / 8 + Math.PI / 9) / 4,
      rtd: (1 / 12 + 1 / 13 + 1 / 14 + 1 / 15) / 4,
      multi_choice: (1 / 14 + 1 / 15 + 1 / 16 + 1 / 17) / 4,
      seq_contrastive_loss: (2 / 16 + 2 / 17 + 2 / 18 + 2 / 19) / 4,
      lr: 1e-4 / 8,
      grad_norm: (0.5 + 6 * 0.1 + 7 * 0.1 + 0.8) / 4,
      replaced_rate: 200 / (405 + 406 + 407 + 408),
      generator_accuracy: (5 + 6 + 7 + 8) / 240,
      rtd_precision: 0.75,
      rtd_recall: 0.6,
      tokens_per_second: (405 + 406 + 407 + 408) / 2,
      seconds: 4,
    });
    const lines = (await read(outputDir, "train.log")).trimEnd().split("\n");
    assert.equal(lines.length, 6);
    assert.match(
      lines[1]!,
      /^global step 8\/22, epoch: 0, batch: 8, avg_loss: 11\.9\d{14}, .* speed: 0\.50 s\/it$/,
    );
  },
);

const crashes: [string, (outputDir: string) => Promise<void>][] = [
  ["whole lines", () => Promise.resolve()],
  ["torn last lines", async (outputDir) => {
    for (const name of ["train.log", "train.jsonl"]) {
      const path = join(outputDir, name);
      await Deno.truncate(path, (await Deno.stat(path)).size - 20);
    }
  }],
  ["a last line of zeros", async (outputDir) => {
    await Deno.writeFile(join(outputDir, "train.jsonl"), new Uint8Array(30), { append: true });
    await Deno.writeFile(join(outputDir, "train.log"), new Uint8Array(30), { append: true });
  }],
];

for (const [name, crash] of crashes) {
  for (const saveAt of [10, 12]) { // within an interval, and at its end
    testInFolder(`a run resumed from step ${saveAt} after ${name} logs the same bytes`, async (outputDir) => {
      const [whole, resumed] = [join(outputDir, "whole"), join(outputDir, "resumed")];
      await Deno.mkdir(whole);
      await Deno.mkdir(resumed);
      train(whole, { from: 1, to: totalSteps });
      const state = train(resumed, { from: 1, to: 17, saveAt })!;
      await crash(resumed);
      train(resumed, { from: saveAt + 1, to: totalSteps, resume: { step: saveAt, state } });
      // The clock stands still between the two processes, so even the times agree.
      for (const name of ["train.log", "train.jsonl"]) {
        assert.equal(await read(resumed, name), await read(whole, name));
      }
    });
  }
}

testInFolder(
  "a new run starts with empty files, a resumed one keeps the messages before its step",
  async (outputDir) => {
    const options = { totalSteps: 3, loggingSteps: 1, print: () => {} };
    const position = { epoch: 0, batch: 0, learningRate: 0 };
    let state: TrainingLogState;
    {
      using log = new TrainingLog(outputDir, options);
      log.message("first try");
    }
    {
      using log = new TrainingLog(outputDir, options);
      log.message("vocabulary: 200 tokens");
      log.add({ ...position, step: 1 }, metricsAt(1));
      state = log.state();
      log.message("saved");
      log.add({ ...position, step: 2 }, metricsAt(2));
      log.message("lost");
    }
    {
      using log = new TrainingLog(outputDir, { ...options, resume: { step: 1, state } });
      log.message("resumed");
    }
    const lines = (await read(outputDir, "train.log")).split("\n");
    assert.deepEqual(lines.map((line) => line.split("/")[0]), [
      "vocabulary: 200 tokens",
      "global step 1",
      "saved",
      "resumed",
      "",
    ]);
    assert.deepEqual((await readTrainingRecords(outputDir)).map(({ step }) => step), [1]);
  },
);

testInFolder(
  "a diverged loss and empty ratios are null in the record, nan in the line",
  async (outputDir) => {
    const lines: string[] = [];
    const options = { totalSteps: 2, loggingSteps: 2, print: (line: string) => lines.push(line) };
    const nothing = { masked: 0, generatorCorrect: 0, replaced: 0, rtdPredicted: 0, rtdCorrect: 0 };
    const position = { epoch: 0, batch: 0, learningRate: 0 };
    let state: TrainingLogState;
    {
      using log = new TrainingLog(outputDir, options);
      log.add({ ...position, step: 1 }, { ...metricsAt(1), ...nothing, loss: NaN });
      state = JSON.parse(JSON.stringify(log.state()));
    }
    {
      using log = new TrainingLog(outputDir, { ...options, resume: { step: 1, state } });
      log.add({ ...position, step: 2 }, { ...metricsAt(2), ...nothing }); // the mean stays what it was
    }
    assert.match(lines[0]!, /avg_loss: nan, generator: 1\.3\d+/);
    const [record] = await readTrainingRecords(outputDir);
    assert.deepEqual(
      [
        record!.avg_loss,
        record!.generator_accuracy,
        record!.rtd_precision,
        record!.rtd_recall,
        record!.replaced_rate,
      ],
      [null, null, null, null, 0],
    );
  },
);

testInFolder("files that cannot be written or read are named", async (outputDir) => {
  const options = { totalSteps: 1, loggingSteps: 1, print: () => {} };
  const missing = join(outputDir, "missing");
  assert.throws(() => new TrainingLog(missing, options), {
    name: "UserError",
    message: `Cannot open "${missing}/train.log": no such file or directory`,
  });
  await assert.rejects(readTrainingRecords(missing), {
    name: "UserError",
    message: `Cannot read "${missing}/train.jsonl": no such file or directory`,
  });
  await Deno.writeTextFile(join(outputDir, "train.jsonl"), `{"step":1}\nx\n{"step":3`);
  await assert.rejects(readTrainingRecords(outputDir), {
    name: "UserError",
    message: `Cannot read "${outputDir}/train.jsonl": line 2 is not JSON`,
  });
});

testInFolder("a full disk is reported, and the lines before stay", async (outputDir) => {
  const mounted = await onSmallDisk("64k", outputDir, async () => {
    using log = new TrainingLog(outputDir, { totalSteps: 1, loggingSteps: 1, print: () => {} });
    log.message("fits");
    assert.throws(() => log.message("-".repeat(100_000)), {
      name: "UserError",
      message: `Cannot write "${outputDir}/train.log": no space left on device`,
    });
    assert.ok((await read(outputDir, "train.log")).startsWith("fits\n"));
  });
  assert.ok(mounted);
}, !await hasSmallDisks());
