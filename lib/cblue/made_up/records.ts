/**
 * Records of small sets in the tasks' own formats, made of medical words: a model that learns anything learns these.
 *
 * @module
 */
import { RandomStream } from "../../packing/mod.ts";
import type { TASKS } from "../tasks.ts";

const DISEASES = ["肺炎", "糖尿病", "高血压", "胃溃疡", "冠心病", "哮喘", "肝硬化", "贫血"];
const SYMPTOMS = ["咳嗽", "发热", "头晕", "胸闷", "腹痛", "乏力", "呼吸困难", "面色苍白"];
const FILLERS = ["患者近日", "三天前", "饭后", "夜间", "反复", "持续", "经常", "偶有"];

/** Draws from a stream of its own. */
function chooser(seed: number) {
  const random = new RandomStream({ seed, purpose: "held", epoch: 0 });
  return <T>(items: readonly T[]): T => items[random.below(items.length)]!;
}

/** KUAKE-QIC: queries about a disease ask for a treatment, those about a symptom for a diagnosis. */
function queries(count: number, seed: number) {
  const choose = chooser(seed);
  return Array.from({ length: count }, (_, i) => {
    const isDisease = choose([true, false]);
    const query = `${choose(FILLERS)}${choose(isDisease ? DISEASES : SYMPTOMS)}${
      choose(["怎么办", "严重吗", "是什么原因"])
    }`;
    return { id: `s${i + 1}`, query, label: isDisease ? "治疗方案" : "病情诊断" };
  });
}

/** CMeEE: diseases are entities, and symptoms, of the channel of their own, some with a body part within. */
function entityTexts(count: number, seed: number) {
  const choose = chooser(seed);
  return Array.from({ length: count }, () => {
    const entities: { start_idx: number; end_idx: number; type: string; entity: string }[] = [];
    let text = choose(FILLERS);
    const add = (entity: string, type: string, within = 0) => {
      const start = text.length - within;
      entities.push({ start_idx: start, end_idx: start + entity.length - 1, type, entity });
    };
    const symptom = choose([...SYMPTOMS, "胸部疼痛"]);
    add(symptom, "sym");
    if (symptom === "胸部疼痛") add("胸部", "bod");
    text += symptom + choose(["，诊断为", "，考虑", "，排除"]);
    const disease = choose(DISEASES);
    add(disease, "dis");
    text += disease;
    return { text, entities };
  });
}

/** CMeIE: a disease and one or two of its symptoms. */
function relationTexts(count: number, seed: number) {
  const choose = chooser(seed);
  return Array.from({ length: count }, () => {
    const disease = choose(DISEASES), symptoms = new Set([choose(SYMPTOMS), choose(SYMPTOMS)]);
    const spo_list = [...symptoms].map((symptom) => ({
      Combined: false,
      predicate: "临床表现",
      subject: disease,
      subject_type: "疾病",
      object: { "@value": symptom },
      object_type: { "@value": "症状" },
    }));
    return { text: `${disease}${choose(["可见", "常有", "伴"])}${[...symptoms].join("、")}`, spo_list };
  });
}

/** CHIP-STS: two questions, alike if they are about the same disease. */
function questionPairs(count: number, seed: number) {
  const choose = chooser(seed);
  return Array.from({ length: count }, (_, i) => {
    const one = choose(DISEASES), other = choose([one, choose(DISEASES)]);
    return {
      id: `${i + 1}`,
      text1: `${one}怎么治`,
      text2: `${other}如何治疗`,
      label: one === other ? "1" : "0",
      category: one,
    };
  });
}

/** Standard terms, and the words that clinicians have for them. */
const TERMS: Readonly<Record<string, readonly string[]>> = {
  "肺部感染": ["肺部炎症", "肺感染", "两肺感染"],
  "2型糖尿病": ["糖尿病2型", "二型糖尿病", "2型糖尿病史"],
  "高血压病": ["高血压", "血压高病", "原发高血压病"],
  "冠状动脉粥样硬化": ["冠脉硬化", "冠状动脉硬化", "冠脉粥样硬化"],
  "胃溃疡伴出血": ["胃溃疡出血", "出血性胃溃疡", "胃溃疡并出血"],
  "肝硬化失代偿期": ["肝硬化失代偿", "失代偿肝硬化", "失代偿期肝硬化"],
};
/** Terms that nothing is called by. */
const OTHER_TERMS = [
  "肺部肿物",
  "1型糖尿病",
  "高血压性心脏病",
  "冠状动脉瘘",
  "胃溃疡穿孔",
  "肝硬化代偿期",
  "颈部感染",
  "出血性休克",
];

