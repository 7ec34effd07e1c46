/**
 * The server under load and ill will, as its command: a classifier of base size in int8, random weights.
 *
 * load: 16 clients for a minute. overload: 20 times as many. end: SIGTERM in the middle of it. crash: workers killed in the
 * middle of it. hostile: 5,000 requests that nobody should send.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import process from "node:process";
import { modelPath, Predictor } from "../../lib/deploy/mod.ts";
import { modelGraph, writeModel } from "../../lib/deploy/onnx/mod.ts";
import { type FinetuningConfig, finetuningShapes, presetConfig } from "../../lib/electra/mod.ts";
import { RandomStream } from "../../lib/packing/mod.ts";
import { generateCorpus } from "../../lib/text/mod.ts";
import { crash } from "../deploy/server_faults.ts";
import { type ServeProcess, start } from "../deploy/serve_process.ts";
import { exported } from "../deploy/served.ts";
import { hostileRequests } from "./hostile.ts";

const SECONDS = 60, CLIENTS = 16;
const TEXTS = [...generateCorpus({ sentences: 200 })];

/** Exports a small classifier and puts a large one in its place. */
async function baseModel(folder: string): Promise<string> {
  const [out] = await exported(folder, ["KUAKE-QIC"]) as [string];
  const { task, vocab_size } = JSON.parse(await Deno.readTextFile(join(out, "config.json")));
  const config: FinetuningConfig = {
    encoder: presetConfig("base", vocab_size).discriminator,
    head: { kind: "sequence-classification", classes: task.labels.length, activation: "tanh" },
  };
  const shapes = finetuningShapes(config), random = new RandomStream({ seed: 1, purpose: "held", epoch: 0 });
  const parameters = (name: string) => {
    const shape = shapes.get(name)!, size = shape.reduce((product, axis) => product * axis, 1);
    const isNorm = /norm\d?\.weight$/i.test(name);
    return {
      shape,
      read: () => Float32Array.from({ length: size }, () => isNorm ? 1 : 0.1 * (random.uniform() - 0.5)),
    };
  };
  await Deno.remove(modelPath(out, "fp32", false));
  await writeModel(
    modelPath(out, "int8", true),
    modelGraph(config, parameters, { format: "int8", packed: true, inputs: 3 }),
  );
  return out;
}

interface Load {
  readonly latencies: number[];
  /** How often each status came; 0: no connection. */
  readonly statuses: Map<number, number>;
}

