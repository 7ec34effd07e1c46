/**
 * A piece of work that the processes of a cluster do together.
 *
 * @module
 */
import { type Cluster, type Facts, joinCluster, type Json } from "../cluster/mod.ts";
import { PeerLostError } from "../config/mod.ts";
import type { Exchange } from "../electra/mod.ts";
import { TensorFlowError } from "../tensorflow/mod.ts";
import { collectiveExchange } from "./collective_exchange.ts";

/** What each process brings. */
export interface JointWork<R> {
  /** Seconds after which a process that is not heard of is lost. */
  readonly timeout: number;
  readonly signal?: AbortSignal | undefined;
  /** What rank 0 alone does before, and what the others are to know of it. */
  begin(): Promise<Json>;
  /** What all do; `begin` is what rank 0 said. */
  work(begin: Json, exchange: Exchange): Promise<R>;
}

/**
 * Meets the other processes of a cluster, works with them, and parts from them.
 *
 * @param facts What must be the same in all.
 * @returns What the work gave.
 * @throws {UserError} If a fact differs, or a process ended for a mistake.
 * @throws {PeerLostError} If a process was lost: a new start may do.
 */
export async function together<R>(
  cluster: Cluster,
  facts: Facts,
  { timeout, signal, begin, work }: JointWork<R>,
): Promise<R> {
  await using job = await joinCluster<Json>(cluster, facts, { timeout, begin, ...(signal && { signal }) });
  const all = async () => await work(job.begin, await collectiveExchange(cluster)).catch(whatWasLost);
  const result = await job.guard(all());
  await job.leave();
  return result;
}

/** TensorFlow's code of a sum over processes of which one has ended. */
const UNAVAILABLE = 14;

/** Says of an error whether another process is its cause: then a new start may do. */
function whatWasLost(error: unknown): never {
  if (!(error instanceof TensorFlowError) || error.code !== UNAVAILABLE) throw error;
  throw new PeerLostError("Lost the connection to another process", { cause: error });
}
