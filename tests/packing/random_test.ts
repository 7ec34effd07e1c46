import assert from "node:assert/strict";
import { mersenneShuffle, philox, RandomStream, shuffledOrder } from "../../lib/packing/random.ts";

Deno.test("philox meets the known answers of the Random123 library", () => {
  const ones = 0xffffffff;
  const hex = (words: number[]) => words.map((word) => word.toString(16).padStart(8, "0")).join(" ");
  assert.equal(hex(philox([0, 0, 0, 0], [0, 0])), "6627e8d5 e169c58d bc57ac4c 9b00dbd8");
  assert.equal(hex(philox([ones, ones, ones, ones], [ones, ones])), "408f276d 41c83b0e a20bc7c6 6d5451fd");
  assert.equal(
    hex(philox([0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0])),
    "d16cfe09 94fdcceb 5001e420 24126ea1",
  );
});

Deno.test("mersenneShuffle is numpy's order of the original's epochs", () => {
  assert.equal([...mersenneShuffle(10, 0)].join(" "), "2 8 4 9 1 6 7 3 0 5");
  assert.equal([...mersenneShuffle(10, 1)].join(" "), "2 9 6 4 0 3 1 7 8 5");
  assert.equal([...mersenneShuffle(10, 2)].join(" "), "4 1 5 0 7 2 3 6 9 8");
  // More than one block of 624 words: every number must still occur once.
  assert.deepEqual([...mersenneShuffle(3000, 7)].sort((a, b) => a - b), [...Array(3000).keys()]);
});

Deno.test("streams repeat at the same place and differ at every other", () => {
  const base = { seed: 1000, purpose: "mask", epoch: 3, sentence: 7, view: 0 } as const;
  const first = (position: ConstructorParameters<typeof RandomStream>[0]) => {
    const stream = new RandomStream(position);
    return Array.from({ length: 6 }, () => stream.uint32()).join(" ");
  };
  assert.equal(first(base), first(base));
  const others = [
    { ...base, seed: 1001 },
    { ...base, seed: 1000 + 2 ** 32 },
    { ...base, seed: -1000 },
    { ...base, purpose: "order" as const },
    { ...base, epoch: 4 },
    { ...base, sentence: 8 },
    { ...base, sentence: 7 + 2 ** 32 },
    { ...base, view: 1 },
  ];
  assert.equal(new Set([base, ...others].map(first)).size, others.length + 1);
});

Deno.test("uniform numbers and whole numbers are spread evenly", () => {
  const stream = new RandomStream({ seed: 1, purpose: "mask", epoch: 0 });
  const draws = 60_000;
  const counts = new Array(6).fill(0);
  let sum = 0;
  for (let i = 0; i < draws; i++) {
    counts[stream.below(6)]++;
    sum += stream.uniform();
  }
  // Chi-square with 5 degrees of freedom stays below 20.5 with probability 0.999; the seed is fixed.
  const chi = counts.reduce((total, n) => total + (n - draws / 6) ** 2 / (draws / 6), 0);
  assert.ok(chi < 20.5, `chi-square ${chi}`);
  assert.ok(Math.abs(sum / draws - 0.5) < 4 * Math.sqrt(1 / 12 / draws), `mean ${sum / draws}`);
});

Deno.test("each epoch has its own order of all sentences", () => {
  const orders = [0, 1, 2].map((epoch) => shuffledOrder(1000, 1000, epoch));
  for (const order of orders) assert.deepEqual([...order].sort((a, b) => a - b), [...Array(1000).keys()]);
  assert.equal(new Set(orders.map((order) => order.join())).size, 3);
  assert.deepEqual(shuffledOrder(0, 1, 1), new Uint32Array());
});
