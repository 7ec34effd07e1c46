/**
 * Strings that tokenizers get wrong, by what is hard about them; and random mixtures of all of Unicode.
 *
 * No lone surrogates: Python's tokenizers take none.
 */
import { generateCorpus } from "../../lib/text/mod.ts";

const char = String.fromCodePoint;
const range = (first: number, last: number, step = 1) =>
  Array.from({ length: Math.floor((last - first) / step) + 1 }, (_, i) => char(first + i * step));

/** Each character at the start, between Chinese, inside a word, at the end. */
const framed = (chars: Iterable<string>) => [...chars].map((c) => `${c}发${c}热 a${c}b9${c}`);

const CONTROL = [
  ...range(0x00, 0x08),
  ...range(0x0b, 0x1f).filter((c) => c !== "\r"),
  ..."\x7f\x80\x84\x85\x86\x9f\xad\u0600\u061c\u06dd\u070f\u180e\u200b\u200c\u200d\u200e\u200f",
  ..."\u202a\u202c\u202e\u2060\u2061\u2064\u2066\u2069\u206a\u206f\ufeff\ufff9\ufffb\ufffc\ufffd",
  ...[0x110bd, 0x13430, 0x1bca0, 0x1d173, 0xe0001, 0xe0020, 0xe007f].map((c) => char(c)),
];

const SPACES = [..."\t\n\r \xa0\u1680\u2028\u2029\u202f\u205f\u3000", ...range(0x2000, 0x200a)];

/** Ends and neighbours of the CJK blocks: A to H, the compatibility blocks, and what looks alike but is none. */
const CJK_EDGES = [
  ...[0x3400, 0x4dbf, 0x4dc0, 0x4e00, 0x9fff, 0xa000, 0xf900, 0xfa0e, 0xfa6d, 0xfad9, 0x20000, 0x2a6df],
  ...[0x2a700, 0x2b73f, 0x2b740, 0x2b81d, 0x2b820, 0x2cea1, 0x2ceb0, 0x2ebe0, 0x2f800, 0x2fa1d, 0x30000],
  ...[0x3134a, 0x31350, 0x323af, 0x2e80, 0x2f00, 0x2fd5, 0x2ff0, 0x3005, 0x3006, 0x3007, 0x3021, 0x3038],
  ...[0x3105, 0x31a0, 0x31c0, 0x3190, 0x16fe0, 0x17000, 0x18800, 0x1b170],
].map((c) => char(c));

const COMPATIBILITY = [
  ..."豈更車賈滑串句龜契金喇奈懶癩羅蘿螺裸邏樂洛烙珞凉立度拓糖宅洞暴輻行降見廓﨎﨏﨑﨓﨔﨟﨡﨣﨤﨧﨨﨩",
  ...[0xfad1, 0xfad5, 0x2f804, 0x2f81f, 0x2f859, 0x2f8d7, 0x2f9c5].map((c) => char(c)),
];

const KANA = [
  "アスピリン錠 あすぴりん",
  "ｱｽﾋﾟﾘﾝ錠100ﾐﾘ",
  "ガｶﾞか\u3099が",
  "ヴ゛ヷ\u309a\u30fb・ー〜ｰ",
  "パーキンソン病(ﾊﾟｰｷﾝｿﾝ)",
  "は\u309aば\u3099\u3099",
  "㋐㌀㍍ゟヿ𛀀",
  "ㇰㇱ々〆〻",
];

const HANGUL = [
  "한국어 진료",
  "한\u1100\u1161\u11a8각",
  "ㅎㅏㄴ ﾡﾢ",
  "뷁a뷁",
  "\u115f\u1160\u3164x",
  "당뇨병(糖尿病)",
  "가각갂",
  "\ud7b0\ud7cb 힣",
];

