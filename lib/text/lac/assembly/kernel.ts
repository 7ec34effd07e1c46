/**
 * The arithmetic of LAC's network in WebAssembly SIMD: matrix product, gated recurrent unit, Viterbi.
 *
 * This is AssemblyScript, not TypeScript: `deno task build:kernel` compiles it to ../kernel.wasm, which is committed;
 * a test compiles it again and compares. Memory is laid out by ../network.ts; every pointer is a byte address, every
 * matrix float32 in rows.
 *
 * Each sum adds its terms in one fixed order, whatever else is in the batch: a sentence gives the same bits alone and
 * among others. Between processors with and without a fused multiply-add (`relaxed_madd` uses what there is) the last
 * bit may differ.
 */

/** Columns of a panel: a matrix of weights [K, N] is stored as N / 8 panels [K, 8], which the product reads in order. */
const PANEL: i32 = 8;

/** Rows that stay in the first-level cache while every panel passes over them. */
const ROW_BLOCK: i32 = 32;

/**
 * C += A B.
 *
 * Tiles of 4 rows and 8 columns: eight sums in registers, enough to keep two multiply-add units busy.
 *
 * @param rows M, a multiple of 4
 * @param columns N, a multiple of 8
 * @param depth K, a multiple of 2
 * @param a A (M, K), `aStride` floats from row to row
 * @param b B (K, N) in panels
 * @param c C (M, N), `cStride` floats from row to row
 */
export function gemm(
  rows: i32,
  columns: i32,
  depth: i32,
  a: usize,
  aStride: i32,
  b: usize,
  c: usize,
  cStride: i32,
): void {
  const aRow = <usize> aStride << 2;
  const cRow = <usize> cStride << 2;
  const panelBytes = <usize> depth * PANEL << 2;
  for (let block = 0; block < rows; block += ROW_BLOCK) {
    const end = min(block + ROW_BLOCK, rows);
    for (let column = 0; column < columns; column += PANEL) {
      const panel = b + <usize> column * depth * 4;
      for (let row = block; row < end; row += 4) {
        const tile = c + <usize> row * cRow + (<usize> column << 2);
        multiplyTile(a + <usize> row * aRow, aRow, panel, panel + panelBytes, tile, cRow);
      }
    }
  }
}

@inline
function multiplyTile(a0: usize, aRow: usize, panel: usize, panelEnd: usize, c0: usize, cRow: usize): void {
  let a1 = a0 + aRow, a2 = a1 + aRow, a3 = a2 + aRow;
  const c1 = c0 + cRow, c2 = c1 + cRow, c3 = c2 + cRow;
  let c00 = v128.load(c0), c01 = v128.load(c0, 16);
  let c10 = v128.load(c1), c11 = v128.load(c1, 16);
  let c20 = v128.load(c2), c21 = v128.load(c2, 16);
  let c30 = v128.load(c3), c31 = v128.load(c3, 16);
  while (panel < panelEnd) { // two terms of each sum at a time
    let b0 = v128.load(panel), b1 = v128.load(panel, 16);
    let x = v128.load_splat<f32>(a0);
    c00 = f32x4.relaxed_madd(x, b0, c00); c01 = f32x4.relaxed_madd(x, b1, c01);
    x = v128.load_splat<f32>(a1);
    c10 = f32x4.relaxed_madd(x, b0, c10); c11 = f32x4.relaxed_madd(x, b1, c11);
    x = v128.load_splat<f32>(a2);
    c20 = f32x4.relaxed_madd(x, b0, c20); c21 = f32x4.relaxed_madd(x, b1, c21);
    x = v128.load_splat<f32>(a3);
    c30 = f32x4.relaxed_madd(x, b0, c30); c31 = f32x4.relaxed_madd(x, b1, c31);
    b0 = v128.load(panel, 32); b1 = v128.load(panel, 48);
    x = v128.load_splat<f32>(a0, 4);
    c00 = f32x4.relaxed_madd(x, b0, c00); c01 = f32x4.relaxed_madd(x, b1, c01);
    x = v128.load_splat<f32>(a1, 4);
    c10 = f32x4.relaxed_madd(x, b0, c10); c11 = f32x4.relaxed_madd(x, b1, c11);
    x = v128.load_splat<f32>(a2, 4);
    c20 = f32x4.relaxed_madd(x, b0, c20); c21 = f32x4.relaxed_madd(x, b1, c21);
    x = v128.load_splat<f32>(a3, 4);
    c30 = f32x4.relaxed_madd(x, b0, c30); c31 = f32x4.relaxed_madd(x, b1, c31);
    a0 += 8; a1 += 8; a2 += 8; a3 += 8; panel += 64;
  }
  v128.store(c0, c00); v128.store(c0, c01, 16);
  v128.store(c1, c10); v128.store(c1, c11, 16);
  v128.store(c2, c20); v128.store(c2, c21, 16);
  v128.store(c3, c30); v128.store(c3, c31, 16);
}

