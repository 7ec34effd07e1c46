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
import { fuse } from "./fuse.ts";
import { DTYPE } from "./host_tensor.ts";
import { hasGpu } from "./runtime.ts";

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

  /** A stream that will draw what this one draws from here on. */
  clone(): RandomStream {
    const clone = new RandomStream(this.seed, this.step);
    clone.#draws = this.#draws;
    return clone;
  }

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
    return tf.tidy(() => gumbel([this.key()], ...shape)[0]);
  }

  /** true with probability `keep`, independently. */
  bernoulli(shape: readonly number[], keep: number): Tensor {
    return tf.tidy(() => tf.less(this.uniform(shape), keep));
  }

  /** The numbers 0 … n-1 in random order, int32. */
  permutation(n: number): Tensor {
    return tf.tidy(() => tf.topk(this.uniform([n]) as tf.Tensor1D, n, true).indices);
  }

  /** int32 (2), for {@linkcode keepMask}: the key of one draw, which its owner can repeat. */
  key(): Tensor {
    return tf.tidy(() => {
      const site = tf.scalar(hash(this.seed, this.#draws++), "int32");
      return tf.stack([site, this.step as tf.Scalar]);
    });
  }

  #draw(op: string, shape: readonly number[]): Tensor {
    return tf.tidy(() => philox(op, this.key(), shape));
  }
}

/**
 * true with probability `keep`, independently: a mask that costs less to draw again than to remember.
 *
 * A counter-based generator: each element's place is mixed with the key by a strong 32-bit finaliser. Element-wise
 * integer arithmetic, so it melts into the loop that uses it (`fuse`), where Philox would be a call of its own: 2 ms
 * for 400,000 numbers on one thread, against 0.1. On a GPU, where TensorFlow has no kernels for int32, by Philox.
 *
 * @param key int32 (2), from {@linkcode RandomStream.key}; the same key, the same mask.
 * @param keep Probability, to 32 bits.
 */
export function keepMask(key: Tensor, shape: readonly number[], keep: number): Tensor {
  return tf.tidy(() => {
    if (hasGpu()) return tf.less(philox("StatelessRandomUniform", key, shape), keep);
    const threshold = Math.round(keep * 2 ** 32) - 2 ** 31; // the whole of int32, evenly
    return tf.less(randomWords(key, shape), word(threshold));
  });
}

const gumbel = fuse(function gumbel([key], ...shape) {
  const uniform = hasGpu()
    ? philox("StatelessRandomUniform", key, shape)
    : tf.mul(tf.cast(and(shift(randomWords(key, shape), word(8)), word(2 ** 24 - 1)), "float32"), 2 ** -24);
  const inner = tf.neg(tf.log(tf.add(uniform, 1e-9)));
  return [tf.neg(tf.log(tf.add(inner, 1e-9)))];
}, (_inputs, ...shape) => tf.util.sizeFromShape(shape));

/** Evenly distributed int32. */
function randomWords(key: Tensor, shape: readonly number[]): Tensor {
  // neighbouring steps must have nothing in common: both words of the key go into two well-mixed ones
  const [first, second] = tf.unstack(key);
  const a = mix(xor(first, second)), b = mix(add(a, second));
  const size = tf.util.sizeFromShape([...shape]);
  return tf.reshape(mix(xor(mul(range(size), word(0x9e3779b1)), a), b), [...shape]);
}

const INT = attr.type("T", DTYPE.int32);
const int = (op: string) => (a: Tensor, b: Tensor) => backend().op(op, [INT], [a, b])[0];
const [mul, add, xor, and, shift] = ["Mul", "AddV2", "BitwiseXor", "BitwiseAnd", "RightShift"].map(int);

const word = (value: number) => tf.scalar(value | 0, "int32");

/** A well-spread word for each word (lowbias32, C. Wellons 2018), or another one with `salt`. */
function mix(x: Tensor, salt?: Tensor): Tensor {
  x = mul(fold(x, 16), word(0x7feb352d));
  if (salt) x = add(x, salt);
  return fold(mul(fold(x, 15), word(0x846ca68b)), 16);
}

/** x ^ (x >>> bits) */
function fold(x: Tensor, bits: number): Tensor {
  return xor(x, and(shift(x, word(bits)), word(2 ** (32 - bits) - 1))); // int32's own shift brings in the sign
}

/** 0 … n-1, made where it is used. */
function range(n: number): Tensor {
  const [start, limit, delta] = [0, n, 1].map(word);
  return backend().op("Range", [attr.type("Tidx", DTYPE.int32)], [start, limit, delta])[0];
}

function philox(op: string, key: Tensor, shape: readonly number[]): Tensor {
  const types = [
    attr.type("dtype", DTYPE.float32),
    attr.type("T", DTYPE.int32),
    attr.type("Tseed", DTYPE.int32),
  ];
  return backend().op(op, types, [tf.tensor1d([...shape], "int32"), key])[0];
}

/** Mixes two integers into one well-spread 32-bit integer (the finaliser of MurmurHash3). */
export function hash(seed: number, site: number): number {
  let h = Math.imul(seed ^ Math.imul(site + 1, 0x9e3779b1), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) | 0;
}