const ACCENTS = [
  "e\u0301",
  "e\u0301e",
  "\u0301e",
  "\u0301",
  " \u0301 a",
  "a\u0301\u0302\u0303\u0304b",
  "中\u0301文",
  "1\u20e3",
  "≠\u0338",
  "=\u0338",
  "a\u200d\u0301b",
  "a\u0301\u200db",
  "Cafe\u0301，Café",
  "ệ e\u0323\u0302 e\u0302\u0323",
  "Ménière病 Sjo\u0308gren Sjögren",
  "Guillain-Barré Barre\u0301",
  "[CLS]\u0301a",
  "a\u0301[SEP]",
  "x\u0488y\u20ddz",
  "ạ̈̃̄",
  "q\u0323\u0307 q\u0307\u0323",
  "\u0345ᾳᾼ",
  "Å\u212bA\u030a",
  "か\u3099き",
  "क\u093c ड़",
  "\u0f71\u0f72\u0f73",
  "l·l ŀ",
  "ö".repeat(3) + "o\u0308".repeat(3),
  "a\ufe0fb\ufe0e",
  "z\u0310\u0323".repeat(20),
];

const EMOJI = [
  ..."😀❤☎★☺✓⚕💊💉🩺🏥🧬🦠😷🤒🩸♿⚠☣☢🆗🈚🉐🀄🃏",
  "❤️",
  "☎️5",
  "👨‍👩‍👧‍👦一家",
  "👩🏽‍⚕️医生",
  "👍🏿x👍",
  "🇨🇳🇺🇸",
  "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
  "5️⃣ #️⃣ *️⃣",
  "😀😀发热😀",
  "a😀b",
  "👩‍❤️‍💋‍👨",
  "🧑🏻‍🤝‍🧑🏿",
  "🫠🫨🪿🫩",
  "©®™〰〽㊗㊙ℹ",
];

const SPECIALS = [
  "[CLS]",
  "[cls]",
  "[CLS",
  "CLS]",
  "[[CLS]]",
  "[[[CLS]",
  "[CLS]]",
  "[ CLS ]",
  "[CL\u200bS]",
  "[CLS][SEP][PAD][MASK][UNK]",
  "a[MASK]b",
  "a [MASK] b",
  "发[MASK]热",
  "发[MASK][MASK]",
  "##[MASK]##",
  "[MASK]ing",
  "[Mask]",
  "［MASK］",
  "[UNK]x[UNK]",
  "x[UNK]",
  "[PAD]\n[PAD]",
  "[MASK",
  "[MASK][",
  "][MASK]",
  "[SEP]。[SEP]",
  "[MASK]\u0301",
  "\ufeff[CLS]a",
  "[unused1]",
  "[UNUSED1]",
  "[MASK]😀[MASK]",
  "[C\u0301LS]",
  "[mask]和[MASK]",
  "a".repeat(101) + "[SEP]" + "b".repeat(100),
  "##a ##1 #a",
  "a##b",
  "##",
];

/** Characters whose case, decomposition or category is odd. */
const ODD_LETTERS = "℃℉㎎㎏㎜㏄㏒µμΩÅKℓ№℡①⑳⓪ⅣⅷↃ½⅓²³¹ªºﬁﬀﬅﬄßẞİıǅǆǄŉǰΐΰϐϑςσΣſẛẚÐÞØøŁłŦŊŋƱʊÆæŒœĲĳƏəȺⱥɐⱯꞪɦ" +
  "ⒶⓐＡａＺｚΆάὀὈᾳᾼῼῳ῭`´;··ЁёЇїҐґІіЩщԱաևაႠⴀᲐᏣꭳᏸᎠ𐐀𐐨𐓐𞤀𞤢𝐀𝛢𝟘🄰🅰〇々ˋ΅¨¯¸˙^_~€¥¤℀⅍⁄∕٪‰";

const SCRIPTS = [
  "مَرْحَبًا السُّكَّرِيّ",
  "شَلَامْ ٥٠ ملغ",
  "שָׁלוֹם סוכרת",
  "मधुमेह रोगी को १०० मिग्रा",
  "க்ஷ நீரிழிவு",
  "โรคเบาหวาน ๑๐๐ มก.",
  "ບໍ່ ເບົາຫວານ",
  "ཀྵ་བོད་ སྨན།",
  "ជំងឺ ទឹកនោមផ្អែម",
  "ဆီးချို ၁၂",
  "bệnh tiểu đường týp 2",
  "Ἀσκληπιός ὑγίεια ΑΣ ΑΣ. ΌΣΟΣ",
  "Сахарный диабет ЁЖ й и\u0306",
  "შაქრიანი ᲓᲘᲐᲑᲔᲢᲘ",
  "ᎠᎡᎢ ꭰꭱ",
  "Շաքարային դիաբետ ՖԵՎ",
  "İSTANBUL ışık ĞÜŞ",
  "STRASSE Straße GROẞ",
  "ሰላም ፩፪",
  "ᠮᠣᠩᠭᠣᠯ\u180b ᠠ\u180eᠠ",
  "ꯃꯤꯇꯩ ꯱",
  "ಕನ್ನಡ ೧೨ తెలుగు",
  "മലയാളം ൧",
  "සිංහල ෧",
  "ꦗꦮ ᬩᬮᬶ",
  "\u{11013}\u{11046} \u{1d165}\u{1d16e}",
  "ﷺ ﷲ ﻻ ﹰ",
  "ߒߞߏ ߀ ܣܘܪܝܬ",
];

