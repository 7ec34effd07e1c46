/**
 * A generated corpus: Chinese medical sentences from our own lists and patterns, for demonstrations and tests.
 *
 * Each sentence is about one disease, so that its symptoms, examinations, drugs and department predict one another and a
 * small model has something to learn. Doses and numbers
 * are drawn at random: the sentences are no medical advice and describe nobody.
 */
import { type Disease, DISEASES } from "./medical_terms.ts";

/**
 * Sentence patterns. A slot that occurs twice takes two different terms; `dose` belongs to the `drug` before it.
 */
const PATTERNS: readonly string[] = [
  "患者{sex}，{age}岁，因“{symptom}、{symptom}{duration}”入院。",
  "患者{age}岁，{duration}前无明显诱因出现{symptom}，伴{symptom}。",
  "患者主诉{symptom}{duration}，加重{days}天，遂来{department}就诊。",
  "{sex}性患者，{age}岁，确诊{disease}{years}年，近{days}天{symptom}明显加重。",
  "患者既往有{disease}病史{years}年，长期使用{drug}，病情控制尚可。",
  "患者因{symptom}到{department}就诊，{examination}提示{disease}。",
  "入院后完善{examination}、{examination}等检查，诊断为{disease}。",
  "结合病史及{examination}结果，考虑{disease}可能性大。",
  "查体：体温{temperature}℃，脉搏{pulse}次/分，血压{pressure}mmHg，{part}检查见异常，考虑{disease}。",
  "体温{temperature}℃，心率{pulse}次/分，患者诉{symptom}，无{otherSymptom}。",
  "给予{drug}{dose}，每日{times}次，{symptom}较前好转。",
  "予以{treatment}及{drug}{dose}治疗{days}天后，{symptom}消失。",
  "{disease}患者可使用{drug}，每次{dose}，每天{times}次，疗程{weeks}周。",
  "医生建议使用{drug}，一次{dose}，一日{times}次，连用{days}天。",
  "停用{drug}{days}天后，患者再次出现{symptom}和{symptom}。",
  "{drug}治疗{disease}时，应从{dose}开始，{weeks}周后复查{examination}。",
  "患者对{otherDrug}过敏，改用{drug}{dose}治疗{disease}。",
  "{disease}的主要症状是{symptom}、{symptom}，病变部位在{part}。",
  "{disease}常见的临床表现有{symptom}和{symptom}，可通过{examination}确诊。",
  "{disease}属于{department}的常见病，多见于{age}岁左右的人群。",
  "{disease}应该挂{department}，一般需要做{examination}。",
  "{part}出现{symptom}时，要警惕{disease}的可能，尽早做{examination}。",
  "诊断{disease}的重要依据是{examination}，其次是{examination}。",
  "{disease}的治疗方法包括{treatment}和{treatment}，常用药物为{drug}。",
  "{disease}首选{drug}治疗，必要时联合{drug}。",
  "对于{age}岁的{disease}患者，{treatment}比单用{drug}效果更好。",
  "医生您好，我{age}岁，{symptom}{duration}了，是不是得了{disease}？",
  "请问{disease}用{drug}{dose}可以吗，每天{times}次会不会太多？",
  "我{relative}今年{age}岁，最近总是{symptom}，请问应该看{department}吗？",
  "我{relative}得{disease}{years}年了，现在{symptom}，需要做{treatment}吗？",
  "最近{days}天一直{symptom}，还有点{symptom}，需要做{examination}吗？",
  "您好，根据您的描述，{symptom}伴{symptom}，考虑{disease}，建议到{department}检查{examination}。",
  "问题分析：{symptom}{duration}可能与{disease}有关，建议查{examination}。",
  "意见建议：可以使用{drug}{dose}，同时注意{treatment}，{weeks}周后复诊。",
  "{disease}患者使用{drug}期间，每{weeks}周应复查一次{examination}。",
  "{drug}可以缓解{disease}引起的{symptom}，常用剂量为{dose}。",
  "{drug}与{drug}都可用于{disease}，前者每日{times}次。",
  "出院诊断：{disease}。出院医嘱：{drug}{dose}，每日{times}次，{weeks}周后{department}门诊随访。",
  "患者经{treatment}，第{days}天恢复良好，无{symptom}。",
  "患者于{years}年前因{disease}接受{treatment}，此后未再出现{symptom}。",
  "{examination}异常提示{part}病变，结合{symptom}，诊断{disease}明确。",
  "复查{examination}较{weeks}周前明显好转，继续{treatment}。",
  "本组{count}例{disease}患者，{examination}阳性率为{percent}%。",
  "{count}例{disease}患者中，{percent}%有{symptom}，{percent}%有{symptom}。",
  "观察组{count}例采用{drug}联合{treatment}，有效率{percent}%。",
  "{department}近{years}年收治{disease}{count}例，平均年龄{age}岁。",
  "患者否认{otherDisease}病史，{duration}来反复{symptom}，{department}以{disease}收入院。",
  "家属代诉患者{symptom}{duration}，{examination}未见好转，转入{department}治疗。",
];

