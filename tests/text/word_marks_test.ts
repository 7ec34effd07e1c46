import assert from "node:assert/strict";
import golden from "../fixtures/text/text_golden.json" with { type: "json" };
import {
  continuations,
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

Deno.test("words are marked by position, whatever their length, case and script", () => {
  const cases: [words: string, marked: string][] = [
    ["糖尿病 患者 需 B超 检查", "糖尿病 患者 需 b超 检查"],
    ["慢性阻塞性肺疾病 史", "慢性阻塞性肺疾病 史"], // more than four tokens
    ["高血压 高 血", "高血压 高 血"], // the same spelling is another word elsewhere
    ["维生素C 片 10 g", "维生素c 片 10 g"],
    ["患 HbA1c 升高", "患 hba1c 升高"],
    ["HbA 1c 高", "hba 1c 高"], // pieces of one Latin word, cut where the segmenter cut
    ["COVID -19", "covid -19"],
    ["𠮷病 好", "[UNK]病 好"], // what the vocabulary lacks
    ["cafe\u0301 店", "cafe 店"], // the accent belongs to its letter
    ["病 \u3000 人", "病 人"], // white space gives nothing
    ["病\u200b 人", "病 人"], // nor does what is dropped
    ["", ""],
  ];
  const larger = new Tokenizer(
    Vocabulary.fromTokens(
      new Set([...vocabulary.tokens, ..."需b超检查慢阻塞肺疾史维生素c片升高好人店-", "19"]),
    ),
  );
  for (const [joined, marked] of cases) {
    const words = joined.split(" ");
    const tokens = larger.tokenize(words.join(""));
    const continues = continuations(tokens, words);
    const spelled = tokens.map(({ text }, i) =>
      (i > 0 && continues[i] === 0 ? " " : "") + text.replace(/^##/, "")
    );
    assert.equal(spelled.join(""), marked);
  }
});

Deno.test("marks by position agree with a look at every character's word", () => {
  const pieces = [
    "糖",
    "尿病",
    "CT",
    "hba1c",
    " ",
    "10%",
    "e\u0301",
    "\u200b",
    "𠮷",
    "，",
    "[MASK]",
    "µg",
    "Ⅲ",
    "あ",
  ];
  let state = 1;
  const below = (n: number) => (state = (state * 48_271) % 2_147_483_647) % n; // Lehmer's generator
  for (let i = 0; i < 2000; i++) {
    const text = Array.from({ length: 1 + below(12) }, () => pieces[below(pieces.length)]).join("");
    const words: string[] = [];
    for (let at = 0; at < text.length;) words.push(text.slice(at, at += 1 + below(5)));
    const wordOf = words.flatMap((word, index) => Array<number>(word.length).fill(index));
    const tokens = tokenizer.tokenize(text);
    const expected = tokens.map(({ start }, i) =>
      i > 0 && wordOf[tokens[i - 1]!.end - 1] === wordOf[start] ? 1 : 0
    );
    assert.deepEqual([...continuations(tokens, words)], expected, words.join("|"));
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
