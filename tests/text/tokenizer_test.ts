import assert from "node:assert/strict";
import golden from "../fixtures/text/text_golden.json" with { type: "json" };
import fuzz from "../fixtures/text/tokenizer_golden.json" with { type: "json" };
import { normalizeChars, Tokenizer, tokenizeSpecialChars, Vocabulary } from "../../lib/text/mod.ts";

const vocabulary = await Vocabulary.read(`${import.meta.dirname}/../fixtures/text/vocab.txt`);
const tokenizer = new Tokenizer(vocabulary);

Deno.test("tokens and ids are the original tokenizer's", () => {
  assert.equal(vocabulary.size, golden.vocab_size);
  for (const { text, tokens, ids } of golden.tokenize) {
    const ours = tokenizer.tokenize(text);
    assert.deepEqual(ours.map((token) => token.text), tokens, text);
    assert.deepEqual(ours.map((token) => token.id), ids, text);
  }
});

Deno.test("encodings, pairs and truncation are the original tokenizer's", () => {
  for (const { text, text_pair, max_seq_len, input_ids, token_type_ids } of golden.encode) {
    const { ids, typeIds, offsets } = tokenizer.encode(text, text_pair ?? undefined, {
      maxLength: max_seq_len,
    });
    assert.deepEqual(ids, input_ids, text);
    assert.deepEqual(typeIds, token_type_ids, text);
    assert.equal(offsets.length, ids.length);
  }
});

Deno.test("text normalisers are the original's", () => {
  for (const { text, normalize_chars, then_tokenize_special_chars } of golden.normalize) {
    assert.equal(normalizeChars(text), normalize_chars);
    assert.equal(tokenizeSpecialChars(normalize_chars), then_tokenize_special_chars);
  }
});

Deno.test("tokens of hard strings are the original's, lower-cased and cased", () => {
  const pieces = Vocabulary.fromTokens(fuzz.vocabulary);
  for (const [lowerCase, rows] of [[true, fuzz.lower_cased], [false, fuzz.cased]] as const) {
    const hard = new Tokenizer(pieces, { lowerCase });
    for (const { text, tokens } of rows) {
      assert.deepEqual(hard.tokenize(text).map((token) => token.text), tokens, JSON.stringify(text));
    }
  }
});

Deno.test("every width variant and numeral is normalised as in the original", () => {
  assert.deepEqual([...fuzz.normalize_chars].map(normalizeChars), fuzz.normalized_chars);
});

Deno.test("offsets point into the original string", () => {
  const cases: [text: string, slices: string[]][] = [
    ["\ufeffCafé，ＣＴ", ["Café", "，", "ＣＴ"]],
    ["Cafe\u0301 5℃", ["Cafe", "5", "℃"]], // an accent of its own only counts inside
    ["e\u0301a", ["e\u0301a"]],
    ["发\u200b热😀a\u200bb", ["发", "热", "😀", "a\u200bb"]],
    ["HbA1c 10000mg", ["HbA", "1", "c", "10000mg"]],
    ["[MASK]İ한", ["[MASK]", "İ한"]],
    ["\ud800糖\udc00  尿 ", ["糖", "尿"]],
    ["≠\u0338豈", ["≠", "豈"]],
    ["", []],
  ];
  for (const [text, slices] of cases) {
    assert.deepEqual(tokenizer.tokenize(text).map(({ start, end }) => text.slice(start, end)), slices);
  }
});

Deno.test("offsets are ordered, do not overlap, and their slices tokenize to the same tokens", () => {
  const pieces = Vocabulary.fromTokens(fuzz.vocabulary);
  const hard = new Tokenizer(pieces);
  for (const { text } of fuzz.lower_cased) {
    let last = 0;
    for (const token of hard.tokenize(text)) {
      assert(token.start >= last || token.text.startsWith("##"), JSON.stringify(text));
      assert(token.end > token.start && token.end <= text.length);
      last = token.end;
      if (token.text === "[UNK]" || token.text.startsWith("##")) continue;
      const again = hard.tokenize(text.slice(token.start, token.end));
      assert(again.some(({ text }) => text === token.text), `${JSON.stringify(text)}: ${token.text}`);
    }
  }
});

Deno.test("encode refuses a length without room for the special tokens", () => {
  assert.throws(() => tokenizer.encode("发热", undefined, { maxLength: 1 }), RangeError);
  assert.throws(() => tokenizer.encode("发热", "咳嗽", { maxLength: 2 }), RangeError);
  assert.throws(() => tokenizer.encode("发热", undefined, { maxLength: NaN }), RangeError);
  const { ids, offsets } = tokenizer.encode("发热", undefined, { maxLength: 3 });
  assert.deepEqual(ids, [vocabulary.clsId, vocabulary.idOf("发"), vocabulary.sepId]);
  assert.deepEqual(offsets, [[0, 0], [0, 1], [0, 0]]);
});
