/**
 * Batches that all sides of a comparison train on, made beforehand.
 *
 * @module
 */
import {
  type Batch,
  collate,
  decodeNpz,
  encodeNpz,
  IGNORED_LABEL,
  type NpyArray,
  paddedLayout,
  RandomStream,
  type Sentences,
  shuffledOrder,
} from "../../lib/packing/mod.ts";
import type { Vocabulary } from "../../lib/text/mod.ts";

/** Rows of one width, without more: what every side understands. */
export interface PlainBatch {
  readonly rows: number;
  readonly width: number;
  readonly maskedIds: Int32Array;
  readonly rawIds: Int32Array;
  readonly labels: Int32Array;
}

const ARRAYS = ["maskedIds", "rawIds", "labels"] as const;

/** Writes batches to an `.npz`: `maskedIds_0`, `rawIds_0`, `labels_0`, each (rows, width), then those of batch 1 … */
export async function saveBatches(file: string, batches: readonly PlainBatch[]) {
  const arrays: Record<string, NpyArray> = {};
  batches.forEach((batch, i) => {
    for (const name of ARRAYS) {
      arrays[`${name}_${i}`] = { dtype: "i4", shape: [batch.rows, batch.width], data: batch[name] };
    }
  });
  await Deno.writeFile(file, encodeNpz(arrays));
}

/** Reads them back as batches of one layout, for our side. */
export async function loadBatches(file: string): Promise<Batch[]> {
  const arrays = decodeNpz(await Deno.readFile(file), file);
  const plain = Array.from({ length: arrays.size / ARRAYS.length }, (_, i) => {
    const read = (name: string) => arrays.get(`${name}_${i}`)!;
    const [rows, width] = read("rawIds").shape as [number, number];
    const data = ARRAYS.map((name) => [name, Int32Array.from(read(name).data as Int32Array)]);
    return { rows, width, ...Object.fromEntries(data) } as PlainBatch;
  });
  const masked = plain.map(({ labels }) => labels.filter((label) => label !== IGNORED_LABEL).length);
  return plain.map((batch) => asBatch(batch, Math.max(...masked)));
}

function asBatch({ rows, width, maskedIds, rawIds, labels }: PlainBatch, maskCapacity: number): Batch {
  const sentences = rows / 2;
  const size = rows * width;
  const own = (ids: Int32Array) => new Int32Array(ids);
  return {
    layout: paddedLayout(sentences, width, maskCapacity),
    maskedIds: own(maskedIds),
    rawIds: own(rawIds),
    labels: own(labels),
    positionIds: Int32Array.from({ length: size }, (_, i) => i % width),
    tokenKeys: Int32Array.from({ length: size }, (_, i) => 0x85ebca6b * i),
    segmentIds: Int32Array.from(rawIds, (id) => id === 0 ? 0 : 1),
    clsPositions: Int32Array.from({ length: rows }, (_, row) => row * width),
    sentences,
    tokens: rawIds.filter((id) => id !== 0).length,
  };
}

/**
 * A full batch of random tokens: no padding, 15 % masked.
 *
 * @param rows of both views
 * @param width tokens a row
 * @param vocabularySize V
 */
export function randomBatch(rows: number, width: number, vocabularySize: number): PlainBatch {
  const size = rows * width, masked = Math.round(0.15 * size);
  const [first, mask] = [5, 3]; // ids below are special
  const random = new RandomStream({ seed: 1, purpose: "mask", epoch: 0 });
  const rawIds = Int32Array.from({ length: size }, () => first + random.below(vocabularySize - first));
  const maskedIds = rawIds.slice(), labels = new Int32Array(size).fill(IGNORED_LABEL);
  for (const i of shuffledOrder(size, 1, 0).subarray(0, masked)) {
    labels[i] = rawIds[i]!;
    if (random.uniform() < 0.8) maskedIds[i] = mask;
  }
  return { rows, width, rawIds, maskedIds, labels };
}

/**
 * Sentences of a corpus in rows of their own, masked as in training.
 *
 * @param sentences where they come from
 * @param numbers which of them
 * @param width tokens a row; what is longer is cut off
 */
export function paddedBatch(
  sentences: Sentences,
  numbers: readonly number[],
  width: number,
  options: { vocabulary: Vocabulary; mlmProb: number; seed: number },
): PlainBatch {
  const rows = 2 * numbers.length, viewStride = numbers.length * width;
  const placed = numbers.map((sentence, row) => ({
    ...sentences.sentence(sentence),
    ...{ epoch: 0, sentence, segment: 1 },
    slots: [row * width, row * width + viewStride] as const,
    length: Math.min(width, sentences.tokensOf(sentence) + 2),
  }));
  const { rawIds, maskedIds, labels } = collate(placed, {
    ...options,
    layout: paddedLayout(numbers.length, width),
  });
  return { rows, width, rawIds, maskedIds, labels };
}

/**
 * Cuts sentences into batches for padding to the longest of each: sorted by length, about `slots` tokens each.
 *
 * @param lengths of the sentences, `[CLS]` and `[SEP]` included
 * @param slots most tokens of a batch, both views and padding included
 * @param pool sentences that are sorted together
 * @returns numbers of the sentences and width of each batch, narrowest first
 */
export function lengthBuckets(
  lengths: readonly number[],
  slots: number,
  pool: number,
): { numbers: number[]; width: number }[] {
  const batches: { numbers: number[]; width: number }[] = [];
  for (let start = 0; start < lengths.length; start += pool) {
    const sorted = lengths.slice(start, start + pool).map((length, i) => ({ length, number: start + i }))
      .sort((a, b) => a.length - b.length);
    let open: { numbers: number[]; width: number } | undefined;
    for (const { length, number } of sorted) {
      if (!open || 2 * (open.numbers.length + 1) * length > slots) {
        batches.push(open = { numbers: [], width: 0 });
      }
      open.numbers.push(number);
      open.width = length;
    }
  }
  return batches.sort((a, b) => a.width - b.width);
}
