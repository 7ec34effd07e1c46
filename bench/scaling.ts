/**
 * What several processes that train together cost, each on a core of its own:
 *
 *     deno task bench:scaling [--processes 2] [--preset base] [--rows 16] [--width 128] [--runs N] [--json] [--quick]
 *
 * Every process has a batch of the same size, whatever their number (weak scaling). In turn, so that a change of the machine's
 * mood meets all alike: one process makes a step while the other cores are idle; as many as there are to be make a step each
 * and exchange nothing, which tells what sharing caches and memory costs; they make a step together; they average gradients
 * of the model's shapes without computing any.
 *
 * - `weak scaling`: rows per second and process, against one process alone, and against those that exchange nothing.
 * - `bytes`: what a process sends in a step, TCP's headers and acknowledgements included, against the least that averaging
 *   takes, 2 (N − 1) / N of the gradients' bytes.
 * - `reduction`: seconds that a step is longer for it, against the seconds that it takes by itself: the rest is hidden behind
 *   the computation.
 *
 * @module
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Cluster } from "../lib/cluster/mod.ts";
import { loopbackPlaces } from "../lib/cluster/nodes.ts";
import { type Preset, presetConfig } from "../lib/electra/mod.ts";
import { randomBatch, saveBatches } from "./peers/batches.ts";
import { busySeconds, loopbackBytes, processor } from "./peers/machine.ts";
import { median, type Timing } from "./peers/race.ts";
import { drivers, type StepCost, StepProcess, type StepSpec } from "./peers/step_process.ts";
import { type Line, Table } from "./peers/table.ts";

const VOCABULARY = 22608; // of the published model
const RATE = 1e-5, SEED = 1000, WARMUP = 2, FLOAT_BYTES = 4;
/** What one process more may cost: rows per second and process, against one alone. */
const GOAL = 0.85;

const { values: flags } = parseArgs({
  options: {
    processes: { type: "string", default: "2" },
    preset: { type: "string", default: "base" },
    rows: { type: "string", default: "16" },
    width: { type: "string", default: "128" },
    runs: { type: "string", default: "5" },
    quick: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
const HELP = `deno task bench:scaling [flags]

  --processes N     processes that train together, each on a core of its own (2)
  --preset NAME     the model (base)
  --rows N          rows of each process's batch, of both views (16)
  --width N         tokens a row (128)
  --runs N          timed steps (5)
  --quick           a small model, 4 rows, within a minute
  --json            a line of JSON per case`;

if (flags.help) console.log(HELP);
else await run();

/** Runs all cases. */
async function run() {
  const size = Number(flags.processes), cores = navigator.hardwareConcurrency;
  const preset = (flags.quick ? "small" : flags.preset) as Preset;
  const rows = flags.quick ? 4 : Number(flags.rows), width = Number(flags.width);
  const runs = flags.quick ? 3 : Number(flags.runs);
  const table = new Table({ bench: "scaling", json: flags.json, runs });
  table.note(`${processor("model name")}, ${cores} cores`);
  if (size > cores) table.note(`${size} processes share ${cores} cores: what is told is no scaling`);

  const folder = await Deno.makeTempDir();
  await using stack = new AsyncDisposableStack();
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  const batches = join(folder, "batches.npz");
  await saveBatches(batches, [randomBatch(rows, width, VOCABULARY)]);
  const config = presetConfig(preset, VOCABULARY);
  const spec: StepSpec = { config, precision: "float32", threads: 1, seed: SEED, batches };
  const { addresses, coordinator } = loopbackPlaces(size);
  const clusters = addresses.map((_, rank): Cluster => ({ rank, size, addresses, coordinator }));
  const strangers = await startAll(stack, clusters.map(() => spec));
  const partners = await startAll(stack, clusters.map((cluster) => ({ ...spec, cluster })));
  const { version, parameters } = strangers[0]!;

  const step = (process: StepProcess) => process.step(0, RATE);
  const [alone, apart, together, reduced] = await inTurn(runs, [
    () => costOf(strangers.slice(0, 1), step),
    () => costOf(strangers, step),
    () => costOf(partners, step),
    () => costOf(partners, (process) => process.reduce()),
  ]) as [Cost, Cost, Cost, Cost];

  const name = `${preset} ${rows}x${width} float32, ${size} processes`;
  const add = (line: Omit<Line, "timings">) =>
    table.add({
      ...line,
      timings: [alone, apart, together, reduced].map(({ others }) => ({ version, others })),
    });
  const rate = ({ wall }: Cost) => rows / wall;
  add({
    case: `weak scaling ${name}, against one alone`,
    unit: "rows/s",
    ours: rate(together),
    peer: rate(alone),
    goal: flags.quick ? undefined : GOAL,
  });
  add({
    case: `weak scaling ${name}, against as many that exchange nothing`,
    unit: "rows/s",
    ours: rate(together),
    peer: rate(apart),
  });
  add({
    case: `bytes ${name}, sent by each in a step, against the least`,
    unit: "GB",
    ours: together.bytes / size / 1e9,
    peer: 2 * (size - 1) / size * FLOAT_BYTES * parameters / 1e9,
  });
  add({
    case: `reduction ${name}, what it adds to a step, against what it takes by itself`,
    unit: "s",
    ours: Math.max(0, together.wall - apart.wall),
    peer: reduced.wall,
  });
}

/** What something took that processes did at the same time. */
interface Cost {
  /** Seconds, until the last was through. */
  readonly wall: number;
  /** Sent between processes of this machine. */
  readonly bytes: number;
  /** Cores that strangers kept busy meanwhile: median and most. */
  readonly others: Timing["others"];
}

/** Takes turns at the measurements, and tells the median of each. */
async function inTurn(
  runs: number,
  measurements: readonly (() => Promise<Record<"wall" | "bytes" | "others", number>>)[],
): Promise<Cost[]> {
  const all = measurements.map(() => [] as Awaited<ReturnType<typeof measurements[number]>>[]);
  for (let turn = -WARMUP; turn < runs; turn++) {
    for (const [i, measure] of measurements.entries()) {
      const measured = await measure();
      if (turn >= 0) all[i]!.push(measured);
    }
  }
  return all.map((costs) => {
    const of = (name: "wall" | "bytes" | "others") => costs.map((cost) => cost[name]);
    const others = { median: median(of("others")), most: Math.max(...of("others")) };
    return { wall: median(of("wall")), bytes: median(of("bytes")), others };
  });
}

/** Starts a process for each specification, on a core of its own where the system lets it choose. */
async function startAll(stack: AsyncDisposableStack, specs: readonly StepSpec[]): Promise<StepProcess[]> {
  const cores = navigator.hardwareConcurrency;
  const pin = (i: number) => Deno.build.os === "linux" ? ["taskset", "--cpu-list", String(i % cores)] : [];
  const starting = specs.map((spec, i) => StepProcess.start([...pin(i), ...drivers.ours()], spec));
  return (await Promise.all(starting)).map((process) => stack.use(process));
}

/** What an action of all these processes takes. */
async function costOf(
  processes: readonly StepProcess[],
  action: (process: StepProcess) => Promise<Pick<StepCost, "cpu">>,
) {
  const start = performance.now(), before = busySeconds(), sent = loopbackBytes();
  const costs = await Promise.all(processes.map(action));
  const wall = (performance.now() - start) / 1000, own = costs.reduce((sum, { cpu }) => sum + cpu, 0);
  const others = Math.max(0, (busySeconds() - before - own) / wall);
  return { wall, bytes: loopbackBytes() - sent, others };
}
