import assert from "node:assert/strict";
import { rowsOnce, RowStream } from "../../lib/cblue/mod.ts";

const rows = Array.from({ length: 103 }, (_, i) => ({ ids: new Int32Array(3 + (i * 37) % 94).fill(i) }));
const options = { batchSize: 8, maxLength: 96 };
const everyOne = Array.from(rows, (_, i) => i);

function epochOf(stream: RowStream<typeof rows[number]>) {
  return Array.from({ length: stream.batchesPerEpoch }, () => stream.next());
}

for (const pool of [1, 4]) {
  Deno.test(`each epoch has every row once, in another order, pool of ${pool}`, () => {
    const stream = new RowStream(rows, { ...options, seed: 1, pool });
    const epochs = [epochOf(stream), epochOf(stream)].map((batches) =>
      batches.flatMap(({ numbers }) => numbers)
    );
    for (const numbers of epochs) assert.deepEqual([...numbers].sort((a, b) => a - b), everyOne);
    assert.notDeepEqual(epochs[0], epochs[1]);
    assert.deepEqual(
      epochOf(new RowStream(rows, { ...options, seed: 1, pool })).flatMap(({ numbers }) => numbers),
      epochs[0],
    );
  });
}

Deno.test("a batch is as wide as its longest row needs, in steps of 32, and never wider than rows may be", () => {
  for (
    const { rows: own, longest, width, capacity, total } of epochOf(
      new RowStream(rows, { ...options, seed: 1 }),
    )
  ) {
    assert.equal(longest, Math.max(...own.map(({ ids }) => ids.length)));
    assert.ok(width >= longest && width <= 96 && (width % 32 === 0) && width - longest < 32);
    assert.ok(capacity === 8 && total === own.length && own.length <= 8);
  }
});

Deno.test("sorted pools pad less", () => {
  const padding = (pool: number) =>
    epochOf(new RowStream(rows, { ...options, seed: 1, pool }))
      .reduce((sum, { rows, width }) => sum + rows.length * width, 0);
  assert.ok(padding(13) < 0.8 * padding(1), `${padding(13)} and ${padding(1)}`);
});

Deno.test("a stream goes on from any place as if it had not stopped", () => {
  const whole = new RowStream(rows, { ...options, seed: 5, pool: 2 });
  for (let step = 0; step < 30; step++) {
    const { position } = whole, batch = whole.next();
    assert.deepEqual(new RowStream(rows, { ...options, seed: 5, pool: 2, position }).next(), batch);
  }
});

Deno.test("the parts of several processes are the batches of one", () => {
  const one = new RowStream(rows, { ...options, batchSize: 24, seed: 3 });
  const parts = [0, 1, 2].map((rank) =>
    new RowStream(rows, { ...options, seed: 3, part: { rank, size: 3 } })
  );
  for (let step = 0; step < 2 * one.batchesPerEpoch; step++) {
    const whole = one.next(), own = parts.map((part) => part.next());
    assert.deepEqual(own.flatMap(({ numbers }) => numbers), whole.numbers);
    for (const { total, longest, width } of own) {
      assert.deepEqual([total, longest, width], [whole.total, whole.longest, whole.width]);
    }
  }
});

Deno.test("for evaluation each row comes once, the longest first", () => {
  const batches = [...rowsOnce(rows, options)];
  assert.deepEqual(batches.flatMap(({ numbers }) => numbers).sort((a, b) => a - b), everyOne);
  const lengths = batches.map(({ longest }) => longest);
  assert.deepEqual(lengths, lengths.toSorted((a, b) => b - a));
  assert.deepEqual([...rowsOnce([], options)], []);
});

Deno.test("packed, no two texts share a slot, and rows are fewer slots than padded ones", () => {
  for (const size of [1, 3]) {
    for (let rank = 0; rank < size; rank++) {
      const part = { rank, size };
      let slots = 0, padded = 0;
      for (const batch of epochOf(new RowStream(rows, { ...options, seed: 1, packed: true, part }))) {
        const { packing, rows: own, capacity, width } = batch, used = new Set<number>();
        own.forEach(({ ids }, i) => {
          const start = packing!.starts[i]!, last = start + ids.length - 1;
          assert.equal(Math.floor(start / packing!.width), Math.floor(last / packing!.width), "in one row");
          assert.ok(last < packing!.rows * packing!.width);
          for (let slot = start; slot <= last; slot++) used.add(slot);
        });
        assert.equal(used.size, own.reduce((sum, { ids }) => sum + ids.length, 0));
        slots += packing!.rows * packing!.width;
        padded += capacity * width;
      }
      assert.ok(slots < 0.8 * padded, `${slots} and ${padded}`);
    }
  }
  const shapes = [0, 1, 2].map((rank) =>
    epochOf(new RowStream(rows, { ...options, seed: 1, packed: true, part: { rank, size: 3 } }))
      .map(({ packing }) => [packing!.rows, packing!.width])
  );
  assert.deepEqual(shapes[1], shapes[0]);
  assert.deepEqual(shapes[2], shapes[0]);
});
