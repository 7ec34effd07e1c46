/** `deno task finetune`: a task of CBLUE, from its official files to a model folder and a score on dev. */
import { finetune, FINETUNE_OPTIONS } from "../lib/cblue/mod.ts";
import { clusterFromEnvironment } from "../lib/cluster/mod.ts";
import { runTask } from "./flags.ts";

await runTask(import.meta, {
  name: "finetune",
  summary: "Fine-tune on a task of CBLUE and keep the model that is best on dev; the same command resumes.",
  table: FINETUNE_OPTIONS,
  examples: [
    "deno task finetune --dataset KUAKE-QIC --data_dir data/KUAKE-QIC --model output/base/checkpoint-10000",
    "deno task finetune --dataset CMeEE --data_dir CMeEE.zip --model output/small --save_dir output/cmeee --long windows",
    "deno task launch --workers 2 finetune --dataset CHIP-STS --data_dir data/CHIP-STS --preset tiny",
  ],
  async main(options, { signal }) {
    const cluster = clusterFromEnvironment(Deno.env.toObject());
    const { best, folder } = await finetune(options, { signal, cluster });
    if (!folder) return;
    console.log(
      best
        ? `Best on dev: ${best.score.metric} ${best.score.value.toFixed(5)}, "${folder}"`
        : `Saved "${folder}"`,
    );
  },
});
