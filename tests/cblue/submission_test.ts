/** From predictions to a submission, through its check, and back. */
import assert from "node:assert/strict";
import { unzipSync } from "fflate";
import {
  type AnswerOf,
  checkFormat,
  type ExampleOf,
  readExamples,
  readSubmission,
  type Task,
  type TaskKind,
  TASKS,
  writeSubmission,
  zipSubmission,
} from "../../lib/cblue/mod.ts";
import { UserError } from "../../lib/config/mod.ts";
import { testInFolder } from "../folders.ts";

const triple = (object: string) => ({ subject: "肺炎", predicate: "临床表现", object });

/** Of each kind of record two, as test files have them, with predictions and what is to stand in the submission. */
const cases: [task: Task, records: Record<string, unknown>[], predictions: unknown[], answers: unknown[]][] =
  [
    ...(["CMeEE", "CMeEE-V2"] as const).map((name): typeof cases[number] => [
      TASKS[name],
      [{ text: "\ufeff𠮷B超示肺炎" }, { text: "无" }],
      [[{ start: 2, end: 4, type: "pro" }, { start: 5, end: 7, type: "dis" }], []],
      [
        [
          { start_idx: 2, end_idx: name === "CMeEE" ? 3 : 4, type: "pro", entity: "B超" },
          { start_idx: 5, end_idx: name === "CMeEE" ? 6 : 7, type: "dis", entity: "肺炎" },
        ],
        [],
      ],
    ]),
    ...(["CMeIE", "CMeIE-V2"] as const).map((name): typeof cases[number] => [
      TASKS[name],
      [{ text: "肺炎@咳嗽，发热\u2028" }, { text: "无" }],
      [[triple("咳嗽"), triple("发热")], []],
      [
        ["咳嗽", "发热"].map((object) => ({
          Combined: false,
          predicate: "临床表现",
          subject: "肺炎",
          object: { "@value": object },
        })),
        [],
      ],
    ]),
    [
      TASKS["CHIP-CDN"],
      [{ text: "高血压2级，咳嗽" }, { text: "\ufeff待查" }],
      [["高血压", "咳嗽"], []],
      ["高血压##咳嗽", ""],
    ],
    ...(["CHIP-CTC", "CHIP-STS", "KUAKE-QIC", "KUAKE-QTR", "KUAKE-QQR"] as const).map((
      name,
    ): typeof cases[number] => {
      const { textFields, labels } = TASKS[name], [first, last] = [labels[0]!.name, labels.at(-1)!.name];
      const texts = Object.fromEntries(textFields.map((field) => [field, ` a&gt;${field}`]));
      return [TASKS[name], [{ id: "s1", ...texts }, { ...texts, id: "s2" }], [{ label: last }, {
        label: first,
      }], [last, first]];
    }),
  ];

for (const [task, records, predictions, answers] of cases) {
  testInFolder(
    `${task.name}: what is predicted stands in the submission and is read from it, shuffled or not`,
    async (folder) => {
      const raw = `${folder}/raw.json`;
      await Deno.writeTextFile(raw, JSON.stringify(records));
      const examples = await readExamples(task, raw);
      const path = await writeSubmission(task, examples, predictions as AnswerOf[TaskKind][], folder);
      assert.equal(path, `${folder}/${task.files.test}`);

      const text = await Deno.readTextFile(path);
      const written = task.layout === "jsonl"
        ? text.trimEnd().split("\n").map((line) => JSON.parse(line))
        : JSON.parse(text);
      assert.deepEqual(written, records.map((record, i) => ({ ...record, [task.answerField]: answers[i] })));
      assert.deepEqual(await checkFormat(task, raw, path), { records: 2, problems: [] });
      assert.deepEqual(comparable(task, await readSubmission(task, examples, path)), predictions);

      const swapped = [written[1], written[0], { ...written[0], id: "more", text: "more" }];
      if (task.kind === "entities") swapped[2].entities = [];
      const lines = swapped.map((record) => JSON.stringify(record));
      await Deno.writeTextFile(path, task.layout === "jsonl" ? lines.join("\n") : `[${lines}]`);
      assert.deepEqual((await checkFormat(task, raw, path)).problems, []);
      assert.deepEqual(comparable(task, await readSubmission(task, examples, path)), predictions);

      await Deno.writeTextFile(path, task.layout === "jsonl" ? lines[1]! : `[${lines[1]}]`);
      const problem = `1 of 2 records are missing, the first is "${examples[1]!.key}"`;
      assert.deepEqual((await checkFormat(task, raw, path)).problems, [problem]);
      await assert.rejects(
        readSubmission(task, examples, path),
        new UserError(`Cannot read "${path}": ${problem}`),
      );
    },
  );
}

