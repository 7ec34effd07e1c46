/**
 * Rank 0's side of the control channel: lets the ranks in, compares them, hands out where the run begins, and tells all
 * what became of one.
 *
 *     rank → coordinator   hello, then beat …, then leave or fail
 *     coordinator → rank   refused, or waiting …, then begin, beat …, then end or lost
 */
import { createHash } from "node:crypto";
import type { Cluster } from "./environment.ts";
import { beatInterval, Heartbeat, type Json, type Message, Wire } from "./wire.ts";

/** Changes with the messages, so that two versions do not talk past each other. */
export const PROTOCOL = 1;

const HELLO_LIMIT = 65_536; // bytes of a line
const HELLO_TIMEOUT = 10_000; // milliseconds for a new connection to say who it is
const MAX_STRANGERS = 64; // connections that have not said so yet
const MISSED_BEATS = 3; // after which another process may take a waiting rank's place
const GOODBYE_TIMEOUT = 1_000; // milliseconds for all to hang up

/** What has to be equal on all ranks, by name: versions, fingerprints, options. */
export type Facts = Readonly<Record<string, string>>;

/** One rank, as it introduced itself. */
export interface Member {
  readonly rank: number;
  /** Its machine's name. */
  readonly host: string;
  /** IP address from which it came. */
  readonly ip: string;
  readonly facts: Facts;
  /** What it told about itself. */
  readonly about: Json;
}

/** What a rank says first. */
export type Hello = Message & {
  readonly protocol: number;
  readonly job: string;
  readonly rank: number;
  readonly size: number;
  readonly host: string;
  readonly facts: Facts;
  readonly about: Json;
};

interface Guest extends Member {
  readonly wire: Wire;
  readonly heartbeat: Heartbeat;
  left: boolean;
}

/** What a {@linkcode Coordinator} needs. */
export interface CoordinatorOptions {
  /** Seconds of silence after which a rank counts as lost. */
  readonly timeout: number;
  readonly say: (line: string) => void;
  /** Decides what all ranks are told at the beginning. */
  readonly begin: (members: readonly Member[]) => Json | Promise<Json>;
}

/** Names a job: by its processes, so that those of another are told apart. */
export function jobId({ addresses, coordinator }: Cluster): string {
  return createHash("sha256").update(JSON.stringify([coordinator, ...addresses])).digest("hex").slice(0, 16);
}

/** Writes a rank as errors name it: `rank 2 on gpu-b (10.0.0.3:2222)`. */
export function describeRank({ addresses }: Cluster, rank: number, host?: string): string {
  return `rank ${rank}${host === undefined ? "" : ` on ${host}`} (${addresses[rank]})`;
}

/** The party at rank 0 to which all ranks are connected, rank 0 itself included. */
export class Coordinator {
  /** Why `begin` failed, if it did. */
  beginError: unknown;
  readonly #cluster: Cluster;
  readonly #job: string;
  readonly #options: CoordinatorOptions;
  readonly #listener: Deno.TcpListener;
  readonly #strangers = new Set<Wire>();
  readonly #guests = new Map<number, Guest>();
  #phase: "gathering" | "begun" | "over" = "gathering";
  #over: Promise<void> | undefined;

  constructor(cluster: Cluster, listener: Deno.TcpListener, options: CoordinatorOptions) {
    this.#cluster = cluster;
    this.#job = jobId(cluster);
    this.#listener = listener;
    this.#options = options;
    this.#accept();
  }

  /** Ends for all ranks; the first reason counts. */
  finish(message: Message): Promise<void> {
    return this.#over ??= this.#finish(message);
  }

  /** Frees the port and all connections. */
  close(): void {
    this.#phase = "over";
    try {
      this.#listener.close();
    } catch { // it is closed already
    }
    for (const wire of [...this.#strangers, ...Array.from(this.#guests.values(), ({ wire }) => wire)]) {
      wire.close();
    }
    for (const { heartbeat } of this.#guests.values()) heartbeat[Symbol.dispose]();
  }

  async #accept(): Promise<void> {
    while (this.#phase !== "over") {
      try {
        this.#receive(new Wire(await this.#listener.accept()));
      } catch (error) {
        if (error instanceof Deno.errors.BadResource || error instanceof Deno.errors.Interrupted) return; // closed
        await new Promise((resolve) => setTimeout(resolve, 100)); // too many open files, perhaps for a moment
      }
    }
  }

  /** Anyone can reach the port: who does not introduce himself properly is shown out without a word. */
  async #receive(wire: Wire): Promise<void> {
    const [oldest] = this.#strangers;
    if (this.#strangers.size >= MAX_STRANGERS) oldest!.close();
    this.#strangers.add(wire);
    const impatience = setTimeout(() => wire.close(), HELLO_TIMEOUT);
    let guest: Guest | undefined;
    try {
      for await (const message of wire.messages(HELLO_LIMIT)) {
        if (guest !== undefined) {
          this.#hear(guest, message);
          continue;
        }
        if (!isHello(message)) break;
        clearTimeout(impatience);
        this.#strangers.delete(wire);
        guest = await this.#admit(message, wire);
        if (guest === undefined) break;
      }
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
    } finally {
      clearTimeout(impatience);
      this.#strangers.delete(wire);
      wire.close();
    }
    if (guest !== undefined) this.#goodbye(guest, "its process ended");
  }

  async #admit(hello: Hello, wire: Wire): Promise<Guest | undefined> {
    const reason = this.#objection(hello);
    if (reason !== undefined) {
      const again = this.#phase !== "gathering"; // an old run is ending, a new one comes
      if (!again) {
        this.#options.say(`Refused rank ${hello.rank} from ${hello.host} (${wire.remote}): ${reason}`);
      }
      await wire.send({ type: "refused", reason, again });
      return undefined;
    }
    const { rank, host, facts, about } = hello;
    const heartbeat = new Heartbeat(wire, this.#options.timeout, () => {
      const { timeout } = this.#options;
      this.#goodbye(guest, `nothing was heard from it for ${timeout} s: it hangs, or the network is cut`);
      wire.close();
    });
    const guest: Guest = { rank, host, ip: wire.remote, facts, about, wire, heartbeat, left: false };
    const stale = this.#guests.get(rank);
    this.#guests.set(rank, guest);
    stale?.heartbeat[Symbol.dispose]();
    stale?.wire.close();
    this.#tellWhoIsMissing();
    if (this.#guests.size === this.#cluster.size) this.#begin();
    return guest;
  }

