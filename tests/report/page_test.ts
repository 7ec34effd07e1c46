/** The page as others read it. */
import assert from "node:assert/strict";
import { BROWSER_FUNCTIONS } from "../../lib/report/browser.ts";
import { reportPage } from "../../lib/report/mod.ts";
import { PANELS } from "../../lib/report/panels.ts";
import { PLOTLY } from "../../lib/report/plotly.ts";
import { someRun } from "./runs.ts";

/** Python's own parser, which tells elements, what the scripts hold, and where links go. */
const READER = `
import json, sys
from html.parser import HTMLParser
VOID = {"meta", "input", "br", "link", "img"}
class Reader(HTMLParser):
  def __init__(self):
    super().__init__(convert_charrefs=True)
    self.open, self.wrong, self.links, self.scripts, self.texts, self.title = [], [], [], [], [], ""
    self.policy = None
  def handle_starttag(self, tag, attrs):
    attrs = dict(attrs)
    self.links += [v for k, v in attrs.items() if k in ("src", "href", "srcset", "action", "poster", "data", "xlink:href")]
    if attrs.get("http-equiv") == "Content-Security-Policy": self.policy = attrs["content"]
    if tag == "script": self.scripts.append([attrs, ""])
    if tag not in VOID: self.open.append(tag)
  def handle_startendtag(self, tag, attrs):
    self.handle_starttag(tag, attrs)
    if tag not in VOID: self.wrong.append(tag)
  def handle_endtag(self, tag):
    if not self.open or self.open.pop() != tag: self.wrong.append(tag)
  def handle_data(self, data):
    where = self.open[-1] if self.open else None
    if where == "script": self.scripts[-1][1] += data
    elif where == "title": self.title += data
    elif data.strip(): self.texts.append(data.strip())
reader = Reader()
reader.feed(sys.stdin.buffer.read().decode())
reader.close()
print(json.dumps({"wrong": reader.wrong + reader.open, "links": reader.links, "policy": reader.policy, "title": reader.title,
  "texts": reader.texts, "scripts": [{"type": a.get("type"), "id": a.get("id"), "text": t} for a, t in reader.scripts]}))`;

interface Page {
  wrong: string[];
  links: string[];
  policy: string;
  title: string;
  texts: string[];
  scripts: { type: string | null; id: string | null; text: string }[];
}

const python = Deno.env.get("ERNIE_HEALTH_PYTHON") ?? "python3";
const hasPython = await new Deno.Command(python, { args: ["--version"], stdout: "null", stderr: "null" })
  .output().then(({ success }) => success, () => false);

async function parse(html: string): Promise<Page> {
  const process = new Deno.Command(python, { args: ["-c", READER], stdin: "piped", stdout: "piped" }).spawn();
  const writer = process.stdin.getWriter();
  await writer.write(new TextEncoder().encode(html));
  await writer.close();
  const { stdout, success } = await process.output();
  assert.ok(success);
  return JSON.parse(new TextDecoder().decode(stdout));
}

const hostile = "</script><!--<script>alert(1)</script> & \"'\u2028";

Deno.test({
  name:
    "the page is one document: its numbers are the records, its library is in it, nothing comes from outside",
  ignore: !hasPython,
  async fn() {
    const run = someRun(hostile, 30, { notes: [hostile], path: hostile });
    const page = await parse(reportPage([run]));
    assert.deepEqual(page.wrong, []);
    assert.deepEqual(page.links, []);
    assert.match(page.policy, /^default-src 'none';/);
    assert.doesNotMatch(page.policy, /http|\*/);
    assert.equal(page.title, `Pretraining: ${hostile}`);
    assert.equal(page.texts.filter((text) => text.includes("alert(1)")).length, 3); // heading, folder, note
    assert.deepEqual(page.scripts.map(({ type, id }) => [type, id]), [["application/json", "data"], [
      null,
      null,
    ], [null, null]]);

    const [data, library, script] = page.scripts.map(({ text }) => text);
    assert.equal(library, PLOTLY);
    const [drawn] = JSON.parse(data!).runs;
    assert.equal(drawn.name, hostile);
    const rows = (columns: Record<string, { values: unknown[] }>) =>
      Array.from(
        { length: columns.step!.values.length },
        (_, i) => Object.fromEntries(Object.entries(columns).map(([name, { values }]) => [name, values[i]])),
      );
    const numbers = (records: object[]) =>
      records.map((record) => Object.fromEntries(Object.entries(record).filter(([name]) => name !== "kind")));
    assert.deepEqual(rows(drawn.training), numbers(run.training));
    assert.deepEqual(rows(drawn.evaluation), numbers(run.evaluation));

    const defined = new Function(
      `${script!.replace(/drawPage\(\);\s*$/, "")}; return [smoothed, panelTraces, panelLayout, drawPage];`,
    )();
    assert.deepEqual(defined.map(String), BROWSER_FUNCTIONS.map(String)); // parses, and each can find the others
  },
});