/** Predictions as they were made: a submission's triples have types, if only empty ones. */
function comparable({ kind }: Task, predictions: readonly unknown[]): unknown[] {
  if (kind !== "relations") return [...predictions];
  const triples = predictions as ExampleOf["relations"]["triples"][];
  return triples.map((all) => all!.map(({ subject, predicate, object }) => ({ subject, predicate, object })));
}

testInFolder("pairs go to tab-separated columns and back", async (folder) => {
  const task = TASKS["CHIP-CDN-2C"], raw = `${folder}/raw.tsv`;
  await Deno.writeTextFile(raw, "text_a\ttext_b\na\tb\na\tc\n");
  const examples = await readExamples(task, raw);
  const path = await writeSubmission(task, examples, [{ label: "1" }, { label: "0" }], folder);
  assert.equal(await Deno.readTextFile(path), "text_a\ttext_b\tlabel\na\tb\t1\na\tc\t0\n");
  assert.deepEqual((await checkFormat(task, raw, path)).problems, []);
  assert.deepEqual(await readSubmission(task, examples, path), [{ label: "1" }, { label: "0" }]);
});

testInFolder("triples get the types of the schema, and CMeIE's file either name", async (folder) => {
  const raw = `${folder}/raw.json`;
  await Deno.writeTextFile(raw, '{"text": "肺炎@咳嗽"}');
  const examples = await readExamples(TASKS.CMeIE, raw);
  const schema = [{ subjectType: "疾病", predicate: "临床表现", objectType: "症状" }];
  const path = await writeSubmission(TASKS.CMeIE, examples, [[triple("咳嗽")]], folder, {
    name: "CMeIE_test.jsonl",
    schema,
  });
  const [written] = await readExamples(TASKS.CMeIE, path);
  assert.deepEqual(written!.triples, [{ ...triple("咳嗽"), subjectType: "疾病", objectType: "症状" }]);
  assert.deepEqual((await checkFormat(TASKS.CMeIE, raw, path)).problems, []);
});

testInFolder("a text that occurs twice gets its predictions in order", async (folder) => {
  const raw = `${folder}/raw.json`, text = "咳嗽";
  await Deno.writeTextFile(raw, JSON.stringify([{ text }, { text }, { text }]));
  const examples = await readExamples(TASKS["CHIP-CDN"], raw);
  const path = await writeSubmission(TASKS["CHIP-CDN"], examples, [["a"], ["b"], ["c"]], folder);
  assert.deepEqual(await readSubmission(TASKS["CHIP-CDN"], examples, path), [["a"], ["b"], ["c"]]);
  await Deno.writeTextFile(path, JSON.stringify([{ text, normalized_result: "a" }]));
  assert.deepEqual(await readSubmission(TASKS["CHIP-CDN"], examples, path), [["a"], ["a"], ["a"]]);
});

