/** Runs the cells of a notebook, in order, in a kernel of its own. */
import { dirname } from "node:path";
import { nearestName, UserError } from "../../config/mod.ts";
import { Kernel, KernelError } from "./kernel.ts";
import { type CodeCell, codeCells, type Notebook, noteSources, textOf } from "./notebook_file.ts";
import { OutputCollector } from "./outputs.ts";
import type { Problem } from "./problem.ts";

/** How a notebook is run. */
export interface RunOptions {
  /** Seconds that a cell may take. */
  readonly timeout: number;
  /** Values of its parameters, as text: JSON, or else a string. */
  readonly parameters?: Readonly<Record<string, string>>;
  /** Ends it and its kernel. */
  readonly signal?: AbortSignal | undefined;
  /** Hears of each cell done. */
  readonly onCell?: () => void;
}

/**
 * Runs a notebook up to the first cell that fails; outputs take the place of the earlier ones.
 *
 * @param path where it lies: the kernel works in its folder
 * @param notebook changed in place
 * @param options time, parameters
 * @returns what went wrong; nothing if all cells ran
 * @throws {UserError} if it has no parameter of a name that is given
 * @throws {DOMException} `AbortError`, if it was ended
 */
export async function runNotebook(path: string, notebook: Notebook, options: RunOptions): Promise<Problem[]> {
  const { timeout, parameters = {}, signal, onCell } = options;
  const cells = codeCells(notebook);
  const assigned = cells.findIndex(isParameters);
  const assignments = parameterLines(path, cells[assigned], parameters);
  for (const cell of cells) Object.assign(cell, { outputs: [], execution_count: null });
  await using kernel = await Kernel.start({ folder: dirname(path), signal });
  const collector = new OutputCollector();
  for (const [i, cell] of cells.entries()) {
    const code = textOf(cell.source) + (i === assigned ? assignments : "");
    const problem = await runCell(kernel, cell, code, { collector, timeout });
    signal?.throwIfAborted();
    if (problem !== undefined) return [{ path, cell: i + 1, message: problem }];
    onCell?.();
  }
  noteSources(notebook);
  return [];
}

/** @returns what went wrong */
async function runCell(
  kernel: Kernel,
  cell: CodeCell,
  code: string,
  { collector, timeout }: { collector: OutputCollector; timeout: number },
): Promise<string | undefined> {
  try {
    const reply = await kernel.execute(code, {
      timeout,
      onOutput: (message) => collector.add(cell.outputs, message),
    });
    cell.execution_count = reply.execution_count;
    const error = cell.outputs.find((output) => output.output_type === "error");
    if (error !== undefined) return `${error.ename}: ${error.evalue}`;
    // for a syntax error this kernel gives no details at all
    if (reply.status !== "ok") {
      return `${reply.evalue ?? "it failed"}; the kernel does not say why: most likely the syntax`;
    }
  } catch (error) {
    if (error instanceof KernelError) return error.message;
    throw error;
  }
}

function isParameters({ metadata }: CodeCell): boolean {
  return metadata?.tags?.includes("parameters") ?? false;
}

/** What is run after the parameters' own lines. */
function parameterLines(
  path: string,
  cell: CodeCell | undefined,
  values: Readonly<Record<string, string>>,
): string {
  const known = Array.from(textOf(cell?.source ?? "").matchAll(/^let (\w+)/gm), ([, name]) => name!);
  return Object.entries(values).map(([name, text]) => {
    if (known.includes(name)) return `\n${name} = ${literal(text)};`;
    const near = nearestName(name, known);
    const hint = near
      ? `did you mean "${near}"?`
      : known.length > 0
      ? `it has ${known.join(", ")}`
      : "it has none";
    throw new UserError(`Cannot set "${name}": notebook "${path}" has no such parameter; ${hint}`);
  }).join("");
}

/** JSON stays what it is, all other text is a string. */
function literal(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text));
  } catch {
    return JSON.stringify(text);
  }
}
