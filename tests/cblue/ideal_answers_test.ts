/** From a file's answers to targets of rows and back: what was said comes back, where it stood, and what cannot be said is counted. */
import assert from "node:assert/strict";
import { join } from "node:path";
import {
  approachOf,
  type Entity,
  type EntityExample,
  entityKey,
  finetune,
  FINETUNE_OPTIONS,
  FinetunedModel,
  lostEntities,
  readExamples,
  type RelationExample,
  type Task,
  TASKS,
  writeSubmission,
} from "../../lib/cblue/mod.ts";
import { resolveOptions } from "../../lib/config/mod.ts";
import { Vocabulary } from "../../lib/text/mod.ts";
import { testInFolder } from "../folders.ts";
import { type Draw, draws, randomEntities } from "./random_sets.ts";

const VOCABULARY = Vocabulary.fromTokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "肺", "炎"]);
const TYPES = TASKS.CMeEE.labels.map(({ name }) => name);
/** One code point each, of one or two units of UTF-16, of which some texts are made. */
const ODD = Array.from('肺炎\ufeff𠮷😷é\u0301 \t\u2028İ&gt;"\\AＡ');

const keys = (entities: readonly Entity[]) => [...new Set(entities.map(entityKey))].sort();

function randomText(draw: Draw, length: number): string {
  return Array.from({ length }, () => ODD[draw(ODD.length)]!).join("");
}

for (const task of [TASKS.CMeEE, TASKS["CMeEE-V2"]] as Task<"entities">[]) {
  testInFolder(
    `${task.name}: nested entities of odd texts come back from windows where they stood`,
    async (folder) => {
      const draw = draws(11), inclusive = task.ends !== "exclusive";
      const records = Array.from({ length: 200 }, () => {
        const characters = Array.from(randomText(draw, 1 + draw(90)));
        const entities = randomEntities(draw, characters.length, TYPES).map(({ start, end, type }) => ({
          start_idx: start,
          end_idx: inclusive ? end - 1 : end,
          type,
          entity: characters.slice(start, end).join(""),
        }));
        return { text: characters.join(""), entities };
      });
      const path = join(folder, "gold.json");
      await Deno.writeTextFile(path, JSON.stringify(records));
      const examples = await readExamples(task, path, { answered: true });
      for (
        const [scheme, long] of [["spans", "windows"], ["channels", "windows"], [
          "channels",
          "truncate",
        ]] as const
      ) {
        const approach = approachOf(task, VOCABULARY, { max_seq_length: 42, scheme, long });
        const answers = examples.map((example) =>
          approach.ideal!(example, approach.rows(example)) as Entity[]
        );
        examples.forEach(({ text, entities }: EntityExample, i) => {
          const lost = scheme === "spans" ? [] : keys(lostEntities(entities!, [TYPES.slice(0, -1), ["sym"]]));
          const cut = long === "truncate" ? Math.min(40, Array.from(text).length) : Infinity;
          const expected = keys(entities!.filter(({ end }) => end <= cut)).filter((key) =>
            !lost.includes(key)
          );
          assert.deepEqual(keys(answers[i]!), expected); // entities have 8 characters at most, windows share 10
        });
        // and in a submission they are spelled as in the file
        const written = await readExamples(task, await writeSubmission(task, examples, answers, folder));
        written.forEach(({ record }) => {
          const { text, entities } = record as typeof records[number],
            gold = records.find((own) => own.text === text)!;
          for (const { start_idx, end_idx, entity } of entities) {
            const same = gold.entities.filter((own) =>
              own.start_idx === start_idx && own.end_idx === end_idx
            );
            assert.ok(same.some((own) => own.entity === entity));
          }
        });
      }
    },
  );
}

