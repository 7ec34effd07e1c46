/** From the command line to a task's options: flags, `--help`, one-line errors and Ctrl-C. */
import {
  describeOptions,
  fileError,
  optionName,
  type OptionsOf,
  type OptionTable,
  parseOptionText,
  PeerLostError,
  resolveOptions,
  UserError,
} from "../lib/config/mod.ts";
import { parseArgs } from "./parse_args.ts";

/** A command: its option table and what it does with the options. */
export interface Task<T extends OptionTable> {
  /** Name after `deno task`. */
  readonly name: string;
  /** One sentence for the top of the help page. */
  readonly summary: string;
  readonly table: T;
  /** The option whose value may stand without its flag; one of type `paths` takes all words. */
  readonly positional?: keyof T & string;
  /** What the first word without a flag begins, where it and all after it are left to `main`: "a command and its flags". */
  readonly command?: string;
  /** A few command lines for the help page. */
  readonly examples?: readonly string[];
  /** The work; `signal` aborts at the first Ctrl-C, upon which it saves what it can and returns or throws. */
  main(options: OptionsOf<T>, context: TaskContext): void | Promise<void>;
}

/** What a task gets besides its options. */
export interface TaskContext {
  readonly signal: AbortSignal;
  /** The words of a task that takes a command; else none. */
  readonly command: readonly string[];
}

/** Exit codes of a program that a signal ended: 128 + its number. */
const INTERRUPTED: Partial<Record<Deno.Signal, number>> = { SIGINT: 130, SIGTERM: 143 };
/** One Ctrl-C comes twice to a program under `deno task`: from the terminal, and passed on by its parent. */
const ONE_CTRL_C = 1000; // milliseconds

/**
 * Runs a task if its module is the program: flags in, exit code out.
 *
 * A `UserError` becomes `error: message` on stderr and exit code 1, a `PeerLostError` the same with its own exit code
 * (75: another try may succeed), whatever still runs; any other error keeps its stack. The first Ctrl-C
 * (or SIGTERM) aborts the task's signal and the program ends with 130 (143); the second, a second later or more, ends it
 * at once.
 *
 * @param meta `import.meta` of the task's module
 * @param task what to run
 *
 * @example
 * ```ts
 * import { runTask } from "./flags.ts";
 * await runTask(import.meta, {
 *   name: "greet",
 *   summary: "Print a greeting.",
 *   table: { to: { type: "string", default: "world", help: "Whom to greet" } },
 *   main: (options) => console.log(`Hello ${options.to}`),
 * });
 * ```
 */
export async function runTask<const T extends OptionTable>(meta: ImportMeta, task: Task<T>): Promise<void> {
  if (!meta.main) return;
  const abort = new AbortController();
  let abortedAt = -Infinity, exitCode = 0;
  const onSignal = (name: Deno.Signal) => {
    if (performance.now() - abortedAt < ONE_CTRL_C) return;
    exitCode ||= INTERRUPTED[name]!;
    if (abort.signal.aborted) Deno.exit(exitCode);
    abortedAt = performance.now();
    const line = Deno.stderr.isTerminal() ? "\n" : ""; // a terminal's last line holds "^C" and perhaps a progress bar
    console.error(`${line}Stopping; Ctrl-C again stops at once`);
    abort.abort(new DOMException("Interrupted by Ctrl-C", "AbortError"));
  };
  const signals: Deno.Signal[] = Deno.build.os === "windows" ? ["SIGINT"] : ["SIGINT", "SIGTERM"];
  const listeners = signals.map((name) => [name, () => onSignal(name)] as const);
  for (const [name, listener] of listeners) Deno.addSignalListener(name, listener);
  try {
    const [flags, command] = task.command === undefined
      ? [Deno.args, []]
      : splitCommand(Deno.args, task.table);
    const options = parseFlags(flags, task.table, task.positional);
    if (options === "help") {
      console.log(usage(task));
      return;
    }
    await task.main(options, { signal: abort.signal, command });
  } catch (error) {
    if (abort.signal.aborted && error === abort.signal.reason) return; // reported when the signal came
    if (!(error instanceof UserError || error instanceof PeerLostError)) throw error;
    console.error(`error: ${error.message}`);
    if (error instanceof PeerLostError) Deno.exit(exitCode || error.exitStatus); // some computations never end
    Deno.exitCode = 1;
  } finally {
    for (const [name, listener] of listeners) Deno.removeSignalListener(name, listener);
    if (abort.signal.aborted) Deno.exitCode = exitCode;
  }
}

