/**
 * Pretraining as its command: killed at 20 moments, and gone on from each of its checkpoints; the finished weights must be
 * those of the uninterrupted run, byte for byte. Minutes.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { preprocess } from "../../lib/preprocessing/mod.ts";
import { buildVocabulary, generateCorpus } from "../../lib/text/mod.ts";

const TASK = `${import.meta.dirname}/../../tasks/pretrain.ts`;
const STEPS = 200;
const SAVE_STEPS = 10;
const KILLS = 20;
const FINISHED = `checkpoint-${STEPS}`;

/** Writes a small corpus of generated sentences. */
async function writeCorpus(folder: string): Promise<void> {
  const sentences = [...generateCorpus({ sentences: 300, seed: 1 })];
  const { vocabulary } = await buildVocabulary(sentences);
  await Deno.mkdir(`${folder}/text`);
  await Deno.mkdir(`${folder}/corpus`);
  await Deno.writeTextFile(`${folder}/text/sentences.txt`, sentences.join("\n") + "\n");
  await preprocess({
    inputPath: `${folder}/text`,
    outputFile: `${folder}/corpus/samples`,
    vocabulary,
    tool: "jieba",
    onLog: () => {},
  });
}

/** Starts a run of the tiny model into `<folder>/<name>`. */
function start(folder: string, name: string, keep: number, mixed: boolean): Deno.ChildProcess {
  const options = {
    input_dir: `${folder}/corpus`,
    output_dir: `${folder}/${name}`,
    preset: "tiny",
    batch_size: 2,
    max_seq_length: 32,
    max_steps: STEPS,
    save_steps: SAVE_STEPS,
    save_total_limit: keep,
    logging_steps: 7, // checkpoints fall between log lines
  };
  const flags = Object.entries(options).flatMap(([key, value]) => [`--${key}`, `${value}`]);
  if (mixed) flags.push("--use_amp");
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", TASK, ...flags],
    stdout: "piped",
    stderr: "piped",
  })
    .spawn();
}

interface Outcome {
  killed: boolean;
  success: boolean;
  out: string;
  err: string;
}

/** Waits for a run's end. */
async function finish(child: Deno.ChildProcess): Promise<Outcome> {
  const [out, err] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  const { success, signal } = await child.status;
  return { killed: signal === "SIGKILL", success, out, err };
}

/** Starts a run that must reach its end. */
async function complete(...run: Parameters<typeof start>): Promise<Outcome> {
  const outcome = await finish(start(...run));
  assert.ok(outcome.success, outcome.err);
  return outcome;
}

function namesIn(folder: string): string[] {
  try {
    return Array.from(Deno.readDirSync(folder), ({ name }) => name);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return []; // not yet made, or just gone
    throw error;
  }
}

const stepsIn = (folder: string): number[] =>
  namesIn(folder).flatMap((name) => /^checkpoint-(\d+)$/.exec(name)?.slice(1).map(Number) ?? []).sort((
    a,
    b,
  ) => a - b);

/** Compares every file of every checkpoint with its checksum, by other code than the run's own. */
async function checkAll(output: string): Promise<void> {
  for (const step of stepsIn(output)) {
    const folder = `${output}/checkpoint-${step}`;
    const lines = (await Deno.readTextFile(`${folder}/SHA256SUMS`)).trimEnd().split("\n");
    const listed = lines.map((line) => line.slice(66));
    assert.deepEqual(listed.sort(), namesIn(folder).filter((name) => name !== "SHA256SUMS").sort());
    for (const line of lines) {
      const hash = createHash("sha256").update(await Deno.readFile(`${folder}/${line.slice(66)}`));
      assert.equal(hash.digest("hex"), line.slice(0, 64), `${folder}/${line.slice(66)}`);
    }
  }
}

/** What must come out the same: weights and moments at the end. */
async function digest(output: string): Promise<string> {
  const hash = createHash("sha256");
  for (const name of ["model.safetensors", "optimizer.safetensors"]) {
    hash.update(await Deno.readFile(`${output}/${FINISHED}/${name}`));
  }
  return hash.digest("hex");
}

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** A moment of a run to kill it at: how it is spoken of, and the wait for it, which ends early if the run does. */
type Moment = [name: string, wait: (output: string, isOver: () => boolean) => Promise<void>];

/** Any time within what a whole run takes. */
function anyTime(duration: number): Moment {
  const moment = Math.random() * duration;
  return [`after ${(moment / 1000).toFixed(2)} s`, async (_output, isOver) => {
    for (const begin = performance.now(); performance.now() - begin < moment && !isOver();) await pause(5);
  }];
}

