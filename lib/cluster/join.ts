/** How the processes of a job find each other, in whatever order they start. */
import { diskErrorReason, PeerLostError, UserError } from "../config/mod.ts";
import { parseAddress, resolveHost } from "./addresses.ts";
import {
  Coordinator,
  describeRank,
  type Facts,
  firstLine,
  type Hello,
  jobId,
  type Member,
  PROTOCOL,
} from "./coordinator.ts";
import type { Cluster } from "./environment.ts";
import { listenAt } from "./listener.ts";
import { type Connection, exitStatus, lost, Membership } from "./membership.ts";
import { Heartbeat, type Json, Wire } from "./wire.ts";

const LINE_LIMIT = 2 ** 28; // bytes of a line from the coordinator, which is trusted
const RETRY = 250; // milliseconds between two tries to connect
const CONNECT_TIMEOUT = 5_000; // milliseconds: a network that swallows packets answers only after minutes
const LISTEN_PATIENCE = 60; // seconds for rank 0's name to become known and its port to become free

/** How to join. */
export interface JoinOptions<T extends Json = Json> {
  /** Seconds of silence after which a rank counts as lost. Default: 60. */
  readonly timeout?: number;
  /** Seconds to wait for all to join. Default: ten times `timeout`, as machines of a cluster start at different times. */
  readonly joinTimeout?: number;
  /** Seconds between two reports of who is missing. Default: 5. */
  readonly reportInterval?: number;
  /** Hears who is missing, line by line. Default: `console.error`. */
  readonly say?: (line: string) => void;
  /** Called on rank 0 alone, when all have joined and agree; its result is handed to all. */
  readonly begin?: (members: readonly Member[]) => T | Promise<T>;
  /** What rank 0's `begin` shall know of this rank. */
  readonly about?: Json;
  /** Stops the waiting. */
  readonly signal?: AbortSignal;
}

/**
 * Joins the other processes of a job: waits for all of them, compares the facts, and takes what rank 0 hands out.
 *
 * Rank 0 listens at `cluster.coordinator` and nowhere else; the others may start before it. From then on the ranks watch
 * each other until {@linkcode Membership.leave}.
 *
 * @param cluster the job
 * @param facts what must be equal on all ranks, by name
 * @param options how long to wait, and what rank 0 hands out
 * @returns the membership, for `await using`
 * @throws {UserError} on every rank if a fact differs; on this one if it is refused
 * @throws {PeerLostError} if not all join in time
 *
 * @example
 * ```ts
 * import { joinCluster } from "./join.ts";
 * const alone = { rank: 0, size: 1, addresses: ["127.0.0.1:27180"], coordinator: "127.0.0.1:27181" };
 * await using job = await joinCluster(alone, { corpus: "c0ffee" }, { begin: () => ({ step: 500 }) });
 * console.log(job.begin.step); // 500
 * await job.leave();
 * ```
 */
export async function joinCluster<T extends Json = Json>(
  cluster: Cluster,
  facts: Facts,
  options: JoinOptions<T> = {},
): Promise<Membership<T>> {
  const { timeout = 60, joinTimeout = 10 * timeout, reportInterval = 5, say = console.error, signal } =
    options;
  let waitingFor = describeRank(cluster, 0);
  const started = performance.now();
  const report = setInterval(() => {
    const seconds = Math.round((performance.now() - started) / 1000);
    say(`Waiting for ${waitingFor} (${seconds} of at most ${joinTimeout} s)`);
  }, reportInterval * 1000);
  let coordinator: Coordinator | undefined;
  try {
    if (cluster.rank === 0) {
      const listener = await listenAt(
        cluster,
        Math.min(LISTEN_PATIENCE, joinTimeout),
        (what) => waitingFor = what,
        signal,
      );
      coordinator = new Coordinator(cluster, listener, {
        timeout,
        say,
        begin: options.begin ?? (() => null),
      });
    }
    const hello: Hello = {
      type: "hello",
      protocol: PROTOCOL,
      job: jobId(cluster),
      rank: cluster.rank,
      size: cluster.size,
      host: Deno.hostname(),
      facts,
      about: options.about ?? null,
    };
    const deadline = AbortSignal.timeout(joinTimeout * 1000);
    const stop = signal === undefined ? deadline : AbortSignal.any([deadline, signal]);
    const stopGathering = cluster.rank === 0 ? stop : signal; // who has joined relies on rank 0 to give up for all
    const news = (what: string) => waitingFor = what;
    while (!stop.aborted) {
      const connection = await tryToJoin(cluster, hello, timeout, news, stopGathering);
      if (connection !== undefined) return new Membership<T>(cluster, timeout, connection, coordinator);
      await new Promise((resolve) => setTimeout(resolve, RETRY));
    }
    signal?.throwIfAborted();
    throw new PeerLostError(`Cannot start: waited ${joinTimeout} s in vain for ${waitingFor}`);
  } catch (error) {
    const stopped = `${describeRank(cluster, 0, Deno.hostname())} stopped: `;
    const reason = (error instanceof PeerLostError ? "" : stopped) + firstLine(error);
    await coordinator?.finish({ type: "lost", reason, exitStatus: exitStatus(error) });
    coordinator?.close();
    throw coordinator?.beginError ?? error;
  } finally {
    clearInterval(report);
  }
}

/** One connection to the coordinator, from hello to the beginning; nothing where it is worth another try. */
async function tryToJoin(
  cluster: Cluster,
  hello: Hello,
  timeout: number,
  news: (waitingFor: string) => void,
  stop: AbortSignal | undefined,
): Promise<Connection | undefined> {
  let wire;
  try {
    wire = await connect(cluster.coordinator);
  } catch (error) {
    const at = `${describeRank(cluster, 0)} to listen at ${cluster.coordinator}`;
    news(`${at}: ${diskErrorReason(error) ?? firstLine(error)}`);
    return undefined;
  }
  const hangUp = () => wire.close();
  stop?.addEventListener("abort", hangUp);
  using _heartbeat = new Heartbeat(wire, timeout, hangUp);
  wire.send(hello);
  const inbox = wire.messages(LINE_LIMIT);
  let begun = false;
  try {
    for (;;) {
      const { value: message, done } = await inbox.next();
      if (done) {
        if (!stop?.aborted) news(`${describeRank(cluster, 0)}: it closed the connection`);
        return undefined;
      }
      switch (message.type) {
        case "waiting":
          news((message.missing as number[]).map((rank) => describeRank(cluster, rank)).join(", "));
          break;
        case "refused":
          if (!message.again) throw new UserError(`Cannot join the job: ${message.reason}`);
          news(`another start: ${message.reason}`);
          return undefined;
        case "lost":
          throw lost(message);
        case "begin":
          begun = true;
          return { wire, inbox, begin: message.value!, host: String(message.host) };
      }
    }
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new UserError(`Cannot join the job: something else answers at "${cluster.coordinator}"`, {
      cause: error,
    });
  } finally {
    stop?.removeEventListener("abort", hangUp);
    if (!begun) wire.close();
  }
}

/** Tries a name's addresses in turn. */
async function connect(address: string): Promise<Wire> {
  const { host, port } = parseAddress(address, "the coordinator");
  let failure: unknown;
  for (const hostname of await resolveHost(host)) {
    const connecting = Deno.connect({ hostname, port });
    let timer;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error("no answer")), CONNECT_TIMEOUT);
    });
    try {
      return new Wire(await Promise.race([connecting, late]));
    } catch (error) {
      failure = error;
      connecting.then((conn) => conn.close(), () => {}); // where it comes after all
    } finally {
      clearTimeout(timer);
    }
  }
  throw failure;
}