  /** Why a rank may not join, if so. */
  #objection({ protocol, job, rank, size }: Hello): string | undefined {
    const cluster = this.#cluster;
    if (protocol !== PROTOCOL) return "it runs another version of this program";
    if (size !== cluster.size) {
      return `it is one of ${size} ranks, the job at ${cluster.coordinator} has ${cluster.size}`;
    }
    if (job !== this.#job) return `the job at ${cluster.coordinator} has another list of addresses`;
    if (rank >= size) return `the job at ${cluster.coordinator} has the ranks 0 to ${size - 1}`;
    const present = this.#guests.get(rank);
    if (present !== undefined && !this.#isStale(present)) {
      return `${describeRank(cluster, rank, present.host)} has joined already`;
    }
    return this.#phase === "gathering" ? undefined : "the job has begun";
  }

  /** Whether a rank has fallen silent while it waited, as after a power failure: then it may come again. */
  #isStale({ wire }: Guest): boolean {
    return this.#phase === "gathering" &&
      performance.now() - wire.heardAt > MISSED_BEATS * beatInterval(this.#options.timeout);
  }

  #tellWhoIsMissing(): void {
    const ranks = this.#cluster.addresses.map((_, rank) => rank).slice(1); // rank 0 is here
    const missing = ranks.filter((rank) => !this.#guests.has(rank));
    for (const { wire } of this.#guests.values()) wire.send({ type: "waiting", missing });
  }

  async #begin(): Promise<void> {
    this.#phase = "begun";
    const members = Array.from(this.#guests.values()).sort((a, b) => a.rank - b.rank);
    const reason = difference(this.#cluster, members);
    if (reason !== undefined) {
      await this.finish({ type: "refused", reason, again: false });
      return;
    }
    const host = members[0]!.host;
    try {
      const value = await this.#options.begin(members);
      for (const { wire } of members) wire.send({ type: "begin", host, value });
    } catch (error) {
      this.beginError = error;
      const why = `${describeRank(this.#cluster, 0, host)} stopped: ${firstLine(error)}`;
      await this.finish({ type: "lost", reason: why, exitStatus: 1 });
    }
  }

  #hear(guest: Guest, message: Message): void {
    if (message.type === "leave") {
      guest.left = true;
      if (Array.from(this.#guests.values()).every(({ left }) => left)) this.finish({ type: "end" });
    } else if (message.type === "fail") {
      const reason = `${describeRank(this.#cluster, guest.rank, guest.host)} stopped: ${message.reason}`;
      this.finish({ type: "lost", reason, exitStatus: message.exitStatus ?? 1 });
    }
  }

  /** A rank is gone: missing again before the beginning, lost for all after it. */
  #goodbye(guest: Guest, why: string): void {
    guest.heartbeat[Symbol.dispose]();
    if (this.#guests.get(guest.rank) !== guest) return;
    this.#guests.delete(guest.rank);
    if (this.#phase === "gathering") this.#tellWhoIsMissing();
    if (this.#phase !== "begun") return;
    const reason = `Lost ${describeRank(this.#cluster, guest.rank, guest.host)}: ${why}`;
    this.finish({ type: "lost", reason, exitStatus: null });
  }

  /** Tells the others first and waits for them to hang up: rank 0's process may end as soon as it knows. */
  async #finish(message: Message): Promise<void> {
    this.#phase = "over";
    const others = Array.from(this.#guests.values()).filter(({ rank }) => rank !== 0);
    for (const { wire } of others) wire.send(message);
    const deadline = performance.now() + GOODBYE_TIMEOUT;
    while (others.some((guest) => this.#guests.get(guest.rank) === guest) && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    await this.#guests.get(0)?.wire.send(message);
  }
}

function isHello(message: Message): message is Hello {
  const { type, protocol, job, rank, size, host, facts } = message as Partial<Hello>;
  return type === "hello" && Number.isInteger(protocol) && typeof job === "string" &&
    Number.isInteger(rank) &&
    rank! >= 0 && Number.isInteger(size) && typeof host === "string" && typeof facts === "object" &&
    facts !== null;
}

/** Names the facts in which a rank differs from rank 0. */
function difference(cluster: Cluster, members: readonly Member[]): string | undefined {
  const [first, ...others] = members;
  for (const { rank, host, facts } of others) {
    const names = Object.keys({ ...first!.facts, ...facts }).filter((name) =>
      facts[name] !== first!.facts[name]
    );
    if (names.length === 0) continue;
    const quote = (value: string | undefined) => value === undefined ? "none" : JSON.stringify(value);
    const clauses = names.map((name) =>
      `${name} ${quote(facts[name])} instead of ${quote(first!.facts[name])}`
    );
    return `${describeRank(cluster, rank, host)} has ${clauses.join(", ")}, unlike ` +
      `${describeRank(cluster, 0, first!.host)}; start all ranks with the same`;
  }
  return undefined;
}

/** What an error says, for one line. */
export function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split("\n")[0]!;
}
