/**
 * LAC's network: embedding, two layers of bidirectional gated recurrent units, a score for every label of every token,
 * and the best path through them. The arithmetic is in assembly/kernel.ts.
 *
 * B: sentences of a batch, N: tokens of a batch, T: tokens of a sentence, D: embedding size, H: hidden size, L: labels,
 * LP: L rounded up to whole panels.
 */
import { Kernel, packPanels, PANEL, roundUp, TILE } from "./kernel.ts";
import type { GruWeights, LacWeights } from "./model.ts";
import { RowCache } from "./row_cache.ts";

/** Most tokens of a sentence, and of a batch. */
export const MAX_TOKENS = 16_384;

/** Sentences of a batch: many enough that weights are read seldom, few enough that their state stays in the cache. */
const BATCH = 32;

/** One layer in the kernel's memory. */
interface Layer {
  readonly inputWeights: number; // (D or 2H, 6H): forward, backward
  readonly bias: Float32Array; // (6H)
  readonly directions: readonly { readonly gates: number; readonly candidate: number }[]; // (H, 2H), (H, H)
}

/** Where a batch lies in the kernel's memory. */
interface Scratch {
  readonly capacity: number; // the most tokens
  readonly lengths: number; // i32 (B)
  readonly firsts: number; // i32 (B): each sentence's first token
  readonly inputs: number; // u32 (N): address of each token's x W + b (6H)
  readonly embedded: number; // (N, D)
  readonly projected: number; // (N, 6H)
  readonly outputs: readonly number[]; // (N, 2H) of each layer
  readonly emissions: number; // (N, LP)
  readonly gates: number; // (B, 3H)
  readonly hidden: number; // (B, H)
  readonly reset: number; // (B, H)
  readonly scores: number; // (N, LP)
  readonly path: number; // u8 (N)
}

/**
 * The network with its weights.
 *
 * A sentence gives the same labels, and the same emissions bit for bit, whatever other sentences are cut with it.
 */
export class LacNetwork {
  readonly #kernel: Kernel;
  readonly #weights: LacWeights;
  readonly #layers: readonly Layer[];
  readonly #output: number; // (2H, LP)
  readonly #outputBias: Float32Array; // (LP)
  readonly #crf: readonly [starts: number, stops: number, transitions: number]; // (LP), (LP), (L, LP)
  readonly #labelStride: number; // LP
  /** The first layer's x W + b by id: text repeats its characters. */
  readonly #projections: RowCache;
  readonly #projectionTable: number; // (rows of the cache, 6H)
  readonly #scratchStart: number;
  #scratch: Scratch;

