/** Views: what stands in HTML and in text. */
import assert from "node:assert/strict";
import { join } from "node:path";
import {
  bundleOf,
  DISPLAY,
  entityView,
  errorBrowser,
  examinedSentences,
  maskedSentences,
  parameterTable,
  PretrainingModel,
  relationView,
  ScoreTable,
  table,
  tokenLines,
  wordLines,
} from "../../lib/notebook/mod.ts";
import { TASKS } from "../../lib/cblue/mod.ts";
import { presetConfig } from "../../lib/electra/mod.ts";
import { Corpus } from "../../lib/packing/mod.ts";
import { tf, Variable } from "../../lib/tensorflow/mod.ts";
import { Vocabulary } from "../../lib/text/mod.ts";
import { withEmptyFolder } from "../folders.ts";

/** HTML without its elements. */
const textOf = (html: string) =>
  html.replace(/<[^>]*>/g, "").replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");

Deno.test("tables: wide characters keep the columns, numbers stand right, markup is text", () => {
  const view = table([{ 疾病: "肺炎", n: 12 }, { 疾病: "<b>&", n: 3.14159 }, { n: 1000 }], { caption: "表" });
  assert.equal(
    view.text,
    ["表", "疾病      n", "----  -----", "肺炎     12", "<b>&  3.142", "      1,000"].join("\n"),
  );
  assert.doesNotMatch(view.html, /<b>&/);
  assert.match(textOf(view.html), /<b>&/);
  const long = table(Array.from({ length: 60 }, (_, i) => ({ i })), { limit: 5 });
  assert.equal(long.text.split("\n")[0], "… 55 more rows");
  assert.equal(long.html.split("<tr>").length - 1, 6);
});

const ENTITIES: [string, string, [number, number, string][], string][] = [
  ["beside each other", "患有糖尿病和肺炎", [[6, 8, "dis"], [2, 5, "dis"]], "患有[糖尿病 疾病]和[肺炎 疾病]"],
  [
    "one within another",
    "糖尿病肾病",
    [[0, 5, "dis"], [0, 3, "dis"], [3, 4, "bod"]],
    "[[糖尿病 疾病][肾 bod]病 疾病]",
  ],
  ["twice within", "甲乙丙丁", [[0, 4, "a"], [1, 4, "b"], [2, 3, "c"]], "[甲[乙[丙 c]丁 b] a]"],
  ["characters beyond the first plane", "𠮷𠮷肿", [[1, 3, "sym"]], "𠮷[𠮷肿 sym]"],
  ["crossing", "甲乙丙", [[0, 2, "a"], [1, 3, "b"]], "[甲乙 a]丙\nAcross these: 乙丙 b"],
];

for (const [name, text, spans, expected] of ENTITIES) {
  Deno.test(`entities ${name}`, () => {
    const view = entityView(text, spans.map(([start, end, type]) => ({ start, end, type })), {
      names: { dis: "疾病" },
    });
    assert.equal(view.text, expected);
    assert.equal(textOf(view.html).replace(/\s/g, ""), expected.replace(/[[\]\s]/g, ""));
  });
}

Deno.test("relations: their ends are marked in the text, each triple is a line", () => {
  const view = relationView("糖尿病患者常多饮", [
    { subject: "糖尿病", predicate: "临床表现", object: "多饮" },
    { subject: "糖尿病", predicate: "并发症", object: "不在文中" },
  ]);
  assert.deepEqual(view.text.split("\n"), [
    "[糖尿病 subject]患者常[多饮 object]",
    "  糖尿病 —临床表现→ 多饮",
    "  糖尿病 —并发症→ 不在文中",
  ]);
});

Deno.test("tokens: words side by side, kinds with a legend, notes above", () => {
  assert.equal(
    wordLines({ jieba: ["患者", "<p>"], lac: ["患", "者"] }).text,
    "jieba  患者 <p>\nlac    患 者",
  );
  const view = tokenLines([{ tokens: [{ text: "糖" }, { text: "<尿>", kind: "x", note: "血" }] }], {
    x: { meaning: "replaced", colour: "red" },
  });
  assert.equal(view.text, "糖 [<尿>:血]\n(x: replaced)");
  assert.match(view.html, /<ruby>&lt;尿&gt;<rt[^>]*>血<\/rt><\/ruby>/);
  const word = [
    { spelling: "糖", masking: "none", seen: "糖" },
    { spelling: "##尿", masking: "mask", seen: "[MASK]" },
    { spelling: "病", masking: "random", seen: "一" },
  ] as const;
  assert.deepEqual(maskedSentences([{ sentence: 3, cut: 0, words: [word] }]).text.split("\n").slice(0, 2), [
    "#3  糖尿病",
    "seen  糖 [▇:##尿] [一:病]",
  ]);
});

Deno.test("a sentence examined: each verdict has its kind", () => {
  const seen = { seen: "[MASK]", proposals: [{ token: "尿", probability: 0.8 }] };
  const view = examinedSentences([[
    { token: "糖", shown: "糖", suspicion: 0.9 },
    { token: "尿", shown: "血", suspicion: 0.9, ...seen },
    { token: "病", shown: "病", suspicion: 0.1, ...seen },
  ]]);
  assert.deepEqual(view.text.split("\n").slice(0, 3), [
    "1 text  糖 [尿] [病]",
    "generator  糖 [血:尿 80 %] [病:尿 80 %]",
    "discriminator  [糖] [血] 病",
  ]);
});

