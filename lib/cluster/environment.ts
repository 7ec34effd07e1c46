/** Which processes make up a job, as the scheduler's environment variables tell. */
import { UserError } from "../config/mod.ts";
import { formatAddress, parseAddress } from "./addresses.ts";
import { slurmCluster } from "./slurm.ts";

/** The processes of a job, one a device, from the view of one of them. */
export interface Cluster {
  /** This process' number, from 0. */
  readonly rank: number;
  /** How many there are. */
  readonly size: number;
  /** `host:port` at which each rank's TensorFlow listens (gRPC), in the order of ranks. */
  readonly addresses: readonly string[];
  /** `host:port` on rank 0's host at which it listens for the others (control channel). */
  readonly coordinator: string;
}

/** The variables that matter, by name; `Deno.env.toObject()` is one. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** How far the coordinator's port is from rank 0's gRPC port, where nobody says otherwise. */
const COORDINATOR_OFFSET = 1000;

/**
 * Finds out what job this process belongs to.
 *
 * `TF_CONFIG` wins (Kubeflow's TFJob, Vertex AI, SageMaker, our launcher), then Slurm's variables of a step that `srun`
 * started. `ERNIE_HEALTH_COORDINATOR` replaces the coordinator's address, `ERNIE_HEALTH_PORT` the first gRPC port that
 * is chosen under Slurm.
 *
 * @param env the environment
 * @returns the cluster; `undefined` where this process is the only one
 * @throws {UserError} if the variables contradict themselves, or give this process a part that it cannot play
 *
 * @example
 * ```ts
 * import { clusterFromEnvironment } from "./environment.ts";
 * const worker = ["10.0.0.1:2222", "10.0.0.2:2222"];
 * const TF_CONFIG = JSON.stringify({ cluster: { worker }, task: { type: "worker", index: 1 } });
 * console.log(clusterFromEnvironment({ TF_CONFIG })?.rank); // 1
 * ```
 */
export function clusterFromEnvironment(env: Environment): Cluster | undefined {
  const members = env.TF_CONFIG ? tensorFlowCluster(env.TF_CONFIG) : slurmCluster(env);
  if (members === undefined || members.addresses.length === 1) return undefined;
  const { rank, addresses } = members;
  const twice = addresses.find((address, i) => addresses.indexOf(address) !== i);
  if (twice !== undefined) {
    throw new UserError(`Cannot use the cluster: two of its processes have the address "${twice}"`);
  }
  return {
    rank,
    size: addresses.length,
    addresses,
    coordinator: coordinatorAddress(env.ERNIE_HEALTH_COORDINATOR, addresses[0]!),
  };
}

/** How many of the processes are on this one's machine, as far as their addresses tell. */
export function localSize({ rank, addresses }: Pick<Cluster, "rank" | "addresses">): number {
  const hosts = addresses.map((address) => parseAddress(address, "the cluster").host);
  return hosts.filter((host) => host === hosts[rank]).length;
}

function coordinatorAddress(given: string | undefined, first: string): string {
  if (given) return formatAddress(parseAddress(given, "ERNIE_HEALTH_COORDINATOR"));
  const { host, port } = parseAddress(first, "rank 0");
  if (port + COORDINATOR_OFFSET <= 65535) return formatAddress({ host, port: port + COORDINATOR_OFFSET });
  throw new UserError(
    `Cannot choose the coordinator's port: ${port} + ${COORDINATOR_OFFSET} is above 65535; give its address in ` +
      "ERNIE_HEALTH_COORDINATOR",
  );
}

/** Job names of `TF_CONFIG` in the order of ranks; `master` is what older services call the chief. */
const CHIEFS = ["chief", "master"];

/** Reads `TF_CONFIG`: chief, then workers. */
function tensorFlowCluster(text: string): Pick<Cluster, "rank" | "addresses"> | undefined {
  const config = parseJson(text);
  if (config.cluster === undefined && config.sparseCluster !== undefined) {
    throw new UserError(
      'Cannot use TF_CONFIG: its "sparseCluster" leaves out peers; turn enableDynamicWorker of the TFJob off',
    );
  }
  const cluster = config.cluster as Record<string, unknown> | undefined;
  if (!cluster || Object.keys(cluster).length === 0) return undefined; // as services set it for one machine
  const chiefs = CHIEFS.flatMap((job) => jobAddresses(cluster, job));
  if (chiefs.length > 1) throw new UserError(`Cannot use TF_CONFIG: it has ${chiefs.length} chiefs, not one`);
  const addresses = [...chiefs, ...jobAddresses(cluster, "worker")];

  const { type, index } = (config.task ?? {}) as { type?: unknown; index?: unknown };
  if (typeof type !== "string") throw new UserError('Cannot use TF_CONFIG: its "task" has no "type"');
  if (type !== "worker" && !CHIEFS.includes(type)) {
    throw new UserError(
      `Cannot run as task "${type}" of TF_CONFIG: every process is a worker here, or the chief; leave it out of the job`,
    );
  }
  const servers = jobAddresses(cluster, "ps");
  if (servers.length > 0) {
    throw new UserError(
      `Cannot use TF_CONFIG: its cluster has a parameter server ("ps": "${servers[0]}"); ` +
        "gradients are reduced between workers here, so leave it out of the job",
    );
  }
  const place = Number(index ?? 0); // some services write it as text
  const count = type === "worker" ? addresses.length - chiefs.length : chiefs.length;
  if (!Number.isInteger(place) || place < 0 || place >= count) {
    throw new UserError(
      `Cannot use TF_CONFIG: there is no ${type} ${JSON.stringify(index)} among the cluster's ${count}`,
    );
  }
  return { rank: type === "worker" ? chiefs.length + place : 0, addresses };
}

function parseJson(text: string): Record<string, unknown> {
  let config;
  try {
    config = JSON.parse(text);
  } catch (cause) {
    throw new UserError(`Cannot read TF_CONFIG: it is not valid JSON: ${(cause as Error).message}`, {
      cause,
    });
  }
  if (typeof config === "object" && config !== null && !Array.isArray(config)) return config;
  throw new UserError("Cannot read TF_CONFIG: expected a JSON object");
}

function jobAddresses(cluster: Record<string, unknown>, job: string): string[] {
  const list = cluster[job] ?? [];
  if (!Array.isArray(list)) {
    throw new UserError(`Cannot use TF_CONFIG: "${job}" of its cluster is not a list`);
  }
  return list.map((text) => formatAddress(parseAddress(String(text), "TF_CONFIG")));
}
