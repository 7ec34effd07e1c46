/** Slurm's variables: which tasks a step has, on which nodes. */
import { UserError } from "../config/mod.ts";
import { formatAddress } from "./addresses.ts";
import type { Cluster, Environment } from "./environment.ts";

/**
 * Ports under Slurm: a block for each job, below the range that systems hand out by themselves (from 32768), so that two
 * jobs that share a node rarely meet. TensorFlow needs all ports known in advance.
 */
const PORTS = { first: 12_000, block: 64, blocks: 256 };

/**
 * Reads the variables that `srun` gives to each task of a step.
 *
 * @param env the environment
 * @returns this task's rank and all tasks' addresses; `undefined` outside Slurm or for a single task
 * @throws {UserError} if the program stands for several tasks but was not started by `srun`, or tasks are not in blocks
 */
export function slurmCluster(env: Environment): Pick<Cluster, "rank" | "addresses"> | undefined {
  const tasks = Number(env.SLURM_STEP_NUM_TASKS ?? env.SLURM_NTASKS ?? env.SLURM_NPROCS ?? 1);
  if (env.SLURM_PROCID === undefined || tasks === 1) return undefined;
  if ((env.SLURM_STEP_ID ?? env.SLURM_STEPID) === undefined) { // in the batch script itself, which counts as task 0
    throw new UserError(
      `Cannot run as one of ${tasks} tasks of Slurm: \`srun\` did not start this process; put \`srun\` before the ` +
        "command, or ask for one task (--ntasks=1) and its cores by --cpus-per-task",
    );
  }
  const rank = Number(env.SLURM_PROCID);
  const nodes = expandNodeList(
    need(env.SLURM_STEP_NODELIST ?? env.SLURM_JOB_NODELIST ?? env.SLURM_NODELIST, "SLURM_JOB_NODELIST"),
  );
  const counts = expandTaskCounts(
    need(env.SLURM_STEP_TASKS_PER_NODE ?? env.SLURM_TASKS_PER_NODE, "SLURM_TASKS_PER_NODE"),
  );
  if (counts.length !== nodes.length || counts.reduce((a, b) => a + b, 0) !== tasks || !(rank < tasks)) {
    throw new UserError(
      `Cannot use Slurm's variables: rank ${rank} of ${tasks} tasks on ${nodes.length} nodes, with ${counts} on each`,
    );
  }
  const first = firstPort(env);
  const places = counts.flatMap((count, node) =>
    Array.from({ length: count }, (_, local) => ({ node, local }))
  );
  const { node, local } = places[rank]!;
  if (Number(env.SLURM_NODEID ?? node) !== node || Number(env.SLURM_LOCALID ?? local) !== local) {
    throw new UserError(
      `Cannot use Slurm's order of tasks: rank ${rank} is task ${env.SLURM_LOCALID} of node ${env.SLURM_NODEID}, not ` +
        `task ${local} of node ${node}; start them with \`srun --distribution=block:block\``,
    );
  }
  return {
    rank,
    addresses: places.map(({ node, local }) => formatAddress({ host: nodes[node]!, port: first + local })),
  };
}

function need(value: string | undefined, name: string): string {
  if (value) return value;
  throw new UserError(`Cannot use Slurm's variables: ${name} is missing`);
}

function firstPort(env: Environment): number {
  if (!env.ERNIE_HEALTH_PORT) {
    return PORTS.first + PORTS.block * (Number(env.SLURM_JOB_ID ?? env.SLURM_JOBID ?? 0) % PORTS.blocks);
  }
  const port = Number(env.ERNIE_HEALTH_PORT);
  if (Number.isInteger(port) && port > 0 && port < 65536) return port;
  throw new UserError(
    `Cannot use ERNIE_HEALTH_PORT "${env.ERNIE_HEALTH_PORT}": expected a port, as in 12000`,
  );
}

/**
 * Expands Slurm's shorthand for lists of hosts.
 *
 * @param text such as `gpu[01-03,07],login,r[1-2]n[1-2]`
 * @returns every host, in order
 * @throws {UserError} if brackets do not match or a range runs backwards
 *
 * @example
 * ```ts
 * import { expandNodeList } from "./slurm.ts";
 * console.log(expandNodeList("gpu[08-10],big")); // ["gpu08", "gpu09", "gpu10", "big"]
 * ```
 */
export function expandNodeList(text: string): string[] {
  if (!/^(?:[^[\],\s]|\[[\d,-]+\]|,(?=[^,]))+$/.test(text)) {
    throw new UserError(`Cannot read Slurm's node list "${text}": expected names as in gpu[01-03,07]`);
  }
  const names = text.match(/(?:[^[,]|\[[^\]]*\])+/g) ?? []; // commas within brackets belong to the name
  return names.flatMap((name) => expandName(name, text));
}

function expandName(name: string, text: string): string[] {
  const [, before, ranges, after] = /^([^[]*)\[([^\]]*)\](.*)$/.exec(name) ?? [];
  if (ranges === undefined) return [name];
  const rest = expandName(after!, text);
  return ranges.split(",").flatMap((range) => {
    const [first, last = first] = range.split("-");
    const [from, to] = [Number(first), Number(last)];
    if (!first || !last || to < from) {
      throw new UserError(`Cannot read Slurm's node list "${text}": "${range}" is no range`);
    }
    return Array.from({ length: to - from + 1 }, (_, i) => String(from + i).padStart(first.length, "0"))
      .flatMap((number) => rest.map((end) => before + number + end));
  });
}

/** `2(x3),1` → 2, 2, 2, 1: tasks on each node. */
function expandTaskCounts(text: string): number[] {
  return text.split(",").flatMap((part) => {
    const [, count, times = "1"] = /^(\d+)(?:\(x(\d+)\))?$/.exec(part) ?? [];
    if (count === undefined) {
      throw new UserError(`Cannot read Slurm's tasks per node "${text}": expected 2(x3),1`);
    }
    return Array.from({ length: Number(times) }, () => Number(count));
  });
}