/** CHIP-CDN: one term's words, or two terms' with a separator. */
function diagnoses(count: number, seed: number) {
  const choose = chooser(seed), names = Object.keys(TERMS);
  return Array.from({ length: count }, () => {
    const first = choose(names), second = choose(names), both = first !== second && choose([true, false]);
    const terms = both ? [first, second] : [first];
    return { text: terms.map((term) => choose(TERMS[term]!)).join(";"), normalized_result: terms.join("##") };
  });
}

/** CHIP-CDN-2C: a clinician's words and a term, which they mean or not. */
function termPairs(count: number, seed: number) {
  const choose = chooser(seed), names = Object.keys(TERMS);
  return Array.from({ length: count }, (_, i) => {
    const term = choose(names), other = choose([term, choose(names)]);
    return { id: `${i + 1}`, text_a: choose(TERMS[term]!), text_b: other, label: term === other ? "1" : "0" };
  });
}

/** What trials want of a patient, by class. */
const CRITERIA: Readonly<Record<string, readonly string[]>> = {
  "Age": ["年龄18至65岁", "年龄大于60岁", "年满18周岁", "年龄不超过75岁"],
  "Consent": ["签署知情同意书", "自愿签署书面同意书", "本人或家属同意参加"],
  "Allergy Intolerance": ["对试验药物过敏者", "有药物过敏史", "过敏体质者"],
  "Pregnancy-related Activity": ["妊娠期妇女", "哺乳期妇女", "计划怀孕者"],
  "Therapy or Surgery": ["近期接受过手术", "接受过放射治疗", "正在接受化疗"],
  "Disease": DISEASES.map((disease) => `患有${disease}`),
};

/** CHIP-CTC: criteria of trials. */
function criteria(count: number, seed: number) {
  const choose = chooser(seed), classes = Object.keys(CRITERIA);
  return Array.from({ length: count }, (_, i) => {
    const label = choose(classes), begin = choose(["", "受试者", "患者", "（1）", "排除："]);
    return { id: `s${i + 1}`, label, text: `${begin}${choose(CRITERIA[label]!)}${choose(["", "；", "。"])}` };
  });
}

const ASPECTS = ["怎么治疗", "有什么症状", "不能吃什么", "会传染吗"];

/** KUAKE-QTR: a query and a title: 3 if disease and aspect are the same, 2 if the disease is, 1 if the aspect is, else 0. */
function titles(count: number, seed: number) {
  const choose = chooser(seed);
  return Array.from({ length: count }, (_, i) => {
    const disease = choose(DISEASES), aspect = choose(ASPECTS);
    const other = choose([disease, choose(DISEASES)]), otherAspect = choose([aspect, choose(ASPECTS)]);
    const label = 2 * Number(disease === other) + Number(aspect === otherAspect);
    const title = `${other}${otherAspect}？${choose(["专家解答", "一文读懂", "医生告诉你"])}`;
    return { id: `${i + 1}`, query: disease + aspect, title, label: `${label}` };
  });
}

/** KUAKE-QQR: 2 if both queries ask the same, 1 if the second asks for less, 0 if it asks for something else. */
function queryPairs(count: number, seed: number) {
  const choose = chooser(seed);
  return Array.from({ length: count }, (_, i) => {
    const disease = choose(DISEASES), label = choose(["0", "1", "2"]);
    const rest = DISEASES.filter((one) => one !== disease);
    const query2 =
      { "0": `${choose(rest)}如何治`, "1": `老年${disease}怎么治`, "2": `${disease}如何治` }[label];
    return { id: `${i + 1}`, query1: `${disease}怎么治`, query2, label };
  });
}

/** A task for which there are sets. */
export type MadeUpTask = Exclude<keyof typeof TASKS, `${string}-V2`>;

/** Of each task the records of a set; other seeds give other ones. */
export const MAKERS: Readonly<Record<MadeUpTask, (count: number, seed: number) => object[]>> = {
  CMeEE: entityTexts,
  CMeIE: relationTexts,
  "CHIP-CDN": diagnoses,
  "CHIP-CDN-2C": termPairs,
  "CHIP-CTC": criteria,
  "CHIP-STS": questionPairs,
  "KUAKE-QIC": queries,
  "KUAKE-QTR": titles,
  "KUAKE-QQR": queryPairs,
};

/** The terms of {@linkcode MAKERS}' CHIP-CDN. */
export const STANDARD_TERMS: readonly string[] = [...Object.keys(TERMS), ...OTHER_TERMS];
