/**
 * Small labelled sets in the official formats, generated.
 *
 * @module
 */
export { type MadeUpTask } from "./records.ts";
export { MADE_UP_TASKS, type SetSizes, writeMadeUpSet, writeMadeUpSets } from "./sets.ts";
