/**
 * What each option of fine-tuning beyond the published recipe does to the score and the time:
 *
 *     deno task bench:cblue-options --trunk FOLDER [--sets CHIP-CTC] [--steps 300] [--out FOLDER]
 *
 * The recipe as published, then one option at a time, the same data, order, steps and rate; scored on dev after the last step.
 * Ensembles are of the recipe's own runs. Results are kept as `bench:cblue` keeps them.
 *
 * @module
 */
import { join } from "node:path";
import type { FinetuneOptions, TaskKind } from "../lib/cblue/mod.ts";
import type { OptionTable } from "../lib/config/mod.ts";
import { runTask } from "../tasks/flags.ts";
import { type BenchSet, prepareSets } from "./peers/bench_sets.ts";
import { meanScore, percent, type Result, spread } from "./peers/cblue_table.ts";
import { ResultLines } from "./peers/result_lines.ts";
import { randomTrunk, savedTrunk, scoreTogether, trainOnSet } from "./peers/set_runs.ts";

const OPTIONS = {
  data: { type: "path", default: "../shared/data", help: "Folder with chineseblue, cmekg and vocab" },
  sets: {
    type: "string",
    default: "CHIP-CTC,cEHRNER,CMeIE",
    help: "Names of sets or parts of them, with commas between",
  },
  options: { type: "string", help: "Names of options or parts of them, with commas between; default: all" },
  trunk: { type: "path", help: "Model folder that `deno task pretrain` saved; without it, random weights" },
  preset: { type: "string", default: "small", choices: ["tiny", "small", "base"], help: "Size of the trunk" },
  seeds: { type: "integer", default: 3, min: 1, help: "Runs of each option" },
  steps: { type: "integer", min: 1, help: "Steps of each run, instead of those of its kind of task" },
  out: { type: "path", default: "output/bench_options", help: "Folder for the sets, results and table" },
} as const satisfies OptionTable;

const FIRST_SEED = 1000;

/** The recipe, and what differs from it. */
interface Variant {
  readonly name: string;
  readonly flags: Partial<FinetuneOptions>;
  /** What it applies to; default: everything. */
  readonly kinds?: readonly TaskKind[];
}

const RECIPE: Variant = {
  name: "as published",
  flags: { max_grad_norm: 0, head_bias: "zero", long: "truncate" },
};
const VARIANTS: readonly Variant[] = [
  { name: "gradient clip", flags: { max_grad_norm: 1 } },
  { name: "head bias", flags: { head_bias: "frequency" } },
  { name: "layer-wise decay", flags: { layerwise_lr_decay: 0.9 } },
  { name: "R-Drop", flags: { rdrop_alpha: 1 } },
  { name: "FGM", flags: { fgm_epsilon: 0.5 } },
  { name: "EMA", flags: { ema_decay: 0.99 } },
  { name: "class weights", flags: { class_weights: "balanced" }, kinds: ["classification"] },
  { name: "length buckets", flags: { length_pool: 16 } },
  { name: "no packing", flags: { packing: "none" }, kinds: ["classification", "entities"] },
  { name: "windows", flags: { long: "windows" }, kinds: ["entities", "relations"] },
  { name: "nested spans", flags: { scheme: "spans" }, kinds: ["entities"] },
  { name: "all occurrences", flags: { occurrences: "all" }, kinds: ["relations"] },
];

await runTask(import.meta, {
  name: "bench:cblue-options",
  summary: "Fine-tune with each option beyond the published recipe, one at a time.",
  table: OPTIONS,
  examples: ["deno task bench:cblue-options --trunk output/small/checkpoint-4000 --sets CHIP-CTC"],
  async main({ data, sets: wanted, options, trunk: folder, preset, seeds, steps, out }, { signal }) {
    const sets = await prepareSets(data, join(out, "sets"), {
      wanted: wanted.split(","),
      quick: false,
      steps,
    });
    const trunk = folder
      ? await savedTrunk(folder, preset)
      : await randomTrunk(join(data, "vocab", "vocab.txt"), preset);
    const results = new ResultLines<Result>(join(out, "results.jsonl"));
    const lines = [
      "| set | option | score | against the recipe | time |",
      "| --- | --- | --- | --- | --- |",
    ];
    for (const set of sets) {
      const run = async ({ name, flags }: Variant, keep = false) => {
        const runs: (Result & { readonly model: string })[] = [];
        for (let seed = FIRST_SEED; seed < FIRST_SEED + seeds; seed++) {
          const context = { trunk, seed, folder: join(out, "runs"), flags, keep, results, signal };
          const result = await trainOnSet(set, name, context);
          if (!result) return undefined;
          console.log(
            `${set.name}, ${name}, seed ${seed}: ${percent(result.score)} (${result.seconds.toFixed(0)} s)`,
          );
          runs.push(result);
        }
        return runs;
      };
      const recipe = await run(RECIPE, true);
      if (!recipe) return;
      const add = (name: string, runs: readonly Result[]) => {
        const gain = meanScore(runs) - meanScore(recipe), time = totalSeconds(runs) / totalSeconds(recipe);
        lines.push(
          `| ${set.name}, ${runs[0]!.metric} | ${name} | ${spread(runs)} | ${gain > 0 ? "+" : ""}${
            percent(gain)
          } | ` +
            `${time.toFixed(2)} |`,
        );
      };
      add(describe(RECIPE), recipe);
      const isWanted = ({ name, kinds }: Variant) =>
        (kinds?.includes(set.task.kind) ?? true) &&
        (options?.split(",").some((part) => name.includes(part)) ?? true);
      for (const variant of VARIANTS.filter(isWanted)) {
        const runs = await run(variant);
        if (!runs) return;
        add(describe(variant), runs);
      }
      if (seeds > 1) add(...await ensemble(set, recipe, results));
      await Deno.writeTextFile(join(out, "table.md"), lines.join("\n") + "\n");
    }
    console.log(`\n${lines.join("\n")}`);
  },
});

async function ensemble(
  set: BenchSet,
  runs: readonly (Result & { readonly model: string })[],
  results: ResultLines<Result>,
): Promise<[string, Result[]]> {
  const settings = { set: set.name, system: "ensemble", models: runs.map(({ model }) => model).join() };
  const together = await results.of(settings, async () => {
    const { seconds, ...score } = await scoreTogether(set, runs.map(({ model }) => model));
    return { ...score, seconds: seconds + totalSeconds(runs) };
  });
  return [`ensemble of ${runs.length} seeds, averaged logits`, [together!]];
}

function describe({ name, flags }: Variant): string {
  const shown = Object.entries(flags).map(([flag, value]) => `--${flag} ${value}`).join(" ");
  return name === RECIPE.name ? name : `${name}: \`${shown}\``;
}

function totalSeconds(results: readonly Result[]): number {
  return results.reduce((sum, { seconds }) => sum + seconds, 0);
}
