/**
 * Whether fine-tuning learns real tasks in minutes on two cores, and whether pretraining helps:
 *
 *     deno task bench:cblue [--trunk FOLDER] [--sets CHIP-CTC,CMeEE] [--out FOLDER] [--quick]
 *
 * Every set of `bench/peers/bench_sets.ts` is answered by the commonest label, by characters alone, and by a model that is
 * fine-tuned from random weights and, with `--trunk`, from pretrained ones: the same data, order, steps and rate. A model is
 * scored on dev once, after its last step; no checkpoint is chosen by it.
 *
 * Each result is a line of `results.jsonl` and is not computed again; a run that Ctrl-C interrupts goes on where it was.
 *
 * @module
 */
import { join } from "node:path";
import { evaluateAnswers, readSplit, readTerms } from "../lib/cblue/mod.ts";
import type { OptionsOf, OptionTable } from "../lib/config/mod.ts";
import type { Preset } from "../lib/electra/mod.ts";
import { configureTensorFlow, tensorflowInfo } from "../lib/tensorflow/mod.ts";
import { runTask } from "../tasks/flags.ts";
import { type BenchSet, prepareSets } from "./peers/bench_sets.ts";
import { formatTable, percent, type Result, type Row } from "./peers/cblue_table.ts";
import { processor } from "./peers/machine.ts";
import { CHARACTERS, MAJORITY, type PlainAnswerer } from "./peers/plain_answers.ts";
import { ResultLines } from "./peers/result_lines.ts";
import { randomTrunk, savedTrunk, trainOnSet } from "./peers/set_runs.ts";

const OPTIONS = {
  data: { type: "path", default: "../shared/data", help: "Folder with chineseblue, cmekg and vocab" },
  sets: { type: "string", help: "Names of sets or parts of them, with commas between; default: all" },
  trunk: {
    type: "path",
    help: "Model folder that `deno task pretrain` saved; without it, random weights alone",
  },
  preset: {
    type: "string",
    default: "small",
    choices: ["tiny", "small", "base"],
    help: "Size of the trunk with random weights, which --trunk must have too",
  },
  seeds: { type: "integer", default: 3, min: 1, help: "Runs of each model" },
  steps: { type: "integer", min: 1, help: "Steps of each run, instead of those of its kind of task" },
  out: {
    type: "path",
    default: "output/bench_cblue",
    help: "Folder for the sets, the results and the table",
  },
  keep: {
    type: "boolean",
    default: false,
    help: "Keep the models of the runs, to export or try them: under runs in --out",
  },
  quick: { type: "boolean", default: false, help: "Two sets, one seed, a tiny trunk: within a minute" },
  json: { type: "boolean", default: false, help: "Print results as lines of JSON" },
} as const satisfies OptionTable;

const FIRST_SEED = 1000;
const QUICK = { sets: "CHIP-CTC,KUAKE-QIC", preset: "tiny", seeds: 1 } as const;

type Options = Omit<OptionsOf<typeof OPTIONS>, "preset"> & { readonly preset: Preset };

