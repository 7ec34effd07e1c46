/**
 * What clinicians write short and lists of terms spell out.
 *
 * @module
 */

/** As in a comparison key: lower case, no spaces. Longer ones come before those that they begin with. */
const SPELLED_OUT: readonly (readonly [short: string, long: string])[] = [
  ["copd", "慢性阻塞性肺疾病"],
  ["慢阻肺", "慢性阻塞性肺疾病"],
  ["肺心病", "肺源性心脏病"],
  ["上感", "上呼吸道感染"],
  ["支扩", "支气管扩张"],
  ["呼衰", "呼吸衰竭"],
  ["冠心病", "冠状动脉粥样硬化性心脏病"],
  ["风心病", "风湿性心脏病"],
  ["先心病", "先天性心脏病"],
  ["心梗", "心肌梗死"],
  ["心衰", "心力衰竭"],
  ["房颤", "心房颤动"],
  ["房扑", "心房扑动"],
  ["房早", "房性期前收缩"],
  ["室早", "室性期前收缩"],
  ["早搏", "期前收缩"],
  ["脑梗塞", "脑梗死"],
  ["脑梗", "脑梗死"],
  ["梗塞", "梗死"],
  ["tia", "短暂性脑缺血发作"],
  ["甲亢", "甲状腺功能亢进症"],
  ["甲减", "甲状腺功能减退症"],
  ["乙肝", "乙型病毒性肝炎"],
  ["丙肝", "丙型病毒性肝炎"],
  ["返流", "反流"],
  ["肾衰", "肾衰竭"],
  ["糖肾", "糖尿病性肾病"],
  ["宫外孕", "异位妊娠"],
  ["腰突", "腰椎间盘突出"],
  ["类风关", "类风湿性关节炎"],
  ["sle", "系统性红斑狼疮"],
  ["占位", "占位性病变"],
  ["癌", "恶性肿瘤"],
  ["ca", "恶性肿瘤"],
  ["mt", "恶性肿瘤"],
];

const LONG = new Map(SPELLED_OUT);
// A short form that already stands in its long form (脑梗死, 肾衰竭, 占位性病变), or in a Latin word, is left alone.
const SHORT = new RegExp(
  SPELLED_OUT.map(([short, long]) => {
    if (/^[a-z]+$/.test(short)) return `(?<![a-z])${short}(?![a-z])`;
    return long.startsWith(short) ? `${short}(?!${long.slice(short.length)})` : short;
  }).join("|"),
  "g",
);

/**
 * Spells out common abbreviations of diagnoses.
 *
 * @param key a comparison key
 * @returns the key with the long forms; the same key if it has no abbreviation
 *
 * @example
 * ```ts
 * import { spellOut } from "./abbreviations.ts";
 * console.log(spellOut("胃ca"), spellOut("脑梗"), spellOut("脑梗死")); // 胃恶性肿瘤 脑梗死 脑梗死
 * ```
 */
export function spellOut(key: string): string {
  return key.replace(SHORT, (short) => LONG.get(short)!);
}
