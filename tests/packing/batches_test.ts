import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { planBatches } from "../../lib/packing/batch_plan.ts";
import {
  type BatchLayout,
  type BatchOptions,
  type BatchSource,
  Corpus,
  IGNORED_LABEL,
  mersenneShuffle,
  onePass,
  openBatches,
  paddedLayout,
  type PlacedBatch,
  planLayout,
  type Sentences,
  shuffledOrder,
} from "../../lib/packing/mod.ts";
import { Vocabulary } from "../../lib/text/mod.ts";

const FIXTURES = fileURLToPath(new URL("../fixtures/text/", import.meta.url));
const VOCABULARY = await Vocabulary.read(`${FIXTURES}/vocab.txt`);

/** Sentences in memory: number n has 1 + n · 7 % 23 tokens, all of them 5 + n % 150. */
function inMemory(length: number): Sentences {
  const tokensOf = (n: number) => 1 + n * 7 % 23;
  return {
    length,
    tokensOf,
    sentence: (n) => ({
      ids: new Int32Array(tokensOf(n)).fill(5 + n % 150),
      isSuffix: Uint8Array.from({ length: tokensOf(n) }, (_, i) => i % 2),
    }),
  };
}

const OPTIONS = { vocabulary: VOCABULARY, mlmProb: 0.3, seed: 1000 };
const PACKED = { maxSeqLength: 32, mlmProb: 0.3, packing: "rows" } as const;

async function take(count: number, source: BatchSource): Promise<PlacedBatch[]> {
  using opened = source;
  const batches: PlacedBatch[] = [];
  while (batches.length < count) batches.push(await opened.next());
  return batches;
}

/** The sentences of a batch by their first token, in the order of their [CLS]. */
function membersOf({ rawIds, clsPositions, sentences }: PlacedBatch): number[] {
  return Array.from(clsPositions.subarray(0, sentences), (slot) => rawIds[slot + 1]! - 5);
}

Deno.test("padded batches hold the sentences s·B … s·B+B−1 of the shuffled line", async () => {
  const B = 4, L = 16, length = 10;
  const orders: [BatchOptions["order"], (epoch: number) => ArrayLike<number>][] = [
    [undefined, (epoch) => shuffledOrder(length, 1000, epoch)],
    ["seeded", (epoch) => shuffledOrder(length, 1000, epoch)],
    ["original", (epoch) => mersenneShuffle(length, epoch)],
    ["stored", () => Array.from({ length }, (_, i) => i)],
  ];
  const sentences = inMemory(length);
  for (const [order, orderOf] of orders) {
    const batches = await take(8, openBatches(sentences, { ...OPTIONS, layout: paddedLayout(B, L), order }));
    batches.forEach((batch, step) => {
      const line = Array.from({ length: B }, (_, i) => step * B + i);
      const expected = line.map((place) => orderOf(Math.floor(place / length))[place % length]!);
      assert.deepEqual(membersOf(batch), expected);
      const rows = Array.from(
        { length: 2 * B },
        (_, row) => [...batch.rawIds.subarray(row * L, row * L + L)],
      );
      expected.forEach((n, row) => {
        const ids = [...sentences.sentence(n).ids].slice(0, L - 2);
        const padding = new Array(L - 2 - ids.length).fill(VOCABULARY.padId);
        assert.deepEqual(rows[row], [VOCABULARY.clsId, ...ids, VOCABULARY.sepId, ...padding]);
        assert.deepEqual(rows[row + B], rows[row]);
      });
      assert.deepEqual(batch.position, { taken: (step + 1) * B, waiting: [] });
      assert.equal(batch.epoch, Math.floor(step * B / length));
    });
  }
});

