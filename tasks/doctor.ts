/** `deno task doctor`: what is in use, what is missing, and the command that mends it. */
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { launch } from "../lib/cluster/mod.ts";
import { type OptionTable, UserError } from "../lib/config/mod.ts";
import { findLac } from "../lib/install/mod.ts";
import { inspectMachine, type Machine } from "../lib/tensorflow/machine.ts";
import { runTask } from "./flags.ts";

export const DOCTOR_OPTIONS = {
  json: { type: "boolean", default: false, help: "Print the report as JSON" },
  gpu_check: {
    type: "boolean",
    default: false,
    help:
      "Compute on up to two GPUs too: matrices, a step in float16, sums between them, the original's recorded steps",
  },
} as const satisfies OptionTable;

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const GIGABYTE = 1e9;

/** The library in use and what it runs on. */
type TensorFlowInfo = ReturnType<typeof import("../lib/tensorflow/mod.ts").tensorflowInfo>;

/** Something that is missing, or less than it could be. */
interface Finding {
  /** What is the matter. */
  readonly what: string;
  /** What mends it. */
  readonly remedy: string;
  /** Whether training cannot run for it. */
  readonly blocking: boolean;
}

interface Report {
  readonly ready: boolean;
  readonly versions: Readonly<Record<string, string>>;
  readonly packages: Readonly<Record<string, string>>;
  readonly machine: Machine;
  readonly tensorflow: TensorFlowInfo | undefined;
  /** Whether NVIDIA's library for several GPUs lies beside TensorFlow. */
  readonly nccl: boolean;
  /** The folder of LAC's models. */
  readonly lac: string | undefined;
  readonly findings: readonly Finding[];
}

async function examine(): Promise<Report> {
  const findings: Finding[] = [];
  const machine = inspectMachine();
  const tensorflow = await attempt(findings, "deno task setup", async () => {
    const { tensorflowInfo } = await import("../lib/tensorflow/mod.ts");
    return tensorflowInfo();
  });
  await attempt(findings, "deno install", () => import("jieba-wasm"));
  const lac = await attempt(findings, "deno task setup --only lac", checkLac, false);
  const nccl = tensorflow !== undefined && exists(join(tensorflow.folder, "../nvidia/nccl/lib/libnccl.so.2"));
  if (tensorflow) findings.push(...examineGpu(machine, tensorflow));
  const { deno, v8, typescript } = Deno.version;
  return {
    ready: findings.every(({ blocking }) => !blocking),
    versions: { Deno: deno, V8: v8, TypeScript: typescript },
    packages: pinnedPackages(),
    machine,
    tensorflow,
    nccl,
    lac,
    findings,
  };
}

/** LAC's models, which preprocessing needs for two of its segmenters, and training does not: there, and undamaged. */
async function checkLac(): Promise<string> {
  const folder = findLac(ROOT);
  if (folder === undefined) {
    throw new UserError(
      "LAC's models, which the tokenize tools lac and seg need, are not installed; run `deno task setup --only lac`",
    );
  }
  const { readLacModel } = await import("../lib/text/lac/model.ts");
  for (const kind of ["lac", "seg"] as const) await readLacModel(kind, folder);
  return folder;
}

/** Runs one check, whose failure stops training if it is `blocking`; an error of ours names its own remedy. */
async function attempt<T>(
  findings: Finding[],
  remedy: string,
  check: () => Promise<T>,
  blocking = true,
): Promise<T | undefined> {
  try {
    return await check();
  } catch (error) {
    const { message } = error as Error;
    const split = error instanceof UserError ? message.lastIndexOf("; ") : -1;
    findings.push(
      split < 0
        ? { what: message, remedy: `run \`${remedy}\``, blocking }
        : { what: message.slice(0, split), remedy: message.slice(split + 2), blocking },
    );
    return undefined;
  }
}

function examineGpu({ nvidia }: Machine, { gpu, devices }: TensorFlowInfo): Finding[] {
  const seen = devices.some(({ type }) => type === "GPU");
  if (nvidia && !gpu) {
    return [{
      what: "There is an NVIDIA GPU, but TensorFlow is the one for the CPU",
      remedy: "run `deno task setup --gpu`",
      blocking: false,
    }];
  }
  if (gpu && !nvidia) {
    return [{
      what: "TensorFlow has its CUDA libraries, but there is no NVIDIA driver: it runs on the CPU",
      remedy:
        "install the driver (`nvidia-smi` tells) and give containers access to it (`docker run --gpus all`)",
      blocking: false,
    }];
  }
  if (nvidia && gpu && !seen) {
    return [{
      what: "There are an NVIDIA GPU and the CUDA libraries, but TensorFlow does not see the GPU",
      remedy:
        "run `ERNIE_HEALTH_LOG=1 deno task doctor` for its reason; CUDA_VISIBLE_DEVICES may hide it, or the " +
        "driver may be older than CUDA 12 wants (525)",
      blocking: false,
    }];
  }
  return [];
}

