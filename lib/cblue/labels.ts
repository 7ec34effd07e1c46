/**
 * The labels of CBLUE's tasks in the order of their ids, as the original has them.
 *
 * @module
 */
import type { Label } from "./tasks.ts";

/** CMeEE's types of entities. */
export const ENTITY_TYPES: readonly Label[] = named({
  bod: "身体",
  dis: "疾病",
  pro: "医疗程序",
  dru: "药物",
  ite: "医学检验项目",
  mic: "微生物类",
  equ: "医疗设备",
  dep: "科室",
  sym: "临床表现",
});

/** CMeIE's predicates. */
export const PREDICATES: readonly Label[] = words(`
  预防 阶段 就诊科室 辅助治疗 化疗 放射治疗 手术治疗 实验室检查 影像学检查 辅助检查 组织学检查 内窥镜检查 筛查 多发群体 发病率
  发病年龄 多发地区 发病性别倾向 死亡率 多发季节 传播途径 并发症 病理分型 相关（导致） 鉴别诊断 相关（转化） 相关（症状） 临床表现
  治疗后症状 侵及周围组织转移的症状 病因 高危因素 风险评估因素 病史 遗传因素 发病机制 病理生理 药物治疗 发病部位 转移部位
  外侵部位 预后状况 预后生存率 同义词`);

/** CHIP-CTC's classes of criteria for clinical trials: column `Label Name` of `category.xlsx`, sorted. */
export const CRITERIA: readonly Label[] = named({
  "Addictive Behavior": "成瘾行为",
  "Address": "居住情况",
  "Age": "年龄",
  "Alcohol Consumer": "酒精使用",
  "Allergy Intolerance": "过敏耐受",
  "Bedtime": "睡眠",
  "Blood Donation": "献血",
  "Capacity": "能力",
  "Compliance with Protocol": "依存性",
  "Consent": "知情同意",
  "Data Accessible": "数据可及性",
  "Device": "设备",
  "Diagnostic": "诊断",
  "Diet": "饮食",
  "Disabilities": "残疾群体",
  "Disease": "疾病",
  "Education": "教育情况",
  "Encounter": "病例来源",
  "Enrollment in other studies": "参与其它试验",
  "Ethical Audit": "伦理审查",
  "Ethnicity": "种族",
  "Exercise": "锻炼",
  "Gender": "性别",
  "Healthy": "健康群体",
  "Laboratory Examinations": "实验室检查",
  "Life Expectancy": "预期寿命",
  "Literacy": "读写能力",
  "Multiple": "含有多类别的语句",
  "Neoplasm Status": "肿瘤进展",
  "Non-Neoplasm Disease Stage": "疾病分期",
  "Nursing": "护理",
  "Oral related": "口腔相关",
  "Organ or Tissue Status": "器官组织状态",
  "Pharmaceutical Substance or Drug": "药物",
  "Pregnancy-related Activity": "怀孕相关",
  "Receptor Status": "受体状态",
  "Researcher Decision": "研究者决定",
  "Risk Assessment": "风险评估",
  "Sexual related": "性取向",
  "Sign": "体征(医生检测）",
  "Smoking Status": "吸烟状况",
  "Special Patient Characteristic": "特殊病人特征",
  "Symptom": "症状(患者感受)",
  "Therapy or Surgery": "治疗或手术",
});

/** KUAKE-QIC's intents of a query. */
export const INTENTS: readonly Label[] = words(
  "病情诊断 治疗方案 病因分析 指标解读 就医建议 疾病表述 后果表述 注意事项 功效作用 医疗费用 其他",
);

/** KUAKE-QTR: how well a page's title fits a query. */
export const TITLE_MATCHES: readonly Label[] = numbered([
  "完全不匹配",
  "很少匹配，有一些参考价值",
  "部分匹配",
  "完全匹配",
]);

/** KUAKE-QQR: what a query is to another; CBLUE's baseline reads `NA` as 0. */
export const QUERY_MATCHES: readonly Label[] = [
  { name: "0", chinese: "B为A的语义父集，或毫无关联", aliases: ["NA"] },
  { name: "1", chinese: "B为A的语义子集" },
  { name: "2", chinese: "等价" },
];

/** CHIP-STS: whether two questions mean the same. */
export const QUESTION_MATCHES: readonly Label[] = numbered(["语义不同", "语义相同"]);

/** CHIP-CDN-2C: whether a text means a term. */
export const TERM_MATCHES: readonly Label[] = numbered(["否", "是"]);

function named(chinese: Readonly<Record<string, string>>): Label[] {
  return Object.entries(chinese).map(([name, chinese]) => ({ name, chinese }));
}

/** Labels that are Chinese themselves. */
function words(text: string): Label[] {
  return text.trim().split(/\s+/).map((name) => ({ name }));
}

function numbered(chinese: readonly string[]): Label[] {
  return chinese.map((chinese, id) => ({ name: String(id), chinese }));
}
