/**
 * Synthetic sets for the two tasks that no licensed data exists for, made of a knowledge graph's relations and names:
 *
 *     deno run -A bench/peers/cmekg.ts FOLDER [--from ../shared/data/cmekg]
 *
 * `CMeKG-as-CMeIE`: sentences about a disease by templates of ours, one or two relations each, before a third of them another
 * disease of which nothing is said. `CMeKG-as-CHIP-CDN`: names of diseases as a clinician might write them, by the rules of
 * {@linkcode VARIANTS}, some with two diseases; the standard terms are the names.
 *
 * What is drawn depends on the graph alone. Train and dev share diseases, but no sentence or spelling.
 *
 * @module
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Split } from "../../lib/cblue/mod.ts";
import { RandomStream } from "../../lib/packing/mod.ts";

/** A set that was made. */
export interface MadeSet {
  readonly name: string;
  /** Where its files are: `--data_dir`. */
  readonly folder: string;
  /** What to give as `--dataset`. */
  readonly dataset: string;
  readonly records: Readonly<Record<"train" | "dev", number>>;
}

/** A disease and what the graph has of it: objects by the graph's relation. */
interface Disease {
  readonly entity: string;
  readonly relations: Readonly<Record<string, readonly string[]>>;
}

/** What the graph's relation is in CMeIE, and how we say it after the disease's name. */
interface Predicate {
  readonly name: string;
  readonly objectType: string;
  readonly phrases: readonly string[];
}

const SUBJECT_TYPE = "疾病";
const OBJECTS = "{}";
const PREDICATES: Readonly<Record<string, Predicate>> = {
  "常见症状": {
    name: "临床表现",
    objectType: "症状",
    phrases: ["患者常有{}", "可出现{}等症状", "主要表现为{}", "发作时见{}"],
  },
  "常见病因": { name: "病因", objectType: "社会学", phrases: ["多由{}引起", "与{}有关", "常因{}而发病"] },
  "就诊科室": { name: "就诊科室", objectType: "其他", phrases: ["应到{}就诊", "可挂{}的号", "由{}诊治"] },
  "多发群体": { name: "多发群体", objectType: "社会学", phrases: ["多见于{}", "好发于{}", "易感人群是{}"] },
  "常见发病部位": { name: "发病部位", objectType: "部位", phrases: ["病变位于{}", "好发于{}", "常累及{}"] },
  "检查": { name: "辅助检查", objectType: "检查", phrases: ["需做{}检查", "通过{}可以确诊", "应查{}"] },
  "相关药物": { name: "药物治疗", objectType: "药物", phrases: ["可用{}治疗", "宜服{}", "常用药有{}"] },
  "并发症": {
    name: "并发症",
    objectType: "疾病",
    phrases: ["可并发{}", "可能引起{}等并发症", "严重时继发{}"],
  },
  "传播途径": { name: "传播途径", objectType: "社会学", phrases: ["经{}传播", "传播途径是{}"] },
  "别称": { name: "同义词", objectType: "疾病", phrases: ["又称{}", "也叫{}", "俗称{}"] },
};
const DISTRACTORS = ["与{}不同，", "需与{}区别，", "不少患者误以为是{}，其实"];
/** Names that a sentence can hold: Chinese characters, letters, digits. */
const NAME = /^[\p{Script=Han}A-Za-z0-9]{2,10}$/u;
const MOST_OBJECTS = 3;
/** Sentences of each disease, of the so many about which the graph tells most. */
const SENTENCES = 4, DISEASES = 900;

/** A rule by which a clinician's spelling differs, where it applies. */
type Variant = (name: string) => string | undefined;

