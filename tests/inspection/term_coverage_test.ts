import assert from "node:assert/strict";
import { LineEncoder } from "../../lib/preprocessing/line_encoder.ts";
import { TermCounter } from "../../lib/inspection/term_coverage.ts";
import { corpusIdTable, Lexicon, Vocabulary } from "../../lib/text/mod.ts";

const SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];
const VOCABULARY = Vocabulary.fromTokens([
  ...SPECIALS,
  ..."急性心肌梗死患者入院。慢阻塞肺疾病b超检查",
  "hba",
  "##1",
  "##c",
]);

/** Sentences as a reader of the corpus would see them. */
async function encode(lines: string[], wordMarks: "position" | "original", lexicon?: string[]) {
  const options = { tool: "jieba", vocabulary: VOCABULARY, wordMarks };
  const encoder = await LineEncoder.create(lexicon === undefined ? options : { ...options, lexicon });
  const { ids, lens, continues } = await encoder.encode(lines);
  const table = corpusIdTable(VOCABULARY);
  let at = 0;
  return [...lens].map((length) => {
    const stored = ids.subarray(at, at += length);
    return {
      ids: stored.map((id) => id < VOCABULARY.size ? id : table.vocabularyIds[id]!),
      isSuffix: continues?.slice(at - length, at) ?? Uint8Array.from(stored, (id) => table.isSuffix[id]!),
    };
  });
}

Deno.test("terms are whole where one word holds them", () => {
  const ids = Int32Array.from("急性心肌梗死患者。", (char) => VOCABULARY.idOf(char)!);
  const lexicon = new Lexicon(["心肌梗死", "急性", "患", "院", "𠮷"]);
  const cases: [marks: number[], wholeTerms: number, wholeTokens: number][] = [
    [[0, 1, 0, 1, 1, 1, 0, 1, 0], 2, 6], // 急性 心肌梗死 患者 。
    [[0, 1, 1, 1, 1, 1, 0, 1, 0], 2, 6], // 急性心肌梗死: each is within it
    [[0, 1, 0, 1, 0, 1, 0, 1, 0], 1, 2], // 心肌 梗死
    [[0, 0, 0, 1, 1, 0, 0, 1, 0], 0, 0],
  ];
  for (const [marks, wholeTerms, wholeTokens] of cases) {
    const sentence = { ids, isSuffix: Uint8Array.from(marks) };
    const counter = new TermCounter(VOCABULARY, lexicon);
    counter.add(sentence);
    counter.add(sentence);
    assert.deepEqual(counter.coverage, {
      terms: 4,
      tokens: 12,
      wholeTerms: 2 * wholeTerms,
      wholeTokens: 2 * wholeTokens,
    });
  }
});

Deno.test("long, mixed and Latin terms are whole by position, not by the original's spelling search", async () => {
  const terms = ["慢性阻塞性肺疾病", "B超检查", "HbA1c"];
  const lines = ["急性慢性阻塞性肺疾病患者入院B超检查。", "HbA1c"];
  const wholeTerms = async (wordMarks: "position" | "original", lexicon?: string[]) => {
    const counter = new TermCounter(VOCABULARY, new Lexicon(terms));
    for (const sentence of await encode(lines, wordMarks, lexicon)) counter.add(sentence);
    return counter.coverage.wholeTerms;
  };
  assert.equal(await wholeTerms("original"), 1); // HbA1c, of word pieces
  assert.equal(await wholeTerms("original", terms), 1); // words longer than four tokens and with capitals get lost
  assert.equal(await wholeTerms("position", terms), 3);
});
