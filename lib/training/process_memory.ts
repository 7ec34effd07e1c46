/** How much memory this process takes. */

/** Bytes of physical memory. */
export interface ProcessMemory {
  resident: number;
  /** The most that it ever was. */
  peak: number;
}

let highest = 0;

/**
 * Tells what the operating system counts as this process' memory: TensorFlow's and JavaScript's.
 *
 * @param status - Where Linux tells the peak; elsewhere it is the highest of all calls.
 * @returns Bytes.
 *
 * @example
 * ```ts
 * import { processMemory } from "./process_memory.ts";
 * const { resident, peak } = processMemory();
 * console.log(resident <= peak); // true
 * ```
 */
export function processMemory(status = "/proc/self/status"): ProcessMemory {
  const resident = Deno.memoryUsage().rss;
  highest = Math.max(highest, resident);
  return { resident, peak: Math.max(highest, peakOf(status)) };
}

function peakOf(status: string): number {
  try {
    return 1024 * Number(/^VmHWM:\s*(\d+) kB$/m.exec(Deno.readTextFileSync(status))?.[1] ?? 0);
  } catch {
    return 0; // not Linux
  }
}
