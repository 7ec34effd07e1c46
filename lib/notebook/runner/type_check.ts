/**
 * Types and syntax of notebooks: the cells of each become one module, which `deno check` reads. The kernel itself drops types
 * unread, and of a syntax error it tells nothing.
 *
 * @module
 */
import { basename, dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { codeCells, type Notebook, textOf } from "./notebook_file.ts";
import type { Problem } from "./problem.ts";

/** A notebook and where it lies. */
export interface NotebookAt {
  readonly path: string;
  readonly notebook: Notebook;
}

/** A module made of cells. */
interface CellModule extends NotebookAt {
  /** Beside the notebook, so that its imports mean the same. */
  readonly modulePath: string;
  readonly text: string;
  /** Line of the module, from 1, on which each cell begins. */
  readonly starts: readonly number[];
}

/**
 * Checks notebooks, all in one go.
 *
 * @param notebooks read before
 * @returns every error that `deno check` finds
 */
export async function checkTypes(notebooks: readonly NotebookAt[]): Promise<Problem[]> {
  const modules = notebooks.map(moduleOf);
  try {
    for (const { modulePath, text } of modules) await Deno.writeTextFile(modulePath, text);
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["check", "--quiet", ...modules.map(({ modulePath }) => modulePath)],
      env: { NO_COLOR: "1" },
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).output();
    return success ? [] : problems(new TextDecoder().decode(stderr), modules);
  } finally {
    for (const { modulePath } of modules) await Deno.remove(modulePath).catch(() => {}); // it may not have been written
  }
}

function moduleOf({ path, notebook }: NotebookAt): CellModule {
  const lines: string[] = [], starts: number[] = [];
  for (const [i, cell] of codeCells(notebook).entries()) {
    lines.push(`// %% cell ${i + 1}`);
    starts.push(lines.length + 1);
    lines.push(...textOf(cell.source).split("\n"), ";"); // a cell's last expression ends with it
  }
  lines.push("export {};"); // a module, even without imports
  const modulePath = join(resolve(dirname(path)), `.${basename(path, ".ipynb")}.check.ts`);
  return { path, notebook, modulePath, text: `${lines.join("\n")}\n`, starts };
}

/** Errors from what `deno check` wrote: blocks with a message at the head and a place at the foot. */
function problems(stderr: string, modules: readonly CellModule[]): Problem[] {
  const found: Problem[] = [];
  const blocks = stderr.split(/\n\s*\n/).map((block) => block.trim()).filter((block) => block !== "");
  for (const block of blocks) {
    const message = block.split("\n")[0]!.replace(" [ERROR]", "").replace(/^error: /, "");
    for (const { modulePath, path, starts } of modules) {
      const url = pathToFileURL(modulePath).href;
      const at = block.indexOf(`${url}:`);
      if (at < 0) continue;
      const line = Number.parseInt(block.slice(at + url.length + 1));
      const cell = starts.findLastIndex((start) => start <= line);
      found.push({ path, cell: cell + 1, line: line - starts[cell]! + 1, message });
    }
  }
  // an error of a module that they import: no cell is to blame
  return found.length > 0 ? found : [{ path: modules[0]!.path, message: blocks.join("\n") }];
}
