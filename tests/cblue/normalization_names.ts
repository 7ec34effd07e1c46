/**
 * A made-up set of term normalisation from real names: the diseases and symptoms of CMeKG, their aliases, and texts that
 * name several. Synthetic: it says something about methods side by side and nothing about CHIP-CDN's score.
 */
import type { NormalizationExample } from "../../lib/cblue/mod.ts";
import { RandomStream } from "../../lib/packing/mod.ts";

const PATH = "../shared/data/cmekg/cmekg.jsonl.gz";

/** Whether the names are here. */
export const hasNames = await Deno.stat(PATH).then(() => true, () => false);

/** Relations whose objects are other names of the subject. */
const ALIAS_RELATIONS = ["别称", "又称", "同义词", "其他名称", "中文名"];
/** Relations that a disease or symptom has. */
const DISEASE_RELATIONS = ["ICD10", "常见症状", "常见病因", "多发群体", "就诊科室", "并发症", "传染性"];
/** Relations whose objects are diseases or symptoms. */
const TO_DISEASES = [
  "并发症",
  "相关疾病",
  "适应症",
  "常见症状",
  "相关症状",
  "病理分型",
  "临床症状及体征",
  "不良反应",
];

/** Terms and labelled texts. */
export interface NameSet {
  readonly terms: readonly string[];
  /** An alias of a term each; no alias is a term. */
  readonly aliases: readonly NormalizationExample[];
  /** One to three things named in one text, by alias or with a word more or less. */
  readonly train: readonly NormalizationExample[];
  readonly dev: readonly NormalizationExample[];
}

/** Reads the names and makes the set; always the same. */
export async function readNames(): Promise<NameSet> {
  const relationsOf = new Map<string, Record<string, string[]>>();
  const file = await Deno.open(PATH);
  const text = await new Response(file.readable.pipeThrough(new DecompressionStream("gzip"))).text();
  for (const line of text.split("\n")) {
    if (line === "") continue;
    const { entity, relations } = JSON.parse(line);
    relationsOf.set(entity, relations);
  }
  const isName = (name: string) => /^\p{Script=Han}[\p{L}\p{N}（）()\-\[\]，、]{1,24}$/u.test(name);
  const terms = new Set<string>();
  const diseases: string[] = [];
  for (const [entity, relations] of relationsOf) {
    if (!isName(entity) || !DISEASE_RELATIONS.some((relation) => relation in relations)) continue;
    diseases.push(entity);
    terms.add(entity);
  }
  for (const relations of relationsOf.values()) {
    for (const relation of TO_DISEASES) {
      for (const name of relations[relation] ?? []) if (isName(name)) terms.add(name);
    }
  }
  const meanings = new Map<string, Set<string>>();
  for (const disease of diseases) {
    for (const relation of ALIAS_RELATIONS) {
      for (const alias of relationsOf.get(disease)![relation] ?? []) {
        if (!isName(alias) || alias === disease) continue;
        meanings.set(alias, (meanings.get(alias) ?? new Set()).add(disease));
      }
    }
  }
  const aliasesOf = new Map<string, string[]>();
  for (const [alias, means] of meanings) {
    terms.delete(alias);
    for (const term of means) aliasesOf.set(term, [...aliasesOf.get(term) ?? [], alias]);
  }
  const kept = diseases.filter((disease) => terms.has(disease));
  const aliases = [...meanings].flatMap(([alias, means]) => {
    const right = [...means].filter((term) => terms.has(term));
    return right.length === 0 ? [] : [exampleOf(alias, right)];
  });
  const random = new RandomStream({ seed: 2021, purpose: "order", epoch: 0 });
  const texts = Array.from({ length: 8000 }, () => compose(kept, aliasesOf, random));
  return { terms: [...terms], aliases, train: texts.slice(0, 6000), dev: texts.slice(6000) };
}

const BEFORE = ["左侧", "右侧", "双侧", "慢性", "急性", "复发性", "重度", "轻度", "疑似", "陈旧性"];
const AFTER = ["待查", "术后", "可能", "可能大", "?", "恢复期", "（轻度）", "III期", "2级", "晚期"];
const BETWEEN = ["伴", "，", "、", "；", "及", "+", " ", "合并", "并", "/", ""];

function compose(
  diseases: readonly string[],
  aliasesOf: ReadonlyMap<string, string[]>,
  random: RandomStream,
): NormalizationExample {
  const draw = random.uniform();
  const count = draw < 0.6 ? 1 : draw < 0.87 ? 2 : 3; // CHIP-CDN has about 1.8 terms a text
  const terms = new Set<string>();
  while (terms.size < count) terms.add(diseases[random.below(diseases.length)]!);
  const between = BETWEEN[random.below(BETWEEN.length)]!;
  const names = [...terms].map((term) => {
    const aliases = aliasesOf.get(term) ?? [];
    let name = aliases.length > 0 && random.uniform() < 0.5 ? aliases[random.below(aliases.length)]! : term;
    if (random.uniform() < 0.3) name = BEFORE[random.below(BEFORE.length)]! + name;
    if (random.uniform() < 0.3) name += AFTER[random.below(AFTER.length)]!;
    if (random.uniform() < 0.3 && name.length > 4) { // a character left out
      const place = random.below(name.length);
      name = name.slice(0, place) + name.slice(place + 1);
    }
    return name;
  });
  return exampleOf(names.join(between), [...terms]);
}

function exampleOf(text: string, terms: readonly string[]): NormalizationExample {
  return { key: text, record: { text }, text, terms };
}
