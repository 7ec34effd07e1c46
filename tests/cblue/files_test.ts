/** Where a task's files are found, and what lies beside its records. */
import assert from "node:assert/strict";
import { basename, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { zipSync } from "fflate";
import {
  findFile,
  readCategories,
  readExamples,
  readSchema,
  readTerms,
  type Split,
  TASKS,
} from "../../lib/cblue/mod.ts";
import { UserError } from "../../lib/config/mod.ts";
import { testInFolder } from "../folders.ts";

const fixture = (name: string) => fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));

const places: [files: string[], split: Split, found: string | undefined][] = [
  [["CMeEE_dev.json", "dev.json"], "dev", "CMeEE_dev.json"],
  [["CMeEE_dev.jsonl"], "dev", "CMeEE_dev.jsonl"],
  [["cmeee_Dev.JSON"], "dev", "cmeee_Dev.JSON"],
  [["valid.json"], "dev", "valid.json"],
  [["CMeEE/train.jsonl", "CMeIE/train.jsonl"], "train", "CMeEE/train.jsonl"],
  [["CMeEE_train.json", "CMeEE/CMeEE_test.json"], "test", "CMeEE/CMeEE_test.json"],
  [
    ["all.zip:CBLUE/CMeEE/CMeEE_test.json", "CMeEE.zip:train.json"],
    "test",
    "all.zip:CBLUE/CMeEE/CMeEE_test.json",
  ],
  [["CMeEE.zip:test.json", "all.zip:CMeEE_test.json"], "test", "CMeEE.zip:test.json"],
  [["all.zip:test.json", "all.zip:CMeIE/test.json", "CMeIE_test.json"], "test", undefined],
  [[".CMeEE_dev.json", "CMeEE.zip:__MACOSX/CMeEE/._CMeEE_dev.json", "CMeEE_dev.json.bak"], "dev", undefined],
];
testInFolder("files are found in folders, folders within and zips", async (root) => {
  for (const [i, [files, split, expected]] of places.entries()) {
    const folder = `${root}/${i}`, zips: Record<string, Record<string, Uint8Array>> = {};
    for (const file of files) {
      const [path, member] = file.split(":") as [string, string?];
      if (member) (zips[path] ??= {})[member] = new TextEncoder().encode("[]");
      else {
        await Deno.mkdir(`${folder}/${path}`.replace(/\/[^/]*$/, ""), { recursive: true });
        await Deno.writeTextFile(`${folder}/${path}`, "[]");
      }
    }
    await Deno.mkdir(folder, { recursive: true });
    for (const [zip, members] of Object.entries(zips)) {
      await Deno.writeFile(`${folder}/${zip}`, zipSync(members));
    }
    const found = await findFile(TASKS.CMeEE, folder, split);
    assert.equal(found && relative(folder, found.name), expected);
    if (found) assert.deepEqual(await readExamples(TASKS.CMeEE, found), []);
  }
});

testInFolder(
  "a zip that is given itself has the task's files, in whatever folder if it has the task's name",
  async (root) => {
    for (
      const [zip, member, isFound] of [
        ["CMeEE.zip", "data/train.json", true],
        ["any.zip", "train.json", true],
        ["any.zip", "data/CMeEE_train.json", true],
        ["any.zip", "data/train.json", false], // whose it is cannot be known
      ] as const
    ) {
      await Deno.writeFile(`${root}/${zip}`, zipSync({ [member]: new TextEncoder().encode("[]") }));
      const found = await findFile(TASKS.CMeEE, `${root}/${zip}`, "train");
      assert.equal(found?.name, isFound ? `${root}/${zip}:${member}` : undefined);
    }
  },
);

testInFolder("what is no folder and no zip is refused", async (folder) => {
  const find = (path: string) => findFile(TASKS.CMeEE, path, "dev");
  await assert.rejects(
    find(`${folder}/no`),
    new UserError(`Cannot read "${folder}/no": no such file or directory`),
  );
  await Deno.writeTextFile(`${folder}/a.json`, "[]");
  await assert.rejects(
    find(`${folder}/a.json`),
    new UserError(`Cannot search "${folder}/a.json" for data: it is neither a folder nor a zip`),
  );
  await Deno.writeTextFile(`${folder}/a.zip`, "PK");
  await assert.rejects(
    find(folder),
    new UserError(`Cannot read "${folder}/a.zip": it is no zip, or a damaged one`),
  );
});

// Made by Python: its workbook, by openpyxl, has a name in GBK; a byte order mark; what macOS adds.
Deno.test("a zip as downloaded has records and terms", async () => {
  const zip = fixture("CHIP-CDN.zip");
  const file = (await findFile(TASKS["CHIP-CDN"], zip, "dev"))!;
  assert.equal(basename(file.name), "CHIP-CDN_dev.json");
  const examples = await readExamples(TASKS["CHIP-CDN"], file);
  assert.deepEqual(examples.map(({ text, terms }) => ({ text, terms })), [
    { text: "\ufeff右肺占位，霍乱？", terms: ["霍乱", "高血压"] },
    { text: "高血压 2级", terms: ["霍乱，由于O1群霍乱弧菌，霍乱生物型所致"] },
  ]);
  assert.equal(await findFile(TASKS["CHIP-CDN"], zip, "train"), undefined);
  const terms = ["霍乱，由于O1群霍乱弧菌，霍乱生物型所致", "霍乱", "高血压", "2型糖尿病"];
  assert.deepEqual(await readTerms(zip), terms);
});

testInFolder("terms are read from text, too", async (folder) => {
  const path = `${folder}/terms.txt`;
  await Deno.writeTextFile(path, "霍乱\n高血压\n\n霍乱\n");
  assert.deepEqual(await readTerms(path), ["霍乱", "高血压"]);
  await Deno.writeTextFile(`${folder}/icd.tsv`, "编码\t疾病名称\r\nA00\t霍乱\r\n");
  assert.deepEqual(await readTerms(`${folder}/icd.tsv`), ["霍乱"]);
  await Deno.writeTextFile(path, "\n");
  await assert.rejects(readTerms(path), new UserError(`Cannot read "${path}": it has no terms`));
  assert.equal(await readTerms(folder), undefined);
  await Deno.writeTextFile(`${folder}/icd.xlsx`, "no workbook");
  await assert.rejects(
    readTerms(folder),
    new UserError(`Cannot read "${folder}/icd.xlsx": it is no Excel workbook, or a damaged one`),
  );
});

// Made by XlsxWriter, with a rich cell, a number and a row that is there twice.
testInFolder("the classes of CHIP-CTC are read from a workbook, sorted", async (folder) => {
  assert.equal(await readCategories(folder), undefined);
  await Deno.copyFile(fixture("category.xlsx"), `${folder}/category.xlsx`);
  assert.deepEqual(await readCategories(folder), [
    { name: "Age", chinese: "年龄" },
    { name: "Disease", chinese: "疾病" },
    { name: "Symptom", chinese: "症状(患者感受)" },
  ]);
});

testInFolder("the schema of CMeIE is read from its lines", async (folder) => {
  assert.equal(await readSchema(folder), undefined);
  const row = { subject_type: "疾病", predicate: "预防", object_type: "其他" };
  await Deno.writeTextFile(
    `${folder}/53_schemas.json`,
    JSON.stringify(row) + "\n" + JSON.stringify(row) + "\n",
  );
  const schema = await readSchema(folder);
  assert.deepEqual(schema?.[1], { subjectType: "疾病", predicate: "预防", objectType: "其他" });
});
