/**
 * Option tables: every command has one, and it feeds the flags, `--help`, the run config and the docs.
 *
 * A row names an option as the original does (snake_case) with its type, default, unit, range and help text.
 * `OptionsOf<typeof TABLE>` is the type of the resolved options, so that a task reads `options.batch_size`
 * as a number without a cast.
 */
import { UserError } from "./errors.ts";

/**
 * What a value of an option may be; a `path` or `string` is not empty, an `integer` a safe whole number, `paths` and `strings`
 * a list of one or more.
 */
export type OptionType = "string" | "strings" | "path" | "paths" | "integer" | "number" | "boolean";

/** One row of an option table. */
export interface OptionSpec {
  readonly type: OptionType;
  /** Value where none is given; an option without default that is not required resolves to `undefined`. */
  readonly default?: string | number | boolean;
  readonly required?: boolean;
  /** Other names that mean the same, as other programs of the field spell it. */
  readonly aliases?: readonly string[];
  /** The only strings allowed. */
  readonly choices?: readonly string[];
  /** Shown after the type: "tokens", "steps", "seconds". */
  readonly unit?: string;
  /** Smallest number allowed, itself included. */
  readonly min?: number;
  /** Largest number allowed, itself included. */
  readonly max?: number;
  /** One line, sentence case, no full stop. */
  readonly help: string;
}

/** The options of one command, in the order of its help page. */
export type OptionTable = Readonly<Record<string, OptionSpec>>;

type BaseValue<S extends OptionSpec> = S extends { choices: readonly (infer C)[] } ? C
  : S["type"] extends "boolean" ? boolean
  : S["type"] extends "integer" | "number" ? number
  : S["type"] extends "paths" | "strings" ? readonly string[]
  : string;

type Value<S extends OptionSpec> = S extends { required: true } ? BaseValue<S>
  : S extends { default: string | number | boolean } ? BaseValue<S>
  : BaseValue<S> | undefined;

/** Resolved options of a table declared `as const satisfies OptionTable`. */
export type OptionsOf<T extends OptionTable> = { readonly [K in keyof T]: Value<T[K]> };

/**
 * Checks given values against a table and fills in the defaults.
 *
 * @param table the command's options
 * @param given values by option name, as a parsed run config or the flags hold them; `undefined` and `null` count as absent
 * @param spell how an error writes an option's name: `"batch_size"` for a config, `--batch_size` for flags
 * @returns one value for every row of the table
 * @throws {UserError} if a name is unknown, a value has the wrong type, range or choice, or a required one is absent
 *
 * @example
 * ```ts
 * import { resolveOptions } from "./options.ts";
 * const TABLE = { batch_size: { type: "integer", default: 256, min: 1, help: "Sentences a step" } } as const;
 * const { batch_size } = resolveOptions(TABLE, {});
 * console.log(batch_size); // 256
 * ```
 */
export function resolveOptions<const T extends OptionTable>(
  table: T,
  given: Readonly<Record<string, unknown>>,
  spell: (name: string) => string = (name) => `"${name}"`,
): OptionsOf<T> {
  const values: Record<string, unknown> = {};
  for (const [spelling, value] of Object.entries(given)) {
    const name = optionName(table, spelling);
    if (name === undefined) throw new UserError(unknownOption(table, spelling, spell));
    if (Object.hasOwn(values, name)) {
      throw new UserError(`Cannot use both ${spell(name)} and another name of it: they are one option`);
    }
    values[name] = value;
  }
  const resolved: Record<string, unknown> = {};
  for (const [name, spec] of Object.entries(table)) {
    const value = values[name] ?? spec.default;
    if (value === undefined) {
      if (spec.required) throw new UserError(`Cannot go on without ${spell(name)}: ${lowerFirst(spec.help)}`);
      resolved[name] = undefined;
      continue;
    }
    const complaint = complain(spec, value);
    if (complaint) throw new UserError(`Cannot use ${spell(name)} ${JSON.stringify(value)}: ${complaint}`);
    resolved[name] = value;
  }
  return resolved as OptionsOf<T>;
}

/**
 * Finds the row that a name means.
 *
 * @param table the command's options
 * @param spelling a row's name or one of its aliases
 * @returns the row's name; `undefined` where there is none
 */
export function optionName(table: OptionTable, spelling: string): string | undefined {
  if (Object.hasOwn(table, spelling)) return spelling;
  return Object.keys(table).find((name) => table[name]!.aliases?.includes(spelling));
}

