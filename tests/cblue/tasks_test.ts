/** The table of tasks, and tasks that users describe. */
import assert from "node:assert/strict";
import { channelsOf, chineseName, findTask, labelIds, labelNames, TASKS } from "../../lib/cblue/mod.ts";
import { UserError } from "../../lib/config/mod.ts";
import { testInFolder } from "../folders.ts";

Deno.test("each task has the labels that the original's heads have classes for", () => {
  const counts = Object.values(TASKS).map(({ name, labels }) => [name, labels.length]);
  assert.deepEqual(Object.fromEntries(counts), {
    "CMeEE": 9,
    "CMeEE-V2": 9,
    "CMeIE": 44,
    "CMeIE-V2": 44,
    "CHIP-CDN": 0,
    "CHIP-CDN-2C": 2,
    "CHIP-CTC": 44,
    "CHIP-STS": 2,
    "KUAKE-QIC": 11,
    "KUAKE-QTR": 4,
    "KUAKE-QQR": 3,
  });
  for (const { name, labels } of Object.values(TASKS)) {
    assert.equal(new Set(labels.map(({ name }) => name)).size, labels.length, name);
  }
});

Deno.test("classes have the ids that the original gives them", () => {
  const criteria = TASKS["CHIP-CTC"].labels.map(({ name }) => name);
  assert.deepEqual(criteria, criteria.toSorted()); // the original sorts the column of category.xlsx
  const [others, symptoms] = channelsOf(TASKS.CMeEE.labels.map(({ name }) => name)).map(labelNames);
  assert.deepEqual([others!.length, others![0], others![8], others![32]], [33, "B-bod", "B-pro", "O"]);
  assert.deepEqual(symptoms, ["B-sym", "I-sym", "E-sym", "S-sym", "O"]);
  assert.equal(labelIds(TASKS.CMeIE).get("同义词"), 43);
  assert.equal(labelIds(TASKS["KUAKE-QQR"]).get("NA"), 0); // CBLUE's baseline does so
});

Deno.test("labels have Chinese names", () => {
  assert.equal(chineseName(TASKS["CHIP-CTC"], "Pregnancy-related Activity"), "怀孕相关");
  assert.equal(chineseName(TASKS.CMeIE, "预防"), "预防");
  assert.equal(chineseName(TASKS.CMeEE, "nothing"), "nothing");
});

Deno.test("a task is found in any case, and a mistyped name gets the nearest", async () => {
  assert.equal(await findTask("kuake-qtr"), TASKS["KUAKE-QTR"]);
  const names = Object.keys(TASKS).join(", ");
  await assert.rejects(
    findTask("KUAKE-QIX"),
    new UserError(
      `Cannot find task "KUAKE-QIX": did you mean "KUAKE-QIC"? The tasks are ${names}, or a JSON file that describes one of your own`,
    ),
  );
  await assert.rejects(
    findTask("glue/cola and more"),
    new UserError(
      `Cannot find task "glue/cola and more": The tasks are ${names}, or a JSON file that describes one of your own`,
    ),
  );
});

testInFolder("a task of one's own follows an official one in what it leaves out", async (folder) => {
  const path = `${folder}/departments.json`;
  const write = (description: unknown) => Deno.writeTextFile(path, JSON.stringify(description));

  await write({
    kind: "classification",
    textFields: ["a", "b"],
    labels: ["内科", { name: "外科", aliases: ["手术科"] }],
  });
  const { published: _, ...recipe } = TASKS["KUAKE-QIC"].recipe;
  assert.deepEqual(await findTask(path), {
    name: "departments",
    kind: "classification",
    files: { train: "departments_train.json", dev: "departments_dev.json", test: "departments_test.json" },
    textFields: ["a", "b"],
    keyField: "id",
    answerField: "label",
    labels: [{ name: "内科" }, { name: "外科", aliases: ["手术科"] }],
    metric: "accuracy",
    recipe,
  });

  await write({ name: "mine", like: "CMeEE-V2", files: { dev: "x.jsonl" }, recipe: { epochs: 0.5 } });
  const { name, kind, files, ends, labels, recipe: own } = await findTask(path);
  assert.deepEqual({ name, kind, ends, epochs: own.epochs, batch: own.batchSize }, {
    name: "mine",
    kind: "entities",
    ends: "exclusive",
    epochs: 0.5,
    batch: 32,
  });
  assert.deepEqual(files, { train: "mine_train.json", dev: "x.jsonl", test: "mine_test.json" });
  assert.equal(labels, TASKS["CMeEE-V2"].labels);

  const nestingOf = async (more: object) => {
    await write({ kind: "entities", ...more });
    return (await findTask(path)).nesting;
  };
  assert.deepEqual(await nestingOf({ labels: ["dis", "sym"] }), ["sym"]); // CMeEE's
  assert.deepEqual(await nestingOf({ labels: ["dis", "bod"] }), undefined);
  assert.deepEqual(await nestingOf({ labels: ["dis", "bod"], nesting: ["dis"] }), ["dis"]);
});

