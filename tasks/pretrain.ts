/** `deno task pretrain`: a preprocessed corpus to a trained model. */
import { pretrain, PRETRAIN_OPTIONS } from "../lib/training/mod.ts";
import { runTask } from "./flags.ts";
import { printSummary } from "./summary.ts";

await runTask(import.meta, {
  name: "pretrain",
  summary: "Pretrain ERNIE-Health on a preprocessed corpus; the same command resumes.",
  table: PRETRAIN_OPTIONS,
  examples: [
    "deno task pretrain --input_dir data --output_dir output/small --max_steps 300",
    "deno task pretrain --input_dir data --output_dir output/base --preset base --batch_size 2 --use_amp",
  ],
  async main(options, { signal }) {
    await printSummary(await pretrain(options, { signal }), options.output_dir);
  },
});