Deno.test("the library is in the page once, however many runs it shows", () => {
  const html = reportPage([someRun("a", 3), someRun("b", 3)]);
  assert.equal(html.split("plotly.js (cartesian - minified)").length - 1, 1);
  assert.equal(html.split(PLOTLY.slice(1000, 1200)).length - 1, 1);
});

Deno.test("outside of the library no address is named", () => {
  const html = reportPage([someRun("a", 3)]).replace(PLOTLY, "");
  assert.doesNotMatch(html, /https?:|url\(|@import|\bimport\(|fetch\(/);
});

Deno.test("panels are those that have numbers", () => {
  const headings = (html: string) => [...html.matchAll(/<h3>([^<]*)<\/h3>/g)].map(([, heading]) => heading);
  const electra = headings(reportPage([someRun("electra", 20)]));
  assert.ok(electra.includes("Replaced-token detection loss") && electra.includes("Memory (GB)"));
  for (
    const title of [
      "Multi-token selection loss",
      "Contrastive prediction accuracy",
      "Loss scale",
      "Skipped steps",
    ]
  ) {
    assert.ok(PANELS.some((panel) => panel.title === title) && !electra.includes(title), title);
  }
  const skipped = someRun("skipped", 3);
  skipped.training[1]!.skipped = 0;
  assert.ok(!headings(reportPage([skipped])).includes("Skipped steps"));
  skipped.training[1]!.skipped = 2;
  assert.ok(headings(reportPage([skipped])).includes("Skipped steps"));
});

Deno.test("the tables tell facts, values and what differs between runs", () => {
  const facts = (seed: number) => ({
    options: { seed, batch_size: 16, eval_dir: null },
    config: { generator: { num_hidden_layers: 2, hidden_size: 64, num_attention_heads: 2, vocab_size: 99 } },
    state: { seed, corpus: "c0ffee", versions: { tensorflow: "2.21.0", deno: "2.9.6" } },
    parameters: 1_234_567,
  });
  const html = reportPage([someRun("a", 30, { facts: facts(1) }), someRun("b", 20, { facts: facts(2) })]);
  const rows = [...html.matchAll(/<tr( class="differs")?><th scope="row">([^<]*)<\/th>(.*?)<\/tr>/g)].map(
    (
      [, mark, name, cells],
    ) => [
      name,
      ...[...cells!.matchAll(/<td>([^<]*)<\/td>/g)].map(([, cell]) => cell),
      ...mark ? ["differs"] : [],
    ],
  );
  const expected = [
    ["Progress", "step 30 of 1,000 (3 %)", "step 20 of 1,000 (2 %)"],
    ["Training time", "1 min 15 s", "50 s"],
    ["Best evaluation", "3.6667 at step 30", "5.5000 at step 20"],
    ["Parameters", "1,234,567", "1,234,567"],
    ["Generator", "2 layers of 64, 2 heads, 99 tokens", "2 layers of 64, 2 heads, 99 tokens"],
    ["Corpus", "c0ffee", "c0ffee"],
    ["Versions", "tensorflow 2.21.0, deno 2.9.6", "tensorflow 2.21.0, deno 2.9.6"],
    ["Total loss", "100 → 3.3333; evaluation 3.6667", "100 → 5; evaluation 5.5"],
    ["Replaced-token detection: precision", "75 % → 75 %", "75 % → 75 %"],
    ["Learning rate", "1.00e-4 → 3.33e-6", "1.00e-4 → 5.00e-6"],
    ["Memory (GB): peak", "2 → 2", "2 → 2"],
    ["seed", "1", "2", "differs"],
    ["batch_size", "16", "16"],
    ["eval_dir", "–", "–"],
  ];
  for (const row of expected) assert.deepEqual(rows.find(([name]) => name === row[0]), row);
  assert.ok(html.includes("<time>2026-01-02T03:04:05Z</time>"));
});

Deno.test("a run that has only begun has a page, no run has none", () => {
  const html = reportPage([someRun("new", 0, { totalSteps: undefined, notes: [], checkpoints: [] })]);
  assert.ok(html.includes("There are no records yet") && html.includes("no records yet</td>"));
  assert.throws(() => reportPage([]), {
    name: "RangeError",
    message: "Cannot write a report: there are no runs",
  });
});
