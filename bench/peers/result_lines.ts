/**
 * Results of a long bench, a line of JSON each, so that none is computed twice.
 *
 * @module
 */
import { existsSync } from "node:fs";

/** What was computed: the same settings give the same result. */
export type Settings = Readonly<Record<string, string | number>>;

/** A file of results, which grows. */
export class ResultLines<R extends object> {
  readonly #path: string;
  readonly #known = new Map<string, R>();

  /** @param path Of the file, which need not be there yet. */
  constructor(path: string) {
    this.#path = path;
    const lines = existsSync(path) ? Deno.readTextFileSync(path).split("\n") : [];
    for (const line of lines.slice(0, -1)) { // behind the last line's end stands nothing, or what a kill left
      const { settings, ...result } = JSON.parse(line);
      this.#known.set(keyOf(settings), result);
    }
    if (lines.at(-1)) Deno.writeTextFileSync(path, lines.slice(0, -1).map((line) => line + "\n").join(""));
  }

  /** The result of these settings, if it is known. */
  get(settings: Settings): R | undefined {
    return this.#known.get(keyOf(settings));
  }

  /** The result of these settings, known or computed now; undefined if `compute` gave none. */
  async of(
    settings: Settings,
    compute: () => R | undefined | Promise<R | undefined>,
  ): Promise<R | undefined> {
    const known = this.get(settings);
    if (known) return known;
    const result = await compute();
    if (!result) return undefined;
    this.#known.set(keyOf(settings), result);
    Deno.writeTextFileSync(this.#path, JSON.stringify({ settings, ...result }) + "\n", { append: true });
    return result;
  }
}

function keyOf(settings: Settings): string {
  return JSON.stringify(Object.entries(settings).sort(([a], [b]) => a < b ? -1 : 1));
}
