/** Where a job's processes listen: free ports of one machine, or what several machines agree on. */
import { UserError } from "../config/mod.ts";
import { formatAddress, parseAddress } from "./addresses.ts";
import type { Facts, Member } from "./coordinator.ts";
import { joinCluster, type JoinOptions } from "./join.ts";
import type { Membership } from "./membership.ts";

/** The machines of a job, from the view of one of them. */
export interface Nodes {
  readonly count: number;
  /** This machine's number, from 0. */
  readonly rank: number;
  /** `host:port` of the first machine, for its launcher; the ports of all processes follow this one. */
  readonly master: string;
}

/** Where all processes are, and which of them are this machine's. */
export type Places = {
  /** gRPC addresses in the order of ranks. */
  readonly addresses: readonly string[];
  readonly coordinator: string;
  /** Rank of this machine's first process. */
  readonly first: number;
};

/** The launchers of all machines, who stay in touch while their processes run. */
export interface Meeting {
  readonly places: Places;
  readonly membership: Membership;
}

/**
 * Asks all machines how many processes they run, and from where the first one sees them.
 *
 * Machine 0 listens at `master`; the port that follows it is the coordinator's, then come those of the processes.
 *
 * @param nodes the machines
 * @param processes how many run on this one
 * @param facts what must be equal on all
 * @param options how long to wait
 * @returns the places, and the membership that tells when another launcher fails
 * @throws {UserError} if the machines differ in a fact, or the ports do not suffice
 * @throws {PeerLostError} if not all machines come in time
 */
export async function meetNodes(
  { count, rank, master }: Nodes,
  processes: number,
  facts: Facts,
  options: Pick<JoinOptions, "timeout" | "joinTimeout" | "say" | "signal">,
): Promise<Meeting> {
  const addresses = Array.from({ length: count }, (_, node) => node === 0 ? master : `--node_rank ${node}`);
  const membership = await joinCluster<Places[]>(
    { rank, size: count, addresses, coordinator: master },
    { ...facts, "--nnodes": String(count) },
    { ...options, about: processes, begin: (members) => allot(master, members) },
  );
  return { places: membership.begin[rank]!, membership };
}

/** Gives every process an address: what each machine has to know. */
function allot(master: string, members: readonly Member[]): Places[] {
  const { host, port } = parseAddress(master, "--master");
  const hosts = members.flatMap(({ ip, about }) => Array<string>(Number(about)).fill(ip));
  if (port + 1 + hosts.length > 65535) {
    throw new UserError(
      `Cannot use --master "${master}": the ${hosts.length + 1} ports that follow it are needed too`,
    );
  }
  const addresses = hosts.map((host, i) => formatAddress({ host, port: port + 2 + i }));
  const coordinator = formatAddress({ host, port: port + 1 });
  let first = 0;
  return members.map(({ about }) => {
    const places = { addresses, coordinator, first };
    first += Number(about);
    return places;
  });
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
