/** LAC's front and back end: sentences to the tokens that its network reads, and their labels to words. */
import type { LacDictionaries } from "./model.ts";

/** A sentence for the network. T: tokens. */
export interface LacTokens {
  readonly ids: Int32Array; // (T)
  /** Where each token ends in the sentence, in UTF-16 code units. */
  readonly ends: Int32Array; // (T)
}

/** The vocabulary's entry for whatever it lacks. */
const UNKNOWN = "OOV";

const CODE_POINTS = 0x110000;

/**
 * Turns sentences into tokens, and labelled tokens into words.
 *
 * A token of `seg` is a character. `lac` first cuts text into pieces by a small dictionary; a piece that is a word of
 * the network's vocabulary is one token, of any other each character is one. Characters are code points.
 */
export class LacFrontEnd {
  /** Id of every character. */
  readonly #characterIds = new Uint16Array(CODE_POINTS);
  /** Ids of the vocabulary's words of more than one character. */
  readonly #wordIds = new Map<string, number>();
  /** The small dictionary: what its words start with, two characters or more, and whether that is a word itself. */
  readonly #prefixes = new Map<string, boolean>();
  /** Score of a piece by its number of characters. */
  readonly #scores: readonly number[];
  /** By label: whether it starts a word. */
  readonly #startsWord: readonly boolean[];

  /** @param dictionaries The model's. */
  constructor({ ids, replacements, labels, counts }: LacDictionaries) {
    const idOf = (text: string) => ids.get(replacements.get(text) ?? text) ?? ids.get(UNKNOWN)!;
    this.#characterIds.fill(ids.get(UNKNOWN)!);
    for (const text of [...ids.keys(), ...replacements.keys()]) {
      if (characterStarts(text).length === 2) this.#characterIds[text.codePointAt(0)!] = idOf(text);
      else if (ids.has(text)) this.#wordIds.set(text, idOf(text));
    }
    let [total, longest] = [0, 1];
    for (const [word, count] of counts) {
      total += count;
      longest = Math.max(longest, word.length);
      for (const end of characterStarts(word).subarray(2)) {
        const prefix = word.slice(0, end);
        this.#prefixes.set(prefix, prefix === word || this.#prefixes.get(prefix) === true);
      }
    }
    // Meant as the logarithm of a word's share of all words, but LAC takes a word's length for its count.
    this.#scores = Array.from({ length: longest + 1 }, (_, length) => Math.log(length) - Math.log(total));
    this.#startsWord = labels.map((label) => /[BS]$/.test(label));
  }

  /**
   * Turns a sentence into tokens.
   *
   * @param text The sentence.
   * @returns Its tokens; none of an empty one.
   */
  encode(text: string): LacTokens {
    const starts = characterStarts(text);
    const ids = new Int32Array(starts.length - 1);
    for (let i = 0; i < ids.length; i++) ids[i] = this.#characterIds[text.codePointAt(starts[i]!)!]!;
    const ends = starts.subarray(1);
    return this.#prefixes.size === 0 ? { ids, ends } : this.#joinWords(text, starts, ids);
  }

  /**
   * Puts a sentence's words together.
   *
   * @param text The sentence.
   * @param ends Where its tokens end.
   * @param labels Their labels.
   * @returns The words. The first token starts one whatever its label says.
   */
  words(text: string, ends: Int32Array, labels: Uint8Array): string[] {
    const words: string[] = [];
    let start = 0;
    for (let t = 1; t < ends.length; t++) {
      if (!this.#startsWord[labels[t]!]) continue;
      words.push(text.slice(start, ends[t - 1]));
      start = ends[t - 1]!;
    }
    if (text !== "") words.push(text.slice(start));
    return words;
  }

  /** Makes one token of the characters of each piece that is a word. */
  #joinWords(text: string, starts: Int32Array, characterIds: Int32Array): LacTokens {
    const pieceEnds = this.#cut(text, starts);
    const ids = new Int32Array(characterIds.length);
    const ends = new Int32Array(characterIds.length);
    let count = 0;
    const isLatinPiece = (i: number) => pieceEnds[i] === i + 1 && isLatin(text.charCodeAt(starts[i]!));
    for (let start = 0, end = 0; start < characterIds.length; start = end) {
      end = pieceEnds[start]!;
      // Letters and digits without a word of their own make one piece.
      if (isLatinPiece(start)) { while (end < characterIds.length && isLatinPiece(end)) end++; }
      const isLong = end - start > 1;
      const word = isLong ? this.#wordIds.get(text.slice(starts[start], starts[end])) : undefined;
      if (word !== undefined) {
        ids[count] = word;
        ends[count++] = starts[end]!;
      } else {
        for (let i = start; i < end; i++) {
          ids[count] = characterIds[i]!;
          ends[count++] = starts[i + 1]!;
        }
      }
    }
    return { ids: ids.subarray(0, count), ends: ends.subarray(0, count) };
  }

  /**
   * Cuts a sentence into dictionary words and single characters so that the sum of their scores is highest; of equal
   * sums the one with the longest next piece counts.
   *
   * @returns For each character: where a piece that starts there ends.
   */
  #cut(text: string, starts: Int32Array): Int32Array {
    const length = starts.length - 1;
    const sums = new Float64Array(length + 1);
    const ends = new Int32Array(length);
    for (let start = length - 1; start >= 0; start--) {
      let best = this.#scores[1]! + sums[start + 1]!;
      let bestEnd = start + 1;
      for (let end = start + 2; end <= length; end++) {
        const isWord = this.#prefixes.get(text.slice(starts[start], starts[end]));
        if (isWord === undefined) break;
        const sum = this.#scores[end - start]! + sums[end]!;
        if (!isWord || sum < best) continue;
        best = sum;
        bestEnd = end;
      }
      sums[start] = best;
      ends[start] = bestEnd;
    }
    return ends;
  }
}

/** Where each character of a text starts, in code units, and where the last one ends. */
function characterStarts(text: string): Int32Array {
  const starts = new Int32Array(text.length + 1);
  let count = 0;
  for (let i = 0; i < text.length; i += text.codePointAt(i)! > 0xffff ? 2 : 1) starts[count++] = i;
  starts[count++] = text.length;
  return starts.subarray(0, count);
}

/** Whether a code unit is an ASCII letter or digit. */
function isLatin(unit: number): boolean {
  return (unit >= 0x30 && unit <= 0x39) || (unit >= 0x41 && unit <= 0x5a) || (unit >= 0x61 && unit <= 0x7a);
}