const refused: [description: string, description: unknown, message: string][] = [
  [
    "a type that nests but is none",
    { kind: "entities", labels: ["a"], nesting: ["a", 1] },
    'field "nesting[1]": 1 is none of the labels',
  ],
  ["no object", [1], "[1] is no JSON object"],
  ["an unknown field", { labls: [] }, 'field "labls": did you mean "labels"?'],
  ["no kind", { labels: ["a", "b"] }, 'field "kind": it is missing'],
  [
    "an unknown kind",
    { kind: "regression" },
    'field "kind": "regression" is not one of classification, entities, relations, normalization',
  ],
  [
    "another kind",
    { kind: "entities", like: "KUAKE-QQR" },
    'field "kind": KUAKE-QQR is a task of kind "classification"',
  ],
  ["no labels", { kind: "classification" }, 'field "labels": it is missing'],
  ["one label", { kind: "classification", labels: ["a"] }, 'field "labels": there are too few'],
  [
    "a label twice",
    { kind: "entities", labels: ["a", { name: "b", aliases: ["a"] }] },
    'field "labels": "a" is there twice',
  ],
  [
    "a label without name",
    { kind: "entities", labels: [{ chinese: "疾病" }] },
    'field "labels[0].name": it is missing',
  ],
  [
    "three texts",
    { like: "CHIP-STS", textFields: ["a", "b", "c"] },
    'field "textFields": expected the names of one field or two',
  ],
  [
    "two texts",
    { like: "CMeIE", textFields: ["a", "b"] },
    'field "textFields": a task of kind "relations" has one text',
  ],
  [
    "a strange file",
    { like: "CHIP-STS", files: { validation: "v.json" } },
    'field "files.validation": the files are train, dev, test',
  ],
  ["no epochs", { like: "CHIP-STS", recipe: { epochs: 0 } }, 'field "recipe.epochs": 0 is no number above 0'],
  [
    "half a batch",
    { like: "CHIP-STS", recipe: { batchSize: 2.5 } },
    'field "recipe.batchSize": 2.5 is no whole number from 1',
  ],
  [
    "a strange metric",
    { like: "CHIP-STS", metric: "bleu" },
    'field "metric": "bleu" is not one of accuracy, macro-f1, f1, micro-f1',
  ],
  [
    "accuracy of sets",
    { like: "CMeEE", metric: "accuracy" },
    'field "metric": "accuracy" is not one of micro-f1, macro-f1',
  ],
];
testInFolder("a text is the key of its record, whatever its field is called", async (folder) => {
  await Deno.writeTextFile(`${folder}/t.json`, JSON.stringify({ like: "CMeEE", textFields: ["content"] }));
  assert.equal((await findTask(`${folder}/t.json`)).keyField, "content");
});

testInFolder("what describes no task is refused, with the field", async (folder) => {
  const path = `${folder}/task.json`;
  for (const [what, description, message] of refused) {
    await Deno.writeTextFile(path, JSON.stringify(description));
    const separator = message.startsWith("field") ? ", " : ": ";
    await assert.rejects(
      findTask(path),
      new UserError(`Cannot read task "${path}"${separator}${message}`),
      what,
    );
  }
  await Deno.writeTextFile(path, "{");
  await assert.rejects(findTask(path), {
    name: "UserError",
    message: new RegExp(`^Cannot read task "${path}": .*JSON`),
  });
  await assert.rejects(
    findTask(`${folder}/no.json`),
    new UserError(`Cannot read "${folder}/no.json": no such file or directory`),
  );
});
