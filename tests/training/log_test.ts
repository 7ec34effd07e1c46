import assert from "node:assert/strict";
import { join } from "node:path";
import { type EvaluationMetrics, TrainingLog, type TrainingLogState } from "../../lib/training/log.ts";
import { formatDetails, formatEvaluation, formatLogLine } from "../../lib/training/log_lines.ts";
import { type StepMetrics, stepMetrics } from "../../lib/training/metrics.ts";
import {
  type EvaluationRecord,
  readLogRecords,
  readTrainingRecords,
  reproducibleFields,
  type TrainingRecord,
} from "../../lib/training/records.ts";
import { REPORT } from "../../lib/training/pretraining_step.ts";
import { readReport } from "../../lib/training/step.ts";
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
    slots: 512,
    sentences: 12 + step,
    masked: 60,
    generatorCorrect: step,
    replaced: 50,
    rtdPredicted: 40,
    rtdCorrect: 30,
    mtsCorrect: 45,
    views: 24 + 2 * step,
    cspCorrect: step,
    waitedSeconds: 0.125,
    skipped: 0,
  };
}

const totalSteps = 22;
const quiet = {
  totalSteps,
  loggingSteps: 4,
  print: () => {},
  memory: () => ({ resident: 2 ** 30, peak: 3 * 2 ** 30 }),
};

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
  using log = new TrainingLog(outputDir, { ...quiet, now: () => clock, resume });
  for (let step = from; step <= to; step++) {
    clock += 500; // ms
    const [epoch, batch] = [Math.floor(step / 10), step % 10];
    log.add({ step, epoch, batch, learningRate: 1e-4 / step, epochs: step / 10 }, metricsAt(step));
    if (step % 6 === 0) log.evaluation({ step, seconds: 0 }, metricsAt(step));
    if (step === saveAt) saved = JSON.parse(JSON.stringify(log.state()));
  }
  log.flush();
  return saved;
}

const read = (outputDir: string, name: string) => Deno.readTextFile(join(outputDir, name));

const sample: TrainingRecord = {
  kind: "training",
  step: 100,
  epoch: 0,
  batch: 99,
  avg_loss: 104.0101471,
  generator: 1.3213174343109131,
  rtd: 0.1 + 0.2,
  multi_choice: 1 / 3,
  seq_contrastive_loss: 1e-9,
  lr: 1e-7 * 100 / 10000,
  grad_norm: 1.23456,
  generator_accuracy: 0.1234,
  replaced_rate: 0.1,
  rtd_precision: null,
  rtd_recall: 1,
  mts_accuracy: 0.75,
  csp_accuracy: 0.9996,
  tokens_per_second: 12_345.6,
  sentences_per_second: 38.21,
  fill_rate: 0.9812,
  waited_share: 0.001,
  memory: 2 ** 30,
  memory_peak: 1.5 * 2 ** 30,
  loss_scale: 512,
  skipped: 2,
  epochs: 0.37,
  seconds: 1,
  eta_seconds: 3900,
};
/** What plain ELECTRA logs: no choice among candidates, no contrast of sequences. */
const electra: TrainingRecord = {
  kind: "training",
  step: 7,
  epoch: 1,
  batch: 2,
  avg_loss: null,
  generator: null,
  rtd: 0.5,
  lr: 0,
  grad_norm: null,
  generator_accuracy: 0,
  tokens_per_second: 99,
  memory: 0,
  memory_peak: 0,
  seconds: 1,
  eta_seconds: 0,
};

Deno.test("the log line is the original's", () => {
  assert.equal( // as Python formats these numbers with the original's pattern
    formatLogLine(sample, { totalSteps: 1_000_000, secondsPerStep: 2.346 }),
    "global step 100/1000000, epoch: 0, batch: 99, avg_loss: 104.010147099999998, " +
      "generator: 1.321317434310913, rtd: 0.300000000000000, multi_choice: 0.333333333333333, " +
      "seq_contrastive_loss: 0.000000001000000, lr: 0.0000000010, speed: 2.35 s/it",
  );
  assert.equal( // which prints 0 for a loss that does not exist
    formatLogLine(electra, { totalSteps: 9, secondsPerStep: 1 }),
    "global step 7/9, epoch: 1, batch: 2, avg_loss: nan, generator: nan, rtd: 0.500000000000000, " +
      "multi_choice: 0.000000000000000, seq_contrastive_loss: 0.000000000000000, lr: 0.0000000000, speed: 1.00 s/it",
  );
});

Deno.test("the line beneath it tells the rest, and nothing that the run does not have", () => {
  assert.equal(
    formatDetails(sample),
    "    generator_accuracy: 12.3 %, replaced_rate: 10.0 %, rtd_precision: -, rtd_recall: 100.0 %, " +
      "mts_accuracy: 75.0 %, csp_accuracy: 100.0 %, grad_norm: 1.235, tokens/s: 12346, sentences/s: 38.2, " +
      "fill_rate: 98.1 %, waited_share: 0.1 %, memory: 1.00 GB (peak 1.50 GB), loss_scale: 512, skipped: 2, " +
      "epochs: 0.370, eta: 1 h 05 min",
  );
  assert.equal(
    formatDetails(electra),
    "    generator_accuracy: 0.0 %, grad_norm: nan, tokens/s: 99.0, memory: 0.00 GB (peak 0.00 GB), eta: 0 s",
  );
});

