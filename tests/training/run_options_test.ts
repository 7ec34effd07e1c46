/** Options of a run that change how it goes: evaluation, accumulation, workers, starting over, going back. */
import { strict as assert } from "node:assert";
import { createHash } from "node:crypto";
import { dirname, join } from "node:path";
import { resolveOptions } from "../../lib/config/mod.ts";
import { OBJECTIVES } from "../../lib/electra/mod.ts";
import { preprocess } from "../../lib/preprocessing/mod.ts";
import { buildVocabulary, generateCorpus } from "../../lib/text/mod.ts";
import {
  loadCheckpoint,
  pretrain,
  PRETRAIN_OPTIONS,
  readTrainingRecords,
  saveCheckpoint,
} from "../../lib/training/mod.ts";
import { readLogRecords } from "../../lib/training/records.ts";
import { SCHEDULES } from "../../lib/training/schedule.ts";

const folder = await Deno.makeTempDir();
addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));

const { vocabulary } = await buildVocabulary([...generateCorpus({ sentences: 500, seed: 1 })]);
for (const [name, seed] of [["data", 1], ["other", 2]] as const) {
  const text = join(folder, `${name}.txt`), data = join(folder, name);
  await Deno.writeTextFile(text, [...generateCorpus({ sentences: 60, seed })].join("\n") + "\n");
  await Deno.mkdir(data);
  await preprocess({ inputPath: text, outputFile: join(data, "samples"), vocabulary, tool: "jieba" });
}

await Deno.mkdir(join(folder, "foreign"));
for (const file of ["samples_ids.npy", "samples_idx.npz", "samples_marks.npy"]) {
  const from = join(folder, "other", file);
  await Deno.copyFile(from, join(folder, "foreign", file)).catch(() => {}); // word marks need not be
}
const tokens = vocabulary.tokens.toSpliced(-2, 2, vocabulary.tokens.at(-1)!, vocabulary.tokens.at(-2)!);
await Deno.writeTextFile(join(folder, "foreign", "vocab.txt"), tokens.map((token) => `${token}\n`).join(""));

const RUN = {
  input_dir: join(folder, "data"),
  preset: "tiny",
  batch_size: 3,
  max_seq_length: 40,
  max_steps: 8,
  save_steps: 4,
  logging_steps: 4,
  learning_rate: 1e-3,
};
type Given = Partial<Record<keyof typeof PRETRAIN_OPTIONS | "num_train_epochs", unknown>>;

async function run(
  output: string,
  given: Given = {},
  onLine = (_line: string, _abort: AbortController) => {},
) {
  const options = resolveOptions(PRETRAIN_OPTIONS, { ...RUN, output_dir: join(folder, output), ...given });
  const lines: string[] = [];
  const abort = new AbortController();
  const print = (line: string) => {
    lines.push(line);
    onLine(line, abort);
  };
  const summary = await pretrain(options, { print, signal: abort.signal });
  return { ...summary, lines };
}
const weights = async (output: string, step = 8) =>
  createHash("sha256").update(
    await Deno.readFile(join(folder, output, `checkpoint-${step}`, "model.safetensors")),
  ).digest("hex");
const evaluations = async (output: string) =>
  (await readLogRecords(join(folder, output))).filter((record) => record.kind === "evaluation");
const checkpoints = (output: string) =>
  Array.from(Deno.readDirSync(join(folder, output)), ({ name }) => name)
    .filter((name) => name.startsWith("checkpoint-")).sort();

/** Puts another state into a checkpoint, and its checksum with it. */
async function rewriteState(checkpoint: string, state: Record<string, unknown>) {
  const point = await loadCheckpoint(checkpoint);
  await saveCheckpoint(dirname(checkpoint), { ...point, state });
}

await run("plain");

Deno.test("batches from workers are those of the main thread: the same weights", async () => {
  await run("workers", { dataloader_num_workers: 2 });
  assert.equal(await weights("workers"), await weights("plain"));
});

