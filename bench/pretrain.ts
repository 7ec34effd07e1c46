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
import { Vocabulary } from "../lib/text/mod.ts";
import { lengthBuckets, paddedBatch, type PlainBatch, randomBatch, saveBatches } from "./peers/batches.ts";
import { race, type Side, type Timing } from "./peers/race.ts";
import { drivers, type StepSpec, type StreamSpec } from "./peers/step_process.ts";
import { processor } from "./peers/machine.ts";
import { memoryOf, secondsOf, Table } from "./peers/table.ts";

const VOCABULARY = 22608; // of the published model
/** Rows of both views, and tokens a row. */
const SHAPES = [[4, 128], [16, 128], [4, 512]] as const;
const RATE = 1e-5, MASK_PROBABILITY = 0.15, POSITIONS = 512, SEED = 1000;
/** Sentences a step of the peers that pad to 512: four rows. */
const PADDED_SENTENCES = 2;
/** Batches that stand for all of a kind, spread over their lengths or over the corpus. */
const SAMPLE = 4;

/** What cases begin with. */
const KINDS = ["padded", "recompute", "corpus"];

type Peer = "paddle" | "full" | "lean";
const PEERS: Record<Peer, string> = { paddle: "Paddle", full: "PyTorch full", lean: "PyTorch lean" };

