/** A process' part in its job: hearing what becomes of the others, telling what becomes of it, leaving together. */
import { PeerLostError, UserError } from "../config/mod.ts";
import { type Coordinator, describeRank, firstLine } from "./coordinator.ts";
import type { Cluster } from "./environment.ts";
import { Heartbeat, type Json, type Message, type Wire } from "./wire.ts";

const FAREWELL_TIMEOUT = 2_000; // milliseconds for the coordinator to take note of a failure
const EXPLANATION_TIMEOUT = 5; // seconds for the coordinator to explain an error that a lost peer may have caused

/** A connection to the coordinator at the moment when all begin. */
export interface Connection {
  readonly wire: Wire;
  readonly inbox: AsyncGenerator<Message>;
  readonly begin: Json;
  /** Name of rank 0's machine. */
  readonly host: string;
}

/** The error that a message of the coordinator speaks of. */
export function lost({ reason, exitStatus }: Message): PeerLostError {
  return new PeerLostError(String(reason), typeof exitStatus === "number" ? { exitStatus } : {});
}

/** What the others should exit with when this rank stops for an error. */
export function exitStatus(error: unknown): number {
  return error instanceof PeerLostError ? error.exitStatus : 1;
}

function mayComeFromPeer(error: unknown): boolean {
  return !(error instanceof UserError) && !(error instanceof DOMException && error.name === "AbortError");
}

/** Being one of a job's processes; ends with {@linkcode leave}, and disposing of it before that is a failure to the others. */
export class Membership<T extends Json = Json> implements AsyncDisposable {
  /** What rank 0 handed to all. */
  readonly begin: T;
  /** Rejects with a {@linkcode PeerLostError} when another rank is lost or fails; never resolves. */
  readonly failed: Promise<never>;
  readonly #cluster: Cluster;
  readonly #timeout: number;
  readonly #host: string;
  readonly #wire: Wire;
  readonly #coordinator: Coordinator | undefined;
  readonly #heartbeat: Heartbeat;
  readonly #ended = Promise.withResolvers<void>(); // all have left, or the connection is of no more use
  #fail!: (error: PeerLostError) => void;
  #phase: "member" | "leaving" | "failing" | "out" = "member";

  /** Use `joinCluster`. */
  constructor(
    cluster: Cluster,
    timeout: number,
    connection: Connection,
    coordinator: Coordinator | undefined,
  ) {
    this.#cluster = cluster;
    this.#timeout = timeout;
    this.#host = connection.host;
    this.#wire = connection.wire;
    this.#coordinator = coordinator;
    this.begin = connection.begin as T;
    this.failed = new Promise((_, reject) => this.#fail = reject);
    this.failed.catch(() => {}); // not all look at it
    this.#heartbeat = new Heartbeat(connection.wire, timeout, () => {
      this.#lose(
        this.#lostFirst(`nothing was heard from it for ${timeout} s: it hangs, or the network is cut`),
      );
    });
    this.#listen(connection.inbox);
  }

  /**
   * Runs the job's work: rejects as soon as another rank is lost, even if the work waits for it forever, and tells the
   * others if the work fails here.
   *
   * @param work what this rank does
   * @param isCommunicationError whether an error of the work may come from a lost peer, as collectives that break off:
   *   then the news of the coordinator is awaited, and thrown instead. Default: any but a {@linkcode UserError} and
   *   one that an `AbortSignal` caused. After a {@linkcode PeerLostError} of the work, news is awaited for the whole
   *   timeout, else for some seconds
   * @returns the work's result
   * @throws {PeerLostError} if another rank is lost or has failed
   */
  async guard<R>(
    work: Promise<R>,
    isCommunicationError: (error: unknown) => boolean = mayComeFromPeer,
  ): Promise<R> {
    work.catch(() => {}); // it may break off after this has been rejected
    try {
      return await Promise.race([work, this.failed]);
    } catch (error) {
      if (this.#phase === "out" || !isCommunicationError(error)) throw await this.fail(error);
      let timer;
      const patience = error instanceof PeerLostError ? this.#timeout : EXPLANATION_TIMEOUT;
      const silence = new Promise<void>((resolve) => timer = setTimeout(resolve, 1000 * patience));
      try {
        await Promise.race([silence, this.failed]); // throws the better explanation
      } finally {
        clearTimeout(timer);
      }
      throw await this.fail(error);
    }
  }

  /**
   * Tells the others that this rank stops for an error.
   *
   * @param error why
   * @returns the error, to be thrown
   */
  async fail(error: unknown): Promise<unknown> {
    if (this.#phase !== "member" && this.#phase !== "leaving") return error;
    this.#phase = "failing";
    this.#wire.send({ type: "fail", reason: firstLine(error), exitStatus: exitStatus(error) });
    const timer = setTimeout(() => this.#ended.resolve(), FAREWELL_TIMEOUT);
    await this.#ended.promise;
    clearTimeout(timer);
    return error;
  }

  /**
   * Waits until all ranks leave.
   *
   * @throws {PeerLostError} if one is lost before it has left
   */
  async leave(): Promise<void> {
    if (this.#phase === "member") {
      this.#phase = "leaving";
      this.#wire.send({ type: "leave" });
    }
    await Promise.race([this.failed, this.#ended.promise]); // in this order: after a loss both are settled
  }

  /** Ends the membership, for the others with a failure if nobody spoke of leaving. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#phase === "member") await this.fail(new Error("it left before the end"));
    this.#phase = "out";
    this.#heartbeat[Symbol.dispose]();
    this.#wire.close();
    this.#coordinator?.close();
  }

  async #listen(inbox: AsyncGenerator<Message>): Promise<void> {
    try {
      for await (const message of inbox) {
        if (message.type === "lost") return this.#lose(lost(message));
        if (message.type === "end") {
          this.#phase = "out";
          return this.#ended.resolve();
        }
      }
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
    } finally {
      this.#heartbeat[Symbol.dispose]();
      this.#wire.close();
    }
    this.#lose(this.#lostFirst("its process ended"));
  }

  #lostFirst(why: string): PeerLostError {
    return new PeerLostError(`Lost ${describeRank(this.#cluster, 0, this.#host)}: ${why}`);
  }

  #lose(error: PeerLostError): void {
    if (this.#phase === "member" || this.#phase === "leaving") {
      this.#fail(error);
      this.#phase = "out";
    }
    this.#ended.resolve();
  }
}
