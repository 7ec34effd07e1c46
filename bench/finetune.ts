/**
 * Fine-tuning a classifier side by side with PyTorch and transformers:
 *
 *     deno task bench:finetune --torch PYTHON --dataset CHIP-STS --data_dir FOLDER [--runs N] [--json] [--quick]
 *
 * Both sides train the same model on the same rows of tokens in the same batches, in the order of a run's first epoch, and take
 * turns step by step. transformers pads to the longest row of a batch; ours to the next multiple of 32. A sample of the epoch's
 * batches is trained again and again; what is told is the time of the whole epoch: of each batch the median, of these the mean,
 * times the number of batches.
 *
 * @module
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { approachOf, findTask, readSplit, RowStream, type Task } from "../lib/cblue/mod.ts";
import { type Preset, presetConfig } from "../lib/electra/mod.ts";
import { Vocabulary } from "../lib/text/mod.ts";
import { processor } from "./peers/machine.ts";
import { race } from "./peers/race.ts";
import { drivers, type FinetuneSpec, type LabelledRow } from "./peers/step_process.ts";
import { Table } from "./peers/table.ts";

const RATE = 3e-5, SEED = 1000, SAMPLE = 12, PUBLISHED_VOCABULARY = 22608;
const GOALS = { float32: 1, mixed_bfloat16: 0.8 };

const { values: flags } = parseArgs({
  options: {
    torch: { type: "string" },
    dataset: { type: "string", default: "CHIP-STS" },
    data_dir: { type: "string" },
    vocab: { type: "string" },
    preset: { type: "string", default: "base" },
    runs: { type: "string", default: "3" },
    quick: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
const HELP = `deno task bench:finetune [flags]

  --torch PYTHON    a Python with torch and transformers; without it ours alone is timed
  --dataset NAME    a classification task (CHIP-STS)
  --data_dir FOLDER its official files; without it, random rows as long as CHIP-STS's
  --vocab FILE      vocabulary (${PUBLISHED_VOCABULARY} tokens, characters at random, without --data_dir)
  --preset NAME     size of the encoder (base)
  --runs N          how often each of ${SAMPLE} batches is timed (3)
  --quick           a small encoder on random rows, within a minute
  --json            a line of JSON per case`;

if (flags.help) console.log(HELP);
else await run();

async function run() {
  const task = await findTask(flags.dataset);
  if (task.kind !== "classification") throw new Error(`Cannot use ${task.name}: it is no classification`);
  const { batchSize, maxSeqLength: maxLength } = task.recipe, runs = flags.quick ? 1 : Number(flags.runs);
  const table = new Table({ bench: "finetune", json: flags.json, runs });
  table.note(`${processor("model name")}, ${navigator.hardwareConcurrency} cores`);
  const { rows, vocabularySize } = flags.data_dir && !flags.quick
    ? await realRows(task, flags.data_dir)
    : { rows: randomRows(task), vocabularySize: PUBLISHED_VOCABULARY };
  const stream = new RowStream(rows, { batchSize, maxLength, seed: SEED });
  const all = Array.from({ length: stream.batchesPerEpoch }, () => stream.next().rows);
  const sample = Array.from({ length: SAMPLE }, (_, i) => all[Math.floor((i + 0.5) * all.length / SAMPLE)]!);
  const folder = await Deno.makeTempDir();
  try {
    const batches = join(folder, "batches.json");
    await Deno.writeTextFile(batches, JSON.stringify(sample));
    const encoder =
      presetConfig((flags.quick ? "tiny" : flags.preset) as Preset, vocabularySize).discriminator;
    const head = {
      kind: "sequence-classification",
      classes: task.labels.length,
      activation: "tanh",
    } as const;
    for (const precision of ["float32", "mixed_bfloat16"] as const) {
      if (precision === "mixed_bfloat16" && !/avx512_bf16|amx_bf16|bf16/.test(processor("flags|Features"))) {
        table.note("Mixed bfloat16 is not measured: this processor has no instructions for it");
        continue;
      }
      for (const threads of [1, 2]) {
        const config = { encoder, head };
        const spec: FinetuneSpec = {
          config,
          task,
          precision,
          threads,
          seed: SEED,
          batches,
          batchSize,
          maxLength,
        };
        const sides = [
          { command: drivers.ourFinetune(), spec, warmup: 2 * SAMPLE, batches: SAMPLE }, // each width compiles once
          ...(flags.torch
            ? [{ command: drivers.torchFinetune(flags.torch), spec, warmup: 2, batches: SAMPLE }]
            : []),
        ];
        const timings = await race(sides, runs, RATE);
        const [ours, peer] = timings.map(({ cpu, wall }) => (threads === 1 ? cpu : wall) * all.length);
        table.add({
          case: `${task.name} ${
            flags.quick ? "tiny" : flags.preset
          } ${precision} ${threads}-thread, an epoch of ${rows.length} rows`,
          unit: threads === 1 ? "CPU-s" : "s",
          ours: ours!,
          peer,
          goal: flags.quick ? undefined : GOALS[precision],
          timings,
        });
      }
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function realRows(
  task: Task,
  folder: string,
): Promise<{ rows: readonly LabelledRow[]; vocabularySize: number }> {
  const train = await readSplit(task, folder, "train", { answered: true });
  if (!train || !flags.vocab) throw new Error("Cannot use --data_dir without a training file and --vocab");
  const vocabulary = await Vocabulary.read(flags.vocab);
  const options = { max_seq_length: task.recipe.maxSeqLength, activation: "tanh", long: "truncate" } as const;
  const approach = approachOf(task, vocabulary, { ...options, occurrences: "first" });
  const rows = train.flatMap((example) => approach.rows(example)) as LabelledRow[];
  return { rows, vocabularySize: Math.max(vocabulary.size, PUBLISHED_VOCABULARY) };
}

/** Rows as long as CHIP-STS's pairs: 27 characters on average, up to the row's end. */
function randomRows({ labels, recipe: { maxSeqLength } }: Task): LabelledRow[] {
  let state = 1;
  const draw = (below: number) => (state = state * 48271 % 2147483647) % below;
  return Array.from({ length: 1600 }, () => {
    const length = Math.min(maxSeqLength, 12 + draw(18) + draw(18) + (draw(20) === 0 ? draw(60) : 0));
    const ids = Array.from({ length }, (_, i) => i === 0 ? 2 : i === length - 1 ? 3 : 5 + draw(20_000));
    return { ids, typeIds: ids.map((_, i) => Number(2 * i > length)), label: draw(labels.length) };
  });
}
