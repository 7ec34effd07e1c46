/**
 * Pretraining steps side by side with other people's:
 *
 *     deno task bench:pretrain --torch PYTHON --paddle PYTHON --corpus FOLDER [--runs N] [--case TEXT] [--json] [--quick]
 *
 * Two sides at a time train the same model on the same machine, each in a process of its own, and take turns step by step;
 * what is told is the ratio of the medians. With one thread the CPU-seconds of the process count, with two the clock. While a
 * step runs, it is recorded how busy other processes kept the machine: a neighbour shares caches and memory, and beside a busy
 * one the clock of two threads says nothing.
 *
 * - `padded`: the very same full batch of random tokens on both sides, the published sizes, dropout 0.1.
 * - `recompute`: activations computed twice, against ourselves and against Paddle's memory.
 * - `corpus`: sentences per CPU-second on a real corpus, 512 positions: our packed rows against padding as the original does
 *   it, in Paddle and in PyTorch, and against PyTorch with sentences of like lengths together, in several ways, of which the
 *   fastest counts. Batches of the peers are made beforehand, ours while the clock runs.
 *
 * Peers: PaddleNLP's own classes (`--paddle`), and the same model in PyTorch (`--torch`): `full` works at every position like
 * the original, `lean` only where a loss is.
 *
 * @module
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { fileURLToPath } from "node:url";
import { type Preset, presetConfig } from "../lib/electra/mod.ts";
import { Corpus, openBatches, planLayout, slots } from "../lib/packing/mod.ts";
import type { Precision } from "../lib/tensorflow/mod.ts";
import { Vocabulary } from "../lib/text/mod.ts";
import { lengthBuckets, paddedBatch, type PlainBatch, randomBatch, saveBatches } from "./peers/batches.ts";
import { race, type Side, type Timing } from "./peers/race.ts";
import { drivers, type StepSpec } from "./peers/step_process.ts";

const VOCABULARY = 22608; // of the published model
/** Rows of both views, and tokens a row. */
const SHAPES = [[4, 128], [16, 128], [4, 512]] as const;
const RATE = 1e-5, MASK_PROBABILITY = 0.15, POSITIONS = 512, SEED = 1000;
/** Sentences a step of the peers that pad to 512: four rows. */
const PADDED_SENTENCES = 2;
/** Batches that stand for all of a kind, spread over their lengths or over the corpus. */
const SAMPLE = 4;

type Peer = "paddle" | "full" | "lean";
const PEERS: Record<Peer, string> = { paddle: "Paddle", full: "PyTorch full", lean: "PyTorch lean" };

/** A line of the table. */
interface Line {
  readonly case: string;
  readonly unit: "CPU-s" | "s" | "GB" | "sentences/CPU-s";
  readonly ours: number;
  readonly peer?: number | undefined;
  /** What the ratio is to be: at most, or of rates at least. */
  readonly goal?: number | undefined;
  /** Where the numbers come from: ours, then the peer's. */
  readonly timings: readonly Timing[];
}