Deno.test("triples come back from windows that have both names, spelled as in the text", () => {
  const task: Task<"relations"> = TASKS.CMeIE, predicate = "病因";
  const text = `\ufeff𠮷Ｃ型肺炎由CT证实，${"无".repeat(40)}病毒致😷喘`;
  const triple = (subject: string, object: string) => ({
    subject,
    predicate,
    object,
    subjectType: "",
    objectType: "",
  });
  const triples = [
    triple("ｃ型肺炎", "ct"),
    triple("😷喘", "病毒"),
    triple("ct", "病毒"),
    triple("没有", "病毒"),
  ];
  const example: RelationExample = { key: text, record: {}, text, triples };
  const ideal = (long: "windows" | "truncate") => {
    const approach = approachOf(task, VOCABULARY, { max_seq_length: 34, long });
    return approach.ideal!(example, approach.rows(example));
  };
  const [near, far] = [
    { subject: "Ｃ型肺炎", predicate, object: "CT" },
    { subject: "😷喘", predicate, object: "病毒" },
  ];
  assert.deepEqual(ideal("windows"), [near, far]); // CT and 病毒 are in no window together
  assert.deepEqual(ideal("truncate"), [near]);
});

testInFolder("types of one's own have the channels that let their set say most", async (folder) => {
  const entity = (start_idx: number, end_idx: number, type: string) => ({ start_idx, end_idx, type });
  const records = Array.from({ length: 6 }, (_, i) => ({
    text: `${"无".repeat(i)}胃溃疡出血`,
    entities: [entity(i, i + 4, "diagnosis"), entity(i, i, "organ"), entity(i + 3, i + 4, "sign")],
  }));
  await Deno.writeTextFile(join(folder, "own_train.json"), JSON.stringify(records));
  const lines: string[] = [],
    labels = ["organ", "diagnosis", "sign"],
    runOf = async (more: object) => {
      await Deno.writeTextFile(
        join(folder, "own.json"),
        JSON.stringify({ kind: "entities", labels, ...more }),
      );
      const options = resolveOptions(FINETUNE_OPTIONS, {
        ...{
          dataset: join(folder, "own.json"),
          data_dir: folder,
          preset: "tiny",
          max_steps: 1,
          num_threads: 1,
        },
        save_dir: join(folder, `run${Object.keys(more).length}`),
      });
      const { folder: found } = await finetune(options, { print: (line) => lines.push(line) });
      using model = await FinetunedModel.open(found);
      return model.task.nesting;
    };
  assert.deepEqual(await runOf({}), ["diagnosis"]);
  assert.ok(!lines.some((line) => line.includes("cannot be said")), lines.join("\n"));
  assert.deepEqual(await runOf({ nesting: ["organ"] }), ["organ"]);
  assert.ok(lines.some((line) => line.includes("6 (33.33 %) cannot be said")), lines.join("\n"));
});

testInFolder("a run tells how many answers it cannot learn", async (folder) => {
  const entity = (start_idx: number, end_idx: number, type: string) => ({ start_idx, end_idx, type });
  const nested = { text: "胃溃疡出血", entities: [entity(0, 4, "dis"), entity(0, 0, "bod")] };
  const long = { text: "无".repeat(30) + "肺炎", entities: [entity(30, 31, "dis")] };
  const plain = { text: "肺炎", entities: [entity(0, 1, "dis")] };
  await Deno.writeTextFile(join(folder, "CMeEE_train.json"), JSON.stringify([nested, long, plain]));
  const notesWith = async (given: Record<string, unknown>) => {
    const lines: string[] = [];
    const options = resolveOptions(FINETUNE_OPTIONS, {
      ...{
        dataset: "CMeEE",
        data_dir: folder,
        save_dir: join(folder, JSON.stringify(given)),
        preset: "tiny",
      },
      ...{ max_seq_length: 20, max_steps: 1, num_threads: 1, ...given },
    });
    await finetune(options, { print: (line) => lines.push(line) });
    return lines.filter((line) => line.includes("cannot be said"));
  };
  assert.deepEqual(await notesWith({}), [
    "Of 4 answers in the training set, 2 (50.00 %) cannot be said in labels and rows; --long windows or --scheme spans " +
    "may say more",
  ]);
  assert.deepEqual(await notesWith({ long: "windows" }), [
    "Of 4 answers in the training set, 1 (25.00 %) cannot be said in labels and rows; --scheme spans may say more",
  ]);
  assert.deepEqual(await notesWith({ long: "windows", scheme: "spans" }), []);
});