  private constructor(kernel: Kernel, weights: LacWeights) {
    this.#kernel = kernel;
    this.#weights = weights;
    const { embeddingSize: D, hiddenSize: H, labelCount: L } = weights;
    this.#layers = weights.layers.map(({ forward, backward }, index) =>
      this.#putLayer(forward, backward, index)
    );
    this.#labelStride = roundUp(L, PANEL);
    const padded = (rows: Float32Array) => padColumns(rows, L, this.#labelStride);
    this.#output = kernel.put(packPanels(weights.output, 2 * H));
    this.#outputBias = padded(weights.outputBias);
    this.#crf = [
      kernel.put(padded(weights.starts)),
      kernel.put(padded(weights.stops)),
      kernel.put(padded(weights.transitions)),
    ];
    const idCount = weights.embedding.length / D;
    const rows = Math.min(idCount, MAX_TOKENS); // no batch has more ids
    this.#projections = new RowCache(idCount, rows);
    this.#projectionTable = kernel.allocate((rows + TILE) * 6 * H * 4);
    this.#scratchStart = kernel.end;
    this.#scratch = this.#layOut(1024);
  }

  /**
   * Lays the weights out for the kernel.
   *
   * @param weights D has to be even, H a multiple of 8.
   * @returns The network.
   */
  static async create(weights: LacWeights): Promise<LacNetwork> {
    return new LacNetwork(await Kernel.load(), weights);
  }

  /**
   * Finds the best labels.
   *
   * @param sentences Ids of each sentence's tokens, at most {@linkcode MAX_TOKENS} each.
   * @returns A label for every token.
   * @throws {RangeError} If a sentence is longer.
   */
  label(sentences: readonly Int32Array[]): Uint8Array[] {
    const LP = this.#labelStride;
    const labels = sentences.map(({ length }) => new Uint8Array(length));
    this.#forEach(sentences, (index, emissions) => {
      const { length } = sentences[index]!;
      const { scores, path } = this.#scratch;
      this.#kernel.viterbi(length, this.#weights.labelCount, LP, emissions, ...this.#crf, scores, path);
      labels[index]!.set(this.#kernel.bytes(path, length));
    });
    return labels;
  }

  /**
   * Computes the score of each label for each token, before transitions count.
   *
   * @param sentences As for {@linkcode label}.
   * @returns (T, L) of each sentence.
   */
  emissions(sentences: readonly Int32Array[]): Float32Array[] {
    const { labelCount: L } = this.#weights;
    const all = sentences.map(({ length }) => new Float32Array(length * L));
    this.#forEach(sentences, (index, emissions) => {
      for (let t = 0; t < sentences[index]!.length; t++) {
        all[index]!.set(this.#kernel.floats(emissions + t * this.#labelStride * 4, L), t * L);
      }
    });
    return all;
  }

  /** Runs all sentences and hands each one's emissions over, (T, LP) in the kernel's memory. */
  #forEach(sentences: readonly Int32Array[], handle: (index: number, emissions: number) => void) {
    for (const batch of batchesOf(sentences)) {
      this.#run(batch.map((index) => sentences[index]!));
      let address = this.#scratch.emissions;
      for (const index of batch) {
        handle(index, address);
        address += sentences[index]!.length * this.#labelStride * 4;
      }
    }
  }

  /** Computes the emissions of a batch, longest sentence first. Each sentence's tokens follow those of the one before. */
  #run(sentences: readonly Int32Array[]) {
    const { hiddenSize: H } = this.#weights;
    const tokens = sentences.reduce((sum, { length }) => sum + length, 0); // N
    if (tokens > this.#scratch.capacity) this.#scratch = this.#layOut(2 ** Math.ceil(Math.log2(tokens)));
    const { lengths, firsts, inputs, projected, outputs, emissions } = this.#scratch;
    const ids = new Int32Array(tokens);
    let first = 0;
    for (const [index, sentence] of sentences.entries()) {
      this.#kernel.integers(lengths, BATCH)[index] = sentence.length;
      this.#kernel.integers(firsts, BATCH)[index] = first;
      ids.set(sentence, first);
      first += sentence.length;
    }
    const rowBytes = 6 * H * 4;

    const rows = this.#projectIds(ids);
    const addresses = this.#kernel.integers(inputs, tokens);
    for (let i = 0; i < tokens; i++) addresses[i] = this.#projectionTable + rows[i]! * rowBytes;
    this.#recur(this.#layers[0]!, sentences.length, outputs[0]!);

    const { inputWeights, bias } = this.#layers[1]!;
    this.#multiply(outputs[0]!, tokens, 2 * H, inputWeights, bias, projected);
    for (let i = 0; i < tokens; i++) addresses[i] = projected + i * rowBytes;
    this.#recur(this.#layers[1]!, sentences.length, outputs[1]!);

    this.#multiply(outputs[1]!, tokens, 2 * H, this.#output, this.#outputBias, emissions);
  }

  /** Sees to it that the table has the ids' projections; returns their rows there. */
  #projectIds(ids: Int32Array): Int32Array {
    const { embedding, embeddingSize: D, hiddenSize: H } = this.#weights;
    const { rows, added, firstAdded } = this.#projections.add(ids);
    const embedded = this.#kernel.floats(this.#scratch.embedded, added.length * D);
    for (const [row, id] of added.entries()) embedded.set(embedding.subarray(id * D, (id + 1) * D), row * D);
    const { inputWeights, bias } = this.#layers[0]!;
    const result = this.#projectionTable + firstAdded * 6 * H * 4;
    this.#multiply(this.#scratch.embedded, added.length, D, inputWeights, bias, result);
    return rows;
  }

  /** Both directions of a layer. */
  #recur({ directions }: Layer, count: number, output: number) {
    const { hiddenSize: H } = this.#weights;
    const bytes = H * 4;
    const { lengths, firsts, inputs, gates, hidden, reset } = this.#scratch;
    for (const [backward, weights] of directions.entries()) {
      // deno-fmt-ignore
      this.#kernel.gru(
        count, lengths, firsts, inputs, backward * 3 * bytes, backward, H, weights.gates, weights.candidate,
        output + backward * bytes, 2 * bytes, gates, hidden, reset,
      );
    }
  }

  /** x W + b. Both x (rows, depth) and the result have room for whole tiles. */
  #multiply(x: number, rows: number, depth: number, w: number, bias: Float32Array, result: number) {
    if (rows === 0) return;
    const columns = bias.length;
    const tiledRows = roundUp(rows, TILE);
    this.#kernel.floats(x + rows * depth * 4, (tiledRows - rows) * depth).fill(0);
    const sums = this.#kernel.floats(result, tiledRows * columns);
    sums.set(bias);
    for (let filled = columns; filled < sums.length; filled *= 2) sums.copyWithin(filled, 0, filled);
    this.#kernel.gemm(tiledRows, columns, depth, x, depth, w, result, columns);
  }

  #putLayer(forward: GruWeights, backward: GruWeights, index: number): Layer {
    const { embeddingSize: D, hiddenSize: H } = this.#weights;
    const inputSize = index === 0 ? D : 2 * H;
    const inputWeights = new Float32Array(inputSize * 6 * H);
    const bias = new Float32Array(6 * H);
    for (const [column, { input, bias: half }] of [[0, forward], [3 * H, backward]] as const) {
      bias.set(half, column);
      for (let row = 0; row < inputSize; row++) {
        inputWeights.set(input.subarray(row * 3 * H, (row + 1) * 3 * H), row * 6 * H + column);
      }
    }
    return {
      inputWeights: this.#kernel.put(packPanels(inputWeights, inputSize)),
      bias,
      directions: [forward, backward].map(({ gates, candidate }) => ({
        gates: this.#kernel.put(packPanels(gates, H)),
        candidate: this.#kernel.put(packPanels(candidate, H)),
      })),
    };
  }

  /** Makes room for batches of so many tokens, in place of the room that there was. */
  #layOut(capacity: number): Scratch {
    const { embeddingSize: D, hiddenSize: H } = this.#weights;
    this.#kernel.freeFrom(this.#scratchStart);
    const words = (count: number) => this.#kernel.allocate(count * 4);
    const N = roundUp(capacity, TILE);
    return {
      capacity,
      lengths: words(BATCH),
      firsts: words(BATCH),
      inputs: words(N),
      embedded: words(N * D),
      projected: words(N * 6 * H),
      outputs: this.#layers.map(() => words(N * 2 * H)),
      emissions: words(N * this.#labelStride),
      gates: words(BATCH * 3 * H),
      hidden: words(BATCH * H),
      reset: words(BATCH * H),
      scores: words(N * this.#labelStride),
      path: this.#kernel.allocate(N),
    };
  }
}