/** Clients that ask and ask. @param pause Milliseconds after an answer that is no answer. */
async function load(url: string, clients: number, isOver: () => boolean, pause = 0): Promise<Load> {
  const latencies: number[] = [], statuses = new Map<number, number>();
  const client = async (_: unknown, n: number) => {
    for (let i = n; !isOver(); i += clients) {
      const body = JSON.stringify({ data: { text: TEXTS[i % TEXTS.length] } }), begin = performance.now();
      const status = await fetch(`${url}/qic`, { method: "POST", body })
        .then(async (response) => (await response.text(), response.status), () => 0);
      if (status === 200) latencies.push(performance.now() - begin);
      else if (pause > 0) await delay(pause);
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      if (status === 0) return;
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  return { latencies: latencies.sort((a, b) => a - b), statuses };
}

const delay = (milliseconds: number) => new Promise<void>((resolve) => setTimeout(resolve, milliseconds));

function after(seconds: number): () => boolean {
  const end = performance.now() + 1000 * seconds;
  return () => performance.now() > end;
}

/** A number of a server's metrics. */
async function metric(url: string, name: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(new RegExp(`^${name}(?:\\{.*\\})? (\\S+)$`, "m").exec(text)![1]);
}

async function stop({ process, ended }: ServeProcess) {
  process.kill("SIGTERM");
  return await ended;
}

const FLAGS = ["--format", "int8", "--no-access_log"];

/** No error, p99 ≤ 3 × p50, CPU per request ≤ 1.1 × the predictor's; then 20 times as many. */
async function testLoad(folder: string): Promise<void> {
  const model = await baseModel(folder);
  const perText = await cpuOfPredictor(model);
  await using server = await start("--model", `qic=${model}`, ...FLAGS);
  const { url } = server;
  await load(url, CLIENTS, after(3)); // warm
  const before = await metric(url, "process_cpu_seconds_total");
  const { latencies, statuses } = await load(url, CLIENTS, after(SECONDS));
  const perRequest = (await metric(url, "process_cpu_seconds_total") - before) / latencies.length;
  const [p50, p99] = [0.5, 0.99].map((share) => latencies[Math.floor(share * latencies.length)]!) as [
    number,
    number,
  ];
  console.log(
    `${CLIENTS} clients, ${SECONDS} s: ${latencies.length} answers, ${
      (latencies.length / SECONDS).toFixed(1)
    }/s, ` +
      `p50 ${p50.toFixed(0)} ms, p99 ${p99.toFixed(0)} ms (${(p99 / p50).toFixed(2)} ×), CPU ` +
      `${(1000 * perRequest).toFixed(1)} ms a request, the predictor's ${
        (1000 * perText).toFixed(1)
      } ms a text ` +
      `(${(perRequest / perText).toFixed(2)} ×)`,
  );

  const rss = await metric(url, "process_resident_memory_bytes");
  const flood = load(url, 20 * CLIENTS, after(20), 100);
  let most = 0;
  for (const isOver = after(20); !isOver(); await delay(1000)) {
    most = Math.max(most, await metric(url, "process_resident_memory_bytes"));
  }
  const flooded = await flood, begin = performance.now();
  const [status] = (await load(url, 1, once())).statuses.keys(), seconds = (performance.now() - begin) / 1000;
  console.log(
    `${20 * CLIENTS} clients, 20 s: ${
      [...flooded.statuses].map(([status, count]) => `${count} × ${status}`).join(", ")
    }; memory ${(rss / 1e6).toFixed(0)} MB before, at most ${
      (most / 1e6).toFixed(0)
    } MB; then ${status} in ` +
      `${seconds.toFixed(2)} s`,
  );
  assert.deepEqual([[...statuses.keys()], [...flooded.statuses.keys()].sort()], [[200], [200, 429]]);
  assert.ok(most < rss + 100e6);
  assert.ok(status === 200 && seconds < 1);
  assert.equal((await stop(server)).code, 143);
  assert.ok(p99 <= 3 * p50);
  assert.ok(perRequest <= 1.1 * perText);
}

/** True from the second time on. */
function once(): () => boolean {
  let asked = 0;
  return () => asked++ > 0;
}

/** Seconds of CPU that the predictor takes for a text, a thread and a worker. */
async function cpuOfPredictor(model: string): Promise<number> {
  await using predictor = await Predictor.open(model, { threads: 1 });
  await predictor.predictTexts(TEXTS.slice(0, 20));
  const { user, system } = process.cpuUsage();
  for (let round = 0; round < 3; round++) await predictor.predictTexts(TEXTS);
  const now = process.cpuUsage();
  return (now.user - user + now.system - system) / 1e6 / (3 * TEXTS.length);
}

/** SIGTERM under load: what the server took, all clients got. */
async function testEnd(folder: string): Promise<void> {
  const model = await baseModel(folder);
  await using server = await start("--model", `qic=${model}`, "--format", "int8", "--grace", "1");
  const loaded = load(server.url, CLIENTS, () => false);
  await delay(5000);
  const { code, stderr } = await stop(server), { statuses } = await loaded;
  const taken = stderr.split("\n").filter((line) => line.includes('"route":"/:model"')).length;
  console.log(`SIGTERM under load: ${taken} requests taken, ${statuses.get(200)} answers; exit code ${code}`);
  assert.deepEqual([[...statuses.keys()].sort(), statuses.get(200), code], [[0, 200], taken, 143]);
}

/** Workers killed under load. */
async function testCrash(folder: string): Promise<void> {
  await crash(await baseModel(folder));
  console.log("2 workers killed under load: every answer was 200");
}

/** Hostile requests, of which none is answered but with 4xx. */
async function testHostile(folder: string): Promise<void> {
  const [model] = await exported(folder, ["CMeEE"]);
  await using server = await start("--model", `cblue_ner=${model}`, "--workers", "2", "--body_timeout", "1");
  const { url } = server;
  const statuses = new Map<string, number>();
  const memory: number[] = [];
  let sent = 0;
  for (const batch of hostileRequests(url, 5000)) {
    for (const status of await Promise.all(batch.map((send) => send()))) {
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
    sent += batch.length;
    if (sent % 1000 === 0) memory.push(await metric(url, "process_resident_memory_bytes") / 1e6);
  }
  const response = await fetch(`${url}/cblue_ner`, {
    method: "POST",
    body: '{"data": {"text": "夜间发热"}}',
  });
  const { code, stderr } = await stop(server), lines = stderr.trim().split("\n").length;
  console.log(
    `${sent} hostile requests: ${
      [...statuses].sort().map(([status, count]) => `${count} × ${status}`).join(", ")
    }; memory after each ` +
      `thousand ${
        memory.map((megabytes) => megabytes.toFixed(0)).join(", ")
      } MB; then ${response.status}; ${lines} log lines`,
  );
  assert.equal((await response.json()).result.entity.length, 1);
  assert.ok([...statuses.keys()].every((status) => /^4\d\d$|^cut$/.test(status)));
  assert.ok(memory.at(-1)! < memory[0]! + 50);
  assert.equal(code, 143);
  assert.doesNotMatch(stderr, /error:|Error/);
}

export const SERVE_TESTS = {
  "serve load": testLoad,
  "serve end": testEnd,
  "serve crash": testCrash,
  "serve hostile": testHostile,
};
