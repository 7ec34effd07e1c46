/**
 * What the processes of a run tell each other in a step, by TensorFlow's collective runtime.
 *
 * @module
 */
import type { Tensor } from "@tensorflow/tfjs-core";
import type { Cluster } from "../cluster/mod.ts";
import type { Exchange } from "../electra/mod.ts";
import { withGradient } from "../electra/mod.ts";
import { allReduce, allReduceAll, enableCollectives, tf } from "../tensorflow/mod.ts";

/**
 * Opens this process to the others of its cluster.
 *
 * Everything is made of sums: what one process alone has is a sum with the zeros of the others.
 *
 * @throws {TensorFlowError} If its port is taken.
 */
export function collectiveExchange({ rank, size, addresses }: Cluster): Exchange {
  enableCollectives({ rank, addresses });
  const gather = (x: Tensor) => {
    const parts = Array.from({ length: size }, (_, i) => i === rank ? x : tf.zerosLike(x));
    return allReduce(tf.concat(parts, 0));
  };
  return {
    rank,
    size,
    sum: allReduce,
    first: (x) => allReduce(rank === 0 ? x : tf.zerosLike(x)),
    gather: (x) =>
      withGradient([x], (x) => ({ value: gather(x), keep: [] }), (dy) => {
        const own = [rank * x.shape[0]!, ...x.shape.slice(1).map(() => 0)];
        return [tf.mul(tf.slice(dy, own, x.shape), size)];
      }),
    mean: (gradients) => allReduceAll(gradients).map((sum) => tf.div(sum, size)),
  };
}