Deno.test("an evaluation is one line", () => {
  const record: EvaluationRecord = {
    kind: "evaluation",
    step: 500,
    eval_loss: 12.5,
    eval_generator: 5,
    eval_rtd: null,
    eval_generator_accuracy: 0.25,
    eval_rtd_precision: 0.5,
    eval_sentences: 1234,
    eval_seconds: 61,
    seconds: 1,
  };
  assert.equal(
    formatEvaluation(record),
    "evaluation at step 500: eval_loss: 12.500000, eval_generator: 5.000000, eval_rtd: nan, " +
      "eval_generator_accuracy: 25.0 %, eval_rtd_precision: 50.0 %, sentences: 1234, took: 1 min 01 s",
  );
});

/** A report whose numbers are all different. */
const report = readReport({ numbers: REPORT }, [...REPORT, "stop", "gradNorm"].map((_, i) => i + 1));
const objectives: [string, { rtd: number; mts: number; csp: number }, (keyof StepMetrics)[]][] = [
  ["mlm", { rtd: 0, mts: 0, csp: 0 }, []],
  ["electra", { rtd: 50, mts: 0, csp: 0 }, ["replaced", "rtd", "rtdPredicted", "rtdCorrect"]],
  ["candidates alone", { rtd: 0, mts: 20, csp: 0 }, ["replaced", "multiChoice", "mtsCorrect"]],
  ["contrast alone", { rtd: 0, mts: 0, csp: 1 }, ["replaced", "seqContrastive", "cspCorrect", "views"]],
];
for (const [name, weights, heads] of objectives) {
  Deno.test(`a step has the numbers of the heads that its model has: ${name}`, () => {
    const { slots, sentences, waitedSeconds, skipped, ...metrics } = stepMetrics(
      report,
      { tokens: 300 },
      { generator: 1, ...weights },
    );
    assert.deepEqual([slots, sentences, waitedSeconds, skipped], Array(4).fill(undefined));
    const always = ["loss", "generator", "gradNorm", "tokens", "masked", "generatorCorrect"];
    assert.deepEqual(Object.keys(metrics).sort(), [...always, ...heads].sort());
    const [loss, generator] = REPORT.map((_, i) => i + 1);
    assert.deepEqual([metrics.loss, metrics.generator, metrics.tokens], [loss, generator, 300]);
  });
}

testInFolder(
  "each line is the mean of its interval, and ratios are of the interval's sums",
  async (outputDir) => {
    train(outputDir, { from: 1, to: totalSteps });
    const records = await readTrainingRecords(outputDir);
    assert.deepEqual(records.map(({ step }) => step), [4, 8, 12, 16, 20, 22]); // the end too
    assert.deepEqual(records[1], { // steps 5, 6, 7 and 8
      kind: "training",
      step: 8,
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
      mts_accuracy: 0.9,
      csp_accuracy: (5 + 6 + 7 + 8) / (34 + 36 + 38 + 40),
      tokens_per_second: (405 + 406 + 407 + 408) / 2,
      sentences_per_second: (17 + 18 + 19 + 20) / 2,
      fill_rate: (405 + 406 + 407 + 408) / 2048,
      waited_share: 0.25,
      memory: 2 ** 30,
      memory_peak: 3 * 2 ** 30,
      skipped: 0,
      epochs: 0.8,
      seconds: 4,
      eta_seconds: 7,
    });
    const lines = (await read(outputDir, "train.log")).trimEnd().split("\n");
    assert.equal(lines.length, 2 * 6 + 3); // three evaluations
    assert.match(
      lines[3]!, // after line and details of step 4, and the evaluation of step 6
      /^global step 8\/22, epoch: 0, batch: 8, avg_loss: 11\.9\d{14}, .* speed: 0\.50 s\/it$/,
    );
  },
);

testInFolder("steps that changed nothing count for rates, not for means", async (outputDir) => {
  const position = { epoch: 0, batch: 0, learningRate: 0, lossScale: 512 };
  {
    using log = new TrainingLog(outputDir, { ...quiet, loggingSteps: 3 });
    const overflow = { ...metricsAt(2), gradNorm: Infinity, loss: NaN, skipped: 1 };
    log.add({ ...position, step: 1 }, metricsAt(1));
    log.add({ ...position, step: 2 }, overflow);
    log.add({ ...position, step: 3 }, metricsAt(3));
    for (let step = 4; step <= 6; step++) log.add({ ...position, step }, overflow);
  }
  const [first, second] = await readTrainingRecords(outputDir);
  assert.deepEqual([first!.skipped, first!.loss_scale], [1, 512]);
  assert.deepEqual([first!.avg_loss, first!.grad_norm], [(100 / 3 + 100 / 5) / 2, (0.1 + 3 * 0.1) / 2]);
  assert.equal(first!.fill_rate, (401 + 402 + 403) / 1536);
  assert.deepEqual([second!.skipped, second!.avg_loss, second!.rtd], [3, null, null]); // the mean of nothing
});

