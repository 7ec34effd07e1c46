/** `deno task cblue`: all tasks of CBLUE one after another, and one table of scores. */
import { join } from "node:path";
import { FINETUNE_OPTIONS, finetuneAll, formatScores, type TaskScore } from "../lib/cblue/mod.ts";
import { formatDuration, type OptionTable, writeAtomically } from "../lib/config/mod.ts";
import { runTask } from "./flags.ts";

const { dataset: _, data_dir: __, save_dir: ___, ...common } = FINETUNE_OPTIONS;

export const CBLUE_OPTIONS = {
  data_dir: {
    type: "path",
    required: true,
    help: "Folder with a folder or zip for each task, named as the task",
  },
  save_dir: {
    type: "path",
    default: "./checkpoint",
    aliases: ["output_dir"],
    help: "Folder with a folder for each task's run, scores.md and scores.json; the same command resumes",
  },
  tasks: { type: "string", help: "Which tasks, as in CMeEE,KUAKE-QIC; default: all that there is data for" },
  all: { type: "boolean", default: false, help: "All that there is data for: the default" },
  ...common,
} as const satisfies OptionTable;

await runTask(import.meta, {
  name: "cblue",
  summary: "Fine-tune on all tasks of CBLUE and write one table of scores on dev beside the published ones.",
  table: CBLUE_OPTIONS,
  examples: [
    "deno task cblue --all --data_dir data --model output/base/checkpoint-10000 --save_dir output/cblue",
    "deno task cblue --data_dir data --tasks CMeEE,KUAKE-QIC --preset tiny --max_steps 200 --learning_rate 1e-3",
  ],
  async main({ tasks, all: _all, ...options }, { signal }) {
    const scores: TaskScore[] = [];
    const model = options.model ? `"${options.model}"` : `a new encoder of size ${options.preset}`;
    const names = tasks?.split(",").map((name) => name.trim());
    const write = (name: string, text: string) =>
      writeAtomically(join(options.save_dir, name), [new TextEncoder().encode(text)]);
    for await (const score of finetuneAll({ ...options, dataset: "" }, { signal }, names)) {
      scores.push(score);
      await write("scores.md", formatScores(scores, model));
      await write("scores.json", JSON.stringify(scores, null, 2) + "\n");
      const { evaluation: { score: { metric, value } }, seconds } = score;
      console.log(`${score.task}: ${metric} ${(100 * value).toFixed(2)} on dev, ${formatDuration(seconds)}`);
    }
    if (scores.length > 0) console.log(`\n${formatScores(scores, model)}`);
  },
});
