/** `deno task pretrain`: a preprocessed corpus to a trained model. */
import { clusterFromEnvironment } from "../lib/cluster/mod.ts";
import { pretrain, PRETRAIN_OPTIONS } from "../lib/training/mod.ts";
import { runTask } from "./flags.ts";
import { printSummary } from "./summary.ts";

await runTask(import.meta, {
  name: "pretrain",
  summary: "Pretrain ERNIE-Health on a preprocessed corpus; the same command resumes.",
  table: PRETRAIN_OPTIONS,
  examples: [
    "deno task pretrain --input_dir data --output_dir output/small --max_steps 300",
    "deno task pretrain --input_dir data --output_dir output/base --preset base --batch_size 64 --dry_run",
    "deno task pretrain --config output/small/checkpoint-500/run.json --output_dir output/again --seed 7",
  ],
  async main(options, { signal }) {
    const cluster = clusterFromEnvironment(Deno.env.toObject());
    const summary = await pretrain(options, { signal, cluster });
    if (summary.folder) await printSummary(summary, options.output_dir);
  },
});