/** Says what is wrong with a value, or nothing. */
function complain(spec: OptionSpec, value: unknown): string | undefined {
  switch (spec.type) {
    case "boolean":
      return typeof value === "boolean" ? undefined : "expected true or false";
    case "path":
      return typeof value === "string" && value !== "" ? undefined : "expected a path";
    case "paths":
    case "strings": {
      const isList = Array.isArray(value) && value.length > 0;
      const isText = (item: unknown) => typeof item === "string" && item !== "";
      return isList && value.every(isText)
        ? undefined
        : `expected ${spec.type === "paths" ? "paths" : "texts"}`;
    }
    case "string":
      if (typeof value !== "string" || value === "") return "expected text";
      if (spec.choices && !spec.choices.includes(value)) return `choose one of ${spec.choices.join(", ")}`;
      return undefined;
    case "integer":
    case "number": {
      const whole = spec.type === "integer";
      if (typeof value !== "number" || !(whole ? Number.isSafeInteger(value) : Number.isFinite(value))) {
        return whole ? "expected a whole number" : "expected a number";
      }
      if (spec.min !== undefined && value < spec.min) return `the smallest value is ${spec.min}`;
      if (spec.max !== undefined && value > spec.max) return `the largest value is ${spec.max}`;
      return undefined;
    }
  }
}

/**
 * Reads the text of a flag as the type of its option; text that does not fit is returned as it is, for
 * {@linkcode resolveOptions} to refuse.
 *
 * @param spec the option's row
 * @param text what stood after the flag
 * @returns a number or boolean where the option wants one, otherwise the text
 */
export function parseOptionText(spec: OptionSpec, text: string): unknown {
  switch (spec.type) {
    case "integer":
    case "number":
      return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : text;
    case "boolean": {
      const value =
        { true: true, "1": true, yes: true, false: false, "0": false, no: false }[text.toLowerCase()];
      return value ?? text;
    }
    case "paths":
    case "strings":
      return [text];
    default:
      return text;
  }
}

/** One option as the help page and the docs print it. */
export interface OptionDescription {
  readonly name: string;
  /** Type, with choices or unit: `integer (steps)`, `cpu | gpu`. */
  readonly type: string;
  /** Default as text; "required" or "none" where there is no default. */
  readonly default: string;
  readonly help: string;
}

/**
 * Describes the rows of a table in print.
 *
 * @param table the command's options
 * @returns one description a row, in the table's order
 */
export function describeOptions(table: OptionTable): OptionDescription[] {
  return Object.entries(table).map(([name, spec]) => ({
    name,
    type: spec.choices ? spec.choices.join(" | ") : spec.unit ? `${spec.type} (${spec.unit})` : spec.type,
    default: spec.required ? "required" : spec.default === undefined ? "none" : String(spec.default),
    help: spec.help + (spec.aliases ? ` (also ${spec.aliases.map((alias) => `--${alias}`).join(", ")})` : ""),
  }));
}

/**
 * Writes a table as Markdown for the docs.
 *
 * @param table the command's options
 * @returns a Markdown table with a row for every option, ending in a newline
 *
 * @example
 * ```ts
 * import { markdownOptions } from "./options.ts";
 * console.log(markdownOptions({ seed: { type: "integer", default: 1000, help: "Seed of every random number" } }));
 * ```
 */
export function markdownOptions(table: OptionTable): string {
  const escape = (text: string) => text.replaceAll("|", "\\|");
  const rows = describeOptions(table).map((row) =>
    `| \`--${row.name}\` | ${escape(row.type)} | ${escape(row.default)} | ${escape(row.help)} |`
  );
  return ["| flag | type | default | what it does |", "| --- | --- | --- | --- |", ...rows, ""].join("\n");
}

function unknownOption(table: OptionTable, name: string, spell: (name: string) => string): string {
  const near = nearestName(
    name,
    Object.entries(table).flatMap(([name, { aliases = [] }]) => [name, ...aliases]),
  );
  return `Unknown option ${spell(name)}: ` +
    (near ? `did you mean ${spell(near)}?` : `the options are ${Object.keys(table).map(spell).join(", ")}`);
}

/**
 * Finds the known name that a mistyped one most likely stood for.
 *
 * @param name what was typed
 * @param known the names allowed
 * @returns the known name with the smallest edit distance, or one that begins with what was typed; `undefined`
 *   where none shares at least half of its letters
 */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestCost = Infinity;
  for (const candidate of known) {
    const cost = candidate.startsWith(name) ? 0.5 : editDistance(name, candidate);
    if (cost < bestCost) [best, bestCost] = [candidate, cost];
  }
  return best !== undefined && bestCost <= Math.max(2, Math.max(name.length, best.length) / 2)
    ? best
    : undefined;
}

/** Levenshtein distance in one row of memory. */
function editDistance(a: string, b: string): number {
  const row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    let diagonal = row[0]!;
    row[0] = i;
    for (let j = 1; j <= b.length; j++) {
      const substituted = diagonal + (a[i - 1] === b[j - 1] ? 0 : 1);
      diagonal = row[j]!;
      row[j] = Math.min(substituted, diagonal + 1, row[j - 1]! + 1);
    }
  }
  return row[b.length]!;
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
