import assert from "node:assert/strict";
import { columns, formatCount, formatShare, textBars } from "../../lib/chart/mod.ts";

// Widths as Unicode's EastAsianWidth.txt gives them: W and F are two, combining marks none.
const WIDTHS: [string, number][] = [
  ["", 0],
  ["HbA1c", 5],
  ["高血压", 6],
  ["HbA1c高", 7],
  ["，。（）", 8],
  ["ＡＢ", 4],
  ["ｶﾞ", 2], // half-width kana
  ["かな", 4],
  ["한", 2],
  ["𠮷", 2], // beyond U+FFFF
  ["e\u0301", 1],
  ["🩺", 2],
  ["±℃", 2],
  ["\u200b\ufeff", 0],
];

for (const [text, width] of WIDTHS) {
  Deno.test(`columns of ${JSON.stringify(text)}`, () => assert.equal(columns(text), width));
}

Deno.test("bars end in eighths of a column, and labels and numbers line up", () => {
  const bars = [
    { label: "热", value: 800, note: "800" },
    { label: "abc", value: 450, note: "450" },
    { label: "x", value: 1, note: "1" },
    { label: "none", value: 0, note: "0" },
  ];
  assert.deepEqual(textBars(bars, 10), [
    "  热  800  ██████████",
    " abc  450  █████▋",
    "   x    1  ▏",
    "none    0",
  ]);
  assert.deepEqual(textBars([], 10), []);
  assert.deepEqual(textBars([{ label: "a", value: 0, note: "0" }]), ["a  0"]);
});

Deno.test("numbers in print", () => {
  assert.equal(formatCount(4124480), "4,124,480");
  const shares = [0, 1, 0.734, 0.0612, 0.00034, 0.0999];
  assert.deepEqual(shares.map(formatShare), ["0 %", "100 %", "73 %", "6.1 %", "0.034 %", "10 %"]);
});