await runTask(import.meta, {
  name: "bench:cblue",
  summary:
    "Fine-tune on sets in the formats of CBLUE, from random and pretrained weights, beside what characters tell.",
  table: OPTIONS,
  examples: [
    "deno task bench:cblue --trunk output/small/checkpoint-4000",
    "deno task bench:cblue --sets CMeEE --seeds 1",
    "deno task bench:cblue --quick",
  ],
  async main(given, { signal }) {
    configureTensorFlow({ device: "cpu" }); // the table tells its version before a run does
    const options: Options = given.quick ? { ...given, ...QUICK } : given;
    const sets = await prepareSets(options.data, join(options.out, "sets"), {
      wanted: options.sets?.split(","),
      quick: options.quick,
      steps: options.steps,
    });
    const { data, preset, trunk } = options;
    const vocabulary = trunk ? join(trunk, "vocab.txt") : join(data, "vocab", "vocab.txt");
    const random = await randomTrunk(vocabulary, preset);
    const pretrained = trunk && await savedTrunk(trunk, preset);
    const results = new ResultLines<Result>(join(options.out, "results.jsonl"));
    const rows: Row[] = [], path = join(options.out, "table.md");
    const table = () => formatTable(rows, notes(options));
    for (const set of sets) {
      const majority = await plainResult(set, "majority", results, options);
      const characters = await plainResult(set, "characters", results, options);
      rows.push({ set, majority, characters, random: [], pretrained: [] });
    }
    const systems = [
      ["random", random],
      ...(pretrained ? [["pretrained", pretrained] as const] : []),
    ] as const;
    for (const [system, trunk] of systems) {
      for (let seed = FIRST_SEED; seed < FIRST_SEED + options.seeds; seed++) {
        for (const row of rows) {
          const run = { trunk, seed, folder: join(options.out, "runs"), keep: options.keep, results, signal };
          const result = await trainOnSet(row.set, system, run);
          if (!result) return;
          say(row.set, `${system}, seed ${seed}`, result, options);
          row[system].push(result);
          await Deno.writeTextFile(path, table()); // what is known so far
        }
      }
    }
    if (!options.json) console.log(`\n${table()}`);
  },
});

async function plainResult(
  set: BenchSet,
  system: "majority" | "characters",
  results: ResultLines<Result>,
  options: Options,
): Promise<Result> {
  const { train, dev } = set.budget;
  const result = await results.of({ set: set.name, system, train, dev }, async () => {
    const start = performance.now(), { task, folder } = set;
    const read = async (split: "train" | "dev") =>
      (await readSplit(task, folder, split, { answered: true, warn: () => {} }))!;
    const known = await read("train"), asked = await read("dev");
    const terms = task.kind === "normalization" ? await readTerms(join(folder, "terms.txt")) : undefined;
    const answer = (system === "majority" ? MAJORITY : CHARACTERS)[task.kind] as PlainAnswerer;
    const answers = answer(task, known as never, asked as never, terms);
    const { score: { metric, value } } = evaluateAnswers(task, asked as never, answers as never);
    const seconds = (performance.now() - start) / 1000;
    return { metric, score: value, seconds };
  });
  say(set, system, result!, options);
  return result!;
}

function say(
  { name, records }: BenchSet,
  system: string,
  { metric, score, seconds }: Result,
  { json }: Options,
) {
  if (json) {
    console.log(JSON.stringify({ bench: "cblue", set: name, system, metric, score, seconds, records }));
  } else console.log(`${name}, ${system}: ${metric} ${percent(score)} (${seconds.toFixed(0)} s)`);
}

/** What the table does not tell. */
function notes({ preset, seeds, trunk }: Options): string[] {
  return [
    `Trunk: preset ${preset}; ${seeds} seeds from ${FIRST_SEED}: mean ± standard deviation. ` +
    (trunk ? `Pretrained: \`${trunk}\`.` : "None pretrained."),
    "Scores are those of dev after the last step, by the official definitions; no checkpoint was chosen by them.",
    "AdamW, gradients scaled down to a norm of 1, warm-up over a tenth of the steps, new heads that begin with how common " +
    "labels are (`--head_bias frequency`); long texts of CMeEE in windows. Rates and steps of a kind of task were chosen with one " +
    "seed of the pretrained trunk on cMedTC, cEHRNER and cMedQANER.",
    "A corpus of ChineseBLUE's texts such as `pretrain/chineseblue_train_texts.txt` has those of train alone, but all of " +
    "cMedIR's, which is one file: there a pretrained trunk has read dev's queries and titles, without their grades.",
    "Both rows of cMedQQ are the same pairs, scored as either task does.",
    "characters: logistic regression on characters and pairs of neighbours (CMeEE: those within two places of each " +
    "character); CMeIE: names known from training and what usually holds between their types; CHIP-CDN: the most " +
    "similar term, training's spellings included.",
    `${
      processor("model name")
    }, ${navigator.hardwareConcurrency} cores; Deno ${Deno.version.deno}, TensorFlow ` +
    `${tensorflowInfo().version}.`,
  ];
}