/** While a checkpoint is half-written: when so many of its files, whole or half, are there. */
function whileSaving(): Moment {
  const files = Math.floor(Math.random() * 8);
  let saves = 1 + Math.floor(Math.random() * 5);
  const isSaving = (output: string) =>
    namesIn(output).some((name) =>
      /^\.checkpoint-\d+\.partial-/.test(name) && namesIn(`${output}/${name}`).length >= files
    );
  return [`in save ${saves} at ${files} files`, async (output, isOver) => {
    for (let saving = false; !isOver(); await pause(0)) {
      const now = isSaving(output);
      if (now && !saving && --saves === 0) return;
      saving = now;
    }
  }];
}

/** Kills one run over and over; each process goes on where the one before was killed. */
async function testKills(folder: string): Promise<void> {
  await writeCorpus(folder);
  const begin = performance.now();
  await complete(folder, "whole", 3, false);
  const duration = performance.now() - begin;
  const expected = await digest(`${folder}/whole`);
  assert.deepEqual(stepsIn(`${folder}/whole`), [STEPS - 2 * SAVE_STEPS, STEPS - SAVE_STEPS, STEPS]);
  console.log(`uninterrupted: ${(duration / 1000).toFixed(1)} s, ${expected}`);

  const output = `${folder}/out`;
  let newest = 0, halfWritten = 0;
  for (let kill = 1; kill <= KILLS;) {
    const [name, wait] = kill % 2 ? anyTime(duration) : whileSaving();
    const child = start(folder, "out", 3, false);
    let over = false;
    const ending = finish(child).finally(() => over = true);
    await wait(output, () => over);
    if (!over) child.kill("SIGKILL");
    const { killed, success, out, err } = await ending;
    assert.ok(killed || success, err);
    if (out.includes("global step")) assert.equal(newest > 0, out.includes(`checkpoint-${newest}`), out);
    await checkAll(output);
    const steps = stepsIn(output);
    assert.ok((steps.at(-1) ?? 0) >= newest, `checkpoint ${newest} is lost: ${steps}`);
    newest = steps.at(-1) ?? 0;
    if (!killed) { // it got to its end first
      assert.equal(await digest(output), expected);
      assert.equal(steps.length, 3);
      console.log("  finished in between: same bytes, begun anew");
      await Deno.remove(output, { recursive: true });
      newest = 0;
      continue;
    }
    const left = namesIn(output).filter((name) => name.endsWith(`.partial-${child.pid}`)).length;
    if (left > 0) halfWritten++;
    console.log(
      `kill ${kill} ${name}: checkpoints ${steps.join(", ") || "none"} whole` +
        (left > 0 ? ", one half-written" : ""),
    );
    kill++;
  }
  await complete(folder, "out", 3, false);
  assert.equal(await digest(output), expected);
  assert.deepEqual(
    namesIn(output).filter((name) => name.includes("checkpoint")).sort(),
    namesIn(`${folder}/whole`)
      .filter((name) => name.includes("checkpoint")).sort(),
  );
  assert.ok(halfWritten > 0, "a kill fell into a save");
  console.log(`finished after ${KILLS} kills, ${halfWritten} of them in a save: same bytes`);
}

/** Copies a folder without the folders in it. */
async function copyFiles(from: string, to: string): Promise<void> {
  await Deno.mkdir(to);
  for await (const { name, isFile } of Deno.readDir(from)) {
    if (isFile) await Deno.copyFile(`${from}/${name}`, `${to}/${name}`);
  }
}

/** Goes on from each checkpoint of a run, with the logs as they were in the end. */
async function resumeFromEach(folder: string, mixed: boolean): Promise<void> {
  await writeCorpus(folder);
  const whole = `${folder}/whole`;
  const { success, err } = await finish(start(folder, "whole", STEPS, mixed));
  if (mixed && /^error: Cannot use --use_amp/m.test(err)) return console.log(`skipped: ${err.trim()}`);
  assert.ok(success, err);
  const expected = await digest(whole);
  const steps = stepsIn(whole);
  assert.equal(steps.length, STEPS / SAVE_STEPS);
  for (const step of steps.slice(0, -1)) {
    await copyFiles(whole, `${folder}/out`);
    await copyFiles(`${whole}/checkpoint-${step}`, `${folder}/out/checkpoint-${step}`);
    const { out } = await complete(folder, "out", STEPS, mixed);
    assert.match(out, new RegExp(`checkpoint-${step}\\b`));
    assert.equal(await digest(`${folder}/out`), expected, `from step ${step}`);
    await Deno.remove(`${folder}/out`, { recursive: true });
  }
  console.log(`from each of steps ${steps.slice(0, -1).join(", ")}: same bytes, ${expected}`);
}

export const PRETRAIN_TESTS = {
  "pretrain-kills": testKills,
  "pretrain-resume": (folder: string) => resumeFromEach(folder, false),
  "pretrain-resume-mixed": (folder: string) => resumeFromEach(folder, true),
};
