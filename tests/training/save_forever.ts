/** Saves checkpoints until killed: `deno run -A save_forever.ts <output_dir> <first step>`. */
import { saveCheckpoint } from "../../lib/training/checkpoint.ts";
import { checkpointAt } from "./checkpoint_samples.ts";

const [outputDir, first] = Deno.args as [string, string];
for (let step = Number(first);; step++) {
  await saveCheckpoint(outputDir, checkpointAt(step), { keep: 2 });
  if (step === Number(first)) console.log("saved");
}