Deno.test("each epoch shows each sentence once, packed or not, also where a batch is larger than the corpus", () => {
  for (const [length, batchSize] of [[1, 1], [6, 4], [10, 25], [1000, 16], [997, 64]] as const) {
    const sentences = inMemory(length);
    const layouts = [paddedLayout(batchSize, 32), planLayout(sentences, { ...PACKED, batchSize })];
    for (const layout of layouts) {
      const seen = new Map<string, number>();
      const epochs: number[] = [];
      let last: { taken: number; waiting: readonly number[] } | undefined;
      for (const { sentences, epoch, position } of planBatches(inMemory(length), { layout, seed: 3 })) {
        epochs.push(epoch);
        for (const { epoch, sentence } of sentences) {
          const key = `${epoch}/${sentence}`;
          seen.set(key, (seen.get(key) ?? 0) + 1);
        }
        last = position;
        if (epoch >= 4) break;
      }
      assert.deepEqual(epochs, epochs.toSorted((a, b) => a - b));
      assert.equal(seen.size, last!.taken - last!.waiting.length);
      for (let epoch = 0; epoch < 4; epoch++) {
        for (let n = 0; n < length; n++) {
          assert.equal(seen.get(`${epoch}/${n}`), 1, `sentence ${n} of epoch ${epoch}`);
        }
      }
    }
  }
});

Deno.test("from the position after any batch, another stream goes on to the bit", async () => {
  const sentences = inMemory(61);
  for (let seed = 0; seed < 12; seed++) {
    const batchSize = [1, 4, 9, 80][seed % 4]!;
    const packed = planLayout(sentences, { ...PACKED, batchSize });
    for (const layout of [packed, paddedLayout(batchSize, 16)]) {
      const options = { ...OPTIONS, seed, layout };
      const batches = await take(12, openBatches(sentences, options));
      for (const k of [0, 1, 5, 10]) {
        const position = JSON.parse(JSON.stringify(batches[k]!.position));
        const rest = await take(11 - k, openBatches(inMemory(61), { ...options, position }));
        assert.deepEqual(rest, batches.slice(k + 1));
      }
    }
  }
});

Deno.test("opening in epoch 1000 looks at no more sentences than at the start", () => {
  const length = 5000;
  const sentences = inMemory(length);
  let looked = 0;
  const counted = { length, tokensOf: (n: number) => (looked++, sentences.tokensOf(n)) };
  const layout = planLayout(sentences, { ...PACKED, batchSize: 16 });
  const lookedFrom = (taken: number) => {
    looked = 0;
    const { epoch } =
      planBatches(counted, { layout, seed: 1, position: { taken, waiting: [] } }).next().value;
    return { looked, epoch };
  };
  const start = lookedFrom(0);
  assert.deepEqual(lookedFrom(1000 * length), { ...start, epoch: 1000 });
  assert.ok(start.looked < 200);
});

Deno.test("what does not fit waits or stays unmasked, and nothing is lost", async () => {
  const length = 50;
  const sentences = inMemory(length);
  const scarce: BatchLayout = {
    groups: [{ rows: 4, width: 64 }],
    packed: true,
    maskCapacity: 8,
    sentenceCapacity: 3, // rows have room for about 10
    sentencesPerStep: 3,
  };
  const seen: number[] = [];
  for (const batch of await take(60, openBatches(sentences, { ...OPTIONS, layout: scarce }))) {
    assert.ok(batch.sentences <= 3);
    assert.ok(batch.labels.filter((label) => label !== IGNORED_LABEL).length <= 8);
    assert.equal(batch.clsPositions.length, 6);
    seen.push(...membersOf(batch));
  }
  const counts = Map.groupBy(seen, (n) => n);
  assert.equal(counts.size, length);
  for (const [n, { length: times }] of counts) {
    assert.ok(times >= 2, `${n} was seen ${times} times in 3.6 epochs`);
  }
});

