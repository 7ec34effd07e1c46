/**
 * The few operations that a transformer is made of, each keeping for its gradient only what that needs.
 * Built from tfjs operations alone, the tape would hold every intermediate: twice the memory.
 *
 * N = rows × positions, H = hidden size, A = attention heads, D = H / A, B = rows, L = positions.
 *
 * @module
 */
import type { GradSaveFunc, Tensor } from "@tensorflow/tfjs-core";
import { attr, backend, DTYPE, type RandomStream, tf } from "../tensorflow/mod.ts";

/**
 * An operation with a gradient of its own.
 *
 * @param inputs What it is differentiated by.
 * @param forward Returns its value and the tensors to keep.
 * @param backward From the gradient of the value and the kept tensors: one gradient per input.
 */
export function withGradient(
  inputs: Tensor[],
  forward: (...inputs: Tensor[]) => { value: Tensor; keep: Tensor[] },
  backward: (dy: Tensor, ...kept: Tensor[]) => Tensor[],
): Tensor {
  return tf.customGrad((...args) => {
    const save = args.pop() as GradSaveFunc;
    const { value, keep } = forward(...args as Tensor[]);
    save(keep);
    return { value, gradFunc: (dy: Tensor, kept: Tensor[]) => backward(dy, ...kept) };
  })(...inputs);
}

/** x · weight + bias; weights lie as in the original, [in, out]. */
export function linear(x: Tensor, weight: Tensor, bias: Tensor): Tensor {
  return tf.add(tf.matMul(x, weight), bias);
}

/** Gaussian error linear unit, exact form: x · Φ(x). Keeps x alone. */
export function gelu(x: Tensor): Tensor {
  const cdf = (x: Tensor) => tf.mul(tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1), 0.5);
  return withGradient(
    [x],
    (x) => ({ value: tf.mul(x, cdf(x)), keep: [x] }),
    (dy, x) => {
      const pdf = tf.mul(tf.exp(tf.mul(tf.square(x), -0.5)), 1 / Math.sqrt(2 * Math.PI));
      return [tf.mul(dy, tf.add(cdf(x), tf.mul(x, pdf)))];
    },
  );
}

/**
 * Layer normalisation over the last axis. Keeps the normalised rows and one number per row.
 *
 * @param eps Added to the variance.
 */
export function layerNorm(x: Tensor, weight: Tensor, bias: Tensor, eps: number): Tensor {
  const normalised = withGradient(
    [x],
    (x) => {
      const centred = tf.sub(x, tf.mean(x, -1, true));
      const inverse = tf.rsqrt(tf.add(tf.mean(tf.square(centred), -1, true), eps)); // (N, 1): 1 / deviation
      const value = tf.mul(centred, inverse);
      return { value, keep: [value, inverse] };
    },
    (dy, y, inverse) => {
      const along = tf.mul(y, tf.mean(tf.mul(dy, y), -1, true));
      return [tf.mul(inverse, tf.sub(tf.sub(dy, tf.mean(dy, -1, true)), along))];
    },
  );
  return tf.add(tf.mul(normalised, weight), bias);
}

/**
 * Sets each element to 0 with probability `rate` and scales the others to the same mean. Keeps a boolean mask.
 *
 * @param random Where the mask comes from; without it (evaluation) x is returned as it is.
 */
export function dropout(x: Tensor, rate: number, random: RandomStream | undefined): Tensor {
  if (!random || rate === 0) return x;
  const mask = random.bernoulli(x.shape, 1 - rate);
  return withGradient(
    [x],
    (x) => ({ value: masked(x, mask, rate), keep: [mask] }),
    (dy, mask) => [masked(dy, mask, rate)],
  );
}

function masked(x: Tensor, mask: Tensor, rate: number): Tensor {
  return tf.where(mask, tf.mul(x, 1 / (1 - rate)), tf.zerosLike(x));
}

/**
 * Scaled dot-product attention with dropout on the probabilities, all heads at once.
 * Keeps queries, keys, values, the probabilities and a boolean mask.
 *
 * @param q Queries (B, A, L, D); `k` and `v` alike.
 * @param bias Added to the scores, broadcast: 0 where attention is allowed, -10,000 where not.
 * @param rate Dropout on the probabilities.
 * @returns (B, A, L, D)
 */
export function attention(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  bias: Tensor,
  rate: number,
  random: RandomStream | undefined,
): Tensor {
  const [B, A, L, D] = q.shape;
  const scale = 1 / Math.sqrt(D);
  const mask = random && rate > 0 ? random.bernoulli([B, A, L, L], 1 - rate) : undefined;
  const drop = (p: Tensor, mask: Tensor | undefined) => mask ? masked(p, mask, rate) : p;
  return withGradient(
    [q, k, v],
    (q, k, v) => {
      const scores = tf.add(tf.mul(tf.matMul(q, k, false, true), scale), bias); // (B, A, L, L)
      const p = tf.softmax(scores);
      return { value: tf.matMul(drop(p, mask), v), keep: mask ? [q, k, v, p, mask] : [q, k, v, p] };
    },
    (dy, q, k, v, p, mask) => {
      const dv = tf.matMul(drop(p, mask), dy, true, false);
      const dp = drop(tf.matMul(dy, v, false, true), mask); // (B, A, L, L)
      const ds = tf.mul(tf.mul(p, tf.sub(dp, tf.sum(tf.mul(dp, p), -1, true))), scale);
      return [tf.matMul(ds, k), tf.matMul(ds, q, true, false), dv];
    },
  );
}

/**
 * Cross-entropy of each row against one class, by TensorFlow's fused operation.
 *
 * @param logits (N, classes)
 * @param labels int32 (N)
 * @returns (N)
 */
export function crossEntropy(logits: Tensor, labels: Tensor): Tensor {
  return withGradient(
    [logits],
    (logits) => {
      const types = [attr.type("T", DTYPE.float32), attr.type("Tlabels", DTYPE.int32)];
      const [value, gradient] = backend().op(
        "SparseSoftmaxCrossEntropyWithLogits",
        types,
        [logits, labels],
        2,
      );
      return { value, keep: [gradient] };
    },
    (dy, gradient) => [tf.mul(gradient, tf.expandDims(dy, -1))],
  );
}

/** Binary cross-entropy of logits against 0/1 targets, element by element, without overflow. */
export function binaryCrossEntropy(logits: Tensor, targets: Tensor): Tensor {
  return withGradient(
    [logits],
    (z) => ({
      value: tf.add(tf.sub(tf.relu(z), tf.mul(z, targets)), tf.log1p(tf.exp(tf.neg(tf.abs(z))))),
      keep: [z, targets],
    }),
    (dy, z, targets) => [tf.mul(dy, tf.sub(tf.sigmoid(z), targets))],
  );
}

/** x as a constant: no gradient flows back through it. */
export function stopGradient(x: Tensor): Tensor {
  // a backend operation is not on tfjs's tape; StopGradient also keeps TensorFlow's graph honest
  return backend().op("StopGradient", [attr.type("T", backend().getDTypeInteger(x.dtype))], [x])[0];
}

/**
 * int32 `x` with `values` put in at `positions`; integer arithmetic all the way, since ids that pass through
 * float operations come back wrong in mixed precision.
 *
 * @param x (N)
 * @param positions (M), repeated ones must carry the same value.
 * @param values (M)
 */
export function replaceAt(x: Tensor, positions: Tensor, values: Tensor): Tensor {
  const types = [attr.type("T", DTYPE.int32), attr.type("Tindices", DTYPE.int32)];
  return backend().op("TensorScatterUpdate", types, [x, tf.expandDims(positions, -1), values])[0];
}
