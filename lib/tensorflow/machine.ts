/**
 * What the machine has that decides TensorFlow's speed: processor, instruction sets, memory, NVIDIA driver.
 *
 * @module
 */

/** A machine, as far as training is concerned. */
export interface Machine {
  /** Such as `linux x86_64`. */
  readonly platform: string;
  /** The processor's name, or `unknown`. */
  readonly cpu: string;
  /** Those that TensorFlow's kernels choose by while they run, best last. */
  readonly instructionSets: readonly string[];
  /** Processors that may run threads of this process. */
  readonly cores: number;
  /** Bytes of main memory, and how many of them are free or easily freed. */
  readonly memory: { readonly total: number; readonly available: number };
  /** One entry per GPU that the NVIDIA driver reports; `undefined` without a driver. */
  readonly nvidia: readonly string[] | undefined;
}

/** Instruction sets that make a difference, in order of speed, for x86 and for Arm. */
const INSTRUCTION_SETS = [
  "avx",
  "avx2",
  "fma",
  "avx_vnni",
  "avx512f",
  "avx512_vnni",
  "avx512_bf16",
  "amx_tile",
  "amx_bf16",
  "asimd",
  "asimddp",
  "bf16",
  "i8mm",
  "sve",
];

/**
 * Looks at the machine that this process runs on.
 *
 * @returns What it has; what cannot be found out is `unknown` or empty.
 *
 * @example
 * ```ts
 * import { inspectMachine } from "./machine.ts";
 * console.log(inspectMachine().instructionSets.includes("avx512_bf16"));
 * ```
 */
export function inspectMachine(): Machine {
  const { total, available } = Deno.systemMemoryInfo();
  return {
    platform: `${Deno.build.os} ${Deno.build.arch}`,
    ...(Deno.build.os === "darwin" ? macProcessor() : parseCpuInfo(readText("/proc/cpuinfo"))),
    cores: navigator.hardwareConcurrency,
    memory: { total, available },
    nvidia: output("nvidia-smi", ["--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"])
      ?.split("\n"),
  };
}

/**
 * Reads Linux's description of the processors.
 *
 * @param text Content of `/proc/cpuinfo`.
 * @returns Name and instruction sets of the first processor.
 */
export function parseCpuInfo(text: string): Pick<Machine, "cpu" | "instructionSets"> {
  const field = (name: RegExp) => name.exec(text)?.[1]?.trim();
  const flags = new Set((field(/^(?:flags|Features)\s*:(.*)$/m) ?? "").split(/\s+/));
  return {
    cpu: field(/^(?:model name|Model|Processor)\s*:(.*)$/m) ?? "unknown",
    instructionSets: INSTRUCTION_SETS.filter((name) => flags.has(name)),
  };
}

function macProcessor(): Pick<Machine, "cpu" | "instructionSets"> {
  const sets = { FEAT_DotProd: "asimddp", FEAT_BF16: "bf16", FEAT_I8MM: "i8mm" };
  const has = (name: string) => output("sysctl", ["-n", `hw.optional.arm.${name}`]) === "1";
  return {
    cpu: output("sysctl", ["-n", "machdep.cpu.brand_string"]) ?? "unknown",
    instructionSets: Object.entries(sets).filter(([feature]) => has(feature)).map(([, name]) => name),
  };
}

/** What a command prints; `undefined` if there is no such command or it fails. */
function output(command: string, args: string[]): string | undefined {
  try {
    const { success, stdout } = new Deno.Command(command, { args, stdin: "null", stderr: "null" })
      .outputSync();
    const text = new TextDecoder().decode(stdout).trim();
    return success && text !== "" ? text : undefined;
  } catch {
    return undefined;
  }
}

function readText(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return "";
  }
}
