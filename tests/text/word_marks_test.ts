import assert from "node:assert/strict";
import golden from "../fixtures/text/text_golden.json" with { type: "json" };
import {
  corpusIdTable,
  markWords,
  SUFFIX_COUNT,
  toCorpusIds,
  Tokenizer,
  Vocabulary,
} from "../../lib/text/mod.ts";

const vocabulary = await Vocabulary.read(`${import.meta.dirname}/../fixtures/text/vocab.txt`);
const tokenizer = new Tokenizer(vocabulary);

Deno.test("corpus ids of segmented sentences are the original's", () => {
  assert.equal(vocabulary.size, golden.mark_words.first_suffix_id);
  for (const { words, ids } of golden.mark_words.rows) {
    const tokens = tokenizer.tokenize(words.join("")).map((token) => token.text);
    assert.deepEqual(toCorpusIds(markWords(tokens, words), vocabulary), ids, words.join("|"));
  }
});

Deno.test("corpus ids read back as the original reads them", () => {
  const { vocabularyIds, isSuffix } = corpusIdTable(vocabulary);
  assert.equal(vocabularyIds.length, vocabulary.size + SUFFIX_COUNT);
  golden.mark_words.rows.forEach(({ ids }, row) => {
    const { token_ids, is_suffix } = golden.corpus_items[row]!;
    assert.deepEqual(ids.map((id) => vocabularyIds[id]), token_ids);
    assert.deepEqual(ids.map((id) => isSuffix[id]), is_suffix);
  });
});

Deno.test("words are marked by spelling, up to four tokens", () => {
  const cases: [tokens: string, words: string, marked: string][] = [
    ["糖 尿 病 患 者 需 b 超 检 查", "糖尿病 患者 需 B超 检查", "糖 ##尿 ##病 患 ##者 需 b 超 检 ##查"],
    ["维 生 素 c 缺 乏", "维生素c 缺乏", "维 ##生 ##素 ##c 缺 ##乏"],
    ["急 性 肺 炎 性 肺", "急性肺炎性肺", "急 性 肺 炎 性 肺"],
    ["高 血 压 高 血", "高血压 高血", "高 ##血 ##压 高 ##血"],
    ["患 者", "者", "患 者"],
  ];
  for (const [tokens, words, marked] of cases) {
    assert.deepEqual(markWords(tokens.split(" "), words.split(" ")), marked.split(" "));
  }
});

Deno.test("suffix ids are those of the published vocabulary size", () => {
  // 22,608 tokens; the ids are worked out by hand: 22608 + code point - 0x4E00.
  const specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];
  const large = Vocabulary.fromTokens([
    ...specials,
    ...Array.from({ length: 22603 }, (_, i) => `token${i}`),
  ]);
  assert.deepEqual(toCorpusIds(["##尿", "##病", "##者", "##查", "##一", "##龥"], large), [
    26255,
    32789,
    35413,
    29237,
    22608,
    43509,
  ]);
});
