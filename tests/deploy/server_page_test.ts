/** What the page draws, and that it needs nothing from elsewhere. */
import assert from "node:assert/strict";
import { parseHTML } from "linkedom";
import { bars, colours, markedText } from "../../lib/deploy/server/page/drawing.js";
import { EXAMPLES, TEXTS } from "../../lib/deploy/server/page/texts.js";
import { PAGE_FILES } from "../../lib/deploy/server/page.ts";

/** Runs with a document that the page's scripts find. */
function withDocument(test: () => void) {
  const { document } = parseHTML("<html><body></body></html>") as unknown as { document: unknown };
  Object.assign(globalThis, { document });
  try {
    test();
  } finally {
    Reflect.deleteProperty(globalThis, "document");
  }
}

const TYPES = ["bod", "dis", "sym"];
/** `bod 0 2` → an entity. */
const entity = (line: string) => {
  const [type, start, end] = line.split(" ");
  return { type, name: type, start_id: Number(start), end_id: Number(end) };
};
/** Marks as brackets with their colours: `[0 右肺 bod]`. */
const spell = (html: string) =>
  html.replace(/<mark class="c(\d)" title="[^"]*">/g, "[$1 ").replaceAll("</mark>", "]")
    .replace(/<small>(.*?)<\/small>/g, " $1").replace(/<p class="marked">(.*)<\/p>/s, "$1");

for (
  const [name, text, entities, expected] of [
    ["nothing", "无异常", [], "无异常"],
    ["apart", "𠮷右肺，咳嗽", ["bod 1 3", "sym 4 6"], "𠮷[0 右肺 bod]，[2 咳嗽 sym]"],
    ["neighbours", "右肺咳嗽", ["sym 2 4", "bod 0 2"], "[0 右肺 bod][2 咳嗽 sym]"],
    [
      "nested twice",
      "右肺下叶肺炎",
      ["dis 0 6", "bod 0 4", "bod 0 2"],
      "[1 [0 [0 右肺 bod]下叶 bod]肺炎 dis]",
    ],
    [
      "nested, side by side",
      "肺炎伴咳嗽",
      ["dis 0 5", "dis 0 2", "sym 3 5"],
      "[1 [1 肺炎 dis]伴[2 咳嗽 sym] dis]",
    ],
    ["the same place", "肺炎", ["dis 0 2", "sym 0 2"], "[1 [2 肺炎 sym] dis]"],
    ["crossing", "右肺下叶肺炎", ["bod 0 4", "dis 2 6"], "[0 右肺[1 下叶] bod][1 肺炎 dis]"],
    [
      "markup",
      "<b>&肺",
      ["bod 4 5"],
      "&lt;b&gt;&amp;[0 肺 bod]",
    ],
  ] as const
) {
  Deno.test(`entities, ${name}`, () =>
    withDocument(() => {
      const { outerHTML } = markedText(text, entities.map(entity), colours(TYPES)) as { outerHTML: string };
      // the order of attributes is the library's
      assert.equal(
        spell(outerHTML.replace(/<mark title="([^"]*)" class="(c\d)">/g, '<mark class="$2" title="$1">')),
        expected,
      );
    }));
}

Deno.test("the likeliest label is first", () =>
  withDocument(() => {
    const list = bars("c", [{ name: "a", probability: 0.25 }, {
      name: "b",
      probability: 0.75,
    }]) as { children: Iterable<{ textContent: string }> };
    assert.deepEqual(Array.from(list.children, ({ textContent }) => textContent), ["b75.0 %", "a25.0 %"]);
  }));

Deno.test("the page says everything in both languages, and loads its own files alone", async () => {
  assert.deepEqual(Object.keys(TEXTS.en), Object.keys(TEXTS.zh));
  assert.ok(Object.values(EXAMPLES).every(([text]) => text));
  const files = new Map<string, string>();
  for (const { path, read } of PAGE_FILES) files.set(path, await read());
  const used = [...files.values()].flatMap((text) =>
    [...text.matchAll(/(?:src|href)="([^"]+)"|from "\.([^"]+)"/g)].map(([, one, other]) => one ?? other)
  );
  assert.deepEqual([...new Set(used)].filter((path) => !files.has(path!)), []);
  assert.deepEqual([...files.keys()].filter((path) => path !== "/" && !used.includes(path)), []);
  const elsewhere = [...files.values()].flatMap((text) => text.match(/https?:\/\/[^\s"']+|url\(/g) ?? []);
  assert.deepEqual(elsewhere, ["http://www.w3.org/2000/svg"]); // a namespace
  const keys = [...files.get("/")!.matchAll(/data-text="(\w+)"/g)].map(([, key]) => key!);
  assert.deepEqual(keys.filter((key) => !(key in TEXTS.en)), []);
});