Deno.test("recomputation changes no bit", async () => {
  await run("recomputed", { recompute: true });
  assert.equal(await weights("recomputed"), await weights("plain"));
});

Deno.test("accumulated gradients resume to the bit, in packed rows and with scaled losses", async () => {
  const given = { gradient_accumulation_steps: 3, scale_loss: 256, dataloader_num_workers: 1 };
  await run("accumulated", { ...given, save_total_limit: 2 });
  await Deno.mkdir(join(folder, "half"));
  await Deno.rename(join(folder, "accumulated", "checkpoint-4"), join(folder, "half", "checkpoint-4"));
  const { lines } = await run("half", { ...given, gradient_accumulation_steps: 3 });
  assert.match(lines.join("\n"), /Going on from ".*checkpoint-4" at step 4/);
  assert.equal(await weights("half"), await weights("accumulated"));
  assert.notEqual(await weights("half"), await weights("plain"));
  const { state } = await loadCheckpoint(join(folder, "half", "checkpoint-8"));
  assert.deepEqual(state.loss_scale, { scale: 256, goodSteps: 8 });
});

Deno.test("held-out sentences are evaluated as told, and training on the others does not change with it", async () => {
  const { folder: best, lines } = await run("evaluated", {
    eval_share: 0.1,
    eval_steps: 3,
    load_best_model_at_end: true,
    save_total_limit: 1,
  });
  const found = await evaluations("evaluated");
  assert.deepEqual(found.map(({ step }) => step), [3, 6, 8]);
  const losses = found.map(({ eval_loss }) => eval_loss!);
  const lowest = found[losses.indexOf(Math.min(...losses))].step;
  assert.equal(best, join(folder, "evaluated", `checkpoint-${lowest}`));
  assert.ok(lines.some((line) => line.startsWith("evaluation at step 3:")), lines.join("\n"));
  assert.ok(checkpoints("evaluated").includes(`checkpoint-${lowest}`));

  await run("unevaluated", { eval_share: 0.1, evaluation_strategy: "no" });
  const last = await evaluations("unevaluated");
  assert.deepEqual(last.map(({ step, eval_loss }) => [step, eval_loss]), [[8, losses[2]]]); // the same model
});

Deno.test("a finished model is evaluated on another corpus without a step of training", async () => {
  const before = await weights("plain");
  await run("plain", { do_train: false, do_eval: true, eval_dir: join(folder, "other") });
  const [record, ...more] = await evaluations("plain");
  assert.deepEqual([record.step, more.length], [8, 0]);
  assert.ok(record.eval_sentences! >= 60, `${record.eval_sentences}`); // long ones in pieces
  assert.equal(await weights("plain"), before);
});

Deno.test("a model that was evaluated when it was trained is evaluated again when told to", async () => {
  await run("twice", { eval_share: 0.1 });
  const before = await evaluations("twice");
  await run("twice", { eval_share: 0.1, do_train: false });
  const after = await evaluations("twice");
  assert.equal(after.length, before.length + 1);
  assert.equal(after.at(-1)!.eval_loss, before.at(-1)!.eval_loss);
});

Deno.test("an earlier checkpoint is evaluated with later ones and their log left as they are", async () => {
  const given = { eval_share: 0.1 };
  await run("earlier", given);
  const [first, last] = await evaluations("earlier");
  const before = await weights("earlier");
  const from = join(folder, "earlier", "checkpoint-4");
  await run("earlier", { ...given, do_train: false, resume_from_checkpoint: from });
  assert.deepEqual(
    (await evaluations("earlier")).map(({ step, eval_loss }) => [step, eval_loss]),
    [first, last, first].map(({ step, eval_loss }) => [step, eval_loss]),
  );
  assert.deepEqual(checkpoints("earlier"), ["checkpoint-4", "checkpoint-8"]);
  assert.equal(await weights("earlier"), before);
});

