/**
 * Answering side by side with Python's onnxruntime and PyTorch, on the CPU:
 *
 *     deno task bench:deploy --onnx PYTHON --torch PYTHON [--runs N] [--json] [--quick]
 *
 * All sides have the same sizes and random weights, Python's onnxruntime the very file that ours has, and take turns batch by
 * batch. A batch of 32 × 128 goes through their models at once and through ours as the predictor has it: in parts that the
 * processor's caches hold. With one thread CPU-seconds are told, with two seconds by the clock.
 *
 * @module
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type FinetuningConfig, finetuningShapes, presetConfig } from "../lib/electra/mod.ts";
import { type GraphOptions, modelGraph, writeModel } from "../lib/deploy/onnx/mod.ts";
import { RandomStream } from "../lib/packing/mod.ts";
import { generateCorpus } from "../lib/text/mod.ts";
import { processor } from "./peers/machine.ts";
import { race, type Side, type Timing } from "./peers/race.ts";
import { drivers, type InferenceSpec } from "./peers/step_process.ts";
import { secondsOf, Table } from "./peers/table.ts";

const VOCABULARY = 22608, CLASSES = 11, MAX_LENGTH = 128;
const GOALS = { onnx: 1.05, torch: 0.85, int8: 0.42, mixed: 0.5 };
/** Texts of mixed lengths; their sample's order is the corpus's. */
const MIXED_TEXTS = 64;

const { values: flags } = parseArgs({
  options: {
    onnx: { type: "string" },
    torch: { type: "string" },
    runs: { type: "string", default: "7" },
    quick: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
const HELP = `deno task bench:deploy [flags]

  --onnx PYTHON     a Python with onnxruntime
  --torch PYTHON    a Python with torch and transformers; without these two, ours alone are timed
  --runs N          how often each batch is timed (7)
  --quick           a tiny model, within a minute
  --json            a line of JSON per case`;

if (flags.help) console.log(HELP);
else await run();

async function run() {
  const runs = flags.quick ? 2 : Number(flags.runs),
    goal = (value: number) => flags.quick ? undefined : value;
  const table = new Table({ bench: "deploy", json: flags.json, runs });
  table.note(`${processor("model name")}, ${navigator.hardwareConcurrency} cores`);
  const encoder = presetConfig(flags.quick ? "tiny" : "base", VOCABULARY).discriminator;
  const config = {
    encoder,
    head: { kind: "sequence-classification", classes: CLASSES, activation: "tanh" },
  } as const;
  const folder = await Deno.makeTempDir();
  try {
    const plain = await write(folder, config, { format: "fp32", packed: false, inputs: 3 });
    const int8 = await write(folder, config, { format: "int8", packed: false, inputs: 3 });
    const packed = await write(folder, config, { format: "fp32", packed: true, inputs: 3 });
    for (const threads of [1, 2]) {
      for (const [rows, width] of [[1, 64], [32, 128]] as const) {
        const batches = join(folder, `${rows}x${width}.json`);
        await Deno.writeTextFile(batches, JSON.stringify([randomRows(Array(rows).fill(width))]));
        const spec = { config, threads, batches };
        const sides = [
          side(drivers.ourInference(), { ...spec, model: plain }),
          side(drivers.ourInference(), { ...spec, model: int8 }),
          ...flags.onnx ? [side(drivers.onnxInference(flags.onnx), { ...spec, model: plain })] : [],
          ...flags.torch ? [side(drivers.torchInference(flags.torch), { ...spec, model: plain })] : [],
        ];
        const [ours, rounded, ...peers] = await race(sides, runs, 0) as [Timing, Timing, ...Timing[]];
        const name = `${rows} × ${width}, ${threads}-thread`;
        const add = (what: string, timings: Timing[], value: number) =>
          table.add({ case: `${name}: ${what}`, ...secondsOf(threads, timings), goal: goal(value) });
        const onnx = flags.onnx && peers.shift(), torch = peers.shift();
        if (onnx) add("fp32, Python's onnxruntime", [ours, onnx], GOALS.onnx);
        if (torch) add("fp32, PyTorch", [ours, torch], GOALS.torch);
        add("int8, our fp32", [rounded, ours], GOALS.int8);
      }
      const batches = join(folder, "mixed.json");
      await Deno.writeTextFile(batches, JSON.stringify([randomRows(mixedLengths())]));
      const spec = { config, threads, batches };
      const timings = await race(
        [
          side(drivers.ourInference(), { ...spec, model: packed }),
          side(drivers.ourInference(), { ...spec, model: plain, padded: MAX_LENGTH }),
        ],
        runs,
        0,
      );
      table.add({
        case:
          `${MIXED_TEXTS} texts of mixed lengths, ${threads}-thread: fp32 packed, all padded to ${MAX_LENGTH}`,
        ...secondsOf(threads, timings),
        goal: goal(GOALS.mixed),
      });
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function side(command: readonly string[], spec: InferenceSpec): Side {
  return { command, spec, warmup: 1, batches: 1 };
}

/** Writes a model of random weights. */
async function write(folder: string, config: FinetuningConfig, options: GraphOptions): Promise<string> {
  const shapes = finetuningShapes(config), path = join(folder, `${options.format}${options.packed}.onnx`);
  const parameters = (name: string) => {
    const shape = shapes.get(name)!;
    return { shape, read: () => randomValues(name, shape.reduce((product, size) => product * size, 1)) };
  };
  await writeModel(path, modelGraph(config, parameters, options));
  return path;
}

/** Of deviation 0.02; norms 1 and 0. Good enough: only time is told. */
function randomValues(name: string, size: number): Float32Array<ArrayBuffer> {
  if (name.includes("norm")) return new Float32Array(size).fill(name.endsWith("weight") ? 1 : 0);
  let state = 1 + name.length;
  return Float32Array.from({ length: size }, () => {
    state = state * 48271 % 2147483647;
    return 0.07 * (state / 2147483647 - 0.5);
  });
}

function randomRows(lengths: readonly number[]): number[][] {
  const random = new RandomStream({ seed: 1, purpose: "held", epoch: 0 });
  return lengths.map((length) => Array.from({ length }, () => 5 + random.below(VOCABULARY - 5)));
}

/** Of generated sentences, a token a character. */
function mixedLengths(): number[] {
  return Array.from(
    generateCorpus({ sentences: MIXED_TEXTS, seed: 5 }),
    ({ length }) => Math.min(MAX_LENGTH, length + 2),
  );
}
