/**
 * ChineseBLUE's labelled sets in the official files of CBLUE's tasks, so that fine-tuning can be measured on real data:
 *
 *     deno run -A bench/peers/chineseblue.ts FOLDER [--from ../shared/data/chineseblue]
 *
 * writes a folder for each set, and where its labels are not those of CBLUE's task a `task.json` that describes it. Test files
 * keep their answers. Texts are as they are, only the line ends of cMedTC are not part of them.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Label, Split } from "../../lib/cblue/mod.ts";

const SPLITS = ["train", "dev", "test"] as const satisfies readonly Split[];

/** A set, recast. */
export interface RecastSet {
  /** As ChineseBLUE calls it, and the task whose files it has now. */
  readonly set: string;
  readonly task: string;
  /** Where its files are: `--data_dir`. */
  readonly folder: string;
  /** What to give as `--dataset`: a task of CBLUE, or a JSON file. */
  readonly dataset: string;
  readonly records: Readonly<Record<Split, number>>;
  /** What was mended or left out, and how often. */
  readonly notes: Readonly<Record<string, number>>;
}

type FileRecord = Readonly<Record<string, unknown>>;
type Notes = Record<string, number>;

/** How a set becomes a task's. */
interface Recipe {
  readonly set: string;
  readonly task: string;
  /** The set's own labels, where they differ from the task's. */
  readonly labels?: readonly Label[];
  /** The records of a split. */
  readonly records: (set: string, split: Split, notes: Notes) => Promise<FileRecord[]>;
}

/** cMedQQ's labels: whether two questions mean the same. */
const SAME: readonly Label[] = [{ name: "0", chinese: "语义不同" }, { name: "1", chinese: "语义相同" }];

/** cMedQANER's types under CMeEE's names where it has them. */
const QUESTION_TYPES: Readonly<Record<string, Label>> = {
  disease: { name: "dis", chinese: "疾病" },
  body: { name: "bod", chinese: "身体" },
  treatment: { name: "pro", chinese: "治疗" },
  drug: { name: "dru", chinese: "药物" },
  test: { name: "ite", chinese: "检查检验" },
  department: { name: "dep", chinese: "科室" },
  crowd: { name: "cro", chinese: "人群" },
  time: { name: "tim", chinese: "时间" },
  feature: { name: "fea", chinese: "特征" },
  physiology: { name: "phy", chinese: "生理" },
  symptom: { name: "sym", chinese: "症状" },
};

/** cEHRNER's types, likewise. */
const HEALTH_RECORD_TYPES: Readonly<Record<string, Label>> = {
  "解剖部位": { name: "bod", chinese: "解剖部位" },
  "疾病和诊断": { name: "dis", chinese: "疾病和诊断" },
  "手术": { name: "pro", chinese: "手术" },
  "药物": { name: "dru", chinese: "药物" },
  "实验室检验": { name: "lab", chinese: "实验室检验" },
  "影像检查": { name: "img", chinese: "影像检查" },
  "症状": { name: "sym", chinese: "症状" },
};

const RECIPES: readonly Recipe[] = [
  { set: "cMedTC", task: "CHIP-CTC", records: classes(["text"]) },
  { set: "cMedQQ", task: "CHIP-STS", records: classes(["text1", "text2"]) },
  { set: "cMedQQ", task: "KUAKE-QQR", labels: SAME, records: classes(["query1", "query2"]) },
  { set: "cMedIC", task: "KUAKE-QIC", labels: numbered(3), records: classes(["query"]) },
  { set: "cMedIR", task: "KUAKE-QTR", labels: numbered(5), records: titles },
  {
    set: "cEHRNER",
    task: "CMeEE",
    labels: Object.values(HEALTH_RECORD_TYPES),
    records: mentions(HEALTH_RECORD_TYPES),
  },
  {
    set: "cMedQANER",
    task: "CMeEE",
    labels: Object.values(QUESTION_TYPES),
    records: mentions(QUESTION_TYPES),
  },
];

/**
 * Recasts all sets.
 *
 * @param from ChineseBLUE's folder.
 * @param to Where a folder for each set is made, such as `cMedQQ-as-CHIP-STS`.
 * @returns The sets.
 */
export async function recastChineseBlue(from: string, to: string): Promise<RecastSet[]> {
  const sets: RecastSet[] = [];
  for (const { set, task, labels, records } of RECIPES) {
    const name = `${set}-as-${task}`, folder = join(to, name), counts = { train: 0, dev: 0, test: 0 };
    const own = labels && join(folder, "task.json"), notes: Notes = {};
    await Deno.mkdir(folder, { recursive: true });
    for (const split of SPLITS) {
      const all = await records(join(from, set), split, notes);
      counts[split] = all.length;
      await writeJson(join(folder, `${labels ? name : task}_${split}.json`), all);
    }
    if (own) await writeJson(own, { name, like: task, labels });
    sets.push({ set, task, folder, dataset: own ?? task, records: counts, notes });
  }
  return sets;
}

