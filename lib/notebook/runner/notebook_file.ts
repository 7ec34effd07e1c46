/**
 * Notebooks as files.
 *
 * Source: nbformat 4.5.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { fileError, UserError, writeAtomically } from "../../config/mod.ts";

/** Text, whole or as lines that keep their breaks. */
export type Lines = string | readonly string[];

/** What a cell put out. */
export type Output =
  | { readonly output_type: "stream"; readonly name: string; readonly text: Lines }
  | { readonly output_type: "display_data"; readonly data: OutputData; readonly metadata: object }
  | {
    readonly output_type: "execute_result";
    readonly data: OutputData;
    readonly metadata: object;
    readonly execution_count: number | null;
  }
  | {
    readonly output_type: "error";
    readonly ename: string;
    readonly evalue: string;
    readonly traceback: readonly string[];
  };

/** Forms of an output by media type. */
export type OutputData = Readonly<Record<string, unknown>>;

/** A cell of code. */
export interface CodeCell {
  readonly cell_type: "code";
  readonly source: Lines;
  readonly metadata?: { readonly tags?: readonly string[] };
  execution_count: number | null;
  outputs: Output[];
}

/** A cell of prose. */
export interface ProseCell {
  readonly cell_type: "markdown" | "raw";
  readonly source: Lines;
}

/** A notebook. */
export interface Notebook {
  readonly cells: (CodeCell | ProseCell)[];
  metadata: Record<string, unknown>;
  readonly nbformat: number;
  readonly nbformat_minor: number;
}

/** Our part of a notebook's metadata. */
const METADATA = "ernie_health";

/**
 * Reads a notebook.
 *
 * @throws {UserError} if the file cannot be read, or is no notebook of format 4
 */
export async function readNotebook(path: string): Promise<Notebook> {
  let text;
  try {
    text = await Deno.readTextFile(path);
  } catch (error) {
    throw fileError("read notebook", path, error);
  }
  let notebook: Partial<Notebook>;
  try {
    notebook = JSON.parse(text);
  } catch (cause) {
    throw new UserError(`Cannot read notebook "${path}": it is not valid JSON: ${(cause as Error).message}`, {
      cause,
    });
  }
  if (notebook?.nbformat !== 4 || !Array.isArray(notebook.cells)) {
    throw new UserError(`Cannot read notebook "${path}": it is no notebook of format 4`);
  }
  return notebook as Notebook;
}

/** Writes a notebook, as Jupyter lays it out. */
export async function writeNotebook(path: string, notebook: Notebook): Promise<void> {
  await writeAtomically(path, [new TextEncoder().encode(`${JSON.stringify(notebook, null, 1)}\n`)]);
}

/** The cells of code, in order; the n-th is "cell n" in messages. */
export function codeCells({ cells }: Notebook): CodeCell[] {
  return cells.filter((cell) => cell.cell_type === "code");
}

/** Text in one piece. */
export function textOf(lines: Lines): string {
  return typeof lines === "string" ? lines : lines.join("");
}

/** Text as lines that keep their breaks, which compare well. */
export function linesOf(text: string): string[] {
  return text.split(/(?<=\n)/);
}

/** SHA-256 of the code of all cells. */
export function sourcesHash(notebook: Notebook): string {
  const sources = codeCells(notebook).map(({ source }) => textOf(source));
  return createHash("sha256").update(JSON.stringify(sources)).digest("hex");
}

/** Notes in a notebook which code its outputs come from. */
export function noteSources(notebook: Notebook): void {
  notebook.metadata = { ...notebook.metadata, [METADATA]: { sources: sourcesHash(notebook) } };
}

/** @returns which code its outputs come from; `undefined` if it was never run by us */
export function notedSources({ metadata }: Notebook): string | undefined {
  return (metadata[METADATA] as { sources?: string } | undefined)?.sources;
}
