/** Where a job's processes listen: free ports of one machine, or what several machines agree on. */
import { UserError } from "../config/mod.ts";
import { formatAddress, parseAddress } from "./addresses.ts";
import { joinCluster, type JoinOptions } from "./membership.ts";

/** The machines of a job, from the view of one of them. */
export interface Nodes {
  readonly count: number;
  /** This machine's number, from 0. */
  readonly rank: number;
  /** `host:port` of the first machine; the ports of all processes follow this one. */
  readonly master: string;
}

/** Where all processes are, and which of them are this machine's. */
export interface Places {
  /** gRPC addresses in the order of ranks. */
  readonly addresses: readonly string[];
  readonly coordinator: string;
  /** Rank of this machine's first process. */
  readonly first: number;
}

/**
 * Asks all machines how many processes they run, and from where the first one sees them.
 *
 * @param nodes the machines
 * @param processes how many run on this one
 * @param facts what must be equal on all
 * @param options how long to wait
 * @returns the places; machine 0's port is free again
 * @throws {UserError} if the machines differ in a fact, or the ports do not suffice
 * @throws {PeerLostError} if not all machines come in time
 */
export async function meetNodes(
  { count, rank, master }: Nodes,
  processes: number,
  facts: Readonly<Record<string, string>>,
  options: Pick<JoinOptions, "timeout" | "joinTimeout" | "reportInterval" | "say" | "signal">,
): Promise<Places> {
  const addresses = Array.from({ length: count }, (_, node) => node === 0 ? master : `--node_rank ${node}`);
  await using meeting = await joinCluster<{ ip: string; processes: number }[]>(
    { rank, size: count, addresses, coordinator: master },
    { ...facts, "--nnodes": String(count) },
    {
      ...options,
      about: processes,
      begin: (members) => members.map(({ ip, about }) => ({ ip, processes: Number(about) })),
    },
  );
  await meeting.leave();
  const { port } = parseAddress(master, "--master");
  const hosts = meeting.begin.flatMap(({ ip, processes }) => Array<string>(processes).fill(ip));
  if (port + hosts.length > 65535) {
    throw new UserError(
      `Cannot use --master "${master}": the ${hosts.length} ports that follow it are needed too`,
    );
  }
  return {
    addresses: hosts.map((host, i) => formatAddress({ host, port: port + 1 + i })),
    coordinator: master,
    first: meeting.begin.slice(0, rank).reduce((sum, { processes }) => sum + processes, 0),
  };
}

/** Chooses places on this machine alone, which no other can reach. */
export function loopbackPlaces(processes: number): Places {
  const [coordinator, ...addresses] = freeLoopbackPorts(processes + 1).map((port) => `127.0.0.1:${port}`);
  return { addresses, coordinator: coordinator!, first: 0 };
}

/**
 * Finds ports that nobody uses, outside of the range from which systems take those of outgoing connections (from 32768),
 * so that none is taken by chance before its owner listens.
 */
export function freeLoopbackPorts(count: number): number[] {
  const first = 15_000 + Math.floor(10_000 * Math.random());
  const ports: number[] = [];
  for (let port = first; ports.length < count; port++) {
    if (port > 32_767) throw new UserError(`Cannot find ${count} free ports between ${first} and ${port}`);
    try {
      Deno.listen({ hostname: "127.0.0.1", port }).close();
      ports.push(port);
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
  return ports;
}