/** The packages of `deno.json`, whose versions are pinned there. */
function pinnedPackages(): Record<string, string> {
  const { imports } = JSON.parse(Deno.readTextFileSync(join(ROOT, "deno.json"))) as {
    imports: Record<string, string>;
  };
  const specifiers = Object.values(imports).map((text) => /^npm:\/?(.+)@([^@/]+)\/?$/.exec(text));
  return Object.fromEntries(specifiers.flatMap((match) => match ? [[match[1]!, match[2]!]] : []));
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}

/** The report as people read it. */
function format({ versions, packages, machine, tensorflow, nccl, lac, findings, ready }: Report): string {
  const gigabytes = (bytes: number) => `${(bytes / GIGABYTE).toFixed(1)} GB`;
  const list = (record: Readonly<Record<string, string>>) =>
    Object.entries(record).map(([name, version]) => `${name} ${version}`).join(", ");
  const rows: [string, string][] = [
    ["Runtime", list(versions)],
    ["Packages", list(packages)],
    ["Platform", machine.platform],
    ["Processor", `${machine.cpu}, ${machine.cores} cores`],
    ["Instruction sets", machine.instructionSets.join(", ") || "unknown"],
    ["Memory", `${gigabytes(machine.memory.total)}, ${gigabytes(machine.memory.available)} available`],
    ["NVIDIA driver", machine.nvidia?.join("; ") ?? "none"],
  ];
  if (tensorflow) {
    rows.push(
      ["TensorFlow", `${tensorflow.version} (${tensorflow.package}), from ${tensorflow.source}`],
      ["Library", tensorflow.cc],
      ["Devices", tensorflow.devices.map(({ name }) => name.replace(/^.*\/device:/, "")).join(", ")],
      ["CUDA, NCCL", `${tensorflow.gpu ? "CUDA libraries" : "none"}, ${nccl ? "NCCL" : "no NCCL"}`],
    );
  }
  rows.push(["LAC's models", lac === undefined ? "none" : `${lac}, sha256 as released`]);
  const width = Math.max(...rows.map(([name]) => name.length)) + 2;
  const lines = rows.map(([name, value]) => name.padEnd(width) + value);
  for (const { what, remedy, blocking } of findings) {
    lines.push("", `${blocking ? "Missing" : "Note"}: ${what}`, `  → ${remedy}`);
  }
  lines.push("", ready ? "Ready to train" : "Not ready to train");
  return lines.join("\n");
}

/**
 * Computes on two GPUs, or one, and compares; without any, on the processor, where the same code runs as far as it goes.
 *
 * @returns whether a GPU computes right
 */
async function checkGpus({ devices }: TensorFlowInfo, signal: AbortSignal): Promise<boolean> {
  const seen = devices.filter(({ type }) => type === "GPU").length;
  const names = Deno.env.get("CUDA_VISIBLE_DEVICES")?.split(",") ??
    Array.from({ length: seen }, (_, i) => `${i}`);
  const gpus = names.slice(0, Math.min(2, seen));
  // TensorFloat-32 would round the factors of products to ten bits
  Deno.env.set("NVIDIA_TF32_OVERRIDE", "0");
  const config = ["--config", join(ROOT, "deno.json")];
  const program = ["run", "-A", "--no-check", ...config, join(ROOT, "tests/gpu/check.ts")];
  const processes = seen > 0 ? gpus : 2;
  const status = await launch({ program, flags: [], devices: processes, signal });

  const golden = join(ROOT, "tests/electra/pretraining_golden_test.ts");
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["test", "-A", "--no-check", "--reporter=dot", ...config, golden],
    stdout: "null",
    stderr: "inherit",
    signal,
  }).spawn().status;
  const what = "outputs, losses, gradients and five updates against the original's recorded ones";
  console.log(`${success ? "ok" : "FAILED"}`.padEnd(7), what);
  if (seen === 1) console.log("not run all-reduce by NCCL: there is one GPU");
  if (seen === 0) console.log("No GPU was checked: TensorFlow sees none, so the checks ran on the processor");
  return seen > 0 && success && status === 0;
}

await runTask(import.meta, {
  name: "doctor",
  summary:
    "Print what is in use, what is missing and the command that mends it. Exit code 0: training can run.\n\n" +
    "TensorFlow's own log is off; ERNIE_HEALTH_LOG=1 turns it on, for every command.",
  table: DOCTOR_OPTIONS,
  examples: ["deno task doctor", "ERNIE_HEALTH_LOG=1 deno task doctor", "deno task doctor --gpu-check"],
  async main({ json, gpu_check: gpuCheck }, { signal }) {
    const report = await examine();
    console.log(json ? JSON.stringify(report, null, 2) : format(report));
    if (!report.ready) Deno.exitCode = 1;
    else if (gpuCheck && !await checkGpus(report.tensorflow!, signal)) Deno.exitCode = 1;
  },
});
