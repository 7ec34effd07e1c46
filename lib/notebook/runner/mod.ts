/**
 * Notebooks without a front end and without Python: types checked, cells run, outputs checked, pages written.
 *
 * @module
 */
export { checkIsRun, checkOutputs, compareOutputs } from "./checks.ts";
export { runNotebook, type RunOptions } from "./execute.ts";
export { type ExecuteOptions, type ExecuteReply, Kernel, KernelError, type KernelOptions } from "./kernel.ts";
export type { KernelMessage } from "./messages.ts";
export {
  type CodeCell,
  codeCells,
  type Notebook,
  type Output,
  readNotebook,
  textOf,
  writeNotebook,
} from "./notebook_file.ts";
export { notebookPage } from "./page.ts";
export { formatProblem, type Problem } from "./problem.ts";
export { checkTypes, type NotebookAt } from "./type_check.ts";
