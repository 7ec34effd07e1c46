/** Exported models for tests of the server. */
import { join } from "node:path";
import { TASKS } from "../../lib/cblue/mod.ts";
import { exportModel } from "../../lib/deploy/mod.ts";
import type { MadeUp } from "../cblue/made_up_sets.ts";
import { train } from "./trained.ts";

/** Trains and exports models, with the Chinese names of their labels. @returns Their folders. */
export async function exported(folder: string, tasks: readonly MadeUp[]): Promise<string[]> {
  const folders = [];
  for (const name of tasks) {
    const out = join(folder, name, "export"), path = join(out, "config.json");
    const trained = await train(join(folder, name), name);
    await exportModel(trained, { format: "fp32", packed: false, inputs: 3, out }, { print: () => {} });
    const config = JSON.parse(await Deno.readTextFile(path)), { labels } = TASKS[name];
    config.task.labels = config.task.labels.map((label: { name: string }) =>
      labels.find(({ name }) => name === label.name) ?? label
    );
    await Deno.writeTextFile(path, JSON.stringify(config));
    folders.push(out);
  }
  return folders;
}
