/**
 * BERT's tokenizer as the original model uses it: basic split, then greedy word pieces.
 *
 * Text runs through a per-character table (normalise.ts) once; words of letters go through word pieces and are
 * remembered, stand-alone characters (all of Chinese) take one array look-up.
 */
import { ALONE, CharacterTable, LETTER, SEVERAL, SPACE } from "./normalise.ts";
import { SPECIAL_TOKENS, type Vocabulary } from "./vocabulary.ts";

/** A token and where it comes from. */
export interface Token {
  /** Spelling in the vocabulary; `[UNK]` if the vocabulary lacks it. */
  readonly text: string;
  readonly id: number;
  /** First UTF-16 code unit in the original string. */
  readonly start: number;
  /** The code unit after the last one. */
  readonly end: number;
}

/** A sentence or a pair of sentences as the model takes it. */
export interface Encoding {
  /** Token ids, `[CLS] A [SEP]` or `[CLS] A [SEP] B [SEP]`. */
  readonly ids: number[];
  /** 0 up to the first `[SEP]`, 1 after it. */
  readonly typeIds: number[];
  /** Start and end of each token in its own sentence, in UTF-16 code units; `[0, 0]` for the added special tokens. */
  readonly offsets: (readonly [start: number, end: number])[];
}

/** Words of more code points than this become `[UNK]`. */
export const MAX_WORD_CHARACTERS = 100;
/** The memory of words is emptied at this size: natural text repeats few of them, adversarial text none. */
const MAX_REMEMBERED_WORDS = 50_000;

/** A word piece inside a word: its id and its end in normalised code units (it starts where the last one ended). */
interface WordPiece {
  readonly id: number;
  readonly end: number;
}

/**
 * The tokenizer of BERT, ELECTRA and ERNIE-Health.
 *
 * Control characters vanish; CJK characters, punctuation and symbols stand alone; the rest splits at white space, is
 * lower-cased and loses its accents, and is cut into word pieces, longest match first. The five special tokens, and
 * those that were added to the vocabulary, are kept whole wherever they occur.
 *
 * @example
 * ```ts
 * import { Tokenizer } from "./tokenizer.ts";
 * import { Vocabulary } from "./vocabulary.ts";
 * const vocabulary = Vocabulary.fromTokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "发", "热", "ct"]);
 * const tokens = new Tokenizer(vocabulary).tokenize("发热，CT");
 * console.log(tokens.map((token) => token.text)); // ["发", "热", "[UNK]", "ct"]
 * ```
 */
export class Tokenizer {
  readonly vocabulary: Vocabulary;
  readonly #characters: CharacterTable;
  readonly #words = new Map<string, readonly WordPiece[]>();
  /** Id + 1 of every stand-alone UTF-16 code unit met so far; 0 is not looked up yet. */
  readonly #singles = new Int32Array(0x10000);
  readonly #longestToken: number;
  /** Finds the tokens that stay whole; the longest one, where several begin. */
  readonly #whole: RegExp;

  // The word being read: its normalised code units and where each came from.
  #word = "";
  #starts = new Int32Array(128);
  #ends = new Int32Array(128);

  /**
   * @param vocabulary The model's vocabulary.
   * @param options.lowerCase Lower-case and strip accents; default: as the vocabulary's model, `true` for ERNIE-Health.
   */
  constructor(vocabulary: Vocabulary, { lowerCase = vocabulary.lowerCase }: { lowerCase?: boolean } = {}) {
    this.vocabulary = vocabulary;
    this.#characters = new CharacterTable({ lowerCase });
    this.#longestToken = vocabulary.tokens.reduce((longest, token) => Math.max(longest, token.length), 0);
    const whole = [...SPECIAL_TOKENS, ...vocabulary.addedTokens].sort((a, b) => b.length - a.length);
    this.#whole = new RegExp(whole.map((token) => RegExp.escape(token)).join("|"), "g");
  }

