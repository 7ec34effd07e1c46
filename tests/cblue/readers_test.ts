/** Files of every task, in every layout and with every oddity, as examples; and what is wrong with malformed ones. */
import assert from "node:assert/strict";
import { type Example, readExamples, type Task, TASKS } from "../../lib/cblue/mod.ts";
import { UserError } from "../../lib/config/mod.ts";
import { testInFolder } from "../folders.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const memory = (text: string | Uint8Array, name = "data.json") => ({
  name,
  base: name,
  read: () => Promise.resolve(typeof text === "string" ? bytes(text) : text),
});
const read = (task: Task, records: unknown) => readExamples(task, memory(JSON.stringify(records)));
/** An example without its record. */
const bare = ({ record: _, ...example }: Example) => example;

const spo = {
  Combined: true,
  predicate: "临床表现",
  subject: "肺炎",
  subject_type: "疾病",
  object: { "@value": "咳嗽" },
  object_type: { "@value": "症状" },
};
const triple = {
  subject: "肺炎",
  subjectType: "疾病",
  predicate: "临床表现",
  object: "咳嗽",
  objectType: "症状",
};

const read_: [what: string, task: Task, record: Record<string, unknown>, example: unknown][] = [
  [
    "CMeEE, ends inclusive",
    TASKS.CMeEE,
    { text: "肺炎", entities: [{ start_idx: 0, end_idx: 1, type: "dis", entity: "肺炎" }] },
    { key: "肺炎", text: "肺炎", entities: [{ start: 0, end: 2, type: "dis" }] },
  ],
  [
    "CMeEE-V2, ends exclusive, keys in other order",
    TASKS["CMeEE-V2"],
    { entities: [{ entity: "肺炎", type: "dis", end_idx: 2, start_idx: 0 }], text: "肺炎" },
    { key: "肺炎", text: "肺炎", entities: [{ start: 0, end: 2, type: "dis" }] },
  ],
  [
    "offsets in code points, behind U+FEFF and behind the basic plane",
    TASKS.CMeEE,
    { text: "\ufeff𠮷肺炎", entities: [{ start_idx: 2, end_idx: 3, type: "dis", entity: "肺炎" }] },
    { key: "\ufeff𠮷肺炎", text: "\ufeff𠮷肺炎", entities: [{ start: 2, end: 4, type: "dis" }] },
  ],
  [
    "a text without entities, and 2,078 characters long",
    TASKS.CMeEE,
    { text: "肺".repeat(2078), entities: [] },
    { key: "肺".repeat(2078), text: "肺".repeat(2078), entities: [] },
  ],
  ["CMeEE, test", TASKS.CMeEE, { text: "肺炎" }, { key: "肺炎", text: "肺炎", entities: undefined }],
  ["CMeIE", TASKS.CMeIE, { text: "肺炎@咳嗽", spo_list: [spo] }, {
    key: "肺炎@咳嗽",
    text: "肺炎@咳嗽",
    triples: [triple],
  }],
  [
    "an object that is a plain string, no types",
    TASKS["CMeIE-V2"],
    { text: "咳嗽", spo_list: [{ predicate: "临床表现", subject: "肺炎", object: "咳嗽" }] },
    { key: "咳嗽", text: "咳嗽", triples: [{ ...triple, subjectType: "", objectType: "" }] },
  ],
  ["CMeIE, test", TASKS.CMeIE, { text: "咳嗽" }, { key: "咳嗽", text: "咳嗽", triples: undefined }],
  [
    "CHIP-CDN, names in quotes",
    TASKS["CHIP-CDN"],
    { text: "\ufeff右肺占位", normalized_result: '"肺占位性病变"##"Q"热##咳嗽##咳嗽##' },
    { key: "\ufeff右肺占位", text: "\ufeff右肺占位", terms: ["肺占位性病变", '"Q"热', "咳嗽"] },
  ],
  [
    "CHIP-CDN, all in quotes",
    TASKS["CHIP-CDN"],
    { text: "a", normalized_result: '"咳嗽##发热"' },
    { key: "a", text: "a", terms: ["咳嗽", "发热"] },
  ],
  ["CHIP-CDN, test", TASKS["CHIP-CDN"], { text: "a", normalized_result: "" }, {
    key: "a",
    text: "a",
    terms: undefined,
  }],
  [
    "CHIP-CTC, leading space and HTML entity kept",
    TASKS["CHIP-CTC"],
    { id: "s1", label: "Age", text: " 2)年龄&gt; 70" },
    { key: "s1", texts: [" 2)年龄&gt; 70"], label: "Age" },
  ],
  [
    "CHIP-STS, id and label as numbers",
    TASKS["CHIP-STS"],
    { id: 7, text1: "a", text2: "b", label: 1, category: "diabetes" },
    { key: "7", texts: ["a", "b"], label: "1" },
  ],
  ["KUAKE-QIC, test", TASKS["KUAKE-QIC"], { id: "s1", query: "a" }, {
    key: "s1",
    texts: ["a"],
    label: undefined,
  }],
  ["an empty label", TASKS["KUAKE-QIC"], { id: "s1", query: "a", label: "" }, {
    key: "s1",
    texts: ["a"],
    label: undefined,
  }],
  [
    "KUAKE-QTR",
    TASKS["KUAKE-QTR"],
    { id: "s1", query: "a", title: "b", label: "3" },
    { key: "s1", texts: ["a", "b"], label: "3" },
  ],
  [
    "KUAKE-QQR, NA",
    TASKS["KUAKE-QQR"],
    { id: "s1", query1: "a", query2: "b", label: "NA" },
    { key: "s1", texts: ["a", "b"], label: "0" },
  ],
];
for (const [what, task, record, example] of read_) {
  Deno.test(`reads ${what}`, async () => {
    const [found] = await read(task, [record]);
    assert.deepEqual(bare(found!), example);
    assert.deepEqual(found!.record, record);
  });
}