/** Digit three of other scripts. */
const DIGITS = [
  ...[
    0x660,
    0x6f0,
    0x7c0,
    0x966,
    0x9e6,
    0xa66,
    0xae6,
    0xb66,
    0xbe6,
    0xc66,
    0xce6,
    0xd66,
    0xde6,
    0xe50,
    0xed0,
  ],
  ...[0xf20, 0x1040, 0x1090, 0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80, 0x1b50, 0x1bb0, 0x1c40, 0x1c50, 0xa620],
  ...[0xa8d0, 0xa900, 0xa9d0, 0xaa50, 0xabf0, 0xff10, 0x104a0, 0x11066, 0x1d7ce, 0x1d7ec, 0x1e950, 0x1fbf0],
].map((zero) => `每日5${char(zero + 3)}mg ${char(zero + 3)}`);

const PRIVATE_AND_UNASSIGNED = framed(
  [
    ...[0xe000, 0xf8ff, 0xf0000, 0xffffd, 0x100000, 0x10fffd, 0x378, 0x5ff, 0x1fff, 0x2fe0, 0x1ffff, 0x2fffe],
    ...[0xfdd0, 0xfdef, 0xfffe, 0xffff, 0x1fffe, 0x10ffff, 0x40000, 0xe0080, 0xe01f0],
  ].map((c) => char(c)),
);

/** Words about the limit of 100 characters, counted after normalisation. */
const LONG_WORDS = [99, 100, 101].flatMap((n) => [
  "a".repeat(n),
  "9".repeat(n),
  "é".repeat(n),
  "e\u0301".repeat(n),
  "𐐀".repeat(n),
  "a\u200b".repeat(n),
  `发${"x".repeat(n)}热`,
  "ab-".repeat(n),
]).concat(
  ["a", "9", "한", "\u0301", "\u200b"].map((c) => c.repeat(10_000)),
  ["中", "😀", "ab "].map((c) => c.repeat(300)),
  ["한".repeat(33), "한".repeat(34), "각".repeat(34), "İ".repeat(101)],
);

const BLANK = ["", " ", "\u3000", "\n\n", "\u200b", "\ufeff", "\ufeff\ufeff发", "发\ufeff", "\0", " \u0301 "];

const ASCII = [...range(0x20, 0x7e).filter((c) => /[^a-z0-9]/i.test(c)), range(0x20, 0x7e).join("")]
  .map((c) => `a${c}b${c}${c} 中${c}`);

const MEDICAL = [
  "患者3天前出现发热，T 38.5℃，伴咳嗽、咳痰。",
  "ＷＢＣ１２．３×10⁹/L，NEUT％ 85.6%，CRP>200mg/L↑",
  "HbA1c 7.5 %（↑），GLU 11.2mmol/L",
  "予头孢曲松钠2.0g ivgtt qd×7d",
  "二甲双胍缓释片0.5g po bid；阿司匹林肠溶片100mg po qd",
  "BP 160/95mmHg，P 98次/分，R 22次/min，SpO₂ 92%",
  "γ-GT 120U/L，β₂-MG 3.1μg/mL，α-FP<20ng/ml",
  "Ⅱ度房室传导阻滞，NYHA Ⅲ级，TNM：T₂N₁M₀ⅢA期",
  "ICD-10：E11.900；N18.004†；M01.3*",
  "国药准字H20023370，批号：20230105-A",
  "COVID-19（SARS-CoV-2）核酸检测：阳性(+)",
  "肌酐 132 µmol/L，eGFR 48 ml/(min·1.73m²)",
  "PaO₂/FiO₂≤300mmHg；pH=7.32；[HCO₃⁻] 18mmol/L",
  "①胃炎②十二指肠溃疡 ⒊反流性食管炎 ㈣贫血",
  "服药½片,每日３次；体重63.5㎏，身高172㎝",
  "左室EF≈45%±5%，E/A<1，PASP～40mmHg",
  "㍿ 99ｍＴｃ-MIBI ¹⁸F-FDG PET/CT SUVmax=8.6",
  "瓜氨酸[Cit]肽抗体(anti-CCP)抗体≥500RU/ml",
  "5%GS 250ml+KCl 10ml+RI 6u ivgtt st!",
  "既往史：“高血压”10余年……否认‘乙肝’、结核。",
  "Ca²⁺ 2.1，Na⁺/K⁺-ATP酶，Fe³⁺",
  "病理号:2019-08_0456 #3 @复诊~2w",
];