/** The rules, one for each spelling. */
const VARIANTS: readonly Variant[] = [
  replaced(/^(急性|慢性|先天性|原发性|继发性|特发性|小儿|新生儿|老年性?)(..+)$/, "$2（$1）"), // the qualifier behind
  replaced(/^(急|慢|先天|原发|继发|特发)性(..+)$/, "$2，$1"),
  replaced(/综合征/, "综合症"),
  replaced(/恶性肿瘤|癌$/, "ca"),
  replaced(/(..)(?:症|病)$/, "$1"), // the last syllable left out
  replaced(/性(?=..)/, ""),
  replaced(/功能/, "机能"),
  replaced(/障碍/, "异常"),
  replaced(/不全/, "不足"),
  replaced(/^(..+)(骨折|损伤|脱位|溃疡|结核|囊肿|肿瘤|出血|狭窄|畸形)$/, "$2（$1）"), // what, and where
  replaced(/(..)炎$/, "$1发炎"),
  replaced(/^/, "考虑"),
  replaced(/$/, "待查"),
  replaced(/$/, "复发"),
  replaced(/^/, "左侧"),
  replaced(/$/, "术后"),
  dropped(1), // a character forgotten
  dropped(2),
  dropped(-2),
];
const TERM = /^[\p{Script=Han}A-Za-z0-9]{4,12}$/u;
const JOINTS = ["伴", "，", "；", "合并", "+", " "];
/** Of spellings, so many name two diseases. */
const DOUBLE_SHARE = 0.25;

/**
 * Makes both sets.
 *
 * @param from The graph's folder, with `cmekg.jsonl.gz`.
 * @param to Where a folder for each set is made.
 */
export async function makeSyntheticSets(from: string, to: string): Promise<MadeSet[]> {
  const graph = await readGraph(join(from, "cmekg.jsonl.gz"));
  return [await makeRelations(graph, to), await makeNormalization(graph, to)];
}

async function makeRelations(graph: readonly Disease[], to: string): Promise<MadeSet> {
  const known = graph.map(({ entity, relations }): Disease => {
    const used = Object.keys(PREDICATES).map((key) => [key, (relations[key] ?? []).filter(isName)] as const);
    return { entity, relations: Object.fromEntries(used.filter(([, objects]) => objects.length > 0)) };
  });
  const size = ({ relations }: Disease) => Object.keys(relations).length;
  const diseases = known.filter((one) => isName(one.entity) && size(one) >= 3)
    .sort((a, b) => size(b) - size(a) || (a.entity < b.entity ? -1 : 1)).slice(0, DISEASES);
  const draws = new Draws(1), sentences = new Map<string, unknown>();
  for (const disease of diseases) {
    for (let i = 0; i < SENTENCES; i++) {
      const { text, triples } = sentenceOf(disease, draws.of(diseases).entity, draws);
      if (triples.length > 0) sentences.set(text, { text, spo_list: triples });
    }
  }
  const name = "CMeKG-as-CMeIE", labels = Object.values(PREDICATES).map(({ name }) => name);
  return await writeSet(to, name, { name, like: "CMeIE", labels }, draws.shuffled([...sentences.values()]));
}

/** A sentence about a disease, and what it says. */
function sentenceOf({ entity, relations }: Disease, other: string, draws: Draws) {
  const keys = draws.shuffled(Object.keys(relations)).slice(0, 1 + draws.below(2));
  const isApart = (a: string, b: string) => !a.includes(b) && !b.includes(a); // else places would be in doubt
  const names = [entity], triples: unknown[] = [];
  const clauses = keys.map((key) => {
    const { name, objectType, phrases } = PREDICATES[key]!;
    const fitting = draws.shuffled(relations[key]!).filter((object) =>
      names.every((one) => isApart(one, object))
    );
    const objects = fitting.slice(0, 1 + draws.below(MOST_OBJECTS))
      .filter((object, i, all) => all.slice(0, i).every((one) => isApart(one, object)));
    names.push(...objects);
    for (const object of objects) {
      triples.push({
        subject: entity,
        subject_type: SUBJECT_TYPE,
        predicate: name,
        object: { "@value": object },
        object_type: { "@value": objectType },
      });
    }
    return objects.length > 0 ? draws.of(phrases).replace(OBJECTS, objects.join("、")) : "";
  });
  const isOther = draws.below(3) === 0 && names.every((one) => isApart(one, other));
  const before = isOther ? draws.of(DISTRACTORS).replace(OBJECTS, other) : "";
  return { text: `${before}${entity}${clauses.filter((clause) => clause !== "").join("，")}。`, triples };
}

