/**
 * AdamW with global-norm clipping, on variables that stay on the device.
 *
 * @module
 */
import type { Tensor } from "@tensorflow/tfjs-core";
import { hasWeightDecay, type ModelVariables } from "../electra/mod.ts";
import { attr, backend, DTYPE, tf, Variable } from "../tensorflow/mod.ts";

/** Constants of the optimizer. */
export interface AdamWOptions {
  beta1: number;
  beta2: number;
  /** Added to the root of the second moment. */
  epsilon: number;
  /** Share of a weight that decays per step, times the learning rate; biases and norms are spared. */
  weightDecay: number;
  /** Gradients are scaled down to this global norm; 0 leaves them as they are. */
  maxGradNorm: number;
}

const FUSED = [
  attr.type("T", DTYPE.float32),
  attr.bool("use_locking", false),
  attr.bool("use_nesterov", false),
];

/**
 * AdamW (Loshchilov & Hutter 2019), as PyTorch and Paddle compute it:
 *
 *     θ ← θ (1 - lr · decay);  m, v: moving averages of g, g²;  θ ← θ - lr · m̂ / (√v̂ + ε)
 *
 * The step's own numbers come in as a small tensor ({@linkcode AdamW.rates}), so that one compiled step serves
 * the whole run; the bias corrections are folded into them in double precision.
 */
export class AdamW {
  /** First and second moments of every parameter. */
  readonly moments: Map<string, { first: Variable; second: Variable }>;

  constructor(readonly variables: ModelVariables, readonly options: AdamWOptions) {
    this.moments = new Map([...variables].map(([name, { shape, size }]) => [name, {
      first: new Variable(shape, new Float32Array(size)),
      second: new Variable(shape, new Float32Array(size)),
    }]));
  }

  /**
   * The numbers of one step.
   *
   * @param step From 1.
   * @param learningRate After the schedule.
   * @returns [step size with both bias corrections, ε in its scale, 1 - learning rate · weight decay]
   */
  rates(step: number, learningRate: number): Float32Array {
    const { beta1, beta2, epsilon, weightDecay } = this.options;
    const root = Math.sqrt(1 - beta2 ** step);
    return Float32Array.of(
      learningRate * root / (1 - beta1 ** step),
      epsilon * root,
      1 - learningRate * weightDecay,
    );
  }

  /**
   * Updates every variable; to be called inside the compiled step.
   *
   * @param gradients One per variable, in order.
   * @param rates (3), from {@linkcode AdamW.rates}.
   * @returns The gradients' global norm before clipping: a scalar.
   */
  apply(gradients: Tensor[], rates: Tensor): Tensor {
    const { beta1, beta2, maxGradNorm } = this.options;
    const [stepSize, epsilon, keep] = tf.unstack(rates);
    const norm = globalNorm(gradients);
    const scale = tf.div(maxGradNorm, tf.maximum(norm, maxGradNorm));
    // the fused operation corrects for bias by 1 - power: 0 leaves that to `rates`
    const constants = [tf.scalar(0), tf.scalar(0), stepSize, tf.scalar(beta1), tf.scalar(beta2), epsilon];
    [...this.variables].forEach(([name, variable], i) => {
      const { first, second } = this.moments.get(name)!;
      const gradient = maxGradNorm > 0 ? tf.mul(gradients[i], scale) : gradients[i];
      if (this.options.weightDecay > 0 && hasWeightDecay(name)) {
        variable.assign(tf.mul(variable.read(), keep));
      }
      variable.apply("ResourceApplyAdam", FUSED, [first, second], [...constants, gradient]);
    });
    return norm;
  }
}

/** Root of the sum of all squares; the fused operation makes no tensor of squares. */
function globalNorm(gradients: Tensor[]): Tensor {
  const half = (x: Tensor) => backend().op("L2Loss", [attr.type("T", DTYPE.float32)], [x])[0];
  return tf.sqrt(tf.mul(tf.addN(gradients.map(half)), 2));
}
