/** Names as they are compared. */
import assert from "node:assert/strict";
import { cleanName, comparisonKey, splitMentions } from "../../lib/cblue/normalization/mod.ts";
import { spellOut } from "../../lib/cblue/normalization/abbreviations.ts";

const cases: { of: (text: string) => unknown; text: string; gives: unknown }[] = [
  { of: cleanName, text: "\ufeff 左膝 退变\u3000", gives: "左膝 退变" },
  { of: cleanName, text: '"高血压３级（极高危）"', gives: "高血压3级(极高危)" },
  { of: cleanName, text: "a、b，c,d.e/f\\g:h：i?j？k。l", gives: "a;b;c;d;e;f;g;h;i;j;k;l" },
  { of: cleanName, text: "孕３７～３８周", gives: "孕37-38周" },
  { of: cleanName, text: "“”", gives: "" },
  { of: comparisonKey, text: "Ⅱ型糖尿病", gives: "2型糖尿病" },
  { of: comparisonKey, text: "II型糖尿病", gives: "2型糖尿病" },
  { of: comparisonKey, text: "Ⅳ-Ⅷ、IX、VI", gives: "4896" },
  { of: comparisonKey, text: "HIV（＋）", gives: "hiv" }, // the end of a word is no numeral
  { of: comparisonKey, text: "二度II°AVB", gives: "2度2度avb" },
  { of: comparisonKey, text: "\ufeff、？", gives: "" },
  { of: splitMentions, text: "高血压伴有糖尿病", gives: ["高血压", "糖尿病"] },
  { of: splitMentions, text: "胃癌+肝转移;左、肺炎以及胸水", gives: ["胃癌", "肝转移", "肺炎", "胸水"] },
  { of: splitMentions, text: "，炎", gives: [";炎"] }, // nothing of two letters: the whole
  { of: spellOut, text: "脑梗塞后遗症", gives: "脑梗死后遗症" },
  { of: spellOut, text: "脑梗死", gives: "脑梗死" },
  { of: spellOut, text: "胃ca", gives: "胃恶性肿瘤" },
  { of: spellOut, text: "calcium", gives: "calcium" },
  { of: spellOut, text: "肺占位性病变伴左肺占位", gives: "肺占位性病变伴左肺占位性病变" },
];

for (const { of, text, gives } of cases) {
  Deno.test(`${of.name} of ${JSON.stringify(text)}`, () => assert.deepEqual(of(text), gives));
}
