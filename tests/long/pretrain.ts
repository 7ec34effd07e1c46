/**
 * Pretraining as its command: killed at 20 moments, and gone on from each of its checkpoints; the finished weights must be
 * those of the uninterrupted run, byte for byte. Minutes.
 */
import assert from "node:assert/strict";
import { preprocess } from "../../lib/preprocessing/mod.ts";
import { buildVocabulary, generateCorpus } from "../../lib/text/mod.ts";
import { complete, digest, finish, start, stepsIn, surviveKills } from "../killed_runs.ts";

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

/** Options of a run of the tiny model, but its folder. */
function optionsOf(folder: string, keep: number, mixed: boolean) {
  return {
    input_dir: `${folder}/corpus`,
    preset: "tiny",
    batch_size: 2,
    max_seq_length: 32,
    max_steps: STEPS,
    save_steps: SAVE_STEPS,
    save_total_limit: keep,
    logging_steps: 7, // checkpoints fall between log lines
    use_amp: mixed,
  };
}

/** Kills one run over and over; each process goes on where the one before was killed. */
async function testKills(folder: string): Promise<void> {
  await writeCorpus(folder);
  const options = optionsOf(folder, 3, false), whole = `${folder}/whole`, begin = performance.now();
  await complete("pretrain", { ...options, output_dir: whole });
  const duration = performance.now() - begin;
  assert.deepEqual(stepsIn(whole), [STEPS - 2 * SAVE_STEPS, STEPS - SAVE_STEPS, STEPS]);
  console.log(`uninterrupted: ${(duration / 1000).toFixed(1)} s`);
  await surviveKills(`${folder}/out`, {
    task: "pretrain",
    options,
    whole,
    duration,
    kills: KILLS,
    steps: STEPS,
  });
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
  const whole = `${folder}/whole`, options = optionsOf(folder, STEPS, mixed);
  const { success, err } = await finish(start("pretrain", { ...options, output_dir: whole }));
  if (mixed && /^error: Cannot use --use_amp/m.test(err)) return console.log(`skipped: ${err.trim()}`);
  assert.ok(success, err);
  const expected = await digest(`${whole}/${FINISHED}`);
  const steps = stepsIn(whole);
  assert.equal(steps.length, STEPS / SAVE_STEPS);
  for (const step of steps.slice(0, -1)) {
    await copyFiles(whole, `${folder}/out`);
    await copyFiles(`${whole}/checkpoint-${step}`, `${folder}/out/checkpoint-${step}`);
    const { out } = await complete("pretrain", { ...options, output_dir: `${folder}/out` });
    assert.match(out, new RegExp(`checkpoint-${step}\\b`));
    assert.equal(await digest(`${folder}/out/${FINISHED}`), expected, `from step ${step}`);
    await Deno.remove(`${folder}/out`, { recursive: true });
  }
  console.log(`from each of steps ${steps.slice(0, -1).join(", ")}: same bytes, ${expected}`);
}

export const PRETRAIN_TESTS = {
  "pretrain-kills": testKills,
  "pretrain-resume": (folder: string) => resumeFromEach(folder, false),
  "pretrain-resume-mixed": (folder: string) => resumeFromEach(folder, true),
};
