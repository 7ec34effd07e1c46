/** The generated sets as tasks with few labels: a small head learns quickly. */
import { join } from "node:path";
import { writeMadeUpSet as writeSet } from "../../lib/cblue/mod.ts";

const LABELS = {
  "KUAKE-QIC": ["治疗方案", "病情诊断"],
  "CHIP-STS": ["0", "1"],
  CMeEE: ["dis", "bod", "sym"],
  CMeIE: ["临床表现", "病因"],
} as const;

/** A task's name, as far as there is a set for it here. */
export type MadeUp = keyof typeof LABELS | "CHIP-CDN";

/**
 * Writes the files of a task.
 *
 * @returns What `--dataset` takes: the task's name, or the file that describes one with fewer labels.
 */
export async function writeMadeUpSet(
  folder: string,
  task: MadeUp,
  train: number,
  dev: number,
): Promise<string> {
  await writeSet(folder, task, { train, dev });
  if (task === "CHIP-CDN") return task;
  const path = join(folder, `${task}.json`);
  await Deno.writeTextFile(path, JSON.stringify({ name: task, like: task, labels: LABELS[task] }));
  return path;
}