testInFolder("an evaluation is a record of its own, with what was measured alone", async (outputDir) => {
  let clock = 0;
  const metrics: EvaluationMetrics = {
    loss: 20,
    generator: 5,
    rtd: 0.3,
    masked: 200,
    generatorCorrect: 50,
    replaced: 120,
    rtdPredicted: 0,
    rtdCorrect: 0,
    sentences: 77,
  };
  {
    using log = new TrainingLog(outputDir, { ...quiet, now: () => clock });
    clock = 9000; // ms
    log.evaluation({ step: 4, epochs: 0.5, seconds: 3 }, metrics);
  }
  assert.deepEqual(await readLogRecords(outputDir), [{
    kind: "evaluation",
    step: 4,
    epochs: 0.5,
    eval_loss: 20,
    eval_generator: 5,
    eval_rtd: 0.3,
    eval_generator_accuracy: 0.25,
    eval_rtd_precision: null,
    eval_rtd_recall: 0,
    eval_sentences: 77,
    eval_seconds: 3,
    seconds: 9,
  }]);
  assert.deepEqual(await readTrainingRecords(outputDir), []);
});

testInFolder("the time left follows the pace, and a slow beginning is forgotten", async (outputDir) => {
  let clock = 0;
  {
    using log = new TrainingLog(outputDir, {
      ...quiet,
      totalSteps: 101,
      loggingSteps: 1,
      now: () => clock,
    });
    for (let step = 1; step <= 100; step++) {
      clock += step === 1 ? 60_000 : 2000; // the first one compiles
      log.add({ step, epoch: 0, batch: 0, learningRate: 0 }, metricsAt(step));
    }
  }
  const times = (await readTrainingRecords(outputDir)).map(({ eta_seconds }) => eta_seconds);
  assert.equal(times[0], 6000);
  assert.ok(Math.abs(times[1]! - 99 * (60 - 0.3 * 58)) < 1e-9);
  assert.ok(Math.abs(times[99]! - 2) < 1e-9);
});

testInFolder("two runs of one command differ in clock and memory alone", async (outputDir) => {
  const runs: Record<string, unknown>[][] = [];
  for (const [name, speed] of [["one", 100], ["two", 700]] as const) {
    let clock = 0;
    const folder = join(outputDir, name);
    await Deno.mkdir(folder);
    {
      using log = new TrainingLog(folder, {
        ...quiet,
        now: () => clock += speed,
        memory: () => ({ resident: clock, peak: clock }),
      });
      for (let step = 1; step <= 8; step++) {
        const metrics = { ...metricsAt(step), waitedSeconds: clock };
        log.add({ step, epoch: 0, batch: 0, learningRate: 0 }, metrics);
      }
      log.evaluation({ step: 8, seconds: clock }, metricsAt(8));
    }
    runs.push((await readLogRecords(folder)).map(reproducibleFields));
  }
  assert.deepEqual(runs[0], runs[1]);
  assert.equal(runs[0]![0]!.grad_norm, (0.1 + 0.2 + 3 * 0.1 + 0.4) / 4); // and not in nothing
});

testInFolder(
  "the log of a long run is read piece by piece, its last line when it is whole",
  async (outputDir) => {
    const lines = Array.from({ length: 5000 }, (_, step) => JSON.stringify({ step, note: "热".repeat(20) }));
    const text = lines.join("\n");
    const path = join(outputDir, "train.jsonl");
    await Deno.writeTextFile(path, text);
    const records = await readLogRecords(outputDir);
    assert.deepEqual(records, lines.slice(0, -1).map((line) => ({ kind: "training", ...JSON.parse(line) })));
    await Deno.writeTextFile(path, "\n", { append: true });
    assert.equal((await readLogRecords(outputDir)).length, 5000);
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
  const moments = [[10, true], [12, true], [12, false]] as const; // within an interval, and at its end
  for (const [saveAt, isLengthKnown] of moments) {
    const how = `step ${saveAt} after ${name}${isLengthKnown ? "" : ", the files' lengths unknown,"}`;
    testInFolder(`a run resumed from ${how} logs the same bytes`, async (outputDir) => {
      const [whole, resumed] = [join(outputDir, "whole"), join(outputDir, "resumed")];
      await Deno.mkdir(whole);
      await Deno.mkdir(resumed);
      train(whole, { from: 1, to: totalSteps });
      const state = train(resumed, { from: 1, to: 17, saveAt })!;
      if (!isLengthKnown) delete state.length;
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
  "a new run starts with empty files, a resumed one keeps the messages before its checkpoint",
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
      log.message("saved");
      state = log.state();
      log.message("after the checkpoint, and so lost");
      log.add({ ...position, step: 2 }, metricsAt(2));
      log.message("lost");
    }
    {
      using log = new TrainingLog(outputDir, { ...options, resume: { step: 1, state } });
      log.message("resumed");
    }
    const lines = (await read(outputDir, "train.log")).split("\n").filter((line) => !line.startsWith("  "));
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
