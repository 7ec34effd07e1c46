/**
 * Saves a checkpoint where no file may grow, says why that failed, and saves again once files may:
 * `deno run -A save_limited.ts <output_dir> <step>`, with a soft limit on the size of files.
 */
import { saveCheckpoint } from "../../lib/training/checkpoint.ts";
import { checkpointAt } from "./checkpoint_samples.ts";

const [outputDir, step] = Deno.args as [string, string];
const save = () => saveCheckpoint(outputDir, checkpointAt(Number(step)));
await save().catch((error) => console.log(String(error)));
console.log([...Deno.readDirSync(outputDir)].map(({ name }) => name).sort().join(" "));
await new Deno.Command("prlimit", { args: ["--pid", `${Deno.pid}`, "--fsize=unlimited:"] }).output();
await save();
