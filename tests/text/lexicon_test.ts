import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { UserError } from "../../lib/config/mod.ts";
import { Lexicon, withLexicon } from "../../lib/text/mod.ts";
import { withFolder } from "../folders.ts";

const THUOCL = `${import.meta.dirname}/../../../shared/data/lexicon/THUOCL_medical.txt`;

Deno.test("terms become words, longest first, unless the segmenter has a longer one", () => {
  const cases: [terms: string, words: string, merged: string][] = [
    ["心肌梗死", "急性 心肌 梗死 。", "急性 心肌梗死 。"],
    ["心肌梗死", "急性 心肌 梗死后", "急性 心肌梗死 后"], // a cut is added where the term ends
    ["心肌梗死", "急性心 肌梗死", "急性 心肌梗死"], // and where it starts
    ["糖尿病", "糖尿病足 溃疡", "糖尿病足 溃疡"], // within a longer word
    ["糖尿病", "2型糖尿病 患者", "2型糖尿病 患者"],
    ["肺 肺炎 肺炎支原体", "肺 炎 支原体 感染", "肺炎支原体 感染"],
    ["高血压 血压计", "高 血压 计", "高血压 计"], // of equals the first
    ["阳白 白癜风", "沈 阳 白 癜风", "沈 阳 白癜风"], // of others the longest
    ["阳白", "沈阳 白癜风", "沈阳 白癜风"], // cut by the segmenter on both sides
    ["甲乙 甲乙丙 丙丁戊己", "甲 乙 丙 丁戊己", "甲乙 丙丁戊己"],
    ["维生素B12", "维生素 B 12 片", "维生素B12 片"],
    ["𠮷草", "吃 𠮷 草 药", "吃 𠮷草 药"],
    ["发热", "", ""],
    ["发热", "发 热", "发热"],
  ];
  const split = (text: string) => text.split(" ").filter((word) => word !== "");
  for (const [terms, words, merged] of cases) {
    assert.deepEqual(new Lexicon(split(terms)).merge(split(words)), split(merged), words);
  }
});

Deno.test("matches are those of a plain search, longest first", {
  ignore: !existsSync(THUOCL),
}, async () => {
  const lexicon = await Lexicon.read(THUOCL);
  assert.equal(lexicon.terms.length, 18_749);
  const known = new Set(lexicon.terms);
  const longest = Math.max(...lexicon.terms.map((term) => term.length));
  // Terms run together: the search has to choose among overlapping ones.
  for (let i = 0; i < 2000; i++) {
    const text = [0, 1, 2].map((k) => lexicon.terms[(i * 7919 + k * 104_729) % lexicon.terms.length]!).join(
      "",
    );
    const expected: [number, number][] = [];
    for (let length = longest; length > 0; length--) {
      for (let start = 0; start + length <= text.length; start++) {
        const end = start + length;
        const isFree = expected.every(([from, to]) => end <= from || start >= to);
        if (isFree && known.has(text.slice(start, end))) expected.push([start, end]);
      }
    }
    expected.sort(([a], [b]) => a - b);
    assert.deepEqual(lexicon.matches(text), expected, text);
  }
});

Deno.test("a lexicon makes any segmenter keep its terms whole", async () => {
  const characters = {
    name: "characters",
    cut: (texts: readonly string[]) => Promise.resolve(texts.map((t) => [...t])),
  };
  const segmenter = withLexicon(characters, new Lexicon(["肺炎"]));
  assert.equal(segmenter.name, "characters");
  assert.deepEqual(await segmenter.cut(["患肺炎", ""]), [["患", "肺炎"], []]);
});

Deno.test("lexicon files are read with marks, tabs and repeated terms, or refused by line", () =>
  withFolder(async (folder) => {
    const path = `${folder}/terms.txt`;
    await Deno.writeTextFile(path, "\ufeff心肌梗死\t4711\r\n\r\n 高血压 \n心肌梗死\n");
    assert.deepEqual((await Lexicon.read(path)).terms, ["心肌梗死", "高血压"]);

    const refused = async (message: string) => {
      await assert.rejects(Lexicon.read(path), (error) => {
        assert(error instanceof UserError);
        assert.equal(error.message.slice(0, message.length), message);
        return true;
      });
    };
    await Deno.writeTextFile(path, "\n\n");
    await refused(`Cannot read lexicon "${path}": it holds no term; write one term a line`);
    await Deno.writeFile(path, Uint8Array.of(0x61, 0x0a, 0xb8, 0xdf));
    await refused(`Cannot read lexicon "${path}": line 2 is not UTF-8; convert the file`);
    await Deno.remove(path);
    await refused(`Cannot read lexicon "${path}": `);
  }));