const line = (id: string) => JSON.stringify({ id, query: "a b", label: "其他" });
const layouts: [what: string, text: string][] = [
  ["a JSON array", `[${line("s1")},\n${line("s2")}]`],
  ["a JSON object a line", `${line("s1")}\n${line("s2")}\n`],
  ["lines with Windows' ends and an empty one", `${line("s1")}\r\n\r\n${line("s2")}`],
  ["a byte order mark before an array", `\ufeff [${line("s1")}, ${line("s2")}]\n`],
  ["a byte order mark before lines", `\ufeff${line("s1")}\n${line("s2")}\n`],
  ["a line separator within a text", `${line("s1").replace("a b", "a\u2028b")}\n${line("s2")}`],
];
for (const [what, text] of layouts) {
  Deno.test(`reads ${what}, whatever the file's name`, async () => {
    for (const name of ["a.json", "a.jsonl"]) {
      const examples = await readExamples(TASKS["KUAKE-QIC"], memory(text, name));
      assert.deepEqual(examples.map(({ key }) => key), ["s1", "s2"]);
    }
  });
}

Deno.test("reads tab-separated pairs, numbered from 0, with answers or without", async () => {
  const table = 'text_a\ttext_b\tlabel\n右肺占位\t肺\t0\n"a\t肺 占位\t1\n';
  const examples = await readExamples(TASKS["CHIP-CDN-2C"], memory(table, "dev.tsv"));
  assert.deepEqual(examples.map(bare), [
    { key: "0", texts: ["右肺占位", "肺"], label: "0" },
    { key: "1", texts: ['"a', "肺 占位"], label: "1" },
  ]);
  const [test] = await readExamples(TASKS["CHIP-CDN-2C"], memory("text_a\ttext_b\r\na\tb\r\n", "test.tsv"));
  assert.equal(test!.label, undefined);
});

const entity = (changes: Record<string, unknown>) => [{
  text: "肺炎",
  entities: [{ start_idx: 0, end_idx: 1, type: "dis", entity: "肺炎", ...changes }],
}];
const pair = { id: "s1", query: "a", title: "b", label: "1" };
const malformed: [what: string, task: Task, records: unknown, message: string][] = [
  ["a record that is none", TASKS["KUAKE-QTR"], [pair, "s2"], 'record 2: "s2" is no JSON object'],
  ["no id", TASKS["KUAKE-QTR"], [pair, { query: "a", title: "b" }], 'record 2, field "id": it is missing'],
  ["no text", TASKS["KUAKE-QTR"], [{ ...pair, title: null }], 'record 1, field "title": it is missing'],
  [
    "a text that is none",
    TASKS["KUAKE-QTR"],
    [{ ...pair, query: ["a"] }],
    'record 1, field "query": ["a"] is no text',
  ],
  [
    "an unknown label",
    TASKS["KUAKE-QTR"],
    [pair, { ...pair, label: "4" }],
    'record 2, field "label": "4" is none of the labels of KUAKE-QTR, which are 0, 1, 2, 3',
  ],
  [
    "a mistyped label of many",
    TASKS["CHIP-CTC"],
    [{ id: "s1", text: "a", label: "Symptoms" }],
    'record 1, field "label": "Symptoms" is none of the labels of CHIP-CTC; did you mean "Symptom"?',
  ],
  [
    "entities that are no list",
    TASKS.CMeEE,
    [{ text: "a", entities: {} }],
    'record 1, field "entities": {} is no list',
  ],
  [
    "an offset that is text",
    TASKS.CMeEE,
    entity({ start_idx: "0" }),
    'record 1, field "entities[0].start_idx": "0" is no whole number from 0',
  ],
  [
    "an end beyond the text",
    TASKS.CMeEE,
    entity({ end_idx: 2 }),
    'record 1, field "entities[0].end_idx": 2 is not within the text of 2 characters; the task takes ends to be inclusive',
  ],
  [
    "an end before the start",
    TASKS.CMeEE,
    entity({ start_idx: 1, end_idx: 0 }),
    'record 1, field "entities[0].end_idx": 0 is before the start, 1; the task takes ends to be inclusive',
  ],
  [
    "an entity elsewhere",
    TASKS.CMeEE,
    entity({ entity: "咳嗽" }),
    'record 1, field "entities[0].entity": it says "咳嗽", but "肺炎" is there',
  ],
  ["no type", TASKS.CMeEE, entity({ type: undefined }), 'record 1, field "entities[0].type": it is missing'],
  [
    "a triple without object",
    TASKS.CMeIE,
    [{ text: "a", spo_list: [{ ...spo, object: {} }] }],
    'record 1, field "spo_list[0].object.@value": it is missing',
  ],
  [
    "an empty subject",
    TASKS.CMeIE,
    [{ text: "a", spo_list: [spo, { ...spo, subject: "" }] }],
    'record 1, field "spo_list[1].subject": it is empty',
  ],
  [
    "an unknown predicate",
    TASKS.CMeIE,
    [{ text: "a", spo_list: [{ ...spo, predicate: "临床" }] }],
    'record 1, field "spo_list[0].predicate": "临床" is none of the labels of CMeIE; did you mean "临床表现"?',
  ],
  [
    "terms that are a list",
    TASKS["CHIP-CDN"],
    [{ text: "a", normalized_result: ["b"] }],
    'record 1, field "normalized_result": ["b"] is no text',
  ],
];
for (const [what, task, records, message] of malformed) {
  Deno.test(`refuses ${what}`, async () => {
    const separator = `Cannot read "data.json": `;
    await assert.rejects(read(task, records), new UserError(separator + message));
  });
}

