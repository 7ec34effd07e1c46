/** Small training sets in the official formats, made of medical words: a model that learns anything learns these. */
import { join } from "node:path";
import { RandomStream } from "../../lib/packing/mod.ts";

const DISEASES = ["肺炎", "糖尿病", "高血压", "胃溃疡", "冠心病", "哮喘", "肝硬化", "贫血"];
const SYMPTOMS = ["咳嗽", "发热", "头晕", "胸闷", "腹痛", "乏力", "呼吸困难", "面色苍白"];
const FILLERS = ["患者近日", "三天前", "饭后", "夜间", "反复", "持续", "经常", "偶有"];

/** Draws from a stream of its own. */
function chooser(seed: number) {
  const random = new RandomStream({ seed, purpose: "held", epoch: 0 });
  return <T>(items: readonly T[]): T => items[random.below(items.length)]!;
}

/** Texts about a disease ask for "治疗", those about a symptom for "诊断". */
function queries(count: number, seed: number) {
  const choose = chooser(seed);
  return Array.from({ length: count }, (_, i) => {
    const isDisease = choose([true, false]);
    const query = `${choose(FILLERS)}${choose(isDisease ? DISEASES : SYMPTOMS)}${
      choose(["怎么办", "严重吗", "是什么原因"])
    }`;
    return { id: `s${i + 1}`, query, label: isDisease ? "治疗" : "诊断" };
  });
}

/** Diseases are entities, and symptoms, of the channel of their own, some with a body part within. */
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

/** A disease and one or two of its symptoms. */
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

/** Two questions, alike if they are about the same disease. */
function pairs(count: number, seed: number) {
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

/** One term's words, or two terms' with a separator. */
function diagnoses(count: number, seed: number) {
  const choose = chooser(seed), names = Object.keys(TERMS);
  return Array.from({ length: count }, () => {
    const first = choose(names), second = choose(names), both = first !== second && choose([true, false]);
    const terms = both ? [first, second] : [first];
    return { text: terms.map((term) => choose(TERMS[term]!)).join(";"), normalized_result: terms.join("##") };
  });
}

const MAKERS = {
  "KUAKE-QIC": queries,
  "CHIP-STS": pairs,
  "CHIP-CDN": diagnoses,
  CMeEE: entityTexts,
  CMeIE: relationTexts,
} as const;

/** A task's name, as far as there is a set for it. */
export type MadeUp = keyof typeof MAKERS;

/**
 * Writes the files of a task.
 *
 * @returns What `--dataset` takes: the task's name, or the file that describes one with fewer labels.
 */
export async function writeMadeUpSet(
  folder: string,
  task: MadeUp,
  train: number,
  dev: number,
): Promise<string> {
  await Deno.mkdir(folder, { recursive: true });
  const write = async (split: string, count: number, seed: number) => {
    const records = MAKERS[task](count, seed), lines = task === "CMeIE";
    const text = lines ? records.map((one) => JSON.stringify(one)).join("\n") : JSON.stringify(records);
    await Deno.writeTextFile(join(folder, `${task}_${split}.json${lines ? "l" : ""}`), text);
  };
  await write("train", train, 1);
  await write("dev", dev, 2);
  if (task === "CHIP-CDN") {
    await Deno.writeTextFile(join(folder, "terms.txt"), [...Object.keys(TERMS), ...OTHER_TERMS].join("\n"));
    return task;
  }
  const path = join(folder, `${task}.json`);
  const labels = {
    "KUAKE-QIC": ["治疗", "诊断"],
    "CHIP-STS": ["0", "1"],
    CMeEE: ["dis", "bod", "sym"],
    CMeIE: ["临床表现", "病因"],
  }[task];
  await Deno.writeTextFile(path, JSON.stringify({ name: task, like: task, labels }));
  return path;
}
