/** The pretraining loop as a user meets it: resumed, killed, stopped, refused. */
import { strict as assert } from "node:assert";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { resolveOptions, UserError } from "../../lib/config/mod.ts";
import { decodeNpz } from "../../lib/packing/mod.ts";
import { preprocess } from "../../lib/preprocessing/mod.ts";
import { eager } from "../../lib/tensorflow/binding.ts";
import { tf } from "../../lib/tensorflow/mod.ts";
import { buildVocabulary, generateCorpus } from "../../lib/text/mod.ts";
import {
  loadCheckpoint,
  loadLatestCheckpoint,
  pretrain,
  PRETRAIN_OPTIONS,
  readLogRecords,
  reproducibleFields,
  saveCheckpoint,
} from "../../lib/training/mod.ts";

const folder = await Deno.makeTempDir();
addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));

/** A small corpus, the same for all tests. */
async function makeCorpus(name: string, seed: number): Promise<string> {
  const text = join(folder, `${name}.txt`), data = join(folder, name);
  const lines = [...generateCorpus({ sentences: 60, seed })];
  await Deno.writeTextFile(text, lines.join("\n") + "\n");
  const { vocabulary } = await buildVocabulary([...generateCorpus({ sentences: 500, seed: 1 })]);
  await Deno.mkdir(data);
  await preprocess({ inputPath: text, outputFile: join(data, "samples"), vocabulary, tool: "jieba" });
  return data;
}
const data = await makeCorpus("data", 1);

const RUN = {
  input_dir: data,
  preset: "tiny",
  batch_size: 2,
  max_seq_length: 24,
  max_steps: 12,
  save_steps: 4,
  logging_steps: 3, // checkpoints fall between log lines: the mean in progress must survive
  save_total_limit: 2,
};
type Given = Partial<Record<keyof typeof PRETRAIN_OPTIONS, unknown>>;
const run = (output: string, given: Given = {}, signal?: AbortSignal) =>
  pretrain(resolveOptions(PRETRAIN_OPTIONS, { ...RUN, output_dir: join(folder, output), ...given }), {
    print: () => {},
    ...(signal && { signal }),
  });

/** Log records without the clock's fields. */
async function records(output: string): Promise<unknown[]> {
  return (await readLogRecords(join(folder, output))).map(reproducibleFields);
}
/** A hash: of arrays that differ, an assertion would describe every byte. */
const weights = async (output: string, step: number) =>
  createHash("sha256").update(
    await Deno.readFile(join(folder, output, `checkpoint-${step}`, "model.safetensors")),
  ).digest("hex");

Deno.test("two runs of one command are the same to the last bit; another seed is another run", async () => {
  const summary = await run("whole");
  await run("again");
  await run("other", { seed: 7 });
  assert.equal(summary.step, 12);
  assert.deepEqual(await records("again"), await records("whole"));
  assert.deepEqual(await weights("again", 12), await weights("whole", 12));
  assert.notDeepEqual(await weights("other", 12), await weights("whole", 12));
  assert.match(await Deno.readTextFile(summary.chart), /^<svg/);
});

Deno.test("killed by SIGKILL and started again, a run ends as if nothing had happened", async () => {
  const command = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "tasks/pretrain.ts",
      "--output_dir",
      join(folder, "killed"),
      "--logging_steps",
      "3",
      ...Object.entries(RUN).filter(([name]) => name !== "logging_steps").flatMap((
        [name, value],
      ) => [`--${name}`, `${value}`]),
    ],
    stdout: "piped",
    stderr: "null",
  });
  const child = command.spawn();
  let output = "";
  for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
    output += chunk;
    if (output.includes("global step 6/12")) break;
  }
  child.kill("SIGKILL");
  await child.status;
  assert.match((await loadLatestCheckpoint(join(folder, "killed")))!.folder, /checkpoint-[48]$/);
  await run("killed");
  assert.deepEqual(await records("killed"), await records("whole"));
  assert.deepEqual(await weights("killed", 12), await weights("whole", 12));
});

