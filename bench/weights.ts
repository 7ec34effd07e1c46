/**
 * Loading the weights of a whole base-size model, beside PyTorch:
 *
 *     deno task bench:weights [--torch PYTHON] [--runs N] [--json] [--quick]
 *
 * Each side, in a process of its own each time, opens the file and reads every tensor into memory of its own; they take turns. The
 * files are made first, of random weights, and lie in the system's cache. Told are the medians of the seconds by the clock, without
 * the start of the process, and the most memory beyond the model's own size, runtime included.
 *
 * @module
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { parameterShapes, presetConfig } from "../lib/electra/mod.ts";
import {
  huggingFaceNames,
  readWeights,
  writeNpz,
  writePaddle,
  writeSafetensors,
} from "../lib/weights/mod.ts";
import { processor } from "./peers/machine.ts";
import { Table } from "./peers/table.ts";

const PUBLISHED_VOCABULARY = 22608, TIME_GOAL = 1.5, MEMORY_GOAL = 150e6; // bytes beyond the model

const { values: flags } = parseArgs({
  options: {
    torch: { type: "string" },
    runs: { type: "string", default: "5" },
    quick: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
const HELP = `deno task bench:weights [flags]

  --torch PYTHON  a Python with torch and safetensors; without it ours alone is timed
  --runs N        how often each side reads each file (5)
  --quick         a tiny model, once
  --json          a line of JSON per case`;

/** What a process tells of one reading. */
interface Reading {
  readonly wall: number;
  readonly others: number;
  readonly peak: number;
  readonly bytes: number;
  readonly version: string;
}

if (flags.help) console.log(HELP);
else await run();

async function run() {
  const runs = flags.quick ? 1 : Number(flags.runs),
    table = new Table({ bench: "weights", json: flags.json, runs });
  table.note(`${processor("model name")}, ${navigator.hardwareConcurrency} cores`);
  const folder = await Deno.makeTempDir();
  try {
    for (const path of await makeFiles(folder)) await compare(path, runs, table);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The same weights in every format; the `.bin` and its safetensors have PyTorch's names and transposed layers. */
async function makeFiles(folder: string): Promise<string[]> {
  const path = (name: string) => join(folder, name), plain = path("paddle-names.safetensors");
  const shapes = parameterShapes(presetConfig(flags.quick ? "tiny" : "base", PUBLISHED_VOCABULARY));
  await writeSafetensors(
    plain,
    [...shapes].map(([name, shape]) => [name, { dtype: "F32", shape, read: () => noise(shape) }]),
  );
  const weights = await readWeights(plain);
  await writeSafetensors(path("torch-names.safetensors"), huggingFaceNames(weights), {
    metadata: { format: "pt" },
  });
  await writePaddle(path("model.pdparams"), weights);
  await writeNpz(path("model.npz"), weights);
  const files = [plain, path("torch-names.safetensors"), path("model.pdparams"), path("model.npz")];
  if (!flags.torch) return files;
  await output([flags.torch, script("torch_weights.py"), path("torch-names.safetensors"), path("model.bin")]);
  return [...files, path("model.bin")];
}

function noise(shape: readonly number[]): Float32Array {
  return Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i));
}

/** Reads a file by turns; PyTorch only what it can read. */
async function compare(path: string, runs: number, table: Table) {
  const isTheirs = flags.torch !== undefined && /\.(safetensors|bin)$/.test(path);
  const sides = [
    [Deno.execPath(), "run", "-A", "--no-check", script("our_weights.ts"), path],
    ...(isTheirs ? [[flags.torch!, script("torch_weights.py"), path]] : []),
  ];
  const readings: Reading[][] = sides.map(() => []);
  for (let i = -1; i < runs; i++) {
    for (const [side, command] of sides.entries()) {
      const reading: Reading = JSON.parse(await output(command));
      if (i >= 0) readings[side]!.push(reading); // the first only warms the system's cache
    }
  }
  const [ours, peer] = readings.map(summary), name = path.split("/").at(-1)!, { bytes } = ours!;
  const timings = [ours!, ...(peer ? [peer] : [])];
  const model = `${name}, ${(bytes / 1e6).toFixed(0)} MB`, goals = !flags.quick;
  const wall = { ours: ours!.wall, peer: peer?.wall, goal: goals && isTheirs ? TIME_GOAL : undefined };
  table.add({ case: `${model}, time`, unit: "s", ...wall, timings });
  const [beyond, theirs] = timings.map(({ peak }) => (peak - bytes) / 1e9);
  table.add({ case: `${model}, memory beyond it`, unit: "GB", ours: beyond!, peer: theirs, timings });
  if (goals && ours!.peak > bytes + MEMORY_GOAL) {
    table.note(`${name}: more than ${MEMORY_GOAL / 1e6} MB beyond the model`);
  }
}

function summary(readings: readonly Reading[]) {
  const middle = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1]!;
  const others = readings.map(({ others }) => others), { bytes, version } = readings[0]!;
  return {
    wall: middle(readings.map(({ wall }) => wall)),
    peak: Math.max(...readings.map(({ peak }) => peak)),
    others: { median: middle(others), most: Math.max(...others) },
    bytes,
    version,
  };
}

function script(name: string): string {
  return new URL(`./peers/${name}`, import.meta.url).pathname;
}

async function output([command, ...args]: readonly string[]): Promise<string> {
  const { success, stdout } = await new Deno.Command(command!, { args: [...args], stderr: "inherit" })
    .output();
  if (!success) throw new Error(`Cannot go on: ${command} ${args.join(" ")} failed`);
  return new TextDecoder().decode(stdout);
}