/** e^x, by the range reduction and polynomial of Cephes' expf; x is held to -87 … 88, where the result is finite. */
@inline
function exp(x: v128): v128 {
  // One instruction each, unlike min, max and trunc_sat, which have rules for NaN, -0 and overflow to keep.
  x = f32x4.pmax(f32x4.pmin(x, f32x4.splat(88)), f32x4.splat(-87));
  const n = f32x4.nearest(f32x4.mul(x, f32x4.splat(1.44269504088896341))); // e^x = 2^n e^(x - n ln 2)
  x = f32x4.relaxed_nmadd(n, f32x4.splat(0.693359375), x); // ln 2 in two parts, the first one exact
  x = f32x4.relaxed_nmadd(n, f32x4.splat(-2.12194440e-4), x);
  let p = f32x4.relaxed_madd(f32x4.splat(1.9875691500e-4), x, f32x4.splat(1.3981999507e-3));
  p = f32x4.relaxed_madd(p, x, f32x4.splat(8.3334519073e-3));
  p = f32x4.relaxed_madd(p, x, f32x4.splat(4.1665795894e-2));
  p = f32x4.relaxed_madd(p, x, f32x4.splat(1.6666665459e-1));
  p = f32x4.relaxed_madd(p, x, f32x4.splat(5.0000001201e-1));
  p = f32x4.relaxed_madd(p, f32x4.mul(x, x), f32x4.add(x, f32x4.splat(1)));
  const power = i32x4.shl(i32x4.add(i32x4.relaxed_trunc_f32x4_s(n), i32x4.splat(127)), 23);
  return f32x4.mul(p, power);
}

@inline
function sigmoid(x: v128): v128 {
  const one = f32x4.splat(1);
  return f32x4.div(one, f32x4.add(one, exp(f32x4.neg(x))));
}

@inline
function tanh(x: v128): v128 {
  const one = f32x4.splat(1);
  return f32x4.sub(f32x4.div(f32x4.splat(2), f32x4.add(one, exp(f32x4.mul(x, f32x4.splat(-2))))), one);
}

/**
 * One direction of a layer of gated recurrent units over a batch of sentences, with Paddle's `origin_mode = false`:
 *
 *     u, r = sigmoid(x_ur + h W_ur)    c = tanh(x_c + (r h) W_c)    h' = (1 - u) h + u c
 *
 * Sentences come longest first, so that those still running at a step are the first ones: no work on padding.
 *
 * @param count B, number of sentences
 * @param lengths tokens of each, i32 (B)
 * @param firsts row of each one's first token in `inputs` and `outputs`, i32 (B)
 * @param inputs address of each token's x W + b (3H: u, r, c), u32 (rows)
 * @param inputOffset bytes from there to this direction's part
 * @param backward whether to go from the last token to the first
 * @param size H
 * @param gateWeights W_ur (H, 2H) in panels
 * @param candidateWeights W_c (H, H) in panels
 * @param outputs where the first token's h goes
 * @param outputStride bytes from token to token there
 * @param gates work space (B rounded up to 4, 3H)
 * @param hidden work space (B rounded up to 4, H)
 * @param reset work space (B rounded up to 4, H)
 */
