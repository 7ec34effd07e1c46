/** ChineseBLUE's sets, recast, are official files that the readers take. */
import assert from "node:assert/strict";
import { recastChineseBlue } from "../../bench/peers/chineseblue.ts";
import {
  checkFormat,
  type ClassificationExample,
  type EntityExample,
  findFile,
  findTask,
  readExamples,
} from "../../lib/cblue/mod.ts";
import { testInFolder } from "../folders.ts";

const SOURCE = "../shared/data/chineseblue";
const isAbsent = await Deno.stat(SOURCE).then(() => false, () => true);

testInFolder(
  "every set is read with all answers, and its test file is a valid submission",
  async (folder) => {
    const sets = await recastChineseBlue(SOURCE, folder);
    const tasks: string[] = [], entities: Record<string, number> = {};
    for (const { set, task: model, dataset, folder, records, notes } of sets) {
      tasks.push(`${set} ${model}`);
      const task = await findTask(dataset), labels = task.labels.map(({ name }) => name);
      for (const split of ["train", "dev", "test"] as const) {
        const warn = (line: string) => assert.fail(line);
        const file = (await findFile(task, folder, split))!;
        const examples = await readExamples(task, file, { answered: true, warn });
        assert.equal(examples.length, records[split]);
        const used = task.kind === "entities"
          ? (examples as EntityExample[]).flatMap(({ entities }) => entities!.map(({ type }) => type))
          : (examples as ClassificationExample[]).map(({ label }) => label!);
        assert.ok(used.every((label) => labels.includes(label)));
        if (task.kind === "entities") entities[set] = (entities[set] ?? 0) + used.length;
        if (split === "test") assert.deepEqual((await checkFormat(task, file, file.name)).problems, []);
      }
      if (set === "cMedQANER") {
        assert.deepEqual(notes, {
          "mentions in other case than the text": 75,
          "mentions found elsewhere": 15,
        });
      }
      if (set === "cMedIR") { // no query is in two parts
        const queries = await Promise.all((["train", "dev", "test"] as const).map(async (split) => {
          const examples = await readExamples(task, (await findFile(task, folder, split))!);
          return new Set((examples as ClassificationExample[]).map(({ texts }) => texts[0]));
        }));
        assert.equal(
          queries.reduce((sum, { size }) => sum + size, 0),
          queries.reduce((a, b) => a.union(b)).size,
        );
      }
    }
    assert.deepEqual(tasks, [
      "cMedTC CHIP-CTC",
      "cMedQQ CHIP-STS",
      "cMedQQ KUAKE-QQR",
      "cMedIC KUAKE-QIC",
      "cMedIR KUAKE-QTR",
      "cEHRNER CMeEE",
      "cMedQANER CMeEE",
    ]);
    assert.equal(entities.cEHRNER, 16136 + 749 + 632); // as many mentions as in the source
  },
  isAbsent,
);
