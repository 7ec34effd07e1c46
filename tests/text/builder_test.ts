import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { UserError } from "../../lib/config/mod.ts";
import { buildVocabulary, readLines, SPECIAL_TOKENS, Tokenizer } from "../../lib/text/mod.ts";

const PRETRAIN = `${import.meta.dirname}/../../../shared/data/pretrain/huatuo26m_test.txt`;

const LINES = [
  "患者发热，HbA1c 7.5%，予二甲双胍100mg。",
  "患者咳嗽，CT示肺炎，予头孢100mg。",
  "患者Café，CT复查，HbA1c 6.1%。[MASK]",
];

Deno.test("special tokens come first, then ASCII, characters by frequency, Latin words by frequency", async () => {
  const { vocabulary } = await buildVocabulary(LINES, { minCount: 2 });
  assert.deepEqual(vocabulary.tokens.slice(0, 5), SPECIAL_TOKENS);
  const base = 5 + 68 + 36; // printable ASCII without capitals; continued letters and digits
  const rest = vocabulary.tokens.slice(base);
  // Counts: ， 6, 。 3, 患 3, 者 3, 予 2; ct 2, hba1c 2 and its runs, 100mg 2 and its runs.
  assert.deepEqual(rest, ["，", "。", "患", "者", "予", "##mg", "100", "100mg", "ct", "hba", "hba1c"]);
});

Deno.test("every ASCII word and number can be spelled", async () => {
  const { vocabulary } = await buildVocabulary([]);
  const tokenizer = new Tokenizer(vocabulary);
  const ascii = Array.from({ length: 95 }, (_, i) => String.fromCharCode(0x20 + i)).join("");
  for (const text of [ascii, "COVID-19 10^9/L (q8h)", "x".repeat(100)]) {
    const tokens = tokenizer.tokenize(text);
    assert(!tokens.some((token) => token.id === vocabulary.unkId), text);
    const spelled = tokens.map((token) => token.text.replace(/^##(?=.)/, "")).join("");
    assert.equal(spelled, text.toLowerCase().replaceAll(" ", ""));
  }
});

Deno.test("coverage counts what the tokenizer will not know", async () => {
  const { vocabulary, coverage } = await buildVocabulary(LINES, { minCount: 2 });
  const tokenizer = new Tokenizer(vocabulary);
  const unknown = LINES.flatMap((line) => tokenizer.tokenize(line))
    .filter((token) => token.id === vocabulary.unkId).length;
  assert.equal(coverage.lines, 3);
  assert.equal(coverage.unknownWords, unknown);
  assert.equal(coverage.words, 18 + 15 + 14); // counted by hand, [MASK] left out
  const everything = await buildVocabulary(LINES, { minCount: 1 });
  assert.equal(everything.coverage.unknownWords, 0);
  assert.equal(everything.coverage.knownCharacters, everything.coverage.characters);
});

Deno.test("coverage names what is unknown, commonest first, and counts it in the running text", async () => {
  const { coverage } = await buildVocabulary(["龘龘 發 a龘 發", "ab 😀 α１"], { maxSize: 109 });
  assert.deepEqual(coverage.unknownCharacterCounts, [["龘", 3], ["發", 2], ["α", 1], ["😀", 1], ["１", 1]]);
  assert.deepEqual(coverage.unknownWordCounts, [["龘", 3], ["發", 2], ["α１", 1], ["😀", 1]]);
  assert.equal(coverage.runningCharacters, 11);
  assert.equal(coverage.unknownRunningCharacters, 8);
  assert.deepEqual([coverage.characters, coverage.knownCharacters], [7, 2]);
  assert.deepEqual([coverage.words, coverage.unknownWords, coverage.forgottenWords], [9, 7, 0]);
});

Deno.test("memory is bounded: rare words are forgotten, characters and frequent words are not", async () => {
  function* texts() {
    for (let i = 0; i < 5000; i++) yield `第 mg x${i} ${i % 100 === 0 ? "罕" : ""}`;
  }
  const all = await buildVocabulary(texts());
  const bounded = await buildVocabulary(texts(), { maxDistinct: 1000 });
  assert.deepEqual(bounded.vocabulary.tokens.slice(0, 112), all.vocabulary.tokens.slice(0, 112));
  assert.notEqual(bounded.vocabulary.idOf("mg"), undefined);
  assert.notEqual(bounded.vocabulary.idOf("罕"), undefined);
  assert.equal(bounded.coverage.words + bounded.coverage.forgottenWords, all.coverage.words);
  assert(bounded.coverage.forgottenWords > 4000);
  assert.equal(all.coverage.forgottenWords, 0);
});

Deno.test("the size is kept, frequent characters first", async () => {
  const { vocabulary } = await buildVocabulary(LINES, { minCount: 1, maxSize: 111 });
  assert.deepEqual(vocabulary.tokens.slice(109), ["，", "。"]);
  await assert.rejects(
    buildVocabulary(LINES, { maxSize: 108 }),
    new UserError(
      "Cannot build vocabulary: size 108 has no room for the 109 special and ASCII tokens; give a larger size",
    ),
  );
});

Deno.test("a cased vocabulary keeps capitals and accents", async () => {
  const { vocabulary } = await buildVocabulary(LINES, { minCount: 1, lowerCase: false });
  for (const token of ["A", "##Z", "CT", "HbA1c", "HbA", "##é"]) {
    assert.notEqual(vocabulary.idOf(token), undefined, token);
  }
});

Deno.test("what is not Latin is spelled by characters", async () => {
  const { vocabulary } = await buildVocabulary(["αβ αβ 한 が 😀 𠀀豈"], { minCount: 1 });
  const tokenizer = new Tokenizer(vocabulary);
  assert.deepEqual(
    tokenizer.tokenize("αβ が😀𠀀豈").map((token) => token.text),
    ["α", "##β", "か", "😀", "𠀀", "豈"],
  );
  assert(!tokenizer.tokenize("한").some((token) => token.id === vocabulary.unkId));
});

Deno.test({
  name: "a vocabulary of real text knows nearly every word of it",
  ignore: !existsSync(PRETRAIN),
  fn: async () => {
    async function* texts() {
      for await (const { text } of readLines(PRETRAIN)) yield text;
    }
    const { vocabulary, coverage } = await buildVocabulary(texts());
    assert(coverage.lines > 10_000);
    assert(vocabulary.size < 20_000);
    assert(coverage.unknownWords / coverage.words < 0.001);
  },
});
