/**
 * Preprocessing as its command, on inputs that take minutes.
 *
 * kills: SIGKILL at 20 random moments of a run on 20 MB; each time the resumed result must equal the uninterrupted one by
 * hash. memory: 300 MB of text with two workers; the process must never take more than 1 GB. Linux only.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { buildVocabulary, generateCorpus } from "../../lib/text/mod.ts";

const TASK = `${import.meta.dirname}/../../tasks/preprocess.ts`;
const FILES = ["samples_ids.npy", "samples_idx.npz", "samples_marks.npy", "samples_report.json"];
const KILLS = 20;
const MB = 1e6;
const MEMORY_LIMIT = 1 << 20; // kB

/** Writes distinct sentences, so many bytes, and a vocabulary for them. */
async function writeInput(folder: string, bytes: number): Promise<void> {
  const sentences = [...generateCorpus({ sentences: 10_000 })];
  await (await buildVocabulary(sentences)).vocabulary.write(`${folder}/vocab.txt`);
  await Deno.mkdir(`${folder}/in`);
  using file = await Deno.open(`${folder}/in/text.txt`, { write: true, create: true });
  const utf8 = new TextEncoder();
  for (let [written, round] = [0, 0]; written < bytes; round++) {
    const piece = utf8.encode(sentences.map((sentence) => `${sentence}${round}\n`).join(""));
    for (let at = 0; at < piece.length;) at += await file.write(piece.subarray(at));
    written += piece.length;
  }
}

/** Starts the command on the input. */
function start(folder: string, name: string): Deno.ChildProcess {
  const options = {
    input_path: `${folder}/in`,
    output_file: `${folder}/${name}/samples`,
    vocab_file: `${folder}/vocab.txt`,
    tokenize_tool: "jieba",
    num_worker: "2",
    logging_steps: "1000000",
  };
  const flags = Object.entries(options).flatMap(([key, value]) => [`--${key}`, value]);
  return new Deno.Command(Deno.execPath(), { args: ["run", "-A", TASK, ...flags], stderr: "piped" }).spawn();
}

/** Waits for a run's end; kills it after so many milliseconds. */
async function finish(
  child: Deno.ChildProcess,
  killAfter = Infinity,
): Promise<{ killed: boolean; log: string }> {
  const timer = killAfter < Infinity ? setTimeout(() => child.kill("SIGKILL"), killAfter) : undefined;
  const log = await new Response(child.stderr).text();
  const { success, signal } = await child.status;
  clearTimeout(timer);
  assert.ok(success || signal === "SIGKILL", log);
  return { killed: signal === "SIGKILL", log };
}

async function digest(folder: string): Promise<string> {
  const hash = createHash("sha256");
  for (const name of FILES) hash.update(await Deno.readFile(`${folder}/${name}`));
  return hash.digest("hex");
}

/** Kills at random moments, each run once, and lets the next one finish. */
async function testKills(folder: string): Promise<void> {
  await writeInput(folder, 20 * MB);
  const begin = performance.now();
  await finish(start(folder, "whole"));
  const time = performance.now() - begin;
  const expected = await digest(`${folder}/whole`);
  console.log(`uninterrupted: ${(time / 1000).toFixed(1)} s, ${expected}`);
  for (let kill = 1; kill <= KILLS;) {
    const moment = Math.random() * time;
    const { killed } = await finish(start(folder, "out"), moment);
    if (!killed) continue; // it was faster this time
    const { log } = await finish(start(folder, "out"));
    const resumed = /Resuming at [\d.]+ of [\d.]+ MB/.exec(log)?.[0] ?? "started over, nothing was saved yet";
    assert.equal(await digest(`${folder}/out`), expected, `killed after ${moment} ms`);
    console.log(`kill ${kill} after ${(moment / 1000).toFixed(2)} s: ${resumed}; same bytes`);
    await Deno.remove(`${folder}/out`, { recursive: true });
    kill++;
  }
}

/** Largest memory that a process has had, in kB. */
function peakMemory(pid: number): number {
  try {
    return Number(/VmHWM:\s*(\d+) kB/.exec(Deno.readTextFileSync(`/proc/${pid}/status`))?.[1] ?? 0);
  } catch {
    return 0; // it has ended
  }
}

async function testMemory(folder: string): Promise<void> {
  await writeInput(folder, 300 * MB);
  const begin = performance.now();
  const child = start(folder, "out");
  const peaks: number[] = [];
  const timer = setInterval(() => peaks.push(peakMemory(child.pid)), 500);
  const { log } = await finish(child);
  clearInterval(timer);
  const peak = Math.max(...peaks);
  const quarters = [1, 2, 3].map((i) => peaks[Math.floor(i * peaks.length / 4)]!);
  console.log(log.split("\n").slice(-5).join("\n"));
  console.log(
    `peak memory ${Math.round(peak / 1024)} MiB; after a quarter, half, three quarters of the time: ` +
      `${quarters.map((kb) => Math.round(kb / 1024)).join(", ")} MiB; ${
        Math.round((performance.now() - begin) / 1000)
      } s`,
  );
  assert.ok(peak <= MEMORY_LIMIT, `${peak} kB`);
}

export const PREPROCESS_TESTS = { "preprocess-kills": testKills, "preprocess-memory": testMemory };
