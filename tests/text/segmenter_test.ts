import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { UserError } from "../../lib/config/mod.ts";
import { splitAtPunctuation, withLongLines } from "../../lib/text/long_lines.ts";
import { createSegmenter, stripLine } from "../../lib/text/mod.ts";

const TOOLS = ["lac", "seg", "jieba"] as const;
const ORACLE = `${import.meta.dirname}/../../../shared/oracle/segment/golden.jsonl`;

async function readJsonLines(path: string): Promise<unknown[]> {
  const text = await Deno.readTextFile(path);
  return text.trimEnd().split("\n").map((line) => JSON.parse(line));
}

for (const tool of TOOLS) {
  Deno.test(`${tool} cuts as Python's LAC 2.1.2 and jieba 0.42.1`, async () => {
    const segmenter = await createSegmenter(tool);
    // Each line: the words that Python gives for a sentence.
    const golden = await readJsonLines(
      `${import.meta.dirname}/../fixtures/segment_${tool}.jsonl`,
    ) as string[][];
    assert.equal(golden.length, 683);
    assert.deepEqual(await segmenter.cut(golden.map((words) => words.join(""))), golden);
  });

  Deno.test({
    name: `${tool} cuts the oracle's sentences as Python, one by one`,
    ignore: !existsSync(ORACLE),
    fn: async () => {
      const segmenter = await createSegmenter(tool);
      for (const row of await readJsonLines(ORACLE) as Record<string, unknown>[]) {
        assert.deepEqual(await segmenter.cut([row.text as string]), [row[tool]]);
      }
    },
  });

  Deno.test(`${tool} cuts lines of every kind`, async () => {
    const segmenter = await createSegmenter(tool);
    assert.deepEqual(await segmenter.cut([]), []);
    assert.deepEqual(await segmenter.cut(["", "发", ""]), [[], ["发"], []]);
    const hard = [
      "𠮷𩽾𪩘",
      "😀👨‍👩‍👧",
      "\u0000\ufeff",
      "a",
      "１２３",
      "e\u0301",
      "ｶﾀｶﾅ",
      "\u2028 \u2029",
    ];
    const words = await segmenter.cut(hard);
    assert.deepEqual(words.map((cut) => cut.join("")), hard);
    assert(
      words.flat().every((word) => word !== "" && !/^[\udc00-\udfff]|[^\ud83d].*[\ud800-\udbff]$/.test(word)),
    );
  });
}

Deno.test("jieba cuts a near tie of new words as Python, unless it is a term", async () => {
  const cases = ["常 在 某", "常在晨", "常在", "她 常 在 某", "溃疡 常在 某处", "常在 ，", "常 在 夏 某"]; // by Python's jieba
  const jieba = await createSegmenter("jieba");
  for (const words of cases) {
    assert.deepEqual(await jieba.cut([words.replaceAll(" ", "")]), [words.split(" ")]);
  }
});

Deno.test("unknown segmenters are refused with those that work", async () => {
  await assert.rejects(
    createSegmenter("thulac"),
    new UserError('Cannot segment with "thulac": no such segmenter; use lac, seg or jieba'),
  );
});

Deno.test("long lines are cut in pieces that end with punctuation", async () => {
  const cases = [
    ["发热。咳嗽，气促", 4, ["发热。", "咳嗽，", "气促"]],
    ["发热，咳嗽。气促三天", 6, ["发热，咳嗽。", "气促三天"]],
    ["发热咳嗽气促三天", 3, ["发热咳", "嗽气促", "三天"]],
    ["𠮷𠮷𠮷", 3, ["𠮷", "𠮷", "𠮷"]],
    ["血钾3.5mmol", 4, ["血钾3.", "5mmo", "l"]],
    ["发热", 2, ["发热"]],
    ["", 2, [""]],
  ] as const;
  for (const [text, size, pieces] of cases) assert.deepEqual(splitAtPunctuation(text, size), pieces);

  const seen: string[] = [];
  const segmenter = withLongLines({
    name: "characters",
    cut: (texts) => {
      seen.push(...texts);
      return Promise.resolve(texts.map((text) => [...text]));
    },
  }, 600);
  const long = "患者发热三天。".repeat(100);
  const texts = ["短", long, "", "x".repeat(600)];
  assert.deepEqual(await segmenter.cut(texts), texts.map((text) => [...text]));
  assert.deepEqual(seen, ["短", long.slice(0, 511), long.slice(511), "", "x".repeat(600)]);
});

Deno.test("a long line gives jieba's words of the whole", async () => {
  const { JiebaSegmenter } = await import("../../lib/text/jieba.ts");
  const jieba = new JiebaSegmenter();
  const golden = await readJsonLines(`${import.meta.dirname}/../fixtures/segment_jieba.jsonl`) as string[][];
  const text = golden.map((words) => words.join("")).join("。");
  assert.deepEqual(await withLongLines(jieba, 1000).cut([text]), await jieba.cut([text]));
});

Deno.test("lines are stripped as Python strips them", () => {
  const cases = [
    ["", ""],
    [" \t\u3000\u0085\u001c发 热\u2029\u00a0\r\n", "发 热"],
    ["\ufeff发热\u200b", "\ufeff发热\u200b"],
  ] as const;
  for (const [line, stripped] of cases) assert.equal(stripLine(line), stripped);
});

// The last test: jieba has one dictionary in the process.
Deno.test("terms of a lexicon are words to every segmenter", async () => {
  const text = "查出非小细胞肺癌脑转移灶两处，PD-L1，Ki-67各一。予β受体阻滞剂、维生素 C，有Ⅱ型糖尿病";
  const lexicon = ["非小细胞肺癌脑转移灶", "PD-L1", "β受体阻滞剂", "维生素 C", "Ⅱ型糖尿病"];
  for (const tool of TOOLS) {
    const [plain] = await (await createSegmenter(tool)).cut([text]);
    assert(!plain!.includes(lexicon[0]!), tool);
  }
  for (const tool of TOOLS) {
    const [words] = await (await createSegmenter(tool, { lexicon })).cut([text]);
    assert(lexicon.every((term) => words!.includes(term)), `${tool}: ${words}`);
  }
});
