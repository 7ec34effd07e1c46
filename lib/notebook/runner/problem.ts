/** What is wrong with a notebook, and where. */
export interface Problem {
  readonly path: string;
  /** Number of the cell among those with code, from 1; absent where it is about the whole notebook. */
  readonly cell?: number;
  /** Line of the cell, from 1. */
  readonly line?: number;
  readonly message: string;
}

/** A problem in one line. */
export function formatProblem({ path, cell, line, message }: Problem): string {
  const place = [
    `"${path}"`,
    ...(cell === undefined ? [] : [`cell ${cell}`]),
    ...(line === undefined ? [] : [`line ${line}`]),
  ];
  return `${place.join(", ")}: ${message}`;
}
