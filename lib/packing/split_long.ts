/** Long sentences cut where a reader would pause, so that nothing of them is lost. */
import type { Vocabulary } from "../text/mod.ts";
import type { Sentence, Sentences, Span } from "./sentences.ts";

/** How good a place to cut is, best first: behind the end of a sentence, of a clause, of a word; before a sign or in a number. */
const SENTENCE_END = 4, CLAUSE_END = 3, WORD_END = 2, BEFORE_SIGN = 1, INSIDE_WORD = 0;
const SENTENCE_ENDS = new Set("。！？；!?;.…");
const CLAUSE_ENDS = new Set("，、：,:");
/** What belongs to the sentence that ends before it. */
const CLOSING = new Set("”’」』）》】〕)]\"'");
/** Inside a number these end nothing. */
const NUMBER_SIGNS = new Set(".,:");
/** Pieces of less than this share of the room are avoided. */
const SMALLEST_SHARE = 1 / 4;

/**
 * Views sentences so that none has more tokens than a row has room for.
 *
 * The first piece of a sentence keeps its number; further pieces stand behind all sentences. Of pairs, which belong together
 * as wholes, nothing is cut.
 *
 * @param sentences any sentences; those that are too long are read now
 * @param room most tokens of a piece, at least 1
 * @param vocabulary what the tokens are
 * @returns the sentences and pieces
 *
 * @example
 * ```ts
 * import { splitLong } from "./split_long.ts";
 * import { Vocabulary } from "../text/mod.ts";
 * const vocabulary = Vocabulary.fromTokens([..."[PAD] [UNK] [CLS] [SEP] [MASK] 发 热 。".split(" ")]);
 * const text = { ids: Int32Array.of(5, 6, 7, 5, 6), isSuffix: new Uint8Array(5) };
 * const pieces = splitLong({ length: 1, tokensOf: () => 5, sentence: () => text }, 4, vocabulary);
 * console.log(pieces.sentence(0).ids, pieces.sentence(1).ids); // 5 6 7 and 5 6
 * ```
 */
export function splitLong(sentences: Sentences, room: number, vocabulary: Vocabulary): Sentences {
  if (!(room >= 1)) throw new RangeError(`Cannot split sentences to ${room} tokens: the smallest room is 1`);
  if (sentences.pairs) return sentences;
  const firstEnds = new Map<number, number>(); // of sentences that are cut
  const further: { sentence: number; start: number; end: number }[] = [];
  for (let sentence = 0; sentence < sentences.length; sentence++) {
    if (sentences.tokensOf(sentence) <= room) continue;
    const ends = pieceEnds(sentences.sentence(sentence), room, vocabulary);
    firstEnds.set(sentence, ends[0]!);
    for (let i = 1; i < ends.length; i++) further.push({ sentence, start: ends[i - 1]!, end: ends[i]! });
  }
  if (further.length === 0) return sentences;

  const { length, stored } = sentences;
  const pieceOf = (n: number) => {
    if (n < length) return { sentence: n, start: 0, end: firstEnds.get(n) ?? sentences.tokensOf(n) };
    const piece = further[n - length];
    if (piece === undefined) {
      throw new RangeError(`Cannot read sentence ${n}: there are ${length + further.length}`);
    }
    return piece;
  };
  const spanOf = (n: number): Span => {
    const { sentence, start, end } = pieceOf(n);
    const [span] = stored!.spansOf(sentence) as [Span];
    return { file: span.file, start: span.start + start, end: span.start + end };
  };
  return {
    length: length + further.length,
    tokensOf: (n) => pieceOf(n).end - pieceOf(n).start,
    sentence: (n) => {
      const { sentence, start, end } = pieceOf(n);
      const { ids, isSuffix } = sentences.sentence(sentence);
      return { ids: ids.subarray(start, end), isSuffix: isSuffix.subarray(start, end) };
    },
    ...(stored && { stored: { files: stored.files, spansOf: (n) => [spanOf(n)] } }),
  };
}

/** Where the pieces of a sentence end: each as near to an even share as good places allow. */
function pieceEnds({ ids, isSuffix }: Sentence, room: number, vocabulary: Vocabulary): number[] {
  const ranks = cutRanks(ids, isSuffix, vocabulary);
  const ends: number[] = [];
  for (let start = 0; start < ids.length;) {
    const left = ids.length - start;
    const end = left <= room ? ids.length : start + firstCut(ranks.subarray(start), room);
    ends.push(end);
    start = end;
  }
  return ends;
}

/** Length of the first piece of what is longer than the room: its best cut, and of equally good ones the most even. */
function firstCut(ranks: Uint8Array, room: number): number {
  const even = ranks.length / Math.ceil(ranks.length / room);
  const smallest = Math.max(1, Math.floor(room * SMALLEST_SHARE));
  const bestOf = (from: number, to: number) => {
    let best = from;
    for (let cut = from + 1; cut <= to; cut++) {
      const gain = ranks[cut]! - ranks[best]!;
      if (gain > 0 || (gain === 0 && Math.abs(cut - even) < Math.abs(best - even))) best = cut;
    }
    return best;
  };
  const cut = bestOf(smallest, Math.min(room, ranks.length - smallest));
  return ranks[cut]! < WORD_END ? bestOf(1, room) : cut;
}

/** How good a cut before each token would be. */
function cutRanks(ids: Int32Array, isSuffix: Uint8Array, vocabulary: Vocabulary): Uint8Array {
  const tokens = Array.from(ids, (id) => vocabulary.tokenOf(id));
  const isInNumber = (i: number) =>
    NUMBER_SIGNS.has(tokens[i]!) && /\d$/.test(tokens[i - 1] ?? "") && /^\d/.test(tokens[i + 1] ?? "");
  const ranks = new Uint8Array(ids.length);
  for (let i = 1, ended = WORD_END; i < ids.length; i++) {
    const before = tokens[i - 1]!, after = tokens[i]!;
    const cutsNumber = isInNumber(i - 1) || isInNumber(i);
    if (SENTENCE_ENDS.has(before)) ended = SENTENCE_END;
    else if (CLAUSE_ENDS.has(before)) ended = CLAUSE_END;
    else if (!CLOSING.has(before)) ended = WORD_END;
    const isBeforeSign = SENTENCE_ENDS.has(after) || CLAUSE_ENDS.has(after) || CLOSING.has(after);
    if (isSuffix[i] === 1) ranks[i] = INSIDE_WORD;
    else ranks[i] = cutsNumber || isBeforeSign ? BEFORE_SIGN : ended;
  }
  return ranks;
}
