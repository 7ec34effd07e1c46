/** What must be so of the notebooks in the repository. */
import {
  type CodeCell,
  codeCells,
  type Notebook,
  notedSources,
  type Output,
  sourcesHash,
  textOf,
} from "./notebook_file.ts";
import type { NotebookAt } from "./type_check.ts";
import type { Problem } from "./problem.ts";

const MOST_BYTES = 300_000; // of an output: a page of a code-hosting site shows it
const PLOTLY = "application/vnd.plotly.v1+json";

/**
 * Checks that a notebook was run as it is, from its first cell to its last.
 *
 * @returns what is not so
 */
export function checkIsRun({ path, notebook }: NotebookAt): Problem[] {
  const remedy = "run `deno task notebooks --write`";
  if (notedSources(notebook) !== sourcesHash(notebook)) {
    return [{ path, message: `its code was changed, but not run; ${remedy}` }];
  }
  return codeCells(notebook).flatMap(({ execution_count }, i) =>
    execution_count === i + 1 ? [] : [{ path, cell: i + 1, message: `it was not run in its turn; ${remedy}` }]
  );
}

/**
 * Checks outputs: none is an error, all are small, figures are there in every form.
 *
 * @returns what is not so
 */
export function checkOutputs({ path, notebook }: NotebookAt): Problem[] {
  return codeCells(notebook).flatMap(({ outputs }, i) =>
    outputs.flatMap((output) => complaints(output).map((message) => ({ path, cell: i + 1, message })))
  );
}

function complaints(output: Output): string[] {
  if (output.output_type === "error") return [`${output.ename}: ${output.evalue}`];
  const bytes = new TextEncoder().encode(JSON.stringify(output)).length;
  const found = bytes > MOST_BYTES
    ? [`an output has ${Math.ceil(bytes / 1000)} KB; ${MOST_BYTES / 1000} are the most: show less of it`]
    : [];
  if (output.output_type === "stream") return found;
  const { data } = output;
  if (textOf(data["text/plain"] as string ?? "") === "") found.push("an output has no text/plain");
  if (data[PLOTLY] !== undefined && data["image/png"] === undefined && data["image/svg+xml"] === undefined) {
    found.push("a figure has no picture, neither image/png nor image/svg+xml");
  }
  return found;
}

/**
 * Compares what two runs of a notebook put out by its forms, not by its numbers: the same figures, tables and results.
 *
 * @param before as committed
 * @param after as run now, of the same code
 * @returns cells whose outputs are of other forms
 */
export function compareOutputs(path: string, before: Notebook, after: Notebook): Problem[] {
  const others = codeCells(after);
  return codeCells(before).flatMap((cell, i) => {
    const [expected, found] = [formsOf(cell), formsOf(others[i]!)];
    if (`${expected}` === `${found}`) return [];
    const write = (forms: readonly string[]) => forms.length > 0 ? forms.join("; ") : "nothing";
    return [{
      path,
      cell: i + 1,
      message: `it put out ${write(found)}, where ${write(expected)} is committed`,
    }];
  });
}

/** The media types of each output; lines of text are left out, and a picture is one in either format. */
function formsOf({ outputs }: CodeCell): string[] {
  return outputs.flatMap((output) => {
    if (output.output_type === "stream") return [];
    if (output.output_type === "error") return ["an error"];
    const types = Object.keys(output.data).map((type) => type === "image/svg+xml" ? "image/png" : type);
    return [types.sort().join(", ")];
  });
}