export function gru(
  count: i32,
  lengths: usize,
  firsts: usize,
  inputs: usize,
  inputOffset: usize,
  backward: bool,
  size: i32,
  gateWeights: usize,
  candidateWeights: usize,
  outputs: usize,
  outputStride: usize,
  gates: usize,
  hidden: usize,
  reset: usize,
): void {
  const hBytes = <usize> size << 2;
  const gateBytes = hBytes * 3;
  const paddedCount = <usize> (count + 3 & ~3);
  // Rows beyond the running sentences are multiplied too, but nobody reads the result; they only have to be numbers.
  memory.fill(gates, 0, paddedCount * gateBytes);
  memory.fill(hidden, 0, paddedCount * hBytes);
  memory.fill(reset, 0, paddedCount * hBytes);
  let running = count;
  const steps = load<i32>(lengths);
  for (let step = 0; step < steps; step++) {
    while (load<i32>(lengths + (<usize> (running - 1) << 2)) <= step) running--;
    const rows = running + 3 & ~3;

    for (let i = 0; i < running; i++) {
      const token = tokenAt(i, step, lengths, firsts, backward);
      const input = <usize> load<u32>(inputs + (token << 2)) + inputOffset;
      memory.copy(gates + <usize> i * gateBytes, input, gateBytes);
    }
    if (step > 0) gemm(rows, size * 2, size, hidden, size, gateWeights, gates, size * 3);

    for (let i = 0; i < running; i++) {
      const r = gates + <usize> i * gateBytes + hBytes;
      const h = hidden + <usize> i * hBytes;
      const rh = reset + <usize> i * hBytes;
      for (let j: usize = 0; j < hBytes; j += 16) {
        v128.store(rh + j, f32x4.mul(sigmoid(v128.load(r + j)), v128.load(h + j)));
      }
    }
    if (step > 0) gemm(rows, size, size, reset, size, candidateWeights, gates + hBytes * 2, size * 3);

    for (let i = 0; i < running; i++) {
      const token = tokenAt(i, step, lengths, firsts, backward);
      const output = outputs + token * outputStride;
      const u = gates + <usize> i * gateBytes;
      const c = u + hBytes * 2;
      const h = hidden + <usize> i * hBytes;
      for (let j: usize = 0; j < hBytes; j += 16) {
        const old = v128.load(h + j);
        const change = f32x4.sub(tanh(v128.load(c + j)), old);
        const next = f32x4.relaxed_madd(sigmoid(v128.load(u + j)), change, old);
        v128.store(h + j, next);
        v128.store(output + j, next);
      }
    }
  }
}

/** The row of the token that sentence `i` has come to at a step. */
@inline
function tokenAt(i: i32, step: i32, lengths: usize, firsts: usize, backward: bool): usize {
  const at = <usize> i << 2;
  const position = backward ? load<i32>(lengths + at) - 1 - step : step;
  return <usize> (load<i32>(firsts + at) + position);
}

/**
 * The labels of one sentence with the highest sum of emissions and transitions.
 *
 * The lanes are the labels that a transition leads to. Scores of every token are kept and the way back is found by
 * computing the sums on it again: cheaper than to keep, of every label, which one led there. Of equal sums the first
 * label wins, as in Paddle's crf_decoding.
 *
 * @param length T
 * @param labels L
 * @param stride LP, L rounded up to 8: floats from row to row in all that follows
 * @param emissions (T, LP)
 * @param starts (LP)
 * @param stops (LP)
 * @param transitions (L, LP), from the row's label to the column's
 * @param scores work space (T, LP)
 * @param path the labels, u8 (T)
 */
export function viterbi(
  length: i32,
  labels: i32,
  stride: i32,
  emissions: usize,
  starts: usize,
  stops: usize,
  transitions: usize,
  scores: usize,
  path: usize,
): void {
  const rowBytes = <usize> stride << 2;
  for (let i: usize = 0; i < rowBytes; i += 16) {
    v128.store(scores + i, f32x4.add(v128.load(starts + i), v128.load(emissions + i)));
  }
  let score = scores;
  for (let t = 1; t < length; t++) {
    emissions += rowBytes;
    for (let i: usize = 0; i < rowBytes; i += 32) { // two vectors, for one comparison waits for the one before
      let best0 = f32x4.splat(-Infinity);
      let best1 = best0;
      let transition = transitions + i;
      for (let from = 0; from < labels; from++) {
        const x = v128.load_splat<f32>(score + (<usize> from << 2));
        best0 = f32x4.pmax(best0, f32x4.add(x, v128.load(transition)));
        best1 = f32x4.pmax(best1, f32x4.add(x, v128.load(transition, 16)));
        transition += rowBytes;
      }
      v128.store(score + rowBytes + i, f32x4.add(best0, v128.load(emissions + i)));
      v128.store(score + rowBytes + i, f32x4.add(best1, v128.load(emissions + i, 16)), 16);
    }
    score += rowBytes;
  }
  let label = firstBest(labels, score, stops, 4);
  store<u8>(path + length - 1, <u8> label);
  for (let t = length - 2; t >= 0; t--) {
    score -= rowBytes;
    label = firstBest(labels, score, transitions + (<usize> label << 2), rowBytes);
    store<u8>(path + t, <u8> label);
  }
}

/** The first label whose score and cost sum highest; costs lie `costStride` bytes apart. */
@inline
function firstBest(labels: i32, scores: usize, costs: usize, costStride: usize): i32 {
  let best: f32 = -Infinity;
  let label = 0;
  for (let i = 0; i < labels; i++) {
    const sum = load<f32>(scores + (<usize> i << 2)) + load<f32>(costs + <usize> i * costStride);
    if (sum > best) {
      best = sum;
      label = i;
    }
  }
  return label;
}