Deno.test("stopped by Ctrl-C, a run saves where it is and goes on from there", async () => {
  const abort = new AbortController();
  const options = resolveOptions(PRETRAIN_OPTIONS, { ...RUN, output_dir: join(folder, "stopped") });
  const stopped = await pretrain(options, {
    signal: abort.signal,
    print: (line) => line.startsWith("global step 6/") && abort.abort(),
  });
  assert.equal(stopped.step, 6);
  assert.match(stopped.folder, /checkpoint-6$/);
  await run("stopped");
  assert.deepEqual(await records("stopped"), await records("whole"));
  assert.deepEqual(await weights("stopped", 12), await weights("whole", 12));
});

Deno.test("a run resumed in another way says that it may not be the same to the last bit", async () => {
  await run("otherwise", {}, AbortSignal.abort());
  const lines: string[] = [];
  const options = { ...RUN, output_dir: join(folder, "otherwise"), max_steps: 12, eager_run: true };
  await pretrain(resolveOptions(PRETRAIN_OPTIONS, options), { print: (line) => lines.push(line) });
  const notes = lines.filter((line) => line.includes("Note: --"));
  assert.equal(notes.length, 1, lines.join("\n"));
  assert.match(notes[0], /Note: --eager_run was false and now is true; from here on, results may differ/);
});

Deno.test("a finished run started again trains nothing and tells the same", async () => {
  const before = await weights("whole", 12);
  const { step, last } = await run("whole");
  assert.equal(step, 12);
  assert.deepEqual(last!.step, 12);
  assert.deepEqual(await weights("whole", 12), before);
});

Deno.test("only the newest checkpoints are kept, each whole and with its options", async () => {
  const checkpoints = Array.from(Deno.readDirSync(join(folder, "whole")), ({ name }) => name)
    .filter((name) => name.startsWith("checkpoint")).sort();
  assert.deepEqual(checkpoints, ["checkpoint-12", "checkpoint-8"]);
  const { run: options, config, vocabulary, state } = await loadCheckpoint(
    join(folder, "whole", "checkpoint-12"),
  );
  assert.equal((options as Given).batch_size, 2);
  const { model_type, architectures } = config as Record<string, unknown>;
  assert.deepEqual([model_type, architectures], ["electra", ["ElectraForPreTraining"]]);
  assert.equal(vocabulary[0], "[PAD]");
  assert.deepEqual([state.global_step, state.seed], [12, 1000]);
});

Deno.test("mixed precision trains near float32's losses and resumes to the bit", async () => {
  await run("amp", { use_amp: true });
  await run("amp resumed", { use_amp: true, max_steps: 12, save_steps: 5 }, AbortSignal.timeout(0));
  await run("amp resumed", { use_amp: true, save_steps: 5 });
  assert.deepEqual(await weights("amp resumed", 12), await weights("amp", 12));
  const [full, low] = [await records("whole"), await records("amp")] as { avg_loss: number }[][];
  full.forEach(({ avg_loss }, i) =>
    assert.ok(Math.abs(low[i].avg_loss / avg_loss - 1) < 0.05, `${low[i].avg_loss} ${avg_loss}`)
  );
});

Deno.test("weights and step can be taken over from another run's checkpoint", async () => {
  const from = join(folder, "whole", "checkpoint-8");
  const { step } = await run("continued", { init_from_ckpt: true, model_name_or_path: from });
  assert.equal(step, 12);
  assert.deepEqual(await weights("continued", 12), await weights("whole", 12));
});

/** A checkpoint of the whole run with one tensor changed. */
async function tamper(
  output: string,
  which: "model" | "optimizer",
  name: string,
  change: (data: Float32Array) => Float32Array,
) {
  const checkpoint = await loadCheckpoint(join(folder, "whole", "checkpoint-8"));
  const data = change(checkpoint[which].get(name)!.data as Float32Array);
  checkpoint[which].set(name, { dtype: "F32", shape: [data.length], data });
  return await saveCheckpoint(join(folder, output), checkpoint);
}

