/**
 * What the machine tells about itself and the process; on Linux.
 *
 * @module
 */

/** CPU-seconds that all processes of the machine have used; 0 where the system does not tell. */
export function busySeconds(): number {
  if (Deno.build.os !== "linux") return 0;
  const ticks = Deno.readTextFileSync("/proc/stat").split("\n", 1)[0]!.split(/\s+/).slice(1, 9).map(Number);
  return (ticks.reduce((sum, n) => sum + n, 0) - ticks[3]! - ticks[4]!) / 100;
}

/** Most memory that this process has had, in bytes. */
export function peakBytes(): number {
  if (Deno.build.os !== "linux") return Deno.memoryUsage().rss;
  return 1024 * Number(Deno.readTextFileSync("/proc/self/status").match(/VmHWM:\s*(\d+)/)![1]);
}

/** Bytes that processes of this machine have sent each other over TCP, headers included; 0 where the system does not tell. */
export function loopbackBytes(): number {
  if (Deno.build.os !== "linux") return 0;
  return Number(Deno.readTextFileSync("/sys/class/net/lo/statistics/tx_bytes"));
}

/**
 * Tells about the processor.
 *
 * @param field its name in `/proc/cpuinfo`, as a regular expression
 * @returns what is there, or the architecture on other systems
 */
export function processor(field: string): string {
  if (Deno.build.os !== "linux") return Deno.build.arch;
  const found = Deno.readTextFileSync("/proc/cpuinfo").match(new RegExp(`^(?:${field})\\s*: (.*)`, "m"));
  return found?.[1] ?? Deno.build.arch;
}
