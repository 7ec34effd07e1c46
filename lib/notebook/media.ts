/**
 * What a value looks like, in every form that a front end may show, and where it is shown: in a notebook, or on stdout.
 *
 * @module
 */

/** One value in several forms by media type; a front end shows the richest that it knows. */
export interface MediaBundle {
  /** For terminals, logs, and readers without pictures; every bundle has it. */
  "text/plain": string;
  "text/html"?: string;
  "image/svg+xml"?: string;
  /** Base64. */
  "image/png"?: string;
  "application/vnd.plotly.v1+json"?: object;
}

/** The method that the Deno kernel asks a cell's last value for. */
export const DISPLAY: unique symbol = Symbol.for("Jupyter.display") as never;

/**
 * A value that knows what it looks like. Its method waits a {@linkcode turn} first: of a cell's last value that is there
 * at once the kernel sometimes says that it is the next cell's, if that one waits already, as with "Run all cells".
 */
export interface Displayable {
  [DISPLAY](): MediaBundle | Promise<MediaBundle>;
}

/** What {@linkcode show} can be told. */
export interface ShowOptions {
  /** Name of the place in the notebook, by which it is shown anew; outside a notebook it has no meaning. */
  readonly id?: string;
  /** Whether to replace what was shown under `id`. */
  readonly update?: boolean;
}

/**
 * Tells whether this program is a cell of a notebook.
 *
 * @returns what the kernel offers; `undefined` outside
 */
export function kernel(): typeof Deno.jupyter | undefined {
  try {
    return Deno.jupyter; // throws outside a kernel
  } catch {
    return undefined;
  }
}

/**
 * Waits until everything else that is due had its turn: messages to the front end, the Stop button.
 *
 * A microtask, such as `await null`, would give nothing else a turn.
 */
export function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

/**
 * Shows a value: beneath the cell in a notebook, as text on stdout elsewhere.
 *
 * @param value a figure, view, table, tensor, corpus, any object with a display method; anything else as `console.log`
 *   would show it
 * @param options where, and whether it replaces what is there
 *
 * @example
 * ```ts
 * import { show } from "./media.ts";
 * await show("12 sentences");
 * ```
 */
export async function show(value: unknown, { id, update = false }: ShowOptions = {}): Promise<void> {
  const bundle = await bundleOf(value);
  const jupyter = kernel();
  if (jupyter === undefined) {
    if (!update) console.log(bundle["text/plain"]);
    return;
  }
  await jupyter.broadcast(update ? "update_display_data" : "display_data", {
    data: bundle,
    metadata: {},
    transient: id === undefined ? {} : { display_id: id },
  });
  await turn(); // else the kernel may report the cell's end before this output, which some clients then miss
}

/**
 * Gives the forms of a value.
 *
 * @param value anything
 * @returns what it says of itself, else its text
 */
export async function bundleOf(value: unknown): Promise<MediaBundle> {
  if (isDisplayable(value)) return await value[DISPLAY]();
  return { "text/plain": typeof value === "string" ? value : Deno.inspect(value) };
}

function isDisplayable(value: unknown): value is Displayable {
  return typeof value === "object" && value !== null && DISPLAY in value;
}