Deno.test("gradients that overflow end the run before a checkpoint is spoilt, though the loss is finite", async () => {
  const bias = "discriminator.discriminator_rtd.dense.bias"; // moves the loss linearly, the gradients' squares overflow
  const from = await tamper("huge bias", "model", bias, (data) => data.fill(1e22));
  await assert.rejects(
    () => run("overflow", { init_from_ckpt: true, model_name_or_path: from, save_steps: 1 }),
    /^UserError: Cannot go on: the norm of the gradients is (NaN|Infinity) at step 9; .* start again$/,
  );
  assert.equal(await loadLatestCheckpoint(join(folder, "overflow")), undefined);
});

Deno.test("moments that do not fit are refused in one line, and nothing is left behind", async () => {
  const key = "discriminator.discriminator_rtd.dense.bias.moment2";
  const from = await tamper("short moment", "optimizer", key, (data) => data.slice(1));
  const before = { tensors: tf.memory().numTensors, handles: eager.size };
  await assert.rejects(
    () => run("moments", { init_from_ckpt: true, model_name_or_path: from }),
    /^UserError: Cannot load ".*": the optimizer's ".*moment2" is F32 of shape \[127\], the model needs F32 of shape \[128\]$/,
  );
  assert.deepEqual({ tensors: tf.memory().numTensors, handles: eager.size }, before);
});

Deno.test("a corpus that cannot be read on ends the run after the step under way, all given back", async () => {
  const data = await makeCorpus("cut", 1);
  const before = { tensors: tf.memory().numTensors, handles: eager.size };
  const options = resolveOptions(PRETRAIN_OPTIONS, {
    ...RUN,
    input_dir: data,
    output_dir: join(folder, "cut run"),
    logging_steps: 1,
  });
  await assert.rejects(() =>
    pretrain(options, {
      print: (line) =>
        line.startsWith("global step 2/") && Deno.truncateSync(join(data, "samples_ids.npy"), 200),
    })
  );
  assert.deepEqual({ tensors: tf.memory().numTensors, handles: eager.size }, before);
});

Deno.test("steps whose loss is no number are skipped if told to, their batches kept for study", async () => {
  const lines: string[] = [];
  const options = { ...RUN, output_dir: join(folder, "skips"), skip_nan: 3, max_steps: 2, save_steps: 1 };
  const tampered = await tamper(
    "broken bias",
    "model",
    "generator.generator_lm_head_bias",
    (data) => data.fill(NaN),
  );
  const from = { init_from_ckpt: true, model_name_or_path: tampered, max_steps: 11 };
  const { step } = await pretrain(resolveOptions(PRETRAIN_OPTIONS, { ...options, ...from }), {
    print: (line) => lines.push(line),
  });
  assert.equal(step, 11); // from 8: three skipped
  assert.equal(
    lines.filter((line) => /^Skipped step \d+: the loss is NaN; its batch is in ".*npz"/.test(line)).length,
    3,
  );
  const { model, state } = await loadCheckpoint(join(folder, "skips", "checkpoint-11"));
  assert.deepEqual([state.updates, state.broken], [8, 3]);
  const before = await loadCheckpoint(tampered);
  const name = "discriminator.discriminator_rtd.dense.weight";
  assert.deepEqual(model.get(name)!.data, before.model.get(name)!.data);
  const dump = decodeNpz(await Deno.readFile(join(folder, "skips", "nan-step-9.npz")), "nan-step-9.npz");
  assert.deepEqual([...dump.keys()].sort(), ["labels", "maskedIds", "positionIds", "rawIds", "segmentIds"]);
});

Deno.test("a broken batch that cannot be kept does not hide that the loss is no number", async () => {
  const tampered = await tamper(
    "broken again",
    "model",
    "generator.generator_lm_head_bias",
    (data) => data.fill(NaN),
  );
  await Deno.mkdir(join(folder, "undumped", "nan-step-9.npz", "in the way"), { recursive: true });
  await assert.rejects(
    () => run("undumped", { init_from_ckpt: true, model_name_or_path: tampered }),
    /^UserError: Cannot go on: the loss is NaN at step 9; its batch could not be kept \(Cannot write .*\); lower/,
  );
});

