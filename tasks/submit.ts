/** `deno task submit`: several tasks' predictions as the one zip to be uploaded. */
import { zipSubmission } from "../lib/cblue/mod.ts";
import type { OptionTable } from "../lib/config/mod.ts";
import { runTask } from "./flags.ts";

export const SUBMIT_OPTIONS = {
  files: {
    type: "paths",
    required: true,
    help: "Files that `deno task predict` wrote; the flag itself may be left out",
  },
  output: { type: "path", default: "submission.zip", help: "The zip" },
} as const satisfies OptionTable;

await runTask(import.meta, {
  name: "submit",
  summary: "Zip predictions for upload.",
  table: SUBMIT_OPTIONS,
  positional: "files",
  examples: ["deno task submit submission/CMeEE_test.json submission/KUAKE-QIC_test.json"],
  async main({ files, output }) {
    await zipSubmission(files, output);
    console.log(output);
  },
});
