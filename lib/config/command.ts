/** What a program did, as the command that does the same. */
import { relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { OptionTable } from "./options.ts";

/** Where `deno task` runs: the folder of deno.json. */
const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/**
 * Writes the `deno task …` that does what a function did with the same options.
 *
 * @param task name after `deno task`
 * @param given options as `resolveOptions` takes them; those that are absent are left out
 * @param table the command's options; its paths are written as seen from the folder in which `deno task` runs
 * @returns one line for a shell
 *
 * @example
 * ```ts
 * import { commandLine } from "./command.ts";
 * const table = { input_dir: { type: "path", help: "" }, max_steps: { type: "integer", help: "" } } as const;
 * console.log(commandLine("pretrain", { input_dir: "data", max_steps: 300 }, table));
 * // deno task pretrain --input_dir data --max_steps 300
 * ```
 */
export function commandLine(
  task: string,
  given: Readonly<Record<string, unknown>>,
  table: OptionTable,
): string {
  const flags = Object.entries(given).flatMap(([name, value]) => {
    if (value === undefined || value === null) return [];
    if (typeof value === "boolean") return [value ? `--${name}` : `--no-${name}`];
    const isPath = table[name]?.type === "path" || table[name]?.type === "paths";
    return [value].flat().map((one) => `--${name} ${quote(isPath ? fromRoot(`${one}`) : `${one}`)}`);
  });
  return ["deno task", task, ...flags].join(" ");
}

/** A path that is within the project as seen from its root; others stay absolute. */
function fromRoot(path: string): string {
  const full = resolve(path), inside = relative(ROOT, full);
  return inside === "" ? "." : /^\.\.([/\\]|$)/.test(inside) ? full : inside;
}

/** A word of a shell's command line. */
function quote(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
