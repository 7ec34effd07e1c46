/**
 * What the processes of a run tell each other in a step, by TensorFlow's collective runtime.
 *
 * @module
 */
import { type Cluster, narrow } from "../cluster/mod.ts";
import type { Exchange } from "../electra/mod.ts";
import { allReduce, broadcast, enableCollectives, gathered, reduceInBuckets } from "../tensorflow/mod.ts";

/**
 * Opens this process to the others of its cluster, and to nobody at another address where that can be helped.
 *
 * @param say Takes the remark that it cannot be. Default: `console.error`.
 * @throws {TensorFlowError} If its port is taken.
 */
export async function collectiveExchange(
  { rank, size, addresses }: Cluster,
  say: (line: string) => void = console.error,
): Promise<Exchange> {
  enableCollectives({ rank, addresses });
  const own = addresses[rank]!, obstacle = await narrow(own);
  if (obstacle) say(`The port of ${own} answers at all addresses of this machine: ${obstacle}`);
  return {
    rank,
    size,
    sum: (x) => allReduce(x),
    first: broadcast,
    gather: (x) => gathered(x, { mean: true }),
    mean: (gradients) => reduceInBuckets(gradients, { mean: true }),
  };
}
