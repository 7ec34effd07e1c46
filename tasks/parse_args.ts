/**
 * The part of `@std/cli`'s `parseArgs` that the tasks use, on `node:util`: the same call and the same result, so that
 * importing `parseArgs` from `@std/cli` instead is a one-line change in `flags.ts`.
 */
import { parseArgs as tokenizeArgs } from "node:util";

/** Which names take text, which are switches, and who hears of all others. */
export interface ParseArgsOptions {
  readonly string: readonly string[];
  readonly boolean: readonly string[];
  /** Those among the first that may be given several times: their values are a list. */
  readonly collect: readonly string[];
  /** Switches that `--no-name` turns off. */
  readonly negatable: readonly string[];
  /** Called for every argument that is not a known option; its result says whether to keep it. */
  readonly unknown: (argument: string, name?: string, value?: unknown) => unknown;
}

/** Values by name; arguments that belong to no option under `_`. */
export type ParsedArgs = Record<string, string | boolean | string[]> & { _: string[] };

/**
 * Splits a command line into options.
 *
 * @param args the words after the command
 * @param options what is known
 * @returns text of the options given, booleans of all switches, and what is left over
 *
 * @example
 * ```ts
 * import { parseArgs } from "./parse_args.ts";
 * const unknown = () => false;
 * const parsed = parseArgs(["--seed=7", "--quiet"], { string: ["seed"], boolean: ["quiet"], collect: [], negatable: [], unknown });
 * console.log(parsed.seed, parsed.quiet); // 7 true
 * ```
 */
export function parseArgs(args: readonly string[], options: ParseArgsOptions): ParsedArgs {
  const isSwitch = new Set(options.boolean);
  const known = new Set([...options.string, ...options.boolean]);
  const parsed: ParsedArgs = { _: [] };
  for (const name of options.boolean) parsed[name] = false;

  const { tokens } = tokenizeArgs({ args: [...args], strict: false, allowPositionals: true, tokens: true });
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i]!;
    if (token.kind === "positional") {
      if (options.unknown(token.value) !== false) parsed._.push(token.value);
      continue;
    }
    if (token.kind !== "option") continue;
    const { name, value, rawName } = token;
    // With nothing declared to node:util, a value apart from its flag arrives as the next positional token.
    const next = tokens[i + 1];
    const following = next?.kind === "positional" ? next.value : undefined;
    if (isSwitch.has(name)) {
      const text = value ?? (following === "true" || following === "false" ? following : undefined);
      if (value === undefined && text !== undefined) i++;
      parsed[name] = text === undefined || text === "true" ? true : text === "false" ? false : text;
    } else if (known.has(name)) {
      if (value === undefined && following !== undefined) i++;
      const text = value ?? following ?? "";
      parsed[name] = options.collect.includes(name) ? [...(parsed[name] as string[] ?? []), text] : text;
    } else if (name.startsWith("no-") && options.negatable.includes(name.slice(3))) {
      parsed[name.slice(3)] = false;
    } else {
      if (value === undefined && following !== undefined) i++;
      options.unknown(rawName, name, value ?? following ?? true);
    }
  }
  return parsed;
}
