import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { UserError } from "../../lib/config/mod.ts";
import { createSegmenter, stripLine } from "../../lib/text/mod.ts";

const ORACLE = `${import.meta.dirname}/../../../shared/oracle/segment/golden.jsonl`;

async function readJsonLines(path: string): Promise<unknown[]> {
  const text = await Deno.readTextFile(path);
  return text.trimEnd().split("\n").map((line) => JSON.parse(line));
}

Deno.test("jieba cuts as Python's jieba 0.42.1", async () => {
  const jieba = await createSegmenter("jieba");
  // Each line: the words that Python gives for a sentence.
  const golden = await readJsonLines(`${import.meta.dirname}/../fixtures/segment_jieba.jsonl`) as string[][];
  assert.equal(golden.length, 683);
  assert.deepEqual(await jieba.cut(golden.map((words) => words.join(""))), golden);
});

Deno.test({
  name: "jieba cuts the oracle's sentences as Python's jieba",
  ignore: !existsSync(ORACLE),
  fn: async () => {
    const jieba = await createSegmenter("jieba");
    for (const { text, jieba: words } of await readJsonLines(ORACLE) as { text: string; jieba: string[] }[]) {
      assert.deepEqual(await jieba.cut([text]), [words]);
    }
  },
});

Deno.test("unknown segmenters are refused with the one that works", async () => {
  for (const name of ["lac", "seg", "thulac"]) {
    await assert.rejects(createSegmenter(name), (error) => {
      assert(error instanceof UserError);
      assert.match(error.message, new RegExp(`^Cannot segment with "${name}": .*jieba$`));
      return true;
    });
  }
});

Deno.test("lines are stripped as Python strips them", () => {
  const cases = [
    ["", ""],
    [" \t\u3000\u0085\u001c发 热\u2029\u00a0\r\n", "发 热"],
    ["\ufeff发热\u200b", "\ufeff发热\u200b"],
  ] as const;
  for (const [line, stripped] of cases) assert.equal(stripLine(line), stripped);
});
