/**
 * How long a run will take, told before it starts.
 *
 * @module
 */
import type { ElectraConfig, PretrainingConfig, RowGroup } from "../electra/mod.ts";
import { countParameters, hasDiscriminator, parameterShapes } from "../electra/mod.ts";
import { tf } from "../tensorflow/mod.ts";

/** What decides the work of one step. */
export interface StepWork {
  groups: readonly RowGroup[];
  /** M: capacity of masked positions. */
  masked: number;
  recompute?: boolean;
}

/** Share of the speed of one large matrix product that a whole step reaches, softmax, norms and dropout included. */
const EFFICIENCY = 0.6;
/** Bytes that the optimizer moves per parameter: value, moments and gradient, read and written. */
const OPTIMIZER_BYTES = 40, MEMORY_BANDWIDTH = 10e9;

/**
 * Counts the floating-point operations of one step: the matrix products of forward and backward pass.
 *
 * @returns operations, a multiplication and an addition being two
 */
export function stepOperations(config: PretrainingConfig, { groups, masked, recompute }: StepWork): number {
  const tokens = groups.reduce((sum, { rows, width }) => sum + rows * width, 0);
  const pairs = groups.reduce((sum, { rows, width }) => sum + rows * width ** 2, 0); // of positions that attend
  const { generator: g, discriminator: d, loss_weights: weights } = config;
  const encoder = ({ num_hidden_layers: layers, hidden_size: H, intermediate_size: F }: ElectraConfig) =>
    layers * (tokens * (4 * H * H + 2 * H * F) + 2 * pairs * H);
  const layers = encoder(g) + (hasDiscriminator(weights) ? encoder(d) : 0);
  const heads = masked * g.embedding_size * (g.hidden_size + g.vocab_size) +
    (weights.rtd > 0 ? tokens * d.hidden_size ** 2 : 0);
  const [forward, backward] = [2, 4]; // each product has two of its size in the backward pass
  return (forward + backward) * (layers + heads) + (recompute ? forward * layers : 0);
}

/**
 * Estimates the time of one step on this machine from the measured speed of one matrix product: within a factor of two
 * for models that keep the device busy.
 *
 * @returns seconds
 */
export async function estimateStepSeconds(config: PretrainingConfig, work: StepWork): Promise<number> {
  const parameters = countParameters(parameterShapes(config));
  return stepOperations(config, work) / (EFFICIENCY * await matmulSpeed()) +
    parameters * OPTIMIZER_BYTES / MEMORY_BANDWIDTH;
}

/** Operations a second of a matrix product as the feed-forward layers of the published model have it; best of three. */
async function matmulSpeed(): Promise<number> {
  const [M, K, N] = [512, 768, 3072];
  const a = tf.randomNormal([M, K]), b = tf.randomNormal([K, N]);
  let best = Infinity;
  for (let i = 0; i < 4; i++) { // the first one warms up
    const start = performance.now();
    const product = tf.matMul(a, b);
    await product.data();
    product.dispose();
    if (i > 0) best = Math.min(best, (performance.now() - start) / 1000);
  }
  tf.dispose([a, b]);
  return 2 * M * K * N / best;
}
