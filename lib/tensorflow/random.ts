/**
 * Random numbers made on the device from explicit seeds, so that a compiled step draws fresh ones at every call
 * and a run resumed at step n draws what the uninterrupted run drew.
 *
 * TensorFlow's stateless operations (Philox) turn a key of two 32-bit words into a stream. One word is the step,
 * a tensor, so that one compiled function serves all steps; the other is hashed from the seed and the place in
 * the model where the draw happens.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import type { Tensor } from "@tensorflow/tfjs-core";
import { attr } from "./attributes.ts";
import { backend } from "./backend.ts";
import { DTYPE } from "./host_tensor.ts";

/**
 * A source of independent random tensors for one step of one run. Draws are numbered: the same program draws
 * the same numbers for the same seed and step.
 *
 * @example
 * ```ts
 * import { compile, RandomStream, tf } from "./mod.ts";
 * const noise = compile((step: tf.Tensor) => new RandomStream(1000, step).uniform([2, 3]));
 * noise(tf.scalar(7, "int32")).print(); // the same numbers for step 7, in whatever run
 * ```
 */
export class RandomStream {
  #draws = 0;

  /**
   * @param seed Any 32-bit integer: the run's seed.
   * @param step int32 scalar, the step's number; a tensor, so that it can change between calls.
   */
  constructor(readonly seed: number, readonly step: Tensor) {}

  /** float32 in [0, 1). */
  uniform(shape: readonly number[]): Tensor {
    return this.#draw("StatelessRandomUniform", shape);
  }

  /** float32 from the standard normal distribution. */
  normal(shape: readonly number[]): Tensor {
    return this.#draw("StatelessRandomNormal", shape);
  }

  /**
   * Standard Gumbel noise as the original draws it: -log(-log(u + 1e-9) + 1e-9), u uniform.
   * The index of the largest of `logits + gumbel` is a sample from softmax(logits).
   */
  gumbel(shape: readonly number[]): Tensor {
    return tf.tidy(() => {
      const inner = tf.neg(tf.log(tf.add(this.uniform(shape), 1e-9)));
      return tf.neg(tf.log(tf.add(inner, 1e-9)));
    });
  }

  /** true with probability `keep`, independently. */
  bernoulli(shape: readonly number[], keep: number): Tensor {
    return tf.tidy(() => tf.less(this.uniform(shape), keep));
  }

  /** The numbers 0 … n-1 in random order, int32. */
  permutation(n: number): Tensor {
    return tf.tidy(() => tf.topk(this.uniform([n]) as tf.Tensor1D, n, true).indices);
  }

  #draw(op: string, shape: readonly number[]): Tensor {
    return tf.tidy(() => {
      const site = tf.scalar(hash(this.seed, this.#draws++), "int32");
      const seed = tf.stack([site, this.step as tf.Scalar]); // (2)
      const types = [
        attr.type("dtype", DTYPE.float32),
        attr.type("T", DTYPE.int32),
        attr.type("Tseed", DTYPE.int32),
      ];
      return backend().op(op, types, [tf.tensor1d([...shape], "int32"), seed])[0];
    });
  }
}

/** Mixes two integers into one well-spread 32-bit integer (the finaliser of MurmurHash3). */
export function hash(seed: number, site: number): number {
  let h = Math.imul(seed ^ Math.imul(site + 1, 0x9e3779b1), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) | 0;
}