/** Indices of sentences of like length, longest first; those without tokens are in no batch. */
function* batchesOf(sentences: readonly Int32Array[]): Generator<number[]> {
  const lengthOf = (index: number) => sentences[index]!.length;
  for (const { length } of sentences) {
    if (length > MAX_TOKENS) {
      throw new RangeError(`Cannot label ${length} tokens: a sentence has ${MAX_TOKENS} at most`);
    }
  }
  const order = [...sentences.keys()].filter((index) => lengthOf(index) > 0).sort((a, b) =>
    lengthOf(b) - lengthOf(a)
  );
  let batch: number[] = [];
  let tokens = 0;
  for (const index of order) {
    tokens += lengthOf(index);
    if (batch.length === BATCH || (batch.length > 0 && tokens > MAX_TOKENS)) {
      yield batch;
      batch = [];
      tokens = lengthOf(index);
    }
    batch.push(index);
  }
  if (batch.length > 0) yield batch;
}

/** Rows of L numbers with zeros after them. */
function padColumns(rows: Float32Array, columns: number, stride: number): Float32Array {
  const padded = new Float32Array(rows.length / columns * stride);
  for (let row = 0; row < rows.length / columns; row++) {
    padded.set(rows.subarray(row * columns, (row + 1) * columns), row * stride);
  }
  return padded;
}