type Measured = "float32" | "mixed_bfloat16";
/** Who takes part: Paddle computes nothing in bfloat16 on a processor. */
const PEERS_WITH: Record<Measured, readonly Peer[]> = {
  float32: ["lean", "full", "paddle"],
  mixed_bfloat16: ["lean", "full"],
};
/** What ratios to the peers are to be reached: of padded steps, of their memory, of rates on a corpus. */
const STEP_GOALS: Record<Measured, Partial<Record<Peer, number>>> = {
  float32: { paddle: 0.25, lean: 0.8 },
  mixed_bfloat16: { lean: 0.75 },
};
const MEMORY_GOALS: Partial<Record<Peer, number>> = { lean: 0.75 };
const CORPUS_GOALS: Record<Measured, Partial<Record<Peer, number>>> = {
  float32: { paddle: 50, lean: 15 },
  mixed_bfloat16: { paddle: 80, lean: 15 },
};
const BUCKETS_GOAL = 1.2, RECOMPUTE_GOALS = { time: 1.35, memory: 0.45 };

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
  --case TEXT       only cases with these words in their names; first of all padded, recompute or corpus
  --quick           one case of a small model against PyTorch, within a minute
  --json            a line of JSON per case`;

const runs = flags.quick ? 3 : Number(flags.runs);
const table = new Table({ bench: "pretrain", json: flags.json || flags.help, runs });

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
  table.note(`${processor("model name")}, ${navigator.hardwareConcurrency} cores`);
  for (const name of ["torch", "paddle"] as const) {
    const missing = !flags[name] && !(flags.quick && name === "paddle");
    if (missing) table.note(`Without --${name} its cases are left out; to make one: ${HOW_TO_MAKE[name]}`);
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
  const precisions: Measured[] = ["float32", "mixed_bfloat16"];
  if (!/avx512_bf16|amx_bf16|bf16/.test(processor("flags|Features"))) {
    table.note("Mixed bfloat16 is not measured: this processor has no instructions for it");
    precisions.pop();
  }
  const only = KINDS.filter((kind) => flags.case.includes(kind));
  const kinds = only.length > 0 ? only : KINDS;
  for (const precision of kinds.includes("padded") ? precisions : []) {
    for (const [rows, width] of SHAPES) {
      for (const threads of [1, 2]) {
        await paddedCase(folder, { preset: "base", rows, width, precision, threads });
      }
    }
  }
  if (kinds.includes("recompute")) await recomputeCase(folder);
  for (const precision of kinds.includes("corpus") ? precisions : []) await corpusCases(folder, precision);
}

/** Whether a case has every word of `--case` in its name. */
function isWanted(name: string): boolean {
  return flags.case.split(" ").every((word) => name.includes(word));
}

/** What is trained in a padded case. */
interface Padded {
  readonly preset: Preset;
  readonly rows: number;
  readonly width: number;
  readonly precision: Measured;
  readonly threads: number;
}

async function paddedCase(folder: string, padded: Padded) {
  const { preset, rows, width, precision, threads } = padded;
  const peers = flags.quick ? ["lean"] as const : PEERS_WITH[precision];
  const name = `padded ${preset} ${rows}x${width} ${precision} ${threads}-thread`;
  const spec = await randomSpec(folder, padded);
  for (const peer of withAPython(peers)) {
    const title = `${name}, ${PEERS[peer]}`;
    if (!isWanted(title)) continue;
    const timings = await race([ourSide(spec), peerSide(peer, spec)], runs, RATE);
    table.add({
      case: title,
      ...secondsOf(threads, timings),
      goal: preset === "base" ? STEP_GOALS[precision][peer] : undefined,
    });
    if (threads > 1) continue;
    table.add({
      case: `${title}, peak memory`,
      ...memoryOf(timings),
      goal: preset === "base" ? MEMORY_GOALS[peer] : undefined,
    });
  }
  if (withAPython(peers).length === 0 && isWanted(name)) {
    const timings = await race([ourSide(spec)], runs, RATE);
    table.add({ case: name, ...secondsOf(threads, timings) });
  }
}

/** Activations computed twice: time against our own without, memory against Paddle's. */
async function recomputeCase(folder: string) {
  const name = "recompute base 4x512 float32 1-thread";
  const spec = await randomSpec(folder, {
    preset: "base",
    rows: 4,
    width: 512,
    precision: "float32",
    threads: 1,
  });
  const frugal = ourSide({ ...spec, recompute: true });
  const without = `${name}, ours without`;
  if (isWanted(without)) {
    const timings = await race([frugal, ourSide(spec)], runs, RATE);
    table.add({ case: without, ...secondsOf(1, timings), goal: RECOMPUTE_GOALS.time });
    table.add({ case: `${without}, peak memory`, ...memoryOf(timings) });
  }
  const paddle = `${name}, ${PEERS.paddle}, peak memory`;
  if (isWanted(paddle) && flags.paddle) {
    table.add({
      case: paddle,
      ...memoryOf(await race([frugal, peerSide("paddle", spec)], 1, RATE)),
      goal: RECOMPUTE_GOALS.memory,
    });
  }
}

/** Our side of the cases on a corpus, and what the peers' is made from. */
interface OnCorpus {
  readonly corpus: Corpus;
  readonly masking: { readonly vocabulary: Vocabulary; readonly mlmProb: number; readonly seed: number };
  readonly layout: StreamSpec["layout"];
  /** What all sides train, without their batches. */
  readonly base: StepSpec;
  readonly ours: Rated;
  readonly precision: Measured;
}

/** A side, and how many sentences its steps have on average. */
interface Rated {
  readonly side: Side;
  readonly sentences: number;
}

/** Sentences per CPU-second on a corpus. */
async function corpusCases(folder: string, precision: Measured) {
  if (!flags.corpus) return table.note("Cases on a corpus are left out: they need --corpus");
  const vocabulary = await Vocabulary.read(join(flags.corpus, "vocab.txt"));
  using corpus = await Corpus.open(flags.corpus, vocabulary);
  const masking = { vocabulary, mlmProb: MASK_PROBABILITY, seed: SEED };
  const batchSize = Number(flags.batch_size);
  const layout = planLayout(corpus, { ...masking, batchSize, maxSeqLength: POSITIONS, packing: "rows" });
  const stream = { corpus: flags.corpus, layout, maskProbability: MASK_PROBABILITY };
  const base = { config: presetConfig("base", vocabulary.size), precision, threads: 1, seed: SEED };
  const sentences = await sentencesAStep(corpus, { ...masking, layout });
  const rows = layout.groups.map(({ rows, width }) => `${rows}x${width}`).join(" + ");
  table.note(`Packed rows: ${rows}, ${sentences.toFixed(1)} sentences a step`);
  const setup = {
    corpus,
    masking,
    layout,
    base,
    precision,
    ours: { side: ourSide({ ...base, stream }), sentences },
  };
  await againstPadding(folder, setup);
  await againstBuckets(folder, setup);
}

/** Every sentence in a row of 512, as the original does it. */
async function againstPadding(folder: string, setup: OnCorpus) {
  const { corpus, masking, base, precision } = setup;
  const batches = await save(
    folder,
    Array.from({ length: SAMPLE }, (_, i) => {
      const numbers = Array.from({ length: PADDED_SENTENCES }, (_, j) => i + j * SAMPLE)
        .map((k) => Math.floor(k * corpus.length / (SAMPLE * PADDED_SENTENCES)));
      return paddedBatch(corpus, numbers, POSITIONS, masking);
    }),
  );
  for (const peer of withAPython(["lean", "paddle"])) {
    const name = `${PEERS[peer]} padded to ${POSITIONS}`;
    // Paddle computes nothing in bfloat16 on a processor: then it is its float32 that ours is compared with.
    const spec = { ...base, batches, ...(peer === "paddle" && { precision: "float32" as const }) };
    const side = { ...peerSide(peer, spec), batches: SAMPLE };
    await compareRates(setup, name, { side, sentences: PADDED_SENTENCES }, CORPUS_GOALS[precision][peer]);
  }
}

/** Sentences of like lengths together, padded to the longest of the batch. */
async function againstBuckets(folder: string, setup: OnCorpus) {
  const { corpus, masking, base, layout } = setup;
  const lengthOf = (n: number) => Math.min(POSITIONS, corpus.tokensOf(n) + 2);
  const lengths = Array.from({ length: corpus.length }, (_, n) => lengthOf(n));
  const tokens = slots(layout), all = corpus.length;
  for (const [most, pool] of [[tokens, all], [tokens / 2, all], [2 * tokens, all], [tokens, 4096]] as const) {
    if (!flags.torch) continue;
    const buckets = lengthBuckets(lengths, most, pool);
    const sample = Array.from({ length: SAMPLE }, (_, i) => Math.floor((i + 0.5) * buckets.length / SAMPLE))
      .map((i) => paddedBatch(corpus, buckets[i]!.numbers, buckets[i]!.width, masking));
    const spec = { ...base, batches: await save(folder, sample) };
    const side = { ...peerSide("lean", spec), batches: SAMPLE, warmup: SAMPLE };
    const name = `${PEERS.lean} in buckets of ${most} tokens out of ${pool} sorted sentences`;
    await compareRates(setup, name, { side, sentences: all / buckets.length }, BUCKETS_GOAL);
  }
}

async function compareRates(
  { ours, precision }: OnCorpus,
  name: string,
  peer: Rated,
  goal: number | undefined,
) {
  const title = `corpus base ${precision} 1-thread, ${name}`;
  if (!isWanted(title)) return;
  const timings = await race([ours.side, peer.side], Math.ceil(runs / SAMPLE), RATE);
  const [mine, theirs] = timings as [Timing, Timing];
  const rates = { ours: ours.sentences / mine.cpu, peer: peer.sentences / theirs.cpu };
  table.add({ case: title, unit: "sentences/CPU-s", ...rates, goal, timings });
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
