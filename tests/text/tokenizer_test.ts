import assert from "node:assert/strict";
import golden from "../fixtures/text/text_golden.json" with { type: "json" };
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