/**
 * Reads flags: `--name value`, `--name=value`, `--kebab-name`, `--switch`, `--switch False` and `--no-switch`; with
 * `--config FILE`, options that no flag gives come from that JSON file, such as a checkpoint's `run.json`.
 *
 * @param args the words after the command
 * @param table the command's options
 * @param positional the option that a word without flag stands for
 * @returns the resolved options, or `"help"` where `--help` or `-h` was given
 * @throws {UserError} if a flag is unknown or its value does not fit
 *
 * @example
 * ```ts
 * import { parseFlags } from "./flags.ts";
 * const table = { max_steps: { type: "integer", default: -1, help: "Steps in all" } } as const;
 * console.log(parseFlags(["--max-steps", "300"], table)); // { max_steps: 300 }
 * ```
 */
export function parseFlags<const T extends OptionTable>(
  args: readonly string[],
  table: T,
  positional?: keyof T & string,
): OptionsOf<T> | "help" {
  const { rest, config } = takeConfig(args.map((arg) => canonicalName(snakeCase(arg), table)), table);
  const spelled = rest;
  if (spelled.includes("--help") || spelled.includes("-h")) return "help";
  const switches = Object.keys(table).filter((name) => table[name]!.type === "boolean");
  const given: Record<string, unknown> = {};
  const parsed = parseArgs(joinValues(spelled, table), {
    string: Object.keys(table).filter((name) => !switches.includes(name)),
    boolean: switches,
    collect: Object.keys(table).filter((name) => ["paths", "strings"].includes(table[name]!.type)),
    negatable: switches,
    unknown: (argument, name, value) => {
      if (name === undefined) {
        if (positional !== undefined) return true;
        throw new UserError(`Unexpected argument ${JSON.stringify(argument)}: every value follows a --flag`);
      }
      given[name] = value; // refused below, with the nearest known name
      return false;
    },
  });
  const flags = spelled.filter((arg) => arg.startsWith("--"));
  const mentioned = new Set(flags.map((arg) => arg.replace(/^--(no-)?/, "").replace(/=.*$/s, "")));
  for (const [name, value] of Object.entries(parsed)) {
    if (name === "_" || !mentioned.has(name)) continue; // a switch that nobody turned: its default holds
    given[name] = typeof value === "string" ? parseOptionText(table[name]!, value) : value;
  }
  for (const word of parsed._) {
    if (table[positional!]!.type === "paths") {
      given[positional!] = [...(given[positional!] as string[] ?? []), word];
      continue;
    }
    if (given[positional!] !== undefined) {
      throw new UserError(`Unexpected argument ${JSON.stringify(word)}: ${positional} is given already`);
    }
    given[positional!] = parseOptionText(table[positional!]!, word);
  }
  const fromFile = Object.entries(config).filter(([name]) =>
    !Object.hasOwn(given, optionName(table, name) ?? name)
  );
  return resolveOptions(table, { ...Object.fromEntries(fromFile), ...given }, (name) => `--${name}`);
}

/**
 * Parts a command line at the first word that is neither a flag nor a flag's value.
 *
 * @param args the words after the task's name
 * @param table the task's own options
 * @returns the task's own words, and those from the command on
 *
 * @example
 * ```ts
 * import { splitCommand } from "./flags.ts";
 * const table = { workers: { type: "integer", help: "Processes" } } as const;
 * console.log(splitCommand(["--workers", "2", "pretrain", "--seed", "7"], table));
 * // [["--workers", "2"], ["pretrain", "--seed", "7"]]
 * ```
 */
export function splitCommand(args: readonly string[], table: OptionTable): [string[], string[]] {
  let at = 0;
  while (at < args.length && args[at]!.startsWith("-")) {
    const flag = canonicalName(snakeCase(args[at]!), table);
    const isSwitch = ["--help", "-h"].includes(flag) ||
      table[flag.replace(/^--(no-)?/, "")]?.type === "boolean";
    at += flag.includes("=") || isSwitch ? 1 : 2;
  }
  return [args.slice(0, at), args.slice(at)];
}