const { values: flags } = parseArgs({
  options: {
    torch: { type: "string" },
    paddle: { type: "string" },
    oracle: { type: "string", default: fileURLToPath(new URL("../../shared/oracle", import.meta.url)) },
    corpus: { type: "string" },
    batch_size: { type: "string", default: "32" },
    runs: { type: "string", default: "5" },
    case: { type: "string", default: "" },
    quick: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
const HOW_TO_MAKE = {
  torch: "python3 -m venv .venv-peers/torch && " +
    ".venv-peers/torch/bin/pip install -r ../shared/oracle/requirements-torch.txt",
  paddle: "python3.11 -m venv .venv-peers/paddle && " +
    ".venv-peers/paddle/bin/pip install -r ../shared/oracle/requirements.txt",
};
const HELP = `deno task bench:pretrain [flags]

  --torch PYTHON    a Python with torch and transformers; make one with
                    ${HOW_TO_MAKE.torch}
  --paddle PYTHON   a Python with paddlepaddle and paddlenlp; make one with
                    ${HOW_TO_MAKE.paddle}
  --oracle FOLDER   where torch_ernie_health.py is (../shared/oracle)
  --corpus FOLDER   what \`deno task preprocess\` made; without it the cases on a corpus are left out
  --batch_size N    sentences a step of ours on the corpus (32); the peer with buckets gets as many tokens
  --runs N          timed steps a side (5); Paddle takes over a minute for one of 4x512
  --case TEXT       only cases with this in their names
  --quick           one case of a small model against PyTorch, within a minute
  --json            a line of JSON per case`;

const runs = flags.quick ? 3 : Number(flags.runs);
/** What has been said and is not said again. */
const notes = new Set<string>();

if (flags.help) console.log(HELP);
else {
  const folder = await Deno.makeTempDir();
  try {
    await runAll(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function runAll(folder: string) {
  note(`${processor("model name")}, ${navigator.hardwareConcurrency} cores`);
  for (const name of ["torch", "paddle"] as const) {
    const missing = !flags[name] && !(flags.quick && name === "paddle");
    if (missing) note(`Without --${name} its cases are left out; to make one: ${HOW_TO_MAKE[name]}`);
  }
  if (!flags.json) {
    console.log("case | ours | peer | ratio | goal | unit | cores busy with others: median, most");
  }
  if (flags.quick) {
    return await paddedCase(folder, {
      preset: "small",
      rows: 4,
      width: 128,
      precision: "float32",
      threads: 1,
    });
  }
  const precisions: Precision[] = ["float32", "mixed_bfloat16"];
  if (!/avx512_bf16|amx_bf16|bf16/.test(processor("flags|Features"))) {
    note("Mixed bfloat16 is not measured: this processor has no instructions for it");
    precisions.pop();
  }
  for (const precision of precisions) {
    for (const [rows, width] of SHAPES) {
      for (const threads of [1, 2]) {
        await paddedCase(folder, { preset: "base", rows, width, precision, threads });
      }
    }
  }
  await recomputeCase(folder);
  for (const precision of precisions) await corpusCases(folder, precision);
}

/** What is trained in a padded case. */
interface Padded {
  readonly preset: Preset;
  readonly rows: number;
  readonly width: number;
  readonly precision: Precision;
  readonly threads: number;
}

async function paddedCase(folder: string, padded: Padded) {
  const { preset, rows, width, precision, threads } = padded;
  const goals: Partial<Record<Peer, number>> = flags.quick
    ? {}
    : precision === "float32"
    ? { paddle: 0.25, lean: 0.8 }
    : { lean: 0.75 };
  const peers: Peer[] = flags.quick
    ? ["lean"]
    : precision === "float32"
    ? ["lean", "full", "paddle"]
    : ["lean", "full"];
  const name = `padded ${preset} ${rows}x${width} ${precision} ${threads} thread${threads > 1 ? "s" : ""}`;
  const spec = await randomSpec(folder, padded);
  for (const peer of withAPython(peers)) {
    const title = `${name}, ${PEERS[peer]}`;
    if (!title.includes(flags.case)) continue;
    const timings = await race([ourSide(spec), peerSide(peer, spec)], runs, RATE);
    report({
      case: title,
      ...(threads === 1 ? cpuSeconds(timings) : wallSeconds(timings)),
      goal: goals[peer],
    });
    if (threads > 1) continue;
    report({
      case: `${title}, peak memory`,
      ...memory(timings),
      goal: peer === "lean" && !flags.quick ? 0.75 : undefined,
    });
  }
  if (withAPython(peers).length === 0 && name.includes(flags.case)) {
    const timings = await race([ourSide(spec)], runs, RATE);
    report({ case: name, ...(threads === 1 ? cpuSeconds(timings) : wallSeconds(timings)) });
  }
}

/** Activations computed twice: time against our own without, memory against Paddle's. */
async function recomputeCase(folder: string) {
  const name = "recompute base 4x512 float32 1 thread";
  const spec = await randomSpec(folder, {
    preset: "base",
    rows: 4,
    width: 512,
    precision: "float32",
    threads: 1,
  });
  const frugal = ourSide({ ...spec, recompute: true });
  const without = `${name}, ours without`;
  if (without.includes(flags.case)) {
    const timings = await race([frugal, ourSide(spec)], runs, RATE);
    report({ case: without, ...cpuSeconds(timings), goal: 1.35 });
    report({ case: `${without}, peak memory`, ...memory(timings) });
  }
  const paddle = `${name}, ${PEERS.paddle}, peak memory`;
  if (paddle.includes(flags.case) && flags.paddle) {
    report({ case: paddle, ...memory(await race([frugal, peerSide("paddle", spec)], 1, RATE)), goal: 0.45 });
  }
}

/** Sentences per CPU-second on a corpus. */
async function corpusCases(folder: string, precision: Precision) {
  const prefix = `corpus base ${precision} 1 thread`;
  const isWanted = (name: string) => name.includes(flags.case);
  if (!flags.corpus) return note("Cases on a corpus are left out: they need --corpus");
  const vocabulary = await Vocabulary.read(join(flags.corpus, "vocab.txt"));
  using corpus = await Corpus.open(flags.corpus, vocabulary);
  const masking = { vocabulary, mlmProb: MASK_PROBABILITY, seed: SEED };
  const base: StepSpec = { config: presetConfig("base", vocabulary.size), precision, threads: 1, seed: SEED };

  const batchSize = Number(flags.batch_size);
  const layout = planLayout(corpus, { ...masking, batchSize, maxSeqLength: POSITIONS, packing: "rows" });
  const stream = { corpus: flags.corpus, layout, maskProbability: MASK_PROBABILITY };
  const packed = {
    side: ourSide({ ...base, stream }),
    sentences: await sentencesAStep(corpus, { ...masking, layout }),
  };
  note(
    `Packed rows: ${layout.groups.map(({ rows, width }) => `${rows}x${width}`).join(" + ")}, ` +
      `${packed.sentences.toFixed(1)} sentences a step`,
  );
  const compare = async (name: string, peer: { side: Side; sentences: number }, goal: number) => {
    const timings = await race([packed.side, peer.side], runs, RATE);
    const [ours, theirs] = timings as [Timing, Timing];
    const rates = { ours: packed.sentences / ours.cpu, peer: peer.sentences / theirs.cpu };
    report({ case: name, unit: "sentences/CPU-s", ...rates, goal, timings });
  };

  const spread = Array.from(
    { length: SAMPLE * PADDED_SENTENCES },
    (_, i) => Math.floor(i * corpus.length / SAMPLE / 2),
  );
  const padded = Array.from({ length: SAMPLE }, (_, i) => spread.slice(2 * i, 2 * i + 2));
  const batches = await save(
    folder,
    padded.map((numbers) => paddedBatch(corpus, numbers, POSITIONS, masking)),
  );
  for (const peer of withAPython(["lean", "paddle"])) {
    const name = `${prefix}, ${PEERS[peer]} padded to ${POSITIONS}`;
    if (!isWanted(name)) continue;
    // Paddle computes nothing in bfloat16 on a processor: what it is compared with is its float32.
    const spec = { ...base, batches, ...(peer === "paddle" && { precision: "float32" as const }) };
    const goal = peer === "lean" ? 15 : precision === "float32" ? 50 : 80;
    await compare(
      name,
      { side: { ...peerSide(peer, spec), batches: SAMPLE }, sentences: PADDED_SENTENCES },
      goal,
    );
  }

  const lengths = Array.from(
    { length: corpus.length },
    (_, n) => Math.min(POSITIONS, corpus.tokensOf(n) + 2),
  );
  const tokens = slots(layout), all = corpus.length;
  for (const [most, pool] of [[tokens, all], [tokens / 2, all], [2 * tokens, all], [tokens, 4096]] as const) {
    const name = `${prefix}, ${PEERS.lean} in buckets: ${most} tokens of ${pool} sorted sentences`;
    if (!isWanted(name) || !flags.torch) continue;
    const buckets = lengthBuckets(lengths, most, pool);
    const sample = Array.from(
      { length: SAMPLE },
      (_, i) => buckets[Math.floor((i + 0.5) * buckets.length / SAMPLE)]!,
    );
    const batches = await save(
      folder,
      sample.map(({ numbers, width }) => paddedBatch(corpus, numbers, width, masking)),
    );
    const side = { ...peerSide("lean", { ...base, batches }), batches: SAMPLE };
    await compare(name, { side, sentences: all / buckets.length }, 1.2);
  }
}

/** Sentences that packed rows hold on average. */
async function sentencesAStep(corpus: Corpus, options: Parameters<typeof openBatches>[1]): Promise<number> {
  const STEPS = 300;
  using batches = openBatches(corpus, options);
  let sentences = 0;
  for (let step = 0; step < STEPS; step++) sentences += (await batches.next()).sentences;
  return sentences / STEPS;
}

function ourSide(spec: StepSpec): Side {
  return { command: drivers.ours(), spec, warmup: 2, batches: 1 }; // the first compiles, the second still makes room
}

function peerSide(peer: Peer, spec: StepSpec): Side {
  const rest = { warmup: 1, batches: 1 };
  if (peer === "paddle") return { ...rest, command: drivers.paddle(flags.paddle!), spec };
  return {
    ...rest,
    command: drivers.torch(flags.torch!),
    spec: { ...spec, mode: peer, oracle: flags.oracle },
  };
}

function withAPython(peers: readonly Peer[]): Peer[] {
  return peers.filter((peer) => peer === "paddle" ? flags.paddle : flags.torch);
}

async function randomSpec(
  folder: string,
  { preset, rows, width, precision, threads }: Padded,
): Promise<StepSpec> {
  const batches = await save(folder, [randomBatch(rows, width, VOCABULARY)]);
  return { config: presetConfig(preset, VOCABULARY), precision, threads, seed: SEED, batches };
}

async function save(folder: string, batches: readonly PlainBatch[]): Promise<string> {
  const file = await Deno.makeTempFile({ dir: folder, suffix: ".npz" });
  await saveBatches(file, batches);
  return file;
}

function cpuSeconds(timings: readonly Timing[]) {
  const [ours, peer] = timings.map(({ cpu }) => cpu);
  return { unit: "CPU-s", ours: ours!, peer, timings } as const;
}

function wallSeconds(timings: readonly Timing[]) {
  const [ours, peer] = timings.map(({ wall }) => wall);
  return { unit: "s", ours: ours!, peer, timings } as const;
}

function memory(timings: readonly Timing[]) {
  const [ours, peer] = timings.map(({ peak }) => peak / 2 ** 30);
  return { unit: "GB", ours: ours!, peer, timings } as const;
}

/** Prints a line of the table. */
function report({ case: name, unit, ours, peer, goal, timings }: Line) {
  const ratio = peer === undefined ? undefined : ours / peer;
  const others = {
    median: Math.max(...timings.map(({ others }) => others.median)),
    most: Math.max(...timings.map(({ others }) => others.most)),
  };
  if (flags.json) {
    const orNull = { peer: peer ?? null, ratio: ratio ?? null, goal: goal ?? null };
    const versions = timings.map(({ version }) => version);
    console.log(
      JSON.stringify({ bench: "pretrain", case: name, ours, ...orNull, unit, runs, others, versions }),
    );
    return;
  }
  for (const { version } of timings) note(version);
  const cell = (value: number | undefined) => value?.toFixed(2) ?? "–";
  const bound = goal === undefined ? "–" : `${unit === "sentences/CPU-s" ? "≥" : "≤"} ${goal}`;
  const busy = `${others.median.toFixed(2)}, ${others.most.toFixed(2)}`;
  console.log([name, cell(ours), cell(peer), cell(ratio), bound, unit, busy].join(" | "));
}

/** Says something once, beside the table. */
function note(text: string) {
  if (!notes.has(text)) console.error(text);
  notes.add(text);
}

/** What the system tells of the processor, if it does. */
function processor(field: string): string {
  if (Deno.build.os !== "linux") return Deno.build.arch;
  return Deno.readTextFileSync("/proc/cpuinfo").match(new RegExp(`^(?:${field})\\s*: (.*)`, "m"))?.[1] ??
    Deno.build.arch;
}