Deno.test("what is best on one evaluation set says nothing about another", async () => {
  const given = { load_best_model_at_end: true, save_steps: 4 };
  await run("best", { ...given, eval_dir: join(folder, "data") });
  await Deno.remove(join(folder, "best", "checkpoint-8"), { recursive: true });
  const path = join(folder, "best", "checkpoint-4");
  const { state } = await loadCheckpoint(path);
  const best = state.best as { step: number; loss: number };
  const unreachable = { ...best, loss: 0 }; // so that nothing later could be better
  await rewriteState(path, { ...state, best: unreachable });
  const { folder: same } = await run("best", { ...given, eval_dir: join(folder, "data") });
  assert.equal(same, path);
  await Deno.remove(join(folder, "best", "checkpoint-8"), { recursive: true });
  const { folder: other } = await run("best", { ...given, eval_dir: join(folder, "other") });
  assert.equal(other, join(folder, "best", "checkpoint-8"));
});

Deno.test("a share can be held out and never evaluated", async () => {
  await run("held", { eval_share: 0.1, do_eval: false });
  assert.deepEqual(await evaluations("held"), []);
  await run("unheld", { eval_share: 0.1 });
  assert.equal(await weights("held"), await weights("unheld"));
});

Deno.test("resumed in the middle of an epoch, a run evaluates when the epoch ends, as if it had never stopped", async () => {
  const given = {
    batch_size: 12,
    eval_share: 0.1,
    evaluation_strategy: "epoch",
    max_steps: 20,
    save_steps: 9,
  };
  await run("epochs", given);
  const whole = (await evaluations("epochs")).map(({ step, eval_loss }) => [step, eval_loss]);
  assert.ok(whole.length >= 3 && !whole.some(([step]) => step === 10), `${whole}`);
  for (const step of [18, 20]) {
    await Deno.remove(join(folder, "epochs", `checkpoint-${step}`), { recursive: true });
  }
  const { lines } = await run("epochs", given);
  assert.match(lines.join("\n"), /at step 9/);
  assert.deepEqual((await evaluations("epochs")).map(({ step, eval_loss }) => [step, eval_loss]), whole);
});

Deno.test("an evaluation that a signal ends is made up for when the run goes on", async () => {
  const given = { eval_share: 0.1, eval_steps: 3, logging_steps: 1 };
  const { step } = await run("interrupted", given, (line, abort) => {
    if (line.startsWith("global step 3/")) abort.abort();
  });
  assert.equal(step, 3);
  assert.deepEqual(await evaluations("interrupted"), []);
  await run("interrupted", given);
  assert.deepEqual((await evaluations("interrupted")).map(({ step }) => step), [3, 6, 8]);
});

Deno.test("going back to an earlier checkpoint needs the later ones out of the way", async () => {
  await run("back");
  const from = join(folder, "back", "checkpoint-4");
  await assert.rejects(
    run("back", { resume_from_checkpoint: from }),
    /UserError: Cannot go on from step 4: ".*back" has later checkpoints \(checkpoint-8\); .*--overwrite_output_dir/,
  );
  const { lines } = await run("back", { resume_from_checkpoint: from, overwrite_output_dir: true });
  assert.match(lines.join("\n"), /Removed checkpoint-8 [\s\S]*Going on from ".*checkpoint-4" at step 4/);
  assert.equal(await weights("back"), await weights("plain"));
});

Deno.test("overwriting begins afresh, whatever the earlier run's options were", async () => {
  await run("again", { seed: 3, max_steps: 4 });
  await run("again", { overwrite_output_dir: true });
  assert.equal(await weights("again"), await weights("plain"));
  assert.deepEqual((await readTrainingRecords(join(folder, "again"))).map(({ step }) => step), [4, 8]);
});

Deno.test("a run that cannot be leaves what it was to overwrite", async () => {
  await run("kept", { max_steps: 4 });
  await assert.rejects(run("kept", { overwrite_output_dir: true, fp16: true }), /Cannot use --fp16 on a CPU/);
  assert.deepEqual(checkpoints("kept"), ["checkpoint-4"]);
});

