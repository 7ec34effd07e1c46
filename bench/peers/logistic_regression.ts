/**
 * Multinomial logistic regression on sparse features, as scikit-learn's.
 *
 * N rows, F features, C classes. L-BFGS (Liu and Nocedal 1989) with the last few steps as memory.
 *
 * @module
 */

/** Rows of features that are mostly 0. */
export interface SparseRows {
  /** Where each row begins in the other two, and the end, (N + 1). */
  readonly starts: Int32Array;
  /** From 0 to F - 1. */
  readonly features: Int32Array;
  readonly values: Float32Array;
}

/** How weights are fitted. */
export interface FitOptions {
  readonly classes: number;
  readonly features: number;
  /** Half of it times the weights' squared length is added to the summed loss, biases are free; default 1. */
  readonly penalty?: number;
  /** The fit ends when no component of the mean loss's gradient is greater; default 1e-4. */
  readonly tolerance?: number;
  /** Default 300. */
  readonly maxSteps?: number;
}

const MEMORY = 6; // steps
const SUFFICIENT_DECREASE = 1e-4;
const SHORTEST_STEP = 1e-10;

/**
 * Fits weights.
 *
 * @param labels (N) from 0 to C - 1
 * @returns (F + 1, C) weights, the biases last: those of `LogisticRegression(C=1/penalty)`
 */
export function fitLogisticRegression(
  rows: SparseRows,
  labels: Int32Array,
  { classes, features, penalty = 1, tolerance = 1e-4, maxSteps = 300 }: FitOptions,
): Float64Array {
  // scikit-learn has one vector for two classes; two that are opposite have half its squared length
  const ridge = (classes === 2 ? 2 : 1) * penalty;
  const lossOf = (weights: Float64Array, gradient: Float64Array) =>
    meanLoss(rows, labels, weights, gradient, { classes, features, ridge });
  let weights = new Float64Array((features + 1) * classes), next = new Float64Array(weights.length);
  let gradient = new Float64Array(weights.length), nextGradient = new Float64Array(weights.length);
  let loss = lossOf(weights, gradient);
  const memory: Move[] = [];
  for (let step = 0; step < maxSteps && largest(gradient) > tolerance; step++) {
    const direction = descent(gradient, memory), slope = dot(gradient, direction);
    let scale = memory.length === 0 ? 1 / Math.sqrt(dot(gradient, gradient)) : 1, nextLoss = Infinity;
    for (; scale > SHORTEST_STEP; scale /= 2) {
      for (let i = 0; i < next.length; i++) next[i] = weights[i]! + scale * direction[i]!;
      nextLoss = lossOf(next, nextGradient);
      if (nextLoss <= loss + SUFFICIENT_DECREASE * scale * slope) break;
    }
    if (!(nextLoss < loss)) break; // as good as numbers can be
    const reused = memory.length === MEMORY ? memory.shift() : undefined;
    const move = reused ?? { way: new Float64Array(next.length), turn: new Float64Array(next.length) };
    for (let i = 0; i < next.length; i++) {
      move.way[i] = next[i]! - weights[i]!;
      move.turn[i] = nextGradient[i]! - gradient[i]!;
    }
    if (dot(move.way, move.turn) > 0) memory.push(move);
    [weights, next] = [next, weights];
    [gradient, nextGradient] = [nextGradient, gradient];
    loss = nextLoss;
  }
  return weights;
}

/**
 * Scores each class of each row.
 *
 * @param weights (F + 1, C) from {@linkcode fitLogisticRegression}
 * @returns (N, C) logits
 */
export function logitsOf(
  { starts, features, values }: SparseRows,
  weights: Float64Array,
  C: number,
): Float32Array {
  const N = starts.length - 1, logits = new Float32Array(N * C), biases = weights.subarray(-C);
  for (let n = 0; n < N; n++) {
    const row = logits.subarray(n * C, (n + 1) * C);
    row.set(biases);
    for (let at = starts[n]!; at < starts[n + 1]!; at++) {
      const from = features[at]! * C, value = values[at]!;
      for (let c = 0; c < C; c++) row[c]! += value * weights[from + c]!;
    }
  }
  return logits;
}

/** A step that was taken, and how the gradient changed over it. */
interface Move {
  readonly way: Float64Array;
  readonly turn: Float64Array;
}

/** Fills the gradient. @returns (summed log loss + ridge / 2 · ‖weights without biases‖²) / N */
function meanLoss(
  { starts, features: indices, values }: SparseRows,
  labels: Int32Array,
  weights: Float64Array,
  gradient: Float64Array,
  { classes: C, features: F, ridge }: { classes: number; features: number; ridge: number },
): number {
  const N = labels.length, biases = F * C, excess = new Float64Array(C);
  let sum = 0;
  gradient.fill(0);
  for (let n = 0; n < N; n++) {
    const start = starts[n]!, end = starts[n + 1]!;
    for (let c = 0; c < C; c++) excess[c] = weights[biases + c]!;
    for (let at = start; at < end; at++) {
      const from = indices[at]! * C, value = values[at]!;
      for (let c = 0; c < C; c++) excess[c]! += value * weights[from + c]!;
    }
    let most = -Infinity, total = 0;
    for (let c = 0; c < C; c++) most = Math.max(most, excess[c]!);
    sum -= excess[labels[n]!]! - most;
    for (let c = 0; c < C; c++) total += excess[c] = Math.exp(excess[c]! - most);
    sum += Math.log(total);
    for (let c = 0; c < C; c++) excess[c]! /= total;
    excess[labels[n]!]! -= 1; // probabilities less the answer: the loss's gradient for the logits
    for (let c = 0; c < C; c++) gradient[biases + c]! += excess[c]!;
    for (let at = start; at < end; at++) {
      const from = indices[at]! * C, value = values[at]!;
      for (let c = 0; c < C; c++) gradient[from + c]! += value * excess[c]!;
    }
  }
  for (let i = 0; i < biases; i++) {
    sum += ridge / 2 * weights[i]! ** 2;
    gradient[i]! += ridge * weights[i]!;
  }
  for (let i = 0; i < gradient.length; i++) gradient[i]! /= N;
  return sum / N;
}

/** The way down that the remembered moves suggest. */
function descent(gradient: Float64Array, memory: readonly Move[]): Float64Array {
  const direction = gradient.map((value) => -value), shares: number[] = [];
  for (const { way, turn } of memory.toReversed()) {
    const share = dot(way, direction) / dot(way, turn);
    add(direction, turn, -share);
    shares.push(share);
  }
  const newest = memory.at(-1);
  if (newest) {
    const scale = dot(newest.way, newest.turn) / dot(newest.turn, newest.turn);
    for (let i = 0; i < direction.length; i++) direction[i]! *= scale;
  }
  for (const { way, turn } of memory) {
    add(direction, way, shares.pop()! - dot(turn, direction) / dot(way, turn));
  }
  return direction;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

function add(to: Float64Array, other: Float64Array, factor: number) {
  for (let i = 0; i < to.length; i++) to[i]! += factor * other[i]!;
}

function largest(values: Float64Array): number {
  let most = 0;
  for (const value of values) most = Math.max(most, Math.abs(value));
  return most;
}