Deno.test("refuses a file without records, of other syntax or encoding", async () => {
  const task = TASKS["KUAKE-QIC"];
  const reject = (text: string | Uint8Array, message: RegExp, name?: string) =>
    assert.rejects(readExamples(task, memory(text, name)), { name: "UserError", message });
  await reject(" \n", /^Cannot read "data\.json": it is empty$/);
  await reject(
    `[${line("s1")}, ${line('a,{[\\"')}, {"id": }]`,
    /^Cannot read "data\.json": record 3: .*JSON/,
  );
  await reject(`[${line("s1")}`, /^Cannot read "data\.json": record 1: .*JSON/);
  await reject(`${line("s1")}\n\n{"id": `, /^Cannot read "data\.json": record 2 in line 3: .*JSON/);
  await reject(
    "id,query\n",
    /^Cannot read "data\.json": record 1 in line 1: .*; expected a JSON array, or a JSON object a line$/,
  );
  await reject(Uint8Array.of(0x7b, 0xb8, 0xd0), /^Cannot read "data\.json": it is not UTF-8; convert it/);
  await reject(
    "id\tquery\na\tb\tc\n",
    /^Cannot read "a\.tsv": record 1 has 3 columns, the header 2$/,
    "a.tsv",
  );
});

Deno.test("a missing answer is an error where answers are needed", async () => {
  const file = memory(`${line("s1")}\n{"id": "s2", "query": "a"}`);
  assert.equal((await readExamples(TASKS["KUAKE-QIC"], file)).length, 2);
  await assert.rejects(
    readExamples(TASKS["KUAKE-QIC"], file, { answered: true }),
    new UserError('Cannot read "data.json": record 2, field "label": it is missing'),
  );
});

Deno.test("a slip among many entities is warned of; ends that count otherwise are an error", async () => {
  const records = Array.from({ length: 200 }, (_, i) => ({
    text: `第${i}名肺炎`,
    entities: [{
      start_idx: `第${i}名`.length,
      end_idx: `第${i}名肺炎`.length - 1,
      type: "dis",
      entity: i === 7 ? "肺病" : "肺炎",
    }],
  }));
  const warnings: string[] = [];
  const file = memory(JSON.stringify(records));
  const examples = await readExamples(TASKS.CMeEE, file, { warn: (line) => warnings.push(line) });
  assert.equal(examples.length, 200);
  assert.deepEqual(warnings, [
    '1 of 200 entities are not what their offsets say, the first in "data.json": record 8, field "entities[0].entity": it says "肺病", but "肺炎" is there',
  ]);
  await assert.rejects(
    readExamples(TASKS["CMeEE-V2"], file),
    new UserError(
      'Cannot read "data.json": its entities have inclusive ends; describe the task in a JSON file with "ends": "inclusive"',
    ),
  );
});

testInFolder("a file is read by its path", async (folder) => {
  await Deno.writeTextFile(`${folder}/a.json`, `[${line("s1")}]`);
  assert.equal((await readExamples(TASKS["KUAKE-QIC"], `${folder}/a.json`)).length, 1);
  await assert.rejects(
    readExamples(TASKS["KUAKE-QIC"], `${folder}/b.json`),
    new UserError(`Cannot read "${folder}/b.json": no such file or directory`),
  );
});