Deno.test("the original's spelling of a run's length and of the best: fractions of epochs, no steps, a metric", async () => {
  const { totalSteps: whole } = await run("length", { dry_run: true, max_steps: 0, num_epochs: 1 });
  const { totalSteps: half } = await run("length", { dry_run: true, max_steps: 0, num_train_epochs: 0.5 });
  assert.ok(whole > 10 && half === Math.ceil(whole / 2), `${whole}, ${half}`);
  await run("length", { dry_run: true, metric_for_best_model: "eval_loss" });
});

Deno.test("every objective and schedule can be chosen", () => {
  const { objective, lr_scheduler_type } = PRETRAIN_OPTIONS;
  assert.deepEqual<readonly string[]>(objective.choices, Object.keys(OBJECTIVES));
  assert.deepEqual<readonly string[]>(lr_scheduler_type.choices, SCHEDULES);
});

const REFUSED: [string, Given, RegExp][] = [
  ["float16 weights", { fp16: true, fp16_opt_level: "O2" }, /--fp16_opt_level O2: .*diverges.*use O1/],
  ["two mixed precisions", { fp16: true, bf16: true }, /both --bf16 and --fp16/],
  ["float16 on a processor", { fp16: true }, /--fp16 on a CPU: .*use --bf16/],
  [
    "two evaluation sets",
    { eval_share: 0.1, eval_dir: join(folder, "other") },
    /both --eval_dir and --eval_share/,
  ],
  ["the best of nothing", { load_best_model_at_end: true }, /--load_best_model_at_end needs --eval_dir or/],
  [
    "evaluation with other tokens",
    { eval_dir: join(folder, "foreign") },
    /its vocab.txt is another than that of/,
  ],
  ["evaluation on nothing", { do_eval: true }, /--do_eval needs --eval_dir, or .*--eval_share/],
  ["no training and no evaluation", { do_train: false }, /--no-do_train needs --eval_dir or --eval_share/],
  ["evaluation of nothing", { do_train: false, do_eval: true, eval_share: 0.1 }, /has no checkpoint/],
  [
    "pairs from a corpus without",
    { objective: "qa-matching" },
    /needs pairs, as `deno task preprocess --pairs` makes/,
  ],
];
for (const [what, given, message] of REFUSED) {
  Deno.test(`${what}: refused in one line`, async () => {
    await assert.rejects(run("refused", given), (error: Error) => {
      assert.equal(error.name, "UserError");
      assert.match(error.message, message);
      return true;
    });
  });
}

Deno.test("questions find their answers after training on pairs", async () => {
  const nouns = [
    "发热",
    "咳嗽",
    "头痛",
    "腹泻",
    "胸闷",
    "失眠",
    "皮疹",
    "乏力",
    "呕吐",
    "便秘",
    "心悸",
    "耳鸣",
  ];
  const text = join(folder, "pairs.tsv"), data = join(folder, "pairs");
  const lines = nouns.flatMap((a) => nouns.map((b) => `${a}伴${b}怎么办\t有${a}又有${b}应当就诊检查`));
  await Deno.writeTextFile(text, lines.join("\n") + "\n");
  const { vocabulary } = await buildVocabulary(lines);
  await Deno.mkdir(data);
  await preprocess({
    inputPath: text,
    outputFile: join(data, "samples"),
    vocabulary,
    tool: "jieba",
    pairs: true,
  });
  const given = { input_dir: data, objective: "qa-matching", batch_size: 16, learning_rate: 1e-3 };
  await run("matching", { ...given, max_steps: 300, save_steps: 300, logging_steps: 50, eval_share: 0.1 });
  const records = await readTrainingRecords(join(folder, "matching"));
  const losses = records.map(({ seq_contrastive_loss }) => seq_contrastive_loss!);
  assert.ok(losses.at(-1)! < 0.8 * losses[0], losses.join(" "));
  const [{ eval_csp_accuracy: heldOut }] = await evaluations("matching");
  assert.ok(heldOut! > 0.4, `${heldOut} of held-out questions find their answers; by chance one in 14`);
});