/** Lines of a label and one text or two, between tabs. */
function classes(textFields: readonly string[]): Recipe["records"] {
  return async (set, split) => {
    const lines = (await Deno.readTextFile(join(set, `${split}.txt`))).split(/\r?\n/);
    return lines.filter((line) => line !== "").map((line, i) => {
      const [label, ...texts] = line.split("\t");
      const named = Object.fromEntries(textFields.map((field, n) => [field, texts[n]]));
      return { id: `s${i + 1}`, ...named, label };
    });
  };
}

/**
 * Queries with the titles that were found for them.
 *
 * There is one file; its queries are dealt out by their hashes, 8 to 1 to 1. Many titles stand there once more with a colon
 * before them; pairs that are then the same count once, and not at all if they are graded differently.
 */
async function titles(set: string, split: Split, notes: Notes): Promise<FileRecord[]> {
  const grades = new Map<string, { query: string; title: string; labels: Set<string> }>();
  let read = 0;
  for (const { query, documents } of await jsonLines(join(set, "dev.json"))) {
    if (splitOf(query) !== split) continue;
    for (const { title, label } of documents) {
      const plain = title.replace(/^:/, ""), key = JSON.stringify([query, plain]);
      const pair = grades.get(key) ?? { query, title: plain, labels: new Set() };
      pair.labels.add(label);
      grades.set(key, pair);
      read++;
    }
  }
  const clear = [...grades.values()].filter(({ labels }) => labels.size === 1);
  count(notes, "pairs there more than once", read - grades.size);
  count(notes, "pairs graded differently, left out", grades.size - clear.length);
  return clear.map(({ query, title, labels: [label] }, i) => ({ id: `s${i + 1}`, query, title, label }));
}

function splitOf(query: string): Split {
  const tenth = createHash("sha256").update(query).digest()[0]! % 10;
  return tenth === 0 ? "dev" : tenth === 1 ? "test" : "train";
}

/** Texts with mentions of entities, at offsets that are sometimes wrong. */
function mentions(types: Readonly<Record<string, Label>>): Recipe["records"] {
  return async (set, split, notes) => {
    const records = await jsonLines(join(set, `${split}.json`));
    return records.map(({ text, mention_data: mentions }) => {
      const entities = new Map<string, FileRecord>();
      for (const { mention, offset, label, type = label } of mentions) {
        const entity = entityOf(text, mention, Number(offset), types[type]!.name, notes);
        if (entity) entities.set(JSON.stringify(entity), entity);
      }
      return { text, entities: [...entities.values()] };
    });
  };
}

/** The entity that a mention means: where it says, or else where the mention stands nearest to that. */
function entityOf(text: string, mention: string, offset: number, type: string, notes: Notes) {
  const characters = Array.from(text), length = Array.from(mention).length;
  const at = (start: number) => characters.slice(start, start + length).join("");
  const isThere = (start: number) => at(start).toLowerCase() === mention.toLowerCase();
  const places = isThere(offset) ? [offset] : characters.map((_, i) => i).filter(isThere);
  const [start] = places.sort((a, b) => Math.abs(a - offset) - Math.abs(b - offset));
  if (start === undefined) {
    count(notes, "mentions that are not in the text, left out");
    return undefined;
  }
  if (start !== offset) count(notes, "mentions found elsewhere");
  else if (at(start) !== mention) count(notes, "mentions in other case than the text");
  return { start_idx: start, end_idx: start + length - 1, type, entity: at(start) };
}

function count(notes: Notes, note: string, times = 1) {
  if (times > 0) notes[note] = (notes[note] ?? 0) + times;
}

function numbered(labels: number): Label[] {
  return Array.from({ length: labels }, (_, id) => ({ name: String(id) }));
}

// deno-lint-ignore no-explicit-any -- files with a known shape
async function jsonLines(path: string): Promise<any[]> {
  const lines = (await Deno.readTextFile(path)).split("\n");
  return lines.filter((line) => line !== "").map((line) => JSON.parse(line));
}

async function writeJson(path: string, value: unknown) {
  await Deno.writeTextFile(path, JSON.stringify(value, null, 1) + "\n");
}

if (import.meta.main) {
  const { values: { from }, positionals: [to] } = parseArgs({
    options: { from: { type: "string", default: "../shared/data/chineseblue" } },
    allowPositionals: true,
  });
  if (to === undefined) throw new Error("Cannot recast ChineseBLUE: no folder to write to is given");
  for (const { dataset, folder, records, notes } of await recastChineseBlue(from, to)) {
    console.log(`--dataset ${dataset} --data_dir ${folder}`, records, notes);
  }
}