async function makeNormalization(graph: readonly Disease[], to: string): Promise<MadeSet> {
  const coded = graph.filter(({ entity, relations }) => relations.ICD10 && TERM.test(entity));
  const terms = [...new Set(coded.map(({ entity }) => entity))].sort(), standard = new Set(terms);
  const draws = new Draws(2), spellings = new Map<string, string>();
  const spell = (term: string) => {
    const known = VARIANTS.map((variant) => variant(term)).filter((one) => one !== undefined);
    return draws.of(known);
  };
  for (const term of draws.shuffled(terms)) {
    const other = draws.of(terms), isDouble = draws.uniform() < DOUBLE_SHARE && other !== term;
    const text = isDouble ? `${spell(term)}${draws.of(JOINTS)}${spell(other)}` : spell(term);
    if (!standard.has(text)) spellings.set(text, isDouble ? `${term}##${other}` : term);
  }
  const records = [...spellings].map(([text, normalized_result]) => ({ text, normalized_result }));
  const name = "CMeKG-as-CHIP-CDN";
  const made = await writeSet(to, name, { name, like: "CHIP-CDN" }, records);
  await Deno.writeTextFile(join(made.folder, "terms.txt"), terms.join("\n") + "\n");
  return made;
}

/** Writes records as train and dev, a tenth of them, with the description of the task. */
async function writeSet(
  to: string,
  name: string,
  description: unknown,
  records: readonly unknown[],
): Promise<MadeSet> {
  const folder = join(to, name), dataset = join(folder, "task.json");
  await Deno.mkdir(folder, { recursive: true });
  const splits = { train: records.filter((_, i) => i % 10 > 0), dev: records.filter((_, i) => i % 10 === 0) };
  for (const split of ["train", "dev"] as const satisfies readonly Split[]) {
    await writeJson(join(folder, `${name}_${split}.json`), splits[split]);
  }
  await writeJson(dataset, description);
  return { name, folder, dataset, records: { train: splits.train.length, dev: splits.dev.length } };
}

async function readGraph(path: string): Promise<Disease[]> {
  const file = await Deno.open(path);
  const text = await new Response(file.readable.pipeThrough(new DecompressionStream("gzip"))).text();
  return text.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
}

function isName(name: string): boolean {
  return NAME.test(name);
}

function replaced(pattern: RegExp, by: string): Variant {
  return (name) => pattern.test(name) ? name.replace(pattern, by) : undefined;
}

/** Without one character, counted from the front or the back. */
function dropped(place: number): Variant {
  return (name) => [...name].length > 4 ? [...name].toSpliced(place, 1).join("") : undefined;
}

async function writeJson(path: string, value: unknown) {
  await Deno.writeTextFile(path, JSON.stringify(value, null, 1) + "\n");
}

/** Draws by a seed. */
class Draws {
  readonly #stream: RandomStream;

  constructor(seed: number) {
    this.#stream = new RandomStream({ seed, purpose: "plan", epoch: 0 });
  }

  below(bound: number): number {
    return this.#stream.below(bound);
  }

  uniform(): number {
    return this.#stream.uniform();
  }

  of<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }

  shuffled<T>(items: readonly T[]): T[] {
    const order = items.map((item) => [this.#stream.uint32(), item] as const);
    return order.sort(([a], [b]) => a - b).map(([, item]) => item);
  }
}

if (import.meta.main) {
  const { values: { from }, positionals: [to] } = parseArgs({
    options: { from: { type: "string", default: "../shared/data/cmekg" } },
    allowPositionals: true,
  });
  if (to === undefined) throw new Error("Cannot make sets: no folder to write to is given");
  for (const { dataset, folder, records } of await makeSyntheticSets(from, to)) {
    console.log(`--dataset ${dataset} --data_dir ${folder}`, records);
  }
}
