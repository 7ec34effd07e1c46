/** Every task from its files to a submission: what was predicted, checked and read back scores as the model did. */
import assert from "node:assert/strict";
import { join } from "node:path";
import {
  type AnswerOf,
  checkFormat,
  evaluateAnswers,
  finetune,
  FINETUNE_OPTIONS,
  FinetunedModel,
  MADE_UP_TASKS,
  readExamples,
  readSplit,
  readSubmission,
  type Task,
  type TaskKind,
  TASKS,
  writeMadeUpSet,
  writeSubmission,
} from "../../lib/cblue/mod.ts";
import { resolveOptions, UserError } from "../../lib/config/mod.ts";
import { testInFolder } from "../folders.ts";

/** What it takes to learn something in a few steps. */
const STEPS: Readonly<Record<TaskKind, number>> = {
  classification: 12,
  entities: 40,
  relations: 40,
  normalization: 12,
};

/** Before each text of the set, so that places in it are not those of UTF-16; 4 code points. */
const ODD = "\ufeff𠮷&gt";
const SHIFT = Array.from(ODD).length;

/** A record whose text begins otherwise, its entities moved with it. */
function withOddText(task: Task, record: Record<string, unknown>): Record<string, unknown> {
  const field = task.textFields[0], moved = { ...record, [field]: ODD + record[field] };
  if (task.kind !== "entities") return moved;
  const entities = record.entities as { start_idx: number; end_idx: number }[];
  return {
    ...moved,
    entities: entities.map((one) => ({
      ...one,
      start_idx: one.start_idx + SHIFT,
      end_idx: one.end_idx + SHIFT,
    })),
  };
}

/** Records of a file in any layout; those of a table as objects. */
async function readRecords(path: string): Promise<Record<string, unknown>[]> {
  const text = await Deno.readTextFile(path);
  if (text.startsWith("[")) return JSON.parse(text);
  const lines = text.trimEnd().split("\n");
  if (text.startsWith("{")) return lines.map((line) => JSON.parse(line));
  const [header, ...rows] = lines.map((line) => line.split("\t"));
  return rows.map((cells) => Object.fromEntries(header!.map((name, i) => [name, cells[i]])));
}

async function writeRecords({ layout }: Task, path: string, records: readonly Record<string, unknown>[]) {
  const table = [Object.keys(records[0]!), ...records.map((record) => Object.values(record))];
  const text = layout === "tsv"
    ? table.map((cells) => cells.join("\t")).join("\n")
    : layout === "jsonl"
    ? records.map((record) => JSON.stringify(record)).join("\n")
    : JSON.stringify(records);
  await Deno.writeTextFile(path, text + "\n");
}

/** A record with an answer that its task does not know. */
function spoilt(task: Task, record: Record<string, unknown>): Record<string, unknown> {
  const wrong = {
    classification: "没有",
    entities: [{ start_idx: 0, end_idx: 0, type: "没有" }],
    relations: [{ subject: "a", predicate: "没有", object: { "@value": "b" } }],
    normalization: 7,
  }[task.kind];
  return { ...record, [task.answerField]: wrong };
}

for (const name of [...MADE_UP_TASKS, "CHIP-CDN"] as const) {
  testInFolder(
    `${name}: predictions, written, checked and read in any order, score as the model`,
    async (folder) => {
      const task: Task = TASKS[name], data_dir = join(folder, "data");
      await writeMadeUpSet(data_dir, name, { train: 64, dev: 16 });
      for (const file of [task.files.train, task.files.dev]) {
        const records = await readRecords(join(data_dir, file));
        await writeRecords(task, join(data_dir, file), records.map((record) => withOddText(task, record)));
      }
      const options = resolveOptions(FINETUNE_OPTIONS, {
        ...{ dataset: name, data_dir, save_dir: join(folder, "run"), preset: "tiny", num_threads: 1 },
        ...{
          max_seq_length: 32,
          batch_size: 16,
          max_steps: STEPS[task.kind],
          valid_steps: 1000,
          learning_rate: 2e-3,
        },
        ...{ max_grad_norm: 1, head_bias: "frequency" },
      });
      const { folder: best, best: found } = await finetune(options, { print: () => {} });
      using model = await FinetunedModel.open(best);
      const dev = (await readSplit(task, data_dir, "dev", { answered: true }))!;
      const scoreOf = (answers: readonly AnswerOf[TaskKind][]) =>
        evaluateAnswers(task, dev as never, answers as never).score;
      const score = scoreOf(await model.predict(dev));
      assert.deepEqual(score, found!.score); // as training printed it
      assert.ok(score.value > 0 && score.value < 1, `${score.value}`); // neither nothing nor all

      // the test file as it is published: without answers, and in another order
      const raw = join(folder, task.layout === "tsv" ? "raw.tsv" : "raw.json");
      const unanswered = (await readRecords(join(data_dir, task.files.dev))).toReversed()
        .map(({ [task.answerField]: _, ...record }) => record);
      await writeRecords(task, raw, unanswered);
      const test = await readExamples(task, raw);
      const path = await writeSubmission(task, test, await model.predict(test, { batchSize: 5 }), folder);
      assert.deepEqual(await checkFormat(task, raw, path), { records: 16, problems: [] });
      assert.deepEqual(scoreOf(await readSubmission(task, dev, path)), score);

      const records = await readRecords(path);
      await writeRecords(task, path, [...records.slice(5), ...records.slice(0, 5)]);
      assert.deepEqual((await checkFormat(task, raw, path)).problems, []);
      assert.deepEqual(scoreOf(await readSubmission(task, dev, path)), score);

      await writeRecords(task, path, [spoilt(task, records[0]!), ...records.slice(1)]);
      assert.match((await checkFormat(task, raw, path)).problems.join(), /record 1, field .*(没有|7)/);
      await assert.rejects(readSubmission(task, dev, path), UserError);

      await writeRecords(task, path, records.slice(1));
      assert.match((await checkFormat(task, raw, path)).problems.join(), /^1 of 16 records are missing/);
      await assert.rejects(readSubmission(task, dev, path), /1 of 16 records are missing/);
    },
  );
}
