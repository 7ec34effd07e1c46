/** Models trained a little on made-up sets. */
import { join } from "node:path";
import { finetune, FINETUNE_OPTIONS, type FinetuneOptions } from "../../lib/cblue/mod.ts";
import { resolveOptions } from "../../lib/config/mod.ts";
import { type MadeUp, writeMadeUpSet } from "../cblue/made_up_sets.ts";

/** What it takes to learn something of each set. */
const STEPS: Readonly<Record<MadeUp, Record<string, unknown>>> = {
  "KUAKE-QIC": { max_steps: 40, learning_rate: 1e-3 },
  "CHIP-STS": { max_steps: 20, learning_rate: 1e-3 },
  "CHIP-CDN": { max_steps: 60, learning_rate: 1e-3 },
  CMeEE: { max_steps: 60, learning_rate: 2e-3 },
  CMeIE: { max_steps: 120, learning_rate: 1e-3, max_grad_norm: 1 },
};

/** Sets with a model. */
export const TRAINED = Object.keys(STEPS) as MadeUp[];

/** Writes a set into `data` of a folder and trains on it. @returns The model's folder. */
export async function train(
  folder: string,
  task: MadeUp,
  maxLength = 32,
  flags: Partial<FinetuneOptions> = {},
): Promise<string> {
  const options = resolveOptions(FINETUNE_OPTIONS, {
    dataset: await writeMadeUpSet(join(folder, "data"), task, 120, 40),
    data_dir: join(folder, "data"),
    save_dir: join(folder, "run"),
    preset: "tiny",
    max_seq_length: maxLength,
    batch_size: 16,
    valid_steps: 1000,
    num_threads: 1,
    ...STEPS[task],
    ...flags,
  });
  return (await finetune(options, { print: () => {} })).folder;
}