Deno.test("errors: the commonest kind first and unfolded, labels by what was taken for what, spans by what went wrong", () => {
  const labelled = (label: string, said: string, text: string) => ({
    example: { key: text, record: {}, texts: [text, "<b>"] as const, label },
    answer: { label: said },
  });
  const cases = [
    labelled("0", "1", "甲"),
    labelled("1", "0", "乙"),
    labelled("1", "0", "丙"),
    labelled("1", "1", "丁"),
  ];
  const view = errorBrowser({
    kind: "classification",
    task: TASKS["CHIP-STS"],
    examples: cases.map(({ example }) => example),
    answers: cases.map(({ answer }) => answer),
  }, { limit: 1 });
  assert.deepEqual(view.text.split("\n"), [
    "CHIP-STS: 3 of 4 not wholly right",
    "  1 语义相同 → 0 语义不同: 2",
    "    乙 / <b>",
    "    … 1 more",
    "  0 语义不同 → 1 语义相同: 1",
    "    甲 / <b>",
  ]);
  assert.deepEqual(view.html.match(/<details[^>]*>/g), ["<details open>", "<details>"]);
  assert.doesNotMatch(view.html, /丁|<b><\/td>/);

  const entities = [{ start: 0, end: 2, type: "dis" }];
  const named = (text: string, answers: typeof entities) => ({
    example: { key: text, record: {}, text, entities },
    answers,
  });
  const spans = [
    named("肺炎", []),
    named("贫血", [{ start: 0, end: 1, type: "dis" }]),
    named("哮喘", entities),
  ];
  const { text } = errorBrowser({
    kind: "entities",
    task: TASKS.CMeEE,
    examples: spans.map(({ example }) => example),
    answers: spans.map(({ answers }) => answers),
  });
  assert.deepEqual(text.split("\n"), [
    "CMeEE: 2 of 3 not wholly right",
    "  missed: 1",
    "    肺炎 [missed 肺炎 · dis 疾病 · 0–2]",
    "  missed and made up: 1",
    "    贫血 [missed 贫血 · dis 疾病 · 0–2] [made up 贫 · dis 疾病 · 0–1]",
  ]);
});

Deno.test("parameters: layers are one row, their sum is the model", () => {
  const shapes = new Map([["e.layers.0.a.weight", [2, 3]], ["e.layers.1.a.weight", [2, 3]], ["head.bias", [
    4,
  ]]]);
  const rows = parameterTable(shapes).text.split("\n").slice(2).map((row) => row.split(/ {2,}/));
  assert.deepEqual(rows, [
    ["e.layers.*.a", "2", "2 × 3", "12", "75 %"],
    ["head", "4", "4", "25 %"],
    ["all", "16", "100 %"],
  ]);
});

const vocabulary = await Vocabulary.read("tests/fixtures/text/vocab.txt");

Deno.test("our classes show themselves, and leave nothing behind", async () => {
  const textOf = async (value: unknown) => (await bundleOf(value))["text/plain"].split("\n")[0];
  const tensor = tf.tensor2d([[1, 2], [3, 5]]);
  using variable = new Variable([2], Float32Array.of(1, 2));
  using corpus = await Corpus.open("tests/fixtures/text", vocabulary);
  using model = PretrainingModel.untrained(presetConfig("tiny", vocabulary.size), vocabulary, 1);
  const before = tf.memory().numTensors;
  assert.equal(await textOf(tensor), "Tensor float32 (2, 2), within 1 … 5, mean 2.75");
  assert.equal(await textOf(variable), "Variable float32 (2), within 1 … 2, mean 1.5");
  assert.equal(await textOf(tf.scalar(7)), "Tensor float32 ()");
  assert.equal(await textOf(tf.zeros([2, 0])), "Tensor float32 (2, 0)");
  assert.equal(await textOf(vocabulary), `Vocabulary of ${vocabulary.size.toLocaleString("en")} tokens`);
  assert.equal(await textOf(corpus), `Corpus of ${corpus.length} sentences`);
  assert.equal(await textOf(model), "Generator and discriminator after 0 steps");
  assert.equal(await textOf(new ScoreTable([])), "Scores on dev in percent");
  assert.equal(tf.memory().numTensors, before + 2); // the two made here
  tensor.dispose();
  assert.equal(await textOf(tensor), "Tensor float32 (2, 2), disposed");
  assert.ok(!Object.keys(corpus).includes(String(DISPLAY))); // of the prototype, and not to be seen there
});

Deno.test("views are saved as pages and as text", async () => {
  await withEmptyFolder(async (folder) => {
    const view = table([{ a: "肺炎" }]);
    for (const name of ["x.html", "x.txt"]) await view.save(join(folder, name));
    assert.match(await Deno.readTextFile(join(folder, "x.html")), /<meta charset="utf-8" \/>[^]*肺炎/);
    assert.equal(await Deno.readTextFile(join(folder, "x.txt")), `${view.text}\n`);
    await assert.rejects(view.save(join(folder, "x.svg")), /a view is saved as .html or .txt$/);
  });
});
