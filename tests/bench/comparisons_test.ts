import assert from "node:assert/strict";
import { lengthBuckets } from "../../bench/peers/batches.ts";
import { compareCurves, type Curve, interpolate, smooth } from "../../bench/peers/curve_statistics.ts";
import { RandomStream } from "../../lib/packing/mod.ts";

/** Three curves that differ by chance alone, raised by `offset`. */
function curves(epoch: number, offset = 0): Curve[] {
  const random = new RandomStream({ seed: 1, purpose: "plan", epoch });
  const noise = () => random.uniform() + random.uniform() + random.uniform() - 1.5; // standard deviation 0.5
  return [0, 1, 2].map(() => Array.from({ length: 200 }, (_, step) => 5 - step / 100 + offset + noise()));
}

Deno.test("curves that differ by chance are alike", () => {
  for (let trial = 0; trial < 20; trial++) {
    const { difference, spread, alike } = compareCurves(curves(2 * trial), curves(2 * trial + 1));
    assert.ok(alike, `${difference} of ${spread}`);
    assert.ok(difference > 0.2 * spread && difference < 0.6 * spread, `${difference / spread}`);
  }
});

Deno.test("curves that are off by two standard deviations are not alike", () => {
  for (let trial = 0; trial < 20; trial++) {
    for (const offset of [-1, 1]) {
      assert.ok(!compareCurves(curves(2 * trial, offset), curves(2 * trial + 1)).alike);
    }
  }
});

Deno.test("a reference of one curve has no spread", () => {
  assert.throws(() => compareCurves(curves(0), [curves(1)[0]!]), RangeError);
});

Deno.test("smoothing leaves a straight line as it is, but for its ends", () => {
  const line = Array.from({ length: 9 }, (_, i) => 2 * i);
  assert.deepEqual(smooth(line, 3), [1, 2, 4, 6, 8, 10, 12, 14, 15]);
});

Deno.test("a curve is read between its points and stays level beyond them", () => {
  assert.deepEqual(interpolate([10, 20, 40], [1, 3, 2], [0, 10, 15, 20, 30, 40, 50]), [
    1,
    1,
    2,
    3,
    2.5,
    2,
    2,
  ]);
});

Deno.test("buckets hold every sentence once, within the tokens of a batch and as wide as their longest", () => {
  const random = new RandomStream({ seed: 2, purpose: "plan", epoch: 0 });
  const lengths = Array.from({ length: 1000 }, () => 3 + random.below(300));
  for (const pool of [64, 1000]) {
    const buckets = lengthBuckets(lengths, 700, pool);
    assert.deepEqual(
      buckets.flatMap(({ numbers }) => numbers).sort((a, b) => a - b),
      lengths.map((_, n) => n),
    );
    for (const { numbers, width } of buckets) {
      assert.equal(width, Math.max(...numbers.map((n) => lengths[n]!)));
      assert.ok(numbers.length === 1 || 2 * numbers.length * width <= 700);
    }
    const widths = buckets.map(({ width }) => width);
    assert.deepEqual(widths, widths.toSorted((a, b) => a - b));
  }
});
