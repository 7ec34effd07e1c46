/** The coordinator's port: opened at exactly the address that the others were given, and at no other. */
import { diskErrorReason, UserError } from "../config/mod.ts";
import { isLoopback, parseAddress, resolveHost } from "./addresses.ts";
import type { Cluster } from "./environment.ts";

const RETRY = 500; // milliseconds

/**
 * Listens at the coordinator's address; waits for a name that is not known yet, as that of a container that has just
 * started, and for a port that an ending run still holds.
 *
 * @param cluster whose coordinator's address it is
 * @param patience seconds to wait
 * @param waiting hears what it waits for
 * @param signal aborts the waiting
 * @returns the listener
 * @throws {UserError} if the address is not this machine's, nobody else could reach it, or the port stays taken
 */
export async function listenAt(
  cluster: Cluster,
  patience: number,
  waiting: (what: string) => void,
  signal: AbortSignal | undefined,
): Promise<Deno.TcpListener> {
  const { coordinator } = cluster;
  const { host, port } = parseAddress(coordinator, "the coordinator");
  const deadline = performance.now() + 1000 * patience;
  for (;;) {
    signal?.throwIfAborted();
    let failure;
    try {
      const [hostname] = await resolveHost(host);
      refuseLoopback(hostname!, cluster);
      return Deno.listen({ hostname: hostname!, port });
    } catch (error) {
      failure = explain(error, host);
      waiting(`${coordinator}, ${failure}`);
      if (!isPassing(error) || performance.now() > deadline) {
        if (error instanceof UserError) throw error;
        throw new UserError(`Cannot listen at "${coordinator}" for the other ranks: ${failure}`, {
          cause: error,
        });
      }
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY));
  }
}

/** Some systems know their own name as 127.0.1.1: rank 0 would listen where no other machine reaches it. */
function refuseLoopback(ip: string, { coordinator, addresses }: Cluster): void {
  const { host } = parseAddress(coordinator, "the coordinator");
  const isMeant = host === ip || host === "localhost";
  if (isMeant || !isLoopback(ip) || addresses.every((address) => address.startsWith(`${host}:`))) return;
  throw new UserError(
    `Cannot listen at "${coordinator}" for the other ranks: on this machine "${host}" means ${ip}, which no other ` +
      "machine reaches; give addresses instead of names, or correct /etc/hosts",
  );
}

/** Whether waiting may help. */
function isPassing(error: unknown): boolean {
  return error instanceof Deno.errors.AddrInUse || isUnknownName(error);
}

function isUnknownName(error: unknown): boolean {
  return ["ENOTFOUND", "EAI_AGAIN", "EAI_NONAME"].includes((error as { code?: string }).code ?? "");
}

function explain(error: unknown, host: string): string {
  if (error instanceof Deno.errors.AddrInUse) return "another process uses the port";
  if (error instanceof Deno.errors.AddrNotAvailable) {
    return `it is no address of this machine (${Deno.hostname()})`;
  }
  if (isUnknownName(error)) return `nobody knows "${host}"`;
  return diskErrorReason(error) ?? (error as Error).message;
}
