/**
 * What the processes of a run tell each other in a step, by TensorFlow's collective runtime.
 *
 * @module
 */
import type { Cluster } from "../cluster/mod.ts";
import type { Exchange } from "../electra/mod.ts";
import { allReduce, broadcast, enableCollectives, gathered, reduceInBuckets } from "../tensorflow/mod.ts";

/**
 * Opens this process to the others of its cluster.
 *
 * @throws {TensorFlowError} If its port is taken.
 */
export function collectiveExchange({ rank, size, addresses }: Cluster): Exchange {
  enableCollectives({ rank, addresses });
  return {
    rank,
    size,
    sum: (x) => allReduce(x),
    first: broadcast,
    gather: (x) => gathered(x, { mean: true }),
    mean: (gradients) => reduceInBuckets(gradients, { mean: true }),
  };
}