/** The largest run of repeated sentences before the patterns count as used up. */
const MAX_REPEATS = 10_000;

/**
 * Generates distinct sentences; the same seed gives the same sentences on every machine.
 *
 * @param options.sentences How many sentences.
 * @param options.seed Any 32-bit integer.
 * @returns The sentences, one at a time, without line endings.
 * @throws {RangeError} If the patterns cannot give so many distinct sentences.
 *
 * @example
 * ```ts
 * import { generateCorpus } from "./synthetic.ts";
 * for (const sentence of generateCorpus({ sentences: 3, seed: 7 })) console.log(sentence);
 * ```
 */
export function* generateCorpus(
  { sentences = 5000, seed = 1 }: { sentences?: number; seed?: number } = {},
): Generator<string, void, undefined> {
  const random = new Random(seed);
  const seen = new Set<string>();
  for (let repeats = 0; seen.size < sentences;) {
    const sentence = composeSentence(random);
    if (seen.has(sentence)) {
      if (++repeats > MAX_REPEATS) {
        throw new RangeError(`Cannot generate ${sentences} sentences: only ${seen.size} distinct ones found`);
      }
      continue;
    }
    repeats = 0;
    seen.add(sentence);
    yield sentence;
  }
}

/** Fills a random pattern with the terms of a random disease. */
function composeSentence(random: Random): string {
  const disease = random.pick(DISEASES);
  const patient = new Patient(disease, random);
  let dose = "";
  const used = new Set<string>();
  /** Draws a term that the sentence does not have yet, if one is left. */
  const fresh = (terms: readonly string[]): string => {
    const left = terms.filter((term) => !used.has(term));
    const term = random.pick(left.length > 0 ? left : terms);
    used.add(term);
    return term;
  };
  /** Draws a term of another department that this disease does not share. */
  const foreign = (terms: (disease: Disease) => readonly string[]): string => {
    const others = DISEASES.filter((candidate) => candidate.department !== disease.department);
    const own = terms(disease);
    return random.pick(
      random.pick(others.map(terms).map((list) => list.filter((term) => !own.includes(term)))),
    );
  };

  const slots: Record<string, () => string> = {
    disease: () => disease.name,
    department: () => disease.department,
    part: () => disease.part,
    symptom: () => fresh(disease.symptoms),
    examination: () => fresh(disease.examinations),
    treatment: () => fresh(disease.treatments),
    drug: () => {
      const name = fresh(drugNames(disease));
      dose = disease.drugs.find((drug) => drug.name === name)!.dose;
      return name;
    },
    dose: () => dose,
    otherSymptom: () => foreign((candidate) => candidate.symptoms),
    otherDrug: () => foreign(drugNames),
    otherDisease: () => foreign((candidate) => [candidate.name]),
    sex: () => patient.sex,
    age: () => String(patient.age),
    relative: () => patient.relative,
    duration: () => `${random.integer(1, 11)}${random.pick(["天", "周", "个月", "年"])}`,
    days: () => String(random.integer(2, 14)),
    weeks: () => String(random.integer(1, 8)),
    years: () => String(random.integer(2, 15)),
    times: () => String(random.integer(1, 3)),
    temperature: () => (random.integer(362, 398) / 10).toFixed(1),
    pulse: () => String(random.integer(60, 118)),
    pressure: () => `${random.integer(98, 178)}/${random.integer(58, 98)}`,
    count: () => String(random.integer(24, 360)),
    percent: () => (random.integer(350, 985) / 10).toFixed(1),
  };
  return random.pick(PATTERNS).replace(/\{(\w+)\}/g, (_, slot: string) => slots[slot]!());
}

function drugNames({ drugs }: Disease): string[] {
  return drugs.map((drug) => drug.name);
}

/** Someone who may have the disease: no man in gynaecology, no adult in paediatrics. */
class Patient {
  readonly sex: "男" | "女";
  readonly age: number;
  readonly relative: string;

  constructor({ department, part }: Disease, random: Random) {
    const female = ["妇科", "产科", "乳腺外科"].includes(department);
    this.sex = female ? "女" : part === "前列腺" ? "男" : random.pick(["男", "女"]);
    if (department === "儿科") {
      this.age = random.integer(1, 12);
      this.relative = this.sex === "男" ? "儿子" : "女儿";
    } else {
      this.age = department === "产科" ? random.integer(22, 40) : random.integer(20, 85);
      this.relative = this.sex === "男"
        ? random.pick(["爸爸", "爷爷", "丈夫"])
        : random.pick(["妈妈", "姐姐", "妻子"]);
    }
  }
}

/**
 * The Mulberry32 generator: 32 bits of state, exact integer arithmetic, so the same numbers everywhere.
 *
 * Source: Tommy Ettinger's public-domain `mulberry32`.
 */
class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** A number in [0, 1) with 32 random bits. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  /** An integer from `low` to `high`, both included. */
  integer(low: number, high: number): number {
    return low + Math.floor(this.next() * (high - low + 1));
  }

  /** One of the values. */
  pick<const T>(values: readonly T[]): T {
    return values[Math.floor(this.next() * values.length)]!;
  }
}
