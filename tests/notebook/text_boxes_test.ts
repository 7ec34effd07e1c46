/** The room of texts, against what its transformations say by hand. */
import assert from "node:assert/strict";
// @ts-types="../../lib/notebook/drawing/linkedom.d.ts"
import { parseHTML } from "linkedom";
import { type Box, textBox } from "../../lib/notebook/drawing/text_boxes.ts";

const HAN = `font-size="10"`; // ten Chinese characters are 100 wide, 9.5 above the baseline, 3.5 beneath it

const CASES: [string, string, "element" | "document", Box][] = [
  ["a text", `<text ${HAN} x="5" y="20">一二</text>`, "document", {
    left: 5,
    top: 10.5,
    right: 25,
    bottom: 23.5,
  }],
  [
    "a text around its middle",
    `<text ${HAN} x="50" y="20" text-anchor="middle">一二三四</text>`,
    "document",
    { left: 30, top: 10.5, right: 70, bottom: 23.5 },
  ],
  [
    "two lines, the longer one counts",
    `<text style="font-size:10px"><tspan class="line">一</tspan><tspan class="line">一二三</tspan></text>`,
    "document",
    { left: 0, top: -9.5, right: 30, bottom: 16.5 },
  ],
  [
    "moved with what is around it",
    `<g transform="translate(100,10)"><text ${HAN} transform="translate(1,2)">一</text></g>`,
    "document",
    { left: 101, top: 2.5, right: 111, bottom: 15.5 },
  ],
  [
    "a group in its own place has its texts moved, itself not",
    `<g transform="translate(100,10)"><text ${HAN} transform="translate(1,2)">一</text><text ${HAN} x="20">一</text></g>`,
    "element",
    { left: 1, top: -9.5, right: 30, bottom: 5.5 },
  ],
  [
    "turned by a quarter around a point",
    `<text ${HAN} x="10" y="10" transform="rotate(90,10,10)">一二三</text>`,
    "document",
    { left: 6.5, top: 10, right: 19.5, bottom: 40 },
  ],
  ["no text", `<path d="M0,0L9,9" />`, "document", { left: 0, top: 0, right: 0, bottom: 0 }],
];

for (const [name, markup, within, expected] of CASES) {
  Deno.test(`text boxes: ${name}`, () => {
    const { document } = parseHTML(`<!doctype html><html><body><svg>${markup}</svg></body></html>`);
    const box = textBox(document.body.querySelectorAll("svg > *")[0]!, within);
    for (const side of ["left", "top", "right", "bottom"] as const) {
      assert.ok(Math.abs(box[side] - expected[side]) < 1e-9, `${side}: ${box[side]}, not ${expected[side]}`);
    }
  });
}
