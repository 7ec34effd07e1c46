/**
 * Logistic regression with a ridge penalty, for decisions with a dozen features.
 *
 * N rows, F features; the last weight is the bias. Newton's method: exact, without a learning rate or a seed.
 *
 * @module
 */

/** When Newton's steps end: no weight moves more than this. */
const TOLERANCE = 1e-8;
const MAX_STEPS = 100;

/**
 * Fits weights to rows of features and their outcomes.
 *
 * Features are weighed as they come; bring them to about unit size, for the penalty is the same for all.
 *
 * @param rows (N · F) features, row after row
 * @param outcomes (N) 0 or 1
 * @param penalty half of it times the weights' squared length is added to the summed loss; the bias is free
 * @returns (F + 1) weights, the bias last, that make Σ log loss + penalty / 2 · ‖weights‖² least: those of scikit-learn's
 *   `LogisticRegression(C=1/penalty)`
 * @throws {RangeError} if rows and outcomes do not fit together
 *
 * @example
 * ```ts
 * import { fitLogistic, logistic } from "./logistic.ts";
 * const weights = fitLogistic(Float64Array.of(0, 1, 2, 3), Uint8Array.of(0, 1, 0, 1));
 * console.log(logistic(weights, Float64Array.of(3)) > 0.5); // true
 * ```
 */
export function fitLogistic(rows: Float64Array, outcomes: Uint8Array, penalty = 1): Float64Array {
  const N = outcomes.length, F = rows.length / N;
  if (!Number.isInteger(F)) {
    throw new RangeError(`Cannot fit weights: ${rows.length} features do not make ${N} rows`);
  }
  const K = F + 1;
  let weights = new Float64Array(K);
  let loss = regularisedLoss(rows, outcomes, weights, penalty);
  for (let step = 0; step < MAX_STEPS; step++) {
    const gradient = new Float64Array(K);
    const hessian = new Float64Array(K * K);
    for (let n = 0; n < N; n++) {
      const row = rows.subarray(n * F, (n + 1) * F);
      const probability = logistic(weights, row);
      const curvature = probability * (1 - probability);
      for (let i = 0; i < K; i++) {
        const xi = i < F ? row[i]! : 1;
        gradient[i]! += (probability - outcomes[n]!) * xi;
        for (let j = 0; j <= i; j++) hessian[i * K + j]! += curvature * xi * (j < F ? row[j]! : 1);
      }
    }
    for (let i = 0; i < F; i++) {
      gradient[i]! += penalty * weights[i]!;
      hessian[i * K + i]! += penalty;
    }
    hessian[K * K - 1]! += 1e-9; // a bias alone could run away where all outcomes are the same
    const direction = solve(hessian, gradient, K);
    // Newton's full step can overshoot far from the minimum; half it until the loss does not rise.
    let scale = 1, next = weights, nextLoss = Infinity;
    for (; scale > 1e-6; scale /= 2) {
      next = weights.map((weight, i) => weight - scale * direction[i]!);
      nextLoss = regularisedLoss(rows, outcomes, next, penalty);
      if (nextLoss <= loss) break;
    }
    if (!(nextLoss <= loss)) break;
    [weights, loss] = [next, nextLoss];
    if (direction.every((value) => Math.abs(scale * value) < TOLERANCE)) break;
  }
  return weights;
}

/**
 * The probability that fitted weights give a row.
 *
 * @param weights (F + 1) the bias last
 * @param row (F) features
 * @returns probability of outcome 1
 */
export function logistic(weights: ArrayLike<number>, row: ArrayLike<number>): number {
  return 1 / (1 + Math.exp(-margin(weights, row)));
}

function margin(weights: ArrayLike<number>, row: ArrayLike<number>): number {
  let sum = weights[row.length]!;
  for (let i = 0; i < row.length; i++) sum += weights[i]! * row[i]!;
  return sum;
}

function regularisedLoss(
  rows: Float64Array,
  outcomes: Uint8Array,
  weights: Float64Array,
  penalty: number,
): number {
  const F = weights.length - 1;
  let loss = 0;
  for (let n = 0; n < outcomes.length; n++) {
    const value = margin(weights, rows.subarray(n * F, (n + 1) * F));
    // log(1 + e^z) without overflow
    loss += Math.max(value, 0) + Math.log1p(Math.exp(-Math.abs(value))) - (outcomes[n] === 1 ? value : 0);
  }
  for (let i = 0; i < F; i++) loss += penalty / 2 * weights[i]! ** 2;
  return loss;
}

/** Solves A x = b for a symmetric positive definite A, given by its lower triangle (Cholesky; A is overwritten). */
function solve(a: Float64Array, b: Float64Array, K: number): Float64Array {
  for (let i = 0; i < K; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = a[i * K + j]!;
      for (let k = 0; k < j; k++) sum -= a[i * K + k]! * a[j * K + k]!;
      a[i * K + j] = i === j ? Math.sqrt(Math.max(sum, 1e-12)) : sum / a[j * K + j]!;
    }
  }
  const x = b.slice();
  for (let i = 0; i < K; i++) {
    for (let k = 0; k < i; k++) x[i]! -= a[i * K + k]! * x[k]!;
    x[i]! /= a[i * K + i]!;
  }
  for (let i = K - 1; i >= 0; i--) {
    for (let k = i + 1; k < K; k++) x[i]! -= a[k * K + i]! * x[k]!;
    x[i]! /= a[i * K + i]!;
  }
  return x;
}
