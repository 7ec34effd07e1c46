/** `deno task report`: the curves of pretraining runs as one HTML page. */
import { join } from "node:path";
import { type OptionTable, writeAtomically } from "../lib/config/mod.ts";
import { readRunFolder, reportPage, type RunFolder } from "../lib/report/mod.ts";
import { runTask } from "./flags.ts";

export const REPORT_OPTIONS = {
  output_dir: {
    type: "paths",
    required: true,
    help:
      "Folder of a run, finished or under way; several are drawn over each other; the flag itself may be left out",
  },
  output: {
    type: "path",
    help: "Where to write the page; without it report.html in the folder of the first run",
  },
} as const satisfies OptionTable;

/** Runs whose folders have the same name are called by their paths. */
function withDistinctNames(runs: RunFolder[]): RunFolder[] {
  const isTaken = ({ name, path }: RunFolder) =>
    runs.some((other) => other.name === name && other.path !== path);
  return runs.map((run) => isTaken(run) ? { ...run, name: run.path } : run);
}

await runTask(import.meta, {
  name: "report",
  summary:
    "Write the curves of pretraining and fine-tuning runs as one HTML page that opens without a network.",
  table: REPORT_OPTIONS,
  positional: "output_dir",
  examples: [
    "deno task report output/small",
    "deno task report output/small output/base --output compare.html",
  ],
  async main({ output_dir: folders, output }) {
    const path = output ?? join(folders[0]!, "report.html");
    const runs = await Promise.all(folders.map(readRunFolder));
    await writeAtomically(path, [new TextEncoder().encode(reportPage(withDistinctNames(runs)))]);
    console.log(path);
  },
});
