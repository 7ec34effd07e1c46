/** `deno task launch`: another command in one process a device, on one machine or several. */
import { fileURLToPath } from "node:url";
import { clusterFromEnvironment, launch, type LaunchOptions, type Nodes } from "../lib/cluster/mod.ts";
import { nearestName, type OptionsOf, type OptionTable, UserError } from "../lib/config/mod.ts";
import { runTask } from "./flags.ts";

/** The launcher's own options; what follows the command's name is the command's. */
export const LAUNCH_OPTIONS = {
  gpus: {
    type: "string",
    aliases: ["devices"],
    help: "GPUs of this machine, as in 0,1,2,3: a process on each",
  },
  workers: {
    type: "integer",
    min: 1,
    unit: "processes",
    help: "Processes on this machine's CPU, which share its cores",
  },
  max_restarts: {
    type: "integer",
    default: 0,
    min: 0,
    unit: "restarts",
    help: "After a process was lost, start all again from the last checkpoint, so often at most",
  },
  log_dir: { type: "path", help: "Folder for the whole output of all processes but the first" },
  nnodes: { type: "integer", min: 1, unit: "machines", help: "How many machines run this same command" },
  node_rank: { type: "integer", min: 0, help: "This machine's number, from 0" },
  master: {
    type: "string",
    help: "host:port of machine 0 in a private network; processes take the ports that follow",
  },
  join_timeout: {
    type: "integer",
    default: 600,
    min: 1,
    unit: "seconds",
    help: "How long machines wait for each other",
  },
} as const satisfies OptionTable;

type Options = OptionsOf<typeof LAUNCH_OPTIONS>;

/** Commands that share their work between processes. */
const COMMANDS = ["pretrain", "finetune"];

/**
 * The machines as the flags or else the scheduler tell: where `launch` runs once a machine under Kubernetes or Slurm, what
 * the scheduler takes for a worker is a machine here.
 */
export function nodesOf(
  { nnodes, node_rank, master }: Pick<Options, "nnodes" | "node_rank" | "master">,
  env: Readonly<Record<string, string | undefined>>,
): Nodes | undefined {
  if (nnodes === undefined) {
    if (node_rank !== undefined || master !== undefined) {
      throw new UserError("Cannot use --node_rank and --master without --nnodes, the number of machines");
    }
    const cluster = clusterFromEnvironment(env);
    return cluster && { count: cluster.size, rank: cluster.rank, master: cluster.coordinator };
  }
  if (nnodes === 1) return undefined;
  if (node_rank === undefined || master === undefined) {
    throw new UserError("Cannot use --nnodes without --node_rank and --master, the host:port of machine 0");
  }
  if (node_rank >= nnodes) {
    throw new UserError(
      `Cannot use --node_rank ${node_rank}: ${nnodes} machines have the numbers 0 to ${nnodes - 1}`,
    );
  }
  return { count: nnodes, rank: node_rank, master };
}

/** GPUs by name, or the number of CPU processes. */
export function devicesOf({ gpus, workers }: Pick<Options, "gpus" | "workers">): readonly string[] | number {
  if (gpus !== undefined && workers !== undefined) {
    throw new UserError("Cannot use both --gpus and --workers: processes run on GPUs or on the CPU");
  }
  if (workers !== undefined) return workers;
  if (gpus === undefined) {
    throw new UserError("Cannot go on without --gpus 0,1,… or --workers, the number of processes");
  }
  const devices = gpus.split(",").map((gpu) => gpu.trim());
  if (devices.every((gpu, i) => /^[\w/-]+$/.test(gpu) && devices.indexOf(gpu) === i)) return devices;
  throw new UserError(`Cannot use --gpus "${gpus}": give each GPU once, as in 0,1,2,3`);
}

/** The program behind a command's name. */
function programOf(name: string | undefined): string[] {
  const choices = COMMANDS.join(", ");
  if (name === undefined) {
    throw new UserError(
      `Cannot go on without a command to launch, after the launcher's own flags: ${choices}`,
    );
  }
  if (!COMMANDS.includes(name)) {
    const near = nearestName(name, COMMANDS);
    throw new UserError(
      `Cannot launch "${name}": ` +
        (near ? `did you mean ${near}?` : `the commands that use several devices are ${choices}`),
    );
  }
  const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));
  return ["run", "-A", "--config", path("../deno.json"), path(`./${name}.ts`)];
}

/** What the launcher is told by its own options and the scheduler. */
export function launchOf(options: Options): Omit<LaunchOptions, "program" | "flags"> {
  return {
    devices: devicesOf(options),
    nodes: nodesOf(options, Deno.env.toObject()),
    maxRestarts: options.max_restarts,
    logDir: options.log_dir,
    joinTimeout: options.join_timeout,
  };
}

await runTask(import.meta, {
  name: "launch",
  summary: "Run a command in one process a device: data parallel, on one machine or several.",
  table: LAUNCH_OPTIONS,
  command: "a command and its flags",
  examples: [
    "deno task launch --gpus 0,1,2,3 pretrain --input_dir data --output_dir output/base --preset base",
    "deno task launch --workers 2 --max_restarts 3 pretrain --input_dir data --output_dir output/small",
    "deno task launch --gpus 0,1 --nnodes 2 --node_rank 0 --master 10.0.0.1:29500 pretrain --input_dir data …",
  ],
  async main(options, { signal, command: [name, ...flags] }) {
    Deno.exitCode = await launch({ ...launchOf(options), program: programOf(name), flags, signal });
  },
});
