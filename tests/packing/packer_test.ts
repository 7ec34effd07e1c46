import assert from "node:assert/strict";
import { type Placement, RowPacker } from "../../lib/packing/packer.ts";
import { type RowGroup, slots } from "../../lib/packing/mod.ts";

const GROUPS: RowGroup[] = [{ rows: 4, width: 50 }, { rows: 2, width: 100 }, { rows: 8, width: 20 }];

/** Whole numbers that look random: a linear congruential generator (Knuth). */
function numbers(seed: number): (below: number) => number {
  let state = BigInt(seed);
  return (below) => {
    state = (state * 6364136223846793005n + 1442695040888963407n) % 2n ** 64n;
    return Number(state >> 33n) % below;
  };
}

/** Marks the slots of each sentence; no two may share one, and none may cross the end of a row or of a view. */
function checkPlaces(placements: readonly Placement[], groups: readonly RowGroup[]): void {
  const owner = new Int32Array(slots({ groups })).fill(-1);
  const rowOf = groups.flatMap(({ rows, width }, group) =>
    Array.from({ length: rows * width }, (_, slot) => ({
      row: `${group}.${Math.floor(slot / width) % (rows / 2)}`,
      view: slot < rows * width / 2 ? 0 : 1,
      column: slot % width,
    }))
  );
  for (const { place, slots: [a, b], length } of placements) {
    for (const [view, start] of [[0, a], [1, b]] as const) {
      for (let slot = start; slot < start + length; slot++) {
        assert.equal(owner[slot], -1, `slot ${slot} is taken twice`);
        owner[slot] = place;
        assert.deepEqual([rowOf[slot]!.row, rowOf[slot]!.view], [rowOf[a]!.row, view]);
        assert.equal(rowOf[slot]!.column, rowOf[a + slot - start]!.column); // the views mirror each other
      }
    }
  }
}

Deno.test("every sentence gets slots of its own in one row of each view, once", () => {
  for (let seed = 0; seed < 30; seed++) {
    const random = numbers(seed);
    const packer = new RowPacker({ groups: GROUPS, sentenceCapacity: 12 });
    const lengths = new Map<number, number>();
    const placed = new Set<number>();
    for (let step = 0, place = 0; step < 20; step++) {
      for (let i = random(30); i > 0; i--) {
        const length = 3 + random(random(4) === 0 ? 120 : 30);
        lengths.set(place, Math.min(100, length));
        packer.add(place++, length);
      }
      const placements = packer.pack();
      assert.ok(placements.length <= 12);
      checkPlaces(placements, GROUPS);
      for (const { place, length } of placements) {
        assert.equal(length, lengths.get(place));
        assert.ok(!placed.has(place));
        placed.add(place);
      }
      const waiting = [...lengths.keys()].filter((place) => !placed.has(place));
      assert.deepEqual(packer.waiting(), waiting);
      assert.equal(packer.size, waiting.length);
    }
  }
});

Deno.test("the sentence that has waited longest in its class is in the next batch", () => {
  const classOf = (length: number) => length <= 20 ? 0 : length <= 50 ? 1 : 2;
  for (let seed = 0; seed < 10; seed++) {
    const random = numbers(seed);
    const packer = new RowPacker({ groups: GROUPS, sentenceCapacity: 8 });
    const lengths: number[] = [];
    for (let step = 0; step < 50; step++) {
      while (packer.size < 40) {
        lengths.push(3 + random(98));
        packer.add(lengths.length - 1, lengths.at(-1)!);
      }
      const waiting = packer.waiting();
      const oldest = [0, 1, 2].flatMap((c) => waiting.find((place) => classOf(lengths[place]!) === c) ?? []);
      const places = new Set(packer.pack().map(({ place }) => place));
      for (const place of oldest) assert.ok(places.has(place), `${place} was passed over`);
    }
  }
});

Deno.test("what waited, added again, is packed as it would have been", () => {
  const random = numbers(7);
  const layout = { groups: GROUPS, sentenceCapacity: 20 };
  const packer = new RowPacker(layout);
  const lengths = Array.from({ length: 100 }, () => 3 + random(98));
  lengths.forEach((length, place) => packer.add(place, length));
  while (packer.size > 0) {
    const copy = new RowPacker(layout);
    packer.waiting().forEach((place) => copy.add(place, lengths[place]!));
    assert.deepEqual(copy.pack(), packer.pack());
  }
  assert.deepEqual(packer.pack(), []);
});

Deno.test("rows begin with the oldest and go on with the longest that fit", () => {
  const packer = new RowPacker({ groups: [{ rows: 4, width: 10 }], sentenceCapacity: 10 });
  [4, 3, 5, 6, 7, 11].forEach((length, place) => packer.add(place, length)); // 11 loses its tail
  assert.deepEqual(packer.pack(), [
    { place: 0, slots: [0, 20], length: 4, segment: 1 },
    { place: 3, slots: [4, 24], length: 6, segment: 2 },
    { place: 1, slots: [10, 30], length: 3, segment: 1 },
    { place: 4, slots: [13, 33], length: 7, segment: 2 },
  ]);
  assert.deepEqual(packer.pack(), [
    { place: 2, slots: [0, 20], length: 5, segment: 1 },
    { place: 5, slots: [10, 30], length: 10, segment: 1 },
  ]);
});
