/**
 * Small labelled sets as files, for demonstrations and tests: the official ones are not ours to give away.
 *
 * @module
 */
import { join } from "node:path";
import { writeAtomically } from "../../config/mod.ts";
import { type Task, TASKS } from "../tasks.ts";
import { type MadeUpTask, MAKERS, STANDARD_TERMS } from "./records.ts";

/** The eight tasks for which the original published scores. */
export const MADE_UP_TASKS: readonly MadeUpTask[] = (Object.keys(MAKERS) as MadeUpTask[]).filter((task) =>
  TASKS[task].recipe.published !== undefined
);

/** How many records a set has. */
export interface SetSizes {
  readonly train: number;
  readonly dev: number;
}

/**
 * Writes a task's training set and dev set; the same each time.
 *
 * @param folder Gets the files, named as the official ones.
 *
 * @example
 * ```ts
 * import { readExamples } from "../files/readers.ts";
 * import { TASKS } from "../tasks.ts";
 * import { writeMadeUpSet } from "./sets.ts";
 * const folder = await Deno.makeTempDir();
 * await writeMadeUpSet(folder, "CMeEE", { train: 20, dev: 5 });
 * console.log((await readExamples(TASKS.CMeEE, `${folder}/CMeEE_dev.json`)).length); // 5
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export async function writeMadeUpSet(
  folder: string,
  task: MadeUpTask,
  { train, dev }: SetSizes,
): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  const { files, layout }: Task = TASKS[task];
  const write = (name: string, text: string) =>
    writeAtomically(join(folder, name), [new TextEncoder().encode(text)]);
  await write(files.train, format(MAKERS[task](train, 1), layout));
  await write(files.dev, format(MAKERS[task](dev, 2), layout));
  if (task === "CHIP-CDN") await write("terms.txt", STANDARD_TERMS.join("\n"));
}

/**
 * Writes sets of several tasks.
 *
 * @param folder Gets a folder for each.
 * @param options.tasks Which; default: {@linkcode MADE_UP_TASKS}.
 * @returns The folder.
 */
export async function writeMadeUpSets(
  folder: string,
  { tasks = MADE_UP_TASKS, ...sizes }: SetSizes & { readonly tasks?: readonly MadeUpTask[] },
): Promise<string> {
  for (const task of tasks) await writeMadeUpSet(join(folder, task), task, sizes);
  return folder;
}

function format(records: readonly object[], layout: Task["layout"]): string {
  if (layout === "jsonl") return records.map((record) => JSON.stringify(record)).join("\n");
  if (layout !== "tsv") return JSON.stringify(records);
  const lines = [Object.keys(records[0] ?? {}), ...records.map((record) => Object.values(record))];
  return lines.map((cells) => cells.join("\t")).join("\n");
}
