/** How long sentences are: what the rows of a batch are planned from. */
import { RandomStream } from "./random.ts";
import { type Sentences, SPECIAL_TOKENS_A_SENTENCE } from "./sentences.ts";

/** How frequent each length is; all lengths count `[CLS]` and `[SEP]`. */
export class LengthDistribution {
  readonly longest: number;
  readonly mean: number;
  readonly variance: number;
  /** Share of sentences, by length. */
  readonly #shares: Float64Array;

  /**
   * @param sentences what is counted; of those that are longer, only the head
   * @param maxSeqLength longest length
   */
  constructor(sentences: Pick<Sentences, "length" | "tokensOf">, maxSeqLength: number) {
    this.#shares = new Float64Array(maxSeqLength + 1);
    let longest = 0, sum = 0, squares = 0;
    for (let n = 0; n < sentences.length; n++) {
      const length = Math.min(maxSeqLength, sentences.tokensOf(n) + SPECIAL_TOKENS_A_SENTENCE);
      this.#shares[length]!++;
      longest = Math.max(longest, length);
      sum += length;
      squares += length ** 2;
    }
    this.#shares.forEach((count, length) => this.#shares[length] = count / sentences.length);
    this.longest = longest;
    this.mean = sum / sentences.length;
    this.variance = squares / sentences.length - this.mean ** 2;
  }

  /**
   * Counts the rows that sentences of a class need when they share rows with their like.
   *
   * @param from longest length that does not belong to the class
   * @param to longest length of the class
   * @param width of the rows, at least `to`
   * @returns rows for one sentence of any length on average, those outside the class needing none
   */
  rowsASentence(from: number, to: number, width: number): number {
    let rows = 0;
    for (let length = from + 1; length <= Math.min(to, this.longest); length++) {
      rows += this.#shares[length]! / Math.floor(width / length);
    }
    return rows;
  }

  /** @returns a function that draws lengths by their frequency, the same ones whenever it is made */
  sampler(): () => number {
    const stream = new RandomStream({ seed: 0, purpose: "plan", epoch: 0 });
    let sum = 0;
    const cumulative = this.#shares.map((share) => sum += share);
    return () => {
      const at = stream.uniform() * sum;
      let low = 0, high = this.longest;
      while (low < high) {
        const middle = (low + high) >> 1;
        if (cumulative[middle]! > at) high = middle;
        else low = middle + 1;
      }
      return low;
    };
  }
}
