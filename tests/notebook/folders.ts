/** Notebooks for tests, in a folder that finds our packages and modules as the repository does. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { CodeCell, Notebook } from "../../lib/notebook/runner/mod.ts";

export const ROOT = fileURLToPath(new URL("../../", import.meta.url));
/** How a cell of a test's notebook imports the room. */
export const DOOR = new URL("lib/notebook/mod.ts", `file://${ROOT}`).href;

/** Runs with a folder that has the packages of the repository's `deno.json`. */
export async function withNotebookFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    const { imports, nodeModulesDir } = JSON.parse(await Deno.readTextFile(join(ROOT, "deno.json")));
    await Deno.writeTextFile(
      join(folder, "deno.json"),
      JSON.stringify({ imports, nodeModulesDir, lock: false }),
    );
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** A notebook of these cells, the first of them tagged if there are tags. */
export function notebookOf(sources: readonly string[], tags: readonly string[] = []): Notebook {
  const cells = sources.map((source, i): CodeCell => ({
    cell_type: "code",
    source,
    metadata: i === 0 ? { tags } : {},
    execution_count: null,
    outputs: [],
  }));
  return { cells, metadata: {}, nbformat: 4, nbformat_minor: 5 };
}

/** Whether a process is there. */
export function isRunning(pid: number): boolean {
  return new Deno.Command("kill", { args: ["-0", `${pid}`], stdout: "null", stderr: "null" }).outputSync()
    .success;
}

/** Waits for a condition. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 20));
}