  /**
   * Splits text into tokens of the vocabulary.
   *
   * @param text Any string; lone surrogates are dropped.
   * @returns The tokens with their offsets. Dropped characters and accents written apart from their letter belong to no
   * token unless they lie inside one.
   */
  tokenize(text: string): Token[] {
    const tokens: Token[] = [];
    let from = 0;
    if (text.includes("[") || this.vocabulary.addedTokens.length > 0) {
      for (const { 0: special, index } of text.matchAll(this.#whole)) {
        this.#scan(text, from, index, tokens);
        from = index + special.length;
        tokens.push({ text: special, id: this.vocabulary.idOf(special)!, start: index, end: from });
      }
    }
    this.#scan(text, from, text.length, tokens);
    return tokens;
  }

  /**
   * Turns one or two sentences into model input.
   *
   * What is too long is cut as the original does ("longest first"): one token at a time from the end of the first
   * sentence while it is the longer one, else from the end of the second.
   *
   * @param text The first sentence.
   * @param pair The second sentence, if any.
   * @param options.maxLength Largest number of tokens, special tokens included; no limit by default.
   * @returns Ids, type ids and offsets, not padded.
   * @throws {RangeError} If `maxLength` leaves no room for the special tokens.
   */
  encode(text: string, pair?: string, { maxLength = Infinity }: { maxLength?: number } = {}): Encoding {
    const first = this.tokenize(text);
    const second = pair === undefined ? undefined : this.tokenize(pair);
    const room = maxLength - (second === undefined ? 2 : 3);
    if (!(room >= 0)) {
      throw new RangeError(`Cannot encode text: maxLength ${maxLength} has no room for the special tokens`);
    }
    truncateLongestFirst(first, second ?? [], room);

    const encoding: Encoding = { ids: [], typeIds: [], offsets: [] };
    const append = (id: number, typeId: number, start = 0, end = 0) => {
      encoding.ids.push(id);
      encoding.typeIds.push(typeId);
      encoding.offsets.push([start, end]);
    };
    append(this.vocabulary.clsId, 0);
    for (const { id, start, end } of first) append(id, 0, start, end);
    append(this.vocabulary.sepId, 0);
    if (second !== undefined) {
      for (const { id, start, end } of second) append(id, 1, start, end);
      append(this.vocabulary.sepId, 1);
    }
    return encoding;
  }

  /** Tokenizes text[from, to), which holds no special token. */
  #scan(text: string, from: number, to: number, tokens: Token[]): void {
    const characters = this.#characters;
    let next = from;
    for (let at = from; at < to; at = next) {
      let codePoint = text.charCodeAt(at);
      next = at + 1;
      if (codePoint >= 0xd800 && codePoint < 0xdc00 && next < to) {
        codePoint = text.codePointAt(at)!;
        if (codePoint > 0xffff) next++;
      }
      const kind = characters.kindOf(codePoint);
      if (kind === ALONE) {
        this.#flush(tokens);
        tokens.push(this.#single(characters.unitOf(codePoint), at, next));
      } else if (kind === LETTER) {
        this.#append(String.fromCharCode(characters.unitOf(codePoint)), at, next);
      } else if (kind === SPACE) {
        this.#flush(tokens);
      } else if (kind === SEVERAL) {
        for (const piece of characters.piecesOf(codePoint)) {
          if (piece.alone) this.#flush(tokens);
          this.#append(piece.text, at, next);
          if (piece.alone) this.#flush(tokens);
        }
      }
    }
    this.#flush(tokens);
  }

  /** Adds normalised text to the word being read; all its code units come from text[start, end). */
  #append(normal: string, start: number, end: number): void {
    const length = this.#word.length + normal.length;
    if (length > this.#starts.length) {
      const [starts, ends] = [this.#starts, this.#ends];
      this.#starts = new Int32Array(length * 2);
      this.#starts.set(starts);
      this.#ends = new Int32Array(length * 2);
      this.#ends.set(ends);
    }
    this.#starts.fill(start, this.#word.length, length);
    this.#ends.fill(end, this.#word.length, length);
    this.#word += normal;
  }

  /** Ends the word being read, if any. */
  #flush(tokens: Token[]): void {
    const word = this.#word;
    if (word === "") return;
    this.#word = "";
    let pieces = this.#words.get(word);
    if (pieces === undefined) {
      pieces = this.#wordPieces(word);
      if (this.#words.size >= MAX_REMEMBERED_WORDS) this.#words.clear();
      this.#words.set(word, pieces);
    }
    let begin = 0;
    for (const { id, end } of pieces) {
      const [from, to] = [this.#starts[begin]!, this.#ends[end - 1]!];
      tokens.push({ text: this.vocabulary.tokenOf(id), id, start: from, end: to });
      begin = end;
    }
  }

  /** Makes the token of a stand-alone code unit. */
  #single(unit: number, start: number, end: number): Token {
    let id = this.#singles[unit]! - 1;
    if (id < 0) {
      id = this.vocabulary.idOf(String.fromCharCode(unit)) ?? this.vocabulary.unkId;
      this.#singles[unit] = id + 1;
    }
    return { text: this.vocabulary.tokenOf(id), id, start, end };
  }

  /** Cuts a word into the longest pieces of the vocabulary, from the left; one `[UNK]` if that is impossible. */
  #wordPieces(word: string): WordPiece[] {
    const unknown = [{ id: this.vocabulary.unkId, end: word.length }];
    if (word.length > MAX_WORD_CHARACTERS && [...word].length > MAX_WORD_CHARACTERS) return unknown;
    const pieces: WordPiece[] = [];
    for (let start = 0; start < word.length;) {
      const prefix = start === 0 ? "" : "##";
      let end = Math.min(word.length, start + this.#longestToken - prefix.length);
      let id: number | undefined;
      for (; end > start; end--) {
        id = this.vocabulary.idOf(prefix + word.slice(start, end));
        if (id !== undefined) break;
      }
      if (id === undefined) return unknown;
      pieces.push({ id, end });
      start = end;
    }
    return pieces;
  }
}

/** Removes tokens in place until at most `room` are left in both sequences together. */
function truncateLongestFirst(first: unknown[], second: unknown[], room: number): void {
  while (first.length + second.length > room) {
    if (first.length > second.length) first.pop();
    else second.pop();
  }
}
