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
import { createHash } from "node:crypto";
import { join } from "node:path";
import {
  evaluateAnswers,
  finetune,
  FINETUNE_OPTIONS,
  readSavedModel,
  readSplit,
  readTerms,
} from "../lib/cblue/mod.ts";
import { type OptionsOf, type OptionTable, resolveOptions, UserError } from "../lib/config/mod.ts";
import { type Preset, presetConfig } from "../lib/electra/mod.ts";
import { tensorflowInfo } from "../lib/tensorflow/mod.ts";
import { runTask } from "../tasks/flags.ts";
import { type BenchSet, prepareSets } from "./peers/bench_sets.ts";
import { formatTable, percent, type Result, type Row } from "./peers/cblue_table.ts";
import { processor } from "./peers/machine.ts";
import { CHARACTERS, MAJORITY, type PlainAnswerer } from "./peers/plain_answers.ts";
import { ResultLines } from "./peers/result_lines.ts";

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
  quick: { type: "boolean", default: false, help: "Two sets, one seed, a tiny trunk: within a minute" },
  json: { type: "boolean", default: false, help: "Print results as lines of JSON" },
} as const satisfies OptionTable;

const FIRST_SEED = 1000;
const QUICK = { sets: "CHIP-CTC,KUAKE-QIC", preset: "tiny", seeds: 1 } as const;
/** Gradients from random weights are wild at first. */
const MAX_GRAD_NORM = 1;

type Options = Omit<OptionsOf<typeof OPTIONS>, "preset"> & { readonly preset: Preset };

/** What a model begins with. */
interface Trunk {
  /** Its folder; undefined for random weights. */
  readonly folder: string | undefined;
  readonly vocabulary: string;
  /** What tells it from others, for the lines of results. */
  readonly settings: Readonly<Record<string, string>>;
}

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
    const options: Options = given.quick ? { ...given, ...QUICK } : given;
    const sets = await prepareSets(options.data, join(options.out, "sets"), {
      wanted: options.sets?.split(","),
      quick: options.quick,
      steps: options.steps,
    });
    const random = await randomTrunk(options), pretrained = options.trunk && await savedTrunk(options);
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
          const result = await trainedResult(row.set, system, { trunk, seed, results, options, signal });
          if (!result) return;
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

/** Trains and scores a model, unless that was done; undefined after Ctrl-C. */
async function trainedResult(
  set: BenchSet,
  system: string,
  { trunk, seed, results, options, signal }: {
    readonly trunk: Trunk;
    readonly seed: number;
    readonly results: ResultLines<Result>;
    readonly options: Options;
    readonly signal: AbortSignal;
  },
): Promise<Result | undefined> {
  const { task, dataset, folder, budget } = set;
  const settings = { set: set.name, system, seed, preset: options.preset, ...budget, ...trunk.settings };
  const save_dir = join(options.out, "runs", hash(JSON.stringify(settings))); // an interrupted run goes on there
  const { steps, batch_size, learning_rate, max_seq_length } = budget;
  const result = await results.of(settings, async () => {
    const start = performance.now();
    const run = resolveOptions(FINETUNE_OPTIONS, {
      dataset,
      data_dir: folder,
      save_dir,
      model: trunk.folder,
      vocab: trunk.vocabulary,
      preset: options.preset,
      batch_size,
      learning_rate,
      max_seq_length,
      max_steps: steps,
      valid_steps: steps, // dev is looked at once
      save_steps: steps,
      max_grad_norm: MAX_GRAD_NORM,
      head_bias: "frequency",
      ...(task.kind === "entities" && { long: "windows" }),
      device: "cpu",
      seed,
    });
    const { best } = await finetune(run, { signal, print: () => {} });
    if (signal.aborted) return undefined;
    await Deno.remove(save_dir, { recursive: true });
    const { metric, value } = best!.score, seconds = (performance.now() - start) / 1000;
    return { metric, score: value, seconds };
  });
  if (result) say(set, `${system}, seed ${seed}`, result, options);
  return result;
}

async function randomTrunk({ data, trunk }: Options): Promise<Trunk> {
  const vocabulary = trunk ? join(trunk, "vocab.txt") : join(data, "vocab", "vocab.txt");
  return { folder: undefined, vocabulary, settings: { vocabulary: await fingerprint(vocabulary) } };
}

/** @throws {UserError} If the folder's encoder has another size than the random one. */
async function savedTrunk({ trunk, preset }: Options): Promise<Trunk> {
  const { encoder, vocabulary } = await readSavedModel(trunk!);
  const twin = presetConfig(preset, encoder.vocab_size).discriminator;
  const sizes = ["hidden_size", "num_hidden_layers", "intermediate_size", "embedding_size"] as const;
  const differs = sizes.find((name) => encoder[name] !== twin[name]);
  if (differs) {
    throw new UserError(
      `Cannot compare "${trunk}" with random weights: its ${differs} is ${encoder[differs]}, that of ` +
        `--preset ${preset} is ${twin[differs]}; give the preset it was pretrained with`,
    );
  }
  const settings = {
    vocabulary: await fingerprint(vocabulary),
    trunk: await fingerprint(join(trunk!, "model.safetensors")),
  };
  return { folder: trunk!, vocabulary, settings };
}

async function fingerprint(path: string): Promise<string> {
  return hash(await Deno.readFile(path));
}

function hash(data: string | Uint8Array): string {
  return createHash("sha256").update(data).digest("hex").slice(0, 12);
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
    "labels are (`--head_bias frequency`); long texts of CMeEE in windows. Rates and steps were not chosen by dev.",
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