/** Every hard string, in an order that does not change. */
export const HARD_STRINGS: readonly string[] = [
  ...framed(CONTROL),
  ...framed(SPACES),
  ...framed(CJK_EDGES),
  ...framed(COMPATIBILITY),
  ...range(0xff01, 0xff5e, 6).map((_, i) => `检查${range(0xff01 + i * 6, 0xff06 + i * 6).join("")}项`),
  ...range(0xffe0, 0xffee).map((c) => `约${c}5`),
  ...KANA,
  ...HANGUL,
  ...ACCENTS,
  ...EMOJI,
  ...SPECIALS,
  ...[...ODD_LETTERS].map((c) => `${c} x${c}y ${c}${c}中`),
  ...SCRIPTS,
  ...DIGITS,
  ...PRIVATE_AND_UNASSIGNED,
  ...LONG_WORDS,
  ...BLANK,
  ...ASCII,
  ...MEDICAL,
  ...generateCorpus({ sentences: 30, seed: 7 }),
];

/** Where random characters come from: two code points and how many of a hundred characters lie between them. */
const POOLS: readonly (readonly [first: number, last: number, share: number])[] = [
  [0x20, 0x7e, 25],
  [0x4e00, 0x9fff, 12],
  [0x00, 0x36f, 15],
  [0x300, 0x36f, 5],
  [0x2000, 0x206f, 6],
  [0x2070, 0x2bff, 6],
  [0x3000, 0x33ff, 5],
  [0xf900, 0xffff, 5],
  [0x370, 0xd7ff, 10],
  [0x10000, 0x1ffff, 8],
  [0x20000, 0x33fff, 2],
  [0xe000, 0x10ffff, 1],
];
/** Letters of Unicode 13 to 16 that Hugging Face's `tokenizers` 0.19 to 0.23 cannot lower-case or decompose yet. */
const LATE_LETTERS =
  /[\u1c89\ua7cb\ua7cc\ua7da\ua7dc\u{105c9}\u{105e4}\u{10d50}-\u{10d65}\u{11383}-\u{113c8}\u{11938}\u{16d68}-\u{16d6a}]/gu;
const SPECIAL_WORDS = [
  "[CLS]",
  "[MASK]",
  "[SEP]",
  "[PAD]",
  "[UNK]",
  "[mask]",
  " ",
  "a\u0301",
  "ＣＴ",
  "\r\n",
];

/**
 * Makes strings of random characters, the same for the same seed.
 *
 * @param count How many.
 * @param seed Any number.
 * @returns Strings of up to 40 characters or special words, without surrogates and late letters.
 */
export function randomStrings(count: number, seed: number): string[] {
  let state = seed >>> 0;
  const below = (limit: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0; // Numerical Recipes' generator
    return Math.floor(state / 2 ** 32 * limit);
  };
  const element = () => {
    let at = below(104);
    for (const [first, last, share] of POOLS) {
      if (at < share) {
        const codePoint = first + below(last - first + 1);
        return codePoint >= 0xd800 && codePoint < 0xe000 ? "a" : char(codePoint);
      }
      at -= share;
    }
    return SPECIAL_WORDS[below(SPECIAL_WORDS.length)]!;
  };
  return Array.from({ length: count }, () => {
    return Array.from({ length: below(41) }, element).join("").replace(LATE_LETTERS, "");
  });
}
