/** Reports: the curves of runs as a page for any browser. */
export { reportPage } from "./page.ts";
export { PLOTLY } from "./plotly.ts";
export { type CheckpointFacts, readRunFolder, type RunFacts, type RunFolder } from "./run_folder.ts";
