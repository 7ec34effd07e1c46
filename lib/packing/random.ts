/**
 * Random numbers that depend on what they are for and not on what was drawn before.
 *
 * `Philox4x32-10` (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3") enciphers a counter: draws for
 * sentence 7 of epoch 3 are the same whatever batch, worker or resumed run asks for them. `mersenneShuffle` is numpy's
 * `RandomState(seed).shuffle`, for the original's order of sentences.
 */

const PHILOX_M0 = 0xd2511f53;
const PHILOX_M1 = 0xcd9e8d57;
const WEYL_0 = 0x9e3779b9;
const WEYL_1 = 0xbb67ae85;
const PHILOX_ROUNDS = 10;

type Words4 = [number, number, number, number];

/**
 * Enciphers one counter with Philox4x32-10.
 *
 * @param counter four 32-bit words
 * @param key two 32-bit words
 * @returns four uniform 32-bit words
 *
 * @example
 * ```ts
 * import { philox } from "./random.ts";
 * console.log(philox([0, 0, 0, 0], [0, 0])[0].toString(16)); // 6627e8d5
 * ```
 */
export function philox(counter: Readonly<Words4>, key: readonly [number, number]): Words4 {
  let [c0, c1, c2, c3] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < PHILOX_ROUNDS; round++) {
    const high0 = multiplyHigh(PHILOX_M0, c0), low0 = Math.imul(PHILOX_M0, c0);
    const high1 = multiplyHigh(PHILOX_M1, c2), low1 = Math.imul(PHILOX_M1, c2);
    [c0, c1, c2, c3] = [high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0];
    k0 = (k0 + WEYL_0) | 0;
    k1 = (k1 + WEYL_1) | 0;
  }
  return [c0 >>> 0, c1 >>> 0, c2 >>> 0, c3 >>> 0];
}

/** Upper half of the 64-bit product of two unsigned 32-bit words. */
function multiplyHigh(a: number, b: number): number {
  const a0 = a & 0xffff, a1 = a >>> 16;
  const b0 = b & 0xffff, b1 = b >>> 16;
  const middle = a1 * b0 + ((a0 * b0) >>> 16); // below 2^32
  const carry = (middle & 0xffff) + a0 * b1; // below 2^32
  return (a1 * b1 + Math.floor(middle / 0x10000) + Math.floor(carry / 0x10000)) | 0;
}

/** What a stream of random numbers is for; streams of different purposes have nothing in common. */
export type Purpose = "mask" | "token" | "order" | "held" | "plan";

const PURPOSES: Record<Purpose, number> = {
  mask: 0x6d61736b,
  token: 0x746f6b65,
  order: 0x6f726472,
  held: 0x68656c64,
  plan: 0x706c616e,
};

/** Where a stream belongs. All parts are whole numbers from 0; a negative seed is taken modulo 2^53. */
export interface StreamPosition {
  readonly seed: number;
  readonly purpose: Purpose;
  /** Below 2^32. */
  readonly epoch: number;
  /** Number of the sentence in the corpus, below 2^53. */
  readonly sentence?: number;
  /** Which of the views of a sentence, below 2^11. */
  readonly view?: number;
}

/**
 * A stream of random numbers for one purpose at one place.
 *
 * @example
 * ```ts
 * import { RandomStream } from "./random.ts";
 * const stream = new RandomStream({ seed: 1000, purpose: "mask", epoch: 0, sentence: 7, view: 1 });
 * console.log(stream.uniform(), stream.below(6)); // the same two numbers whenever this is run
 * ```
 */
export class RandomStream {
  readonly #key: readonly [number, number];
  readonly #counter: Words4;
  #words: Words4 = [0, 0, 0, 0];
  #used = 4;

  constructor({ seed, purpose, epoch, sentence = 0, view = 0 }: StreamPosition) {
    // Counter: block of draws, sentence (53 bits) with the view above it, epoch. Key: seed and purpose.
    this.#counter = [0, low(sentence), high(sentence) | view << 21, epoch >>> 0];
    this.#key = [low(seed), high(seed) ^ PURPOSES[purpose]];
  }

  /** @returns A uniform whole number from 0 to 2^32 − 1. */
  uint32(): number {
    if (this.#used === 4) {
      this.#words = philox(this.#counter, this.#key);
      this.#counter[0]++;
      this.#used = 0;
    }
    return this.#words[this.#used++]!;
  }