/** Takes `--config FILE` out of the command line and reads the file. */
function takeConfig(args: readonly string[], table: OptionTable) {
  if (Object.hasOwn(table, "config")) return { rest: [...args], config: {} };
  const at = args.findIndex((arg) => arg === "--config" || arg.startsWith("--config="));
  if (at < 0) return { rest: [...args], config: {} };
  const joined = args[at] !== "--config";
  const path = joined ? args[at].slice("--config=".length) : args[at + 1];
  if (!path) throw new UserError("Cannot go on without the file of --config: a JSON object of options");
  return { rest: args.toSpliced(at, joined ? 1 : 2), config: readConfig(path) };
}

function readConfig(path: string): Record<string, unknown> {
  let text;
  try {
    text = Deno.readTextFileSync(path);
  } catch (error) {
    throw fileError("read", path, error);
  }
  try {
    const config = JSON.parse(text);
    if (typeof config === "object" && config !== null && !Array.isArray(config)) return config;
  } catch (cause) {
    throw new UserError(`Cannot read "${path}": it is not valid JSON: ${(cause as Error).message}`, {
      cause,
    });
  }
  throw new UserError(`Cannot read "${path}": expected a JSON object of options`);
}

/** `--per_device_train_batch_size=8` → `--batch_size=8`: an alias becomes the option's own name. */
function canonicalName(arg: string, table: OptionTable): string {
  const [, no = "", spelling, rest = ""] = /^--(no-)?([^=]+)(=.*)?$/s.exec(arg) ?? [];
  const name = spelling === undefined ? undefined : optionName(table, spelling);
  return name === undefined ? arg : `--${no}${name}${rest}`;
}

/** `--batch-size=8` → `--batch_size=8`; the `no-` of a switch turned off and everything after `=` stay. */
function snakeCase(arg: string): string {
  const [, no = "", name, rest = ""] = /^--(no[-_])?([^=]+)(=.*)?$/s.exec(arg) ?? [];
  return name === undefined ? arg : `--${no && "no-"}${name.replaceAll("-", "_")}${rest}`;
}

/**
 * Joins values that parsers would not take for one: `--max_steps -1` → `--max_steps=-1`, as a word that begins with a
 * dash is a flag to them, and `--use_amp True` → `--use_amp=True`, as the original's commands spell it.
 */
function joinValues(args: readonly string[], table: OptionTable): string[] {
  const joined: string[] = [];
  for (const arg of args) {
    const flag = joined.at(-1)?.replace(/^--/, "");
    const spec = flag !== undefined && Object.hasOwn(table, flag) ? table[flag] : undefined;
    const isValue = spec?.type === "boolean"
      ? typeof parseOptionText(spec, arg) === "boolean"
      : spec !== undefined && /^-[\d.]/.test(arg);
    if (isValue) joined.push(`${joined.pop()}=${arg}`);
    else joined.push(arg);
  }
  return joined;
}

/**
 * Writes a task's help page.
 *
 * @param task the command
 * @returns usage, options with types, units and defaults, and examples
 */
export function usage<T extends OptionTable>(task: Task<T>): string {
  const rows = describeOptions(task.table);
  const left = rows.map((row) => `  --${row.name} <${row.type}>`.replace(" <boolean>", ""));
  const width = Math.min(44, Math.max(...left.map((text) => text.length)) + 2);
  const lines = rows.map((row, i) => {
    const name = left[i]!;
    const gap = name.length + 2 > width ? "\n" + " ".repeat(width) : " ".repeat(width - name.length);
    const note = row.default === "none"
      ? ""
      : row.default === "required"
      ? " (required)"
      : ` [${row.default}]`;
    return `${name}${gap}${row.help}${note}`;
  });
  const { positional } = task;
  const words = positional === undefined
    ? ""
    : ` <${positional}>${task.table[positional]!.type === "paths" ? "…" : ""}`;
  const examples = task.examples?.length
    ? ["", "Examples:", ...task.examples.map((line) => `  ${line}`)]
    : [];
  const command = task.command === undefined ? "" : ` <${task.command}>`;
  return [
    task.summary,
    "",
    `Usage: deno task ${task.name}${words} [options]${command}`,
    "",
    "Options ([default]; batch-size and batch_size are the same):",
    ...lines,
    `${
      "  --config <path>".padEnd(width)
    }JSON file of options, such as a checkpoint's run.json; flags win over it`,
    `${"  --help".padEnd(width)}Print this page`,
    ...examples,
  ].join("\n");
}
