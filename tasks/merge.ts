/** `deno task merge`: the parts of a job array to one corpus. */
import { type OptionTable, ProgressBar } from "../lib/config/mod.ts";
import { merge } from "../lib/preprocessing/mod.ts";
import { runTask } from "./flags.ts";

export const MERGE_OPTIONS = {
  output_file: {
    type: "path",
    required: true,
    help: "Path before _ids.npy and _idx.npz of the whole corpus, as it was given to every shard",
  },
  remove: { type: "boolean", default: false, help: "Remove the parts when the whole is there" },
} as const satisfies OptionTable;

await runTask(import.meta, {
  name: "merge",
  summary: "Join the parts that `deno task preprocess --shard i/n` made into one corpus.",
  table: MERGE_OPTIONS,
  examples: ["deno task merge --output_file data/samples --remove"],
  async main({ output_file, remove }, { signal }) {
    let bar: ProgressBar | undefined;
    const onProgress = (sentences: number, total: number) => {
      bar ??= new ProgressBar({ label: "Merging", unit: "sentences", total });
      bar.update(sentences);
    };
    try {
      const summary = await merge({ outputFile: output_file, remove, signal, onProgress });
      bar?.finish();
      console.error(
        `Merged ${summary.shards} shards: ${summary.sentences} sentences, ${summary.tokens} tokens`,
      );
      if (!remove) console.error("The shards are still there; remove them before pretraining in that folder");
    } finally {
      bar?.finish();
    }
  },
});
