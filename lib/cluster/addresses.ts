/** `host:port`, as a cluster's members are written: read, spelled, and turned into what sockets take. */
import { lookup } from "node:dns/promises";
import { UserError } from "../config/mod.ts";

/** Both halves of `host:port`. */
export interface Address {
  /** Name, IPv4 or IPv6 address without brackets. */
  readonly host: string;
  readonly port: number;
}

/**
 * Reads `host:port`; IPv6 addresses stand in brackets.
 *
 * @param text such as `10.0.0.1:2222`, `job-worker-0.team.svc:2222` or `[fd00::1]:2222`
 * @param what where it comes from, for the error: `TF_CONFIG`, `--master`
 * @returns host and port
 * @throws {UserError} if the text is no address or the port is not within 1 and 65535
 *
 * @example
 * ```ts
 * import { parseAddress } from "./addresses.ts";
 * console.log(parseAddress("10.0.0.1:2222", "--master")); // { host: "10.0.0.1", port: 2222 }
 * ```
 */
export function parseAddress(text: string, what: string): Address {
  const [, bracketed, plain, digits] = /^(?:\[([\da-fA-F:.%\w]+)\]|([^\s:/[\]]+)):(\d{1,5})$/.exec(text) ??
    [];
  const host = bracketed ?? plain, port = Number(digits);
  if (host !== undefined && port >= 1 && port <= 65535) return { host, port };
  throw new UserError(
    `Cannot use address ${JSON.stringify(text)} of ${what}: expected host:port, as in 10.0.0.1:2222`,
  );
}

/** Writes an address so that {@linkcode parseAddress} reads it. */
export function formatAddress({ host, port }: Address): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** All addresses that a name has on this machine, IPv4 first: on most machines `localhost` means both kinds. */
export async function resolveHost(host: string): Promise<string[]> {
  const found = await lookup(host, { all: true, order: "ipv4first" });
  return found.map(({ address }) => address);
}

/** Whether an address leads nowhere but to this machine. */
export function isLoopback(ip: string): boolean {
  return ip.startsWith("127.") || ip === "::1";
}
