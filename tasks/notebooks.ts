/** `deno task notebooks`: runs the notebooks without a front end, checks them, writes them as pages. */
import { basename, dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import {
  fileError,
  formatDuration,
  type OptionsOf,
  type OptionTable,
  ProgressBar,
  UserError,
  writeAtomically,
} from "../lib/config/mod.ts";
import {
  checkIsRun,
  checkOutputs,
  checkTypes,
  codeCells,
  compareOutputs,
  formatProblem,
  type NotebookAt,
  notebookPage,
  type Problem,
  readNotebook,
  runNotebook,
  writeNotebook,
} from "../lib/notebook/runner/mod.ts";
import { runTask } from "./flags.ts";
import { setUp } from "./set_up.ts";

export const NOTEBOOKS_OPTIONS = {
  notebooks: { type: "paths", help: "Which ones; without it all of the folder notebooks, in order" },
  set: {
    type: "strings",
    unit: "name=value",
    help:
      "Value of a parameter, as JSON or text; may be given several times; cells tagged parameters have the names",
  },
  html: {
    type: "path",
    help: "Folder for a page of each notebook, interactive, that opens without a network",
  },
  write: { type: "boolean", default: false, help: "Put the outputs into the notebooks, to be committed" },
  check: {
    type: "boolean",
    default: false,
    help: "Run nothing: check that each notebook was run as it is, and that its outputs are small and whole",
  },
  timeout: { type: "number", default: 600, min: 1, unit: "seconds", help: "Longest that a cell may take" },
} as const satisfies OptionTable;

type Options = OptionsOf<typeof NOTEBOOKS_OPTIONS>;

const FOLDER = join(dirname(dirname(fileURLToPath(import.meta.url))), "notebooks");

async function listNotebooks(): Promise<string[]> {
  try {
    const names = (await Array.fromAsync(Deno.readDir(FOLDER))).map(({ name }) => name);
    const paths = names.filter((name) => name.endsWith(".ipynb")).sort().map((name) => join(FOLDER, name));
    return paths.map((path) => relative(Deno.cwd(), path));
  } catch (error) {
    throw fileError("read", FOLDER, error);
  }
}

/** `["steps=5"]` as `{ steps: "5" }`. */
function parametersOf(settings: readonly string[] = []): Record<string, string> {
  return Object.fromEntries(settings.map((setting) => {
    const at = setting.indexOf("=");
    if (at < 1) throw new UserError(`Cannot use --set "${setting}": expected name=value`);
    return [setting.slice(0, at), setting.slice(at + 1)];
  }));
}

/** Runs one notebook and all that comes after it. */
async function run(
  { path, notebook }: NotebookAt,
  options: Options,
  { onCell, signal }: { onCell: () => void; signal: AbortSignal },
): Promise<Problem[]> {
  const committed = structuredClone(notebook);
  const parameters = parametersOf(options.set);
  const isCommitted = options.set === undefined && checkIsRun({ path, notebook }).length === 0;
  const problems = await runNotebook(path, notebook, {
    timeout: options.timeout,
    parameters,
    signal,
    onCell,
  });
  if (problems.length === 0) {
    problems.push(...checkOutputs({ path, notebook }));
    if (isCommitted && !options.write) problems.push(...compareOutputs(path, committed, notebook));
    if (options.write && problems.length === 0) await writeNotebook(path, notebook);
  }
  if (options.html !== undefined) {
    await Deno.mkdir(options.html, { recursive: true });
    const name = basename(path, ".ipynb");
    const page = new TextEncoder().encode(notebookPage(name, notebook));
    await writeAtomically(join(options.html, `${name}.html`), [page]);
  }
  return problems;
}

async function runAll(
  notebooks: readonly NotebookAt[],
  options: Options,
  signal: AbortSignal,
): Promise<Problem[]> {
  const total = notebooks.reduce((sum, { notebook }) => sum + codeCells(notebook).length, 0);
  const bar = new ProgressBar({ label: "Running notebooks", unit: "cells", total });
  const problems: Problem[] = [];
  let done = 0;
  for (const at of notebooks) {
    const start = performance.now();
    const found = await run(at, options, { signal, onCell: () => bar.update(++done, basename(at.path)) });
    problems.push(...found);
    const outcome = found.length > 0 ? "failed" : `${codeCells(at.notebook).length} cells`;
    bar.log([
      `${at.path}: ${outcome} in ${formatDuration((performance.now() - start) / 1000)}`,
      ...found.map((problem) => `  ${formatProblem(problem)}`),
    ].join("\n"));
  }
  bar.finish();
  return problems;
}

await runTask(import.meta, {
  name: "notebooks",
  summary:
    "Run the notebooks in order, without Jupyter and without Python: types are checked first, then each runs in a kernel of " +
    "its own; outputs are checked, and compared in form with the committed ones. Exit code 0: all is well.",
  table: NOTEBOOKS_OPTIONS,
  positional: "notebooks",
  examples: [
    "deno task notebooks",
    "deno task notebooks notebooks/02_the_model.ipynb --set steps=500 --html output/pages",
    "deno task notebooks --check",
  ],
  async main(options, { signal }) {
    if (options.set !== undefined && options.write) {
      throw new UserError(
        "Cannot use both --set and --write: committed outputs are those of the parameters as they stand",
      );
    }
    parametersOf(options.set); // refused now, if at all
    const paths = options.notebooks ?? await listNotebooks();
    const notebooks = await Promise.all(
      paths.map(async (path) => ({ path, notebook: await readNotebook(path) })),
    );
    const errors = options.check
      ? notebooks.flatMap((at) => [...checkIsRun(at), ...checkOutputs(at)])
      : await checkTypes(notebooks);
    for (const problem of errors) console.error(formatProblem(problem));
    if (!options.check && errors.length === 0) {
      await setUp(signal);
      errors.push(...await runAll(notebooks, options, signal));
    }
    const failed = new Set(errors.map(({ path }) => path)).size;
    console.log(`${paths.length} notebooks, ${failed} failed`);
    if (errors.length > 0) Deno.exitCode = 1;
  },
});
