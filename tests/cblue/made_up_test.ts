/** Generated sets are what the official readers want, and what a model answered to them is listed rightly. */
import assert from "node:assert/strict";
import {
  confusionsOf,
  evaluateAnswers,
  MADE_UP_TASKS,
  type MadeUpTask,
  readSplit,
  readTerms,
  TASKS,
  writeMadeUpSets,
  wrongAnswers,
} from "../../lib/cblue/mod.ts";
import { testInFolder } from "../folders.ts";

testInFolder("generated sets have the labels, places and terms that the readers check", async (folder) => {
  const tasks: readonly MadeUpTask[] = [...MADE_UP_TASKS, "CHIP-CDN"];
  assert.equal(MADE_UP_TASKS.length, 8);
  await writeMadeUpSets(folder, { tasks, train: 60, dev: 20 });
  for (const name of tasks) {
    const odd: string[] = [], options = { answered: true, warn: (line: string) => odd.push(line) };
    const [train, dev] = await Promise.all(
      (["train", "dev"] as const).map((split) => readSplit(TASKS[name], folder, split, options)),
    );
    assert.deepEqual([train?.length, dev?.length, odd], [60, 20, []], name);
    assert.notDeepEqual(train!.slice(0, 20), dev, name);
  }
  const cdn = (await readSplit(TASKS["CHIP-CDN"], folder, "train"))!;
  const terms = new Set(await readTerms(`${folder}/CHIP-CDN/terms.txt`));
  for (const example of cdn) {
    assert.ok("terms" in example && example.terms?.every((term) => terms.has(term)), example.key);
  }
});

Deno.test("confusions and wrong answers list what the score counts", () => {
  const task = TASKS["KUAKE-QQR"], right = ["0", "1", "1", "0"], said = ["0", "0", "1", "0"];
  const examples = right.map((label, i) => ({
    key: `${i}`,
    record: {},
    texts: ["甲", "乙"] as const,
    label,
  }));
  const answers = said.map((label) => ({ label }));
  const { labels, matrix } = confusionsOf(task, examples, answers);
  assert.deepEqual(labels, ["B为A的语义父集，或毫无关联", "B为A的语义子集"]); // "等价" does not occur
  assert.deepEqual(matrix, [[2, 0], [1, 1]]);
  const wrong = wrongAnswers(task, examples, answers);
  assert.deepEqual(wrong.map(({ key }) => key), ["1"]);
  assert.equal(evaluateAnswers(task, examples, answers).score.value, 1 - wrong.length / examples.length);
});

Deno.test("a text's wrong answers: found, missed and said without reason", () => {
  const entities = [{ start: 0, end: 2, type: "dis" }, { start: 3, end: 5, type: "sym" }];
  const example = { key: "1", record: {}, text: "肺炎伴咳嗽", entities };
  const answer = [entities[0]!, { start: 3, end: 5, type: "dis" }];
  const [wrong] = wrongAnswers(TASKS.CMeEE, [example], [answer]);
  assert.deepEqual([wrong!.found, wrong!.missed, wrong!.wrong], [
    ["肺炎 · dis 疾病 · 0–2"],
    ["咳嗽 · sym 临床表现 · 3–5"],
    ["咳嗽 · dis 疾病 · 3–5"],
  ]);
  assert.deepEqual(wrongAnswers(TASKS.CMeEE, [example], [entities]), []);
});
