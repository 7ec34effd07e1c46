/** `deno task check-format`: the benchmark's own checks of a submission, on test files as they are published. */
import { checkFormat, findTask } from "../lib/cblue/mod.ts";
import type { OptionTable } from "../lib/config/mod.ts";
import { runTask } from "./flags.ts";

export const CHECK_FORMAT_OPTIONS = {
  dataset: { type: "string", required: true, aliases: ["task"], help: "Task, such as KUAKE-QIC" },
  raw: { type: "path", required: true, help: "The published test file, without answers" },
  submission: { type: "path", required: true, help: "The file to be submitted, or a zip that holds it" },
} as const satisfies OptionTable;

const MOST_SHOWN = 20;

await runTask(import.meta, {
  name: "check-format",
  summary: "Check a submission as the benchmark does. Exit code 1: it would be refused.",
  table: CHECK_FORMAT_OPTIONS,
  examples: [
    "deno task check-format --dataset CMeEE --raw data/CMeEE_test.json --submission CMeEE_test.json",
  ],
  async main({ dataset, raw, submission }) {
    const { records, problems } = await checkFormat(await findTask(dataset), raw, submission);
    for (const problem of problems.slice(0, MOST_SHOWN)) console.log(problem);
    if (problems.length > MOST_SHOWN) console.log(`… and ${problems.length - MOST_SHOWN} more`);
    console.log(
      problems.length === 0
        ? `"${submission}" is fit to be submitted: all ${records} records are answered`
        : `"${submission}" would be refused: ${problems.length} problems`,
    );
    if (problems.length > 0) Deno.exitCode = 1;
  },
});