Deno.test("one pass shows each sentence once, always with the same masks", async () => {
  using corpus = await Corpus.open(FIXTURES, VOCABULARY);
  const lists: [Sentences, number][] = [[corpus, 4], [inMemory(137), 16], [inMemory(3), 16]];
  for (const [sentences, batchSize] of lists) {
    for (const layout of [planLayout(sentences, { ...PACKED, batchSize }), paddedLayout(batchSize, 32)]) {
      const batches = [...onePass(sentences, { ...OPTIONS, layout })];
      assert.deepEqual([...onePass(sentences, { ...OPTIONS, layout })], batches);
      const shown = batches.flatMap(({ rawIds, clsPositions, positionIds, sentences }) =>
        Array.from(clsPositions.subarray(0, sentences), (slot) => {
          let end = slot + 1;
          while (positionIds[end] === end - slot) end++;
          return rawIds.subarray(slot + 1, end - 1).join(" ");
        })
      );
      const all = Array.from(
        { length: sentences.length },
        (_, n) => sentences.sentence(n).ids.subarray(0, 30).join(" "),
      );
      assert.deepEqual(shown.sort(), all.sort());
    }
  }
});

const BOTH_PACKINGS = ["rows", "none"] as const;
for (const packing of BOTH_PACKINGS) {
  Deno.test(`processes that take turns have the batches that one alone has (packing ${packing})`, async () => {
    const sentences = inMemory(50);
    const layout = planLayout(sentences, { ...PACKED, packing, batchSize: 6 });
    const alone = await take(12, openBatches(sentences, { ...OPTIONS, layout }));
    for (const size of [2, 3]) {
      const parts = await Promise.all(Array.from(
        { length: size },
        (_, rank) => take(12 / size, openBatches(sentences, { ...OPTIONS, layout, part: { rank, size } })),
      ));
      for (let i = 0; i < 12; i++) {
        const [mine, step] = [parts[i % size]![Math.floor(i / size)]!, Math.floor(i / size)];
        assert.deepEqual(mine.maskedIds, alone[i]!.maskedIds);
        assert.deepEqual(mine.contents, alone[i]!.contents);
        assert.deepEqual(mine.position, alone[(step + 1) * size - 1]!.position);
        assert.equal(mine.epoch, alone[step * size]!.epoch);
      }
    }
  });

  Deno.test(`going on with other numbers of processes, no sentence is lost or repeated (packing ${packing})`, async () => {
    const sentences = inMemory(41), epochs = 6;
    const layout = planLayout(sentences, { ...PACKED, packing, batchSize: 4 });
    const seen = new Map<string, number>();
    let position: PlacedBatch["position"] | undefined;
    let ended = 0; // epochs
    for (let run = 0; ended < epochs; run++) {
      const size = [3, 1, 4, 2][run % 4]!;
      const parts = await Promise.all(Array.from(
        { length: size },
        (_, rank) => take(3, openBatches(sentences, { ...OPTIONS, layout, position, part: { rank, size } })),
      ));
      for (const { epoch, sentence } of parts.flat().flatMap(({ contents }) => contents)) {
        const key = `${epoch} ${sentence}`;
        seen.set(key, (seen.get(key) ?? 0) + 1);
      }
      position = parts[0]!.at(-1)!.position;
      for (const part of parts) assert.deepEqual(part.at(-1)!.position, position);
      const waiting = position.waiting[0] ?? position.taken;
      ended = Math.floor(waiting / sentences.length);
    }
    for (let epoch = 0; epoch < epochs; epoch++) {
      for (let n = 0; n < sentences.length; n++) assert.equal(seen.get(`${epoch} ${n}`), 1, `${epoch} ${n}`);
    }
  });

  Deno.test(`one pass shared by processes meets every sentence once, in as many batches each (packing ${packing})`, () => {
    const sentences = inMemory(45);
    const layout = planLayout(sentences, { ...PACKED, packing, batchSize: 4 });
    const alone = [...onePass(sentences, { ...OPTIONS, layout })];
    const parts = [0, 1, 2, 3].map((rank) => [
      ...onePass(sentences, { ...OPTIONS, layout, part: { rank, size: 4 } }),
    ]);
    assert.deepEqual(parts.map(({ length }) => length), new Array(4).fill(Math.ceil(alone.length / 4)));
    const inOrder = parts[0]!.flatMap((_, step) => parts.map((part) => part[step]!));
    inOrder.forEach((batch, i) => {
      if (alone[i]) assert.deepEqual(batch.maskedIds, alone[i].maskedIds);
      else assert.equal(batch.sentences, 0);
    });
  });
}