const wrong: [task: Task, raw: unknown[], submission: unknown, problems: string[], name?: string][] = [
  [
    TASKS["KUAKE-QIC"],
    [{ id: "s1", query: "a" }, { id: "s2", query: "b" }],
    [{ id: "s2", label: "医疗费" }, { id: 3 }],
    [
      '1 of 2 records are missing, the first is "s1"',
      '"PATH": record 1, field "label": "医疗费" is none of the labels of KUAKE-QIC, which are 病情诊断, 治疗方案, 病因分析, ' +
      "指标解读, 就医建议, 疾病表述, 后果表述, 注意事项, 功效作用, 医疗费用, 其他",
      '"PATH": record 2, field "label": it is missing',
    ],
  ],
  [
    TASKS.CMeEE,
    [{ text: "肺炎" }],
    [{ text: "肺炎", entities: [{ start_idx: 0, end_idx: 2, type: "dis" }] }, { text: "a" }, {
      text: "b",
      entities: [{ start_idx: 0, end_idx: 0, type: "disease" }],
    }],
    [
      '"PATH": record 1, field "entities[0].end_idx": 2 is not within the text of 2 characters; the task takes ends to be inclusive',
      '"PATH": record 2, field "entities": it is missing',
      '"PATH": record 3, field "entities[0].type": "disease" is none of the labels of CMeEE, which are bod, dis, pro, dru, ite, mic, equ, dep, sym',
    ],
  ],
  [
    TASKS.CMeEE,
    [{ text: "肺炎" }],
    [{ text: "肺炎", entities: [{ start_idx: 0, end_idx: 0, type: "dis", entity: "肺炎" }] }],
    ['"PATH": record 1, field "entities[0].entity": it says "肺炎", but "肺" is there'],
  ],
  [
    TASKS.CMeIE,
    [{ text: "a" }],
    [{ text: "a", spo_list: [{ ...triple("b"), object: "b" }] }],
    [
      "The records must be a JSON object a line, not a JSON array",
      '"PATH": record 1, field "spo_list[0].object": "b" is no JSON object',
    ],
  ],
  [TASKS["CHIP-CDN"], [{ text: "a" }], [{ text: "a", normalized_result: ["b"] }], [
    '"PATH": record 1, field "normalized_result": ["b"] is no text',
  ]],
  [TASKS["CHIP-STS"], [{ id: "1" }], [{ id: "1", label: "0" }], [
    '"sts.json" must be called "CHIP-STS_test.json"',
  ], "sts.json"],
];
testInFolder("a submission that the benchmark would not take is told all that is wrong", async (folder) => {
  for (const [task, raw, submission, problems, name = task.files.test] of wrong) {
    const path = `${folder}/${name}`;
    await Deno.writeTextFile(`${folder}/raw.json`, JSON.stringify(raw));
    await Deno.writeTextFile(path, JSON.stringify(submission));
    const report = await checkFormat(task, `${folder}/raw.json`, path);
    assert.deepEqual(report, {
      records: raw.length,
      problems: problems.map((line) => line.replace("PATH", path)),
    });
  }
});

testInFolder("a zip for upload holds the files by their names, and can be checked", async (folder) => {
  const raw = `${folder}/raw.json`, zip = `${folder}/submission.zip`;
  await Deno.writeTextFile(raw, '[{"id": "s1", "query": "a", "text": "a"}]');
  const examples = await readExamples(TASKS["KUAKE-QIC"], raw);
  const path = await writeSubmission(TASKS["KUAKE-QIC"], examples, [{ label: "其他" }], `${folder}/out`);
  await zipSubmission([path], zip);
  const first = await Deno.readFile(zip);
  assert.deepEqual(Object.keys(unzipSync(first)), ["KUAKE-QIC_test.json"]);
  await zipSubmission([path], zip);
  assert.deepEqual(await Deno.readFile(zip), first);
  assert.deepEqual((await checkFormat(TASKS["KUAKE-QIC"], raw, zip)).problems, []);
  await assert.rejects(
    checkFormat(TASKS.CMeIE, raw, zip),
    new UserError(`Cannot find CMeIE in "${zip}": it has no file "CMeIE_test.json" or "CMeIE_test.jsonl"`),
  );
  await assert.rejects(
    zipSubmission([path, path], zip),
    new UserError(`Cannot write "${zip}": two files are called "KUAKE-QIC_test.json"`),
  );
  await assert.rejects(
    zipSubmission([], zip),
    new UserError(`Cannot write "${zip}": there are no files to put in`),
  );
});

Deno.test("there is a prediction for each example", async () => {
  await assert.rejects(
    writeSubmission(TASKS["KUAKE-QIC"], [], [{ label: "其他" }], "nowhere"),
    new RangeError("Cannot write 1 predictions for 0 examples: there must be one for each"),
  );
});