Deno.test("a dry run tells what would be trained and writes nothing", async () => {
  const lines: string[] = [];
  const options = {
    ...RUN,
    output_dir: join(folder, "dry"),
    model_name_or_path: "ernie-health-chinese",
    dry_run: true,
  };
  await pretrain(resolveOptions(PRETRAIN_OPTIONS, options), { print: (line) => lines.push(line) });
  const text = lines.join("\n");
  assert.match(text, /^Model: .*generator 12 layers of 256, discriminator 12 layers of 768/); // the published sizes
  assert.match(text, /^Steps: +12, /m);
  assert.match(text, /^Memory: +about [\d.]+ GB of [\d.]+ GB free$/m);
  assert.match(text, /^Time: +roughly .* a step/m);
  await assert.rejects(Deno.stat(join(folder, "dry")), Deno.errors.NotFound);
});

const other = await makeCorpus("other-data", 2);
const REFUSED: [string, string, Given, RegExp][] = [
  [
    "another batch size",
    "whole",
    { batch_size: 4 },
    /^Cannot resume from ".*checkpoint-12": --batch_size was 2 and now is 4; use the same options, or begin another run from here: a new --output_dir with --init_from_ckpt --model_name_or_path ".*checkpoint-12"$/,
  ],
  [
    "another corpus",
    "whole",
    { input_dir: other },
    /^Cannot resume from ".*": it was trained on another corpus; use another --output_dir$/,
  ],
  [
    "a batch that does not fit in memory",
    "huge",
    { batch_size: 200_000, max_seq_length: 512, packing: "none" },
    /^Cannot train with batches of this size: they need about [\d.]+ GB of memory, [\d.]+ GB are free; lower --batch_size/,
  ],
  [
    "a corpus that is not there",
    "none",
    { input_dir: "no/such" },
    /^Cannot read corpus "no\/such": no such folder; make one with `deno task preprocess`$/,
  ],
  ["a folder without vocabulary", "none", { input_dir: folder }, /^Cannot read vocabulary ".*vocab.txt": /],
  [
    "a checkpoint that is not there",
    "none",
    { init_from_ckpt: true, model_name_or_path: "no/such" },
    /no\/such/,
  ],
  [
    "a checkpoint beyond the run's end",
    "none",
    { init_from_ckpt: true, model_name_or_path: join(folder, "whole", "checkpoint-12"), max_steps: 12 },
    /^Cannot begin from ".*checkpoint-12": it is at step 12, and the run ends at step 12; raise --max_steps/,
  ],
  [
    "weights without an encoder",
    "none",
    { model_name_or_path: data },
    /^Cannot begin with ".*samples_idx.npz": it has no encoder, no "electra\.embeddings\.word_embeddings\.weight"$/,
  ],
  ["a checkpoint without a name", "none", { init_from_ckpt: true }, /--model_name_or_path/],
  [
    "a learning rate that blows up",
    "nan",
    { learning_rate: 1e30, warmup_steps: 0 },
    /^Cannot go on: the loss is NaN at step 2; its batch is in ".*nan-step-2\.npz"; lower --learning_rate.* and start again$/,
  ],
];
for (const [what, output, given, message] of REFUSED) {
  Deno.test(`${what} is refused in one line`, async () => {
    await assert.rejects(() => run(output, given), (error) => {
      assert.ok(error instanceof UserError, String((error as Error).stack));
      assert.match(error.message, message);
      assert.ok(!error.message.includes("\n"));
      return true;
    });
  });
}

Deno.test("a run, finished or failed, gives back every tensor and handle", async () => {
  await run("warm");
  const before = { tensors: tf.memory().numTensors, handles: eager.size };
  await run("warm 2");
  await assert.rejects(() => run("warm 3", { learning_rate: 1e30, warmup_steps: 0 }), UserError);
  assert.deepEqual({ tensors: tf.memory().numTensors, handles: eager.size }, before);
});

Deno.test("two runs at once in one folder: one trains, the other is refused", async () => {
  const outcomes = await Promise.allSettled([run("shared"), run("shared")]);
  const refused = outcomes.flatMap((outcome) =>
    outcome.status === "rejected" ? [outcome.reason.message] : []
  );
  assert.equal(refused.length, 1);
  assert.match(refused[0], /^Cannot use output folder ".*shared": process \d+ on .* is writing to it/);
});
