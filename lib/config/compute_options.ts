/**
 * Flags of everything that computes with TensorFlow.
 *
 * @module
 */
import type { OptionTable } from "./options.ts";

/** Threads of the CPU. */
export const NUM_THREADS = {
  type: "integer",
  default: 0,
  min: 0,
  unit: "threads",
  help: "Threads on the CPU; 0: all cores",
} as const;

/** Where to compute, and how exactly. */
export const COMPUTE_OPTIONS = {
  device: {
    type: "string",
    default: "auto",
    choices: ["auto", "cpu", "gpu"],
    help: "Where to compute; auto takes a GPU if TensorFlow sees one",
  },
  num_threads: NUM_THREADS,
  use_amp: {
    type: "boolean",
    default: false,
    help: "Mixed precision as the device has it: bfloat16 on a CPU, float16 on a GPU",
  },
} as const satisfies OptionTable;
