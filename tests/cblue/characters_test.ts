import { strict as assert } from "node:assert";
import { characterIds, lowerCharacters } from "../../lib/cblue/mod.ts";
import { Vocabulary } from "../../lib/text/mod.ts";

Deno.test("a token for each code point, whatever lower case makes of it", () => {
  const text = "\ufeffİΣ𠮷 ﬃẞ肺\u0301\ud800T3";
  const lower = lowerCharacters(text);
  assert.equal(lower.length, [...text].length);
  assert.deepEqual(lower, ["\ufeff", "i̇", "σ", "𠮷", " ", "ﬃ", "ß", "肺", "\u0301", "\ud800", "t", "3"]);
  // each code point of Unicode that has a lower case stays one token
  const all = Array.from({ length: 0x30000 }, (_, i) => String.fromCodePoint(i)).filter((c) =>
    c !== c.toLowerCase()
  );
  assert.equal(lowerCharacters(all.join("")).length, all.length);
});

Deno.test("what the vocabulary lacks is [UNK], blanks too; a window has its own [CLS] and [SEP]", () => {
  const vocabulary = Vocabulary.fromTokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "b", "超", "##超"]);
  const characters = lowerCharacters("B 超İ超");
  assert.deepEqual([...characterIds(characters, vocabulary)], [2, 5, 1, 6, 1, 6, 3]);
  assert.deepEqual([...characterIds(characters, vocabulary, { start: 2, end: 4 })], [2, 6, 1, 3]);
  assert.deepEqual([...characterIds([], vocabulary)], [2, 3]);
});
