import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import {
  type BatchOptions,
  type BatchSource,
  Corpus,
  encodeNpy,
  encodeNpz,
  holdOut,
  openBatches,
  paddedLayout,
  type PlacedBatch,
  planLayout,
  splitLong,
} from "../../lib/packing/mod.ts";
import { Vocabulary } from "../../lib/text/mod.ts";

const FIXTURES = fileURLToPath(new URL("../fixtures/text/", import.meta.url));
const VOCABULARY = await Vocabulary.read(`${FIXTURES}/vocab.txt`);
const PLAN = { batchSize: 4, maxSeqLength: 12, mlmProb: 0.3, packing: "rows" } as const;

async function take(count: number, source: BatchSource): Promise<PlacedBatch[]> {
  const batches: PlacedBatch[] = [];
  while (batches.length < count) batches.push(await source.next());
  return batches;
}

Deno.test("workers make the same batches in the same order, with the positions of each", async () => {
  using corpus = await Corpus.open(FIXTURES, VOCABULARY, { originalPieces: true });
  const sentences = splitLong(holdOut(corpus, 0.2, 1).train, 10, VOCABULARY);
  for (const layout of [planLayout(sentences, PLAN), paddedLayout(3, 12)]) {
    const options: BatchOptions = { layout, vocabulary: VOCABULARY, mlmProb: 0.3, seed: 5 };
    using alone = openBatches(sentences, options);
    const expected = await take(12, alone);
    for (const [workers, prefetch] of [[1, 1], [3, 2]] as const) {
      using source = openBatches(sentences, { ...options, workers, prefetch });
      const batches = await take(7, source);
      assert.deepEqual(batches, expected.slice(0, 7));
      assert.ok(source.waited > 0);
      const { position } = batches.at(-1)!; // not that of batches made ahead
      using resumed = openBatches(sentences, { ...options, workers, prefetch, position });
      assert.deepEqual(await take(5, resumed), expected.slice(7));
    }
  }
});

Deno.test("several batches may be asked for at once", async () => {
  using corpus = await Corpus.open(FIXTURES, VOCABULARY);
  const options = { layout: planLayout(corpus, PLAN), vocabulary: VOCABULARY, mlmProb: 0.3, seed: 5 };
  using alone = openBatches(corpus, options);
  using source = openBatches(corpus, { ...options, workers: 2, prefetch: 1 });
  const batches = await Promise.all(Array.from({ length: 9 }, () => source.next()));
  assert.deepEqual(batches, await take(9, alone));
});

Deno.test("what goes wrong in a worker is an error of next", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const ids = encodeNpy({ dtype: "u2", shape: [6], data: Uint16Array.of(5, 6, 7, 8, 9, 10) });
    await Deno.writeFile(`${folder}/a_ids.npy`, ids);
    const lens = { dtype: "i4", shape: [2], data: Int32Array.of(3, 3) } as const;
    await Deno.writeFile(`${folder}/a_idx.npz`, encodeNpz({ lens }));
    using corpus = await Corpus.open(folder, VOCABULARY);
    const options = { layout: paddedLayout(2, 8), vocabulary: VOCABULARY, mlmProb: 0.3, seed: 5 };
    await Deno.remove(`${folder}/a_ids.npy`);
    using source = openBatches(corpus, { ...options, workers: 2 });
    for (let i = 0; i < 2; i++) {
      await assert.rejects(source.next(), {
        name: "UserError",
        message: `Cannot read corpus "${folder}/a_ids.npy": no such file or directory`,
      });
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("closing ends whoever waits, and nothing can be had afterwards", async () => {
  using corpus = await Corpus.open(FIXTURES, VOCABULARY);
  const options = { layout: planLayout(corpus, PLAN), vocabulary: VOCABULARY, mlmProb: 0.3, seed: 5 };
  const source = openBatches(corpus, { ...options, workers: 2 });
  await source.next();
  const late = source.next();
  source.close();
  source.close();
  await assert.rejects(late, { message: "Batch worker was closed" });
  await assert.rejects(source.next(), { message: "Batch worker was closed" });
});

Deno.test("sentences in memory are not for workers", () => {
  const sentences = {
    length: 1,
    tokensOf: () => 1,
    sentence: () => ({ ids: Int32Array.of(5), isSuffix: Uint8Array.of(0) }),
  };
  const options = { layout: paddedLayout(1, 8), vocabulary: VOCABULARY, mlmProb: 0.3, seed: 5 };
  assert.throws(() => openBatches(sentences, { ...options, workers: 1 }), RangeError);
});