  /** @returns A uniform number from 0 to just below 1, in steps of 2^-32. */
  uniform(): number {
    return this.uint32() / 0x1_0000_0000;
  }

  /**
   * Draws a whole number without bias, by rejection.
   *
   * @param bound how many values there are, 1 to 2^32
   * @returns a uniform whole number from 0 to bound − 1
   */
  below(bound: number): number {
    const usable = 0x1_0000_0000 - 0x1_0000_0000 % bound;
    for (;;) {
      const word = this.uint32();
      if (word < usable) return word % bound;
    }
  }
}

/** Lower 32 bits of a whole number; modulo, for bit operations would first round numbers above 2^53. */
function low(value: number): number {
  return value % 0x1_0000_0000 >>> 0;
}

/** The 21 bits above the lower 32. */
function high(value: number): number {
  return Math.floor(value / 0x1_0000_0000) & 0x1fffff;
}

/**
 * Shuffles sentence numbers for one epoch.
 *
 * @param length number of sentences
 * @param seed seed of the run
 * @param epoch which epoch, from 0
 * @returns 0 … length − 1 in a random order (Fisher–Yates with Philox)
 */
export function shuffledOrder(length: number, seed: number, epoch: number): Uint32Array {
  return shuffled(length, new RandomStream({ seed, purpose: "order", epoch }));
}

/**
 * Shuffles sentence numbers once and for all, to hold some of them out of training.
 *
 * @param length number of sentences
 * @param seed seed of the run
 * @returns 0 … length − 1 in a random order that no epoch has
 */
export function heldOutOrder(length: number, seed: number): Uint32Array {
  return shuffled(length, new RandomStream({ seed, purpose: "held", epoch: 0 }));
}

function shuffled(length: number, stream: RandomStream): Uint32Array {
  const order = Uint32Array.from({ length }, (_, i) => i);
  for (let i = length - 1; i > 0; i--) swap(order, i, stream.below(i + 1));
  return order;
}

/**
 * Shuffles as numpy's `RandomState(seed).shuffle` does: the original's order of epoch `seed`, whatever its `--seed`.
 *
 * @param length number of sentences
 * @param seed from 0 to 2^32 − 1
 * @returns 0 … length − 1 in numpy's order
 *
 * @example
 * ```ts
 * import { mersenneShuffle } from "./random.ts";
 * console.log([...mersenneShuffle(10, 0)]); // [2, 8, 4, 9, 1, 6, 7, 3, 0, 5]
 * ```
 */
export function mersenneShuffle(length: number, seed: number): Uint32Array {
  const next = mersenneTwister(seed);
  const order = Uint32Array.from({ length }, (_, i) => i);
  for (let i = length - 1; i > 0; i--) {
    const mask = 0xffffffff >>> Math.clz32(i); // smallest 2^k − 1 that is not below i
    let j;
    do j = (next() & mask) >>> 0; while (j > i);
    swap(order, i, j);
  }
  return order;
}

const MT_WORDS = 624;
const MT_SHIFT = 397;

/** MT19937 (Matsumoto and Nishimura 1998), seeded from one word. */
function mersenneTwister(seed: number): () => number {
  const state = new Uint32Array(MT_WORDS);
  state[0] = seed;
  for (let i = 1; i < MT_WORDS; i++) {
    const previous = state[i - 1]! ^ state[i - 1]! >>> 30;
    state[i] = Math.imul(1812433253, previous) + i;
  }
  let index = MT_WORDS;
  return () => {
    if (index === MT_WORDS) {
      for (let i = 0; i < MT_WORDS; i++) {
        const y = state[i]! & 0x80000000 | state[(i + 1) % MT_WORDS]! & 0x7fffffff;
        state[i] = state[(i + MT_SHIFT) % MT_WORDS]! ^ y >>> 1 ^ (y & 1 ? 0x9908b0df : 0);
      }
      index = 0;
    }
    let y = state[index++]!;
    y ^= y >>> 11;
    y ^= y << 7 & 0x9d2c5680;
    y ^= y << 15 & 0xefc60000;
    return (y ^ y >>> 18) >>> 0;
  };
}

function swap(order: Uint32Array, i: number, j: number): void {
  const value = order[i]!;
  order[i] = order[j]!;
  order[j] = value;
}
