/** `deno task cblue`: all tasks of CBLUE one after another, and one table of scores. */
import { CBLUE_OPTIONS, finetuneAll, formatScores, type TaskScore } from "../lib/cblue/mod.ts";
import { formatDuration } from "../lib/config/mod.ts";
import { runTask } from "./flags.ts";

await runTask(import.meta, {
  name: "cblue",
  summary: "Fine-tune on all tasks of CBLUE and write one table of scores on dev beside the published ones.",
  table: CBLUE_OPTIONS,
  examples: [
    "deno task cblue --all --data_dir data --model output/base/checkpoint-10000 --save_dir output/cblue",
    "deno task cblue --data_dir data --tasks CMeEE,KUAKE-QIC --preset tiny --max_steps 200 --learning_rate 1e-3",
  ],
  async main(options, { signal }) {
    const scores: TaskScore[] = [];
    for await (const score of finetuneAll(options, { signal })) {
      scores.push(score);
      const { evaluation: { score: { metric, value } }, seconds } = score;
      console.log(`${score.task}: ${metric} ${(100 * value).toFixed(2)} on dev, ${formatDuration(seconds)}`);
    }
    if (scores.length > 0) console.log(`\n${formatScores(scores, options)}`);
  },
});
