import assert from "node:assert/strict";
import { lossChart, type LossPoint, sparkline } from "../../lib/training/chart.ts";
import { assertWellFormed, texts } from "../well_formed.ts";

const record = (step: number, loss: number | null): LossPoint => ({
  step,
  generator: loss,
  rtd: loss,
  multi_choice: loss,
  seq_contrastive_loss: loss,
});

/** The points of each path with this attribute, panel by panel. */
function paths(svg: string, attribute: string): [number, number][][] {
  const found = [...svg.matchAll(new RegExp(`<path d="([^"]*)" ${attribute}`, "g"))];
  return found.map(([, path]) =>
    [...path!.matchAll(/(-?[\d.]+),(-?[\d.]+)/g)].map(([, x, y]) => [Number(x), Number(y)])
  );
}

Deno.test("each panel draws its loss in place: 10 on top, 0 at the bottom, steps from left to right", () => {
  const svg = lossChart([record(1, 10), record(2, 5), record(3, 0)]);
  assertWellFormed(svg);
  const lines = paths(svg, 'fill="none"');
  assert.equal(lines.length, 4);
  for (const line of lines) assert.deepEqual(line, [[0, 0], [178, 80], [356, 160]]);
  const labels = texts(svg);
  for (
    const label of [
      "Pretraining losses",
      "3 steps",
      "Generator (masked LM)",
      "Replaced-token detection",
      "Multi-token selection",
      "Contrastive sequence prediction",
      "10 → 0",
      "step",
    ]
  ) assert.ok(labels.includes(label), label);
  assert.equal(lossChart([record(1, 10), record(2, 5), record(3, 0)]), svg);
});

Deno.test("losses keep to their own panels", () => {
  const svg = lossChart([
    { step: 1, generator: 8, rtd: 0.5, multi_choice: 1.75, seq_contrastive_loss: 3 },
    { step: 2, generator: 6, rtd: 0.25, multi_choice: 1.5, seq_contrastive_loss: 1 },
  ]);
  assert.deepEqual(texts(svg).filter((label) => label!.includes("→")), [
    "8 → 6",
    "0.5 → 0.25",
    "1.75 → 1.5",
    "3 → 1",
  ]);
});

Deno.test("a long run becomes few points: means as the line, ranges as the band", () => {
  const records = Array.from({ length: 100_000 }, (_, i) => record(i + 1, i % 2 === 0 ? 10 : 0));
  const svg = lossChart(records);
  assertWellFormed(svg);
  assert.ok(svg.length < 40_000, `${svg.length} characters`);
  for (const line of paths(svg, 'fill="none"')) {
    assert.ok(line.length > 100 && line.length <= 180);
    assert.ok(line.every(([, y]) => y === 80));
  }
  for (const band of paths(svg, 'fill="#b6d4f5"')) {
    assert.deepEqual(new Set(band.map(([, y]) => y)), new Set([0, 160]));
  }
  assert.ok(texts(svg).includes("100,000 steps"));
});

Deno.test("a gap stays where losses are not finite", () => {
  const svg = lossChart([
    record(1, 4),
    record(2, 3),
    record(3, null),
    record(4, NaN),
    record(5, 1),
    record(6, 0),
  ]);
  assertWellFormed(svg);
  const [, path] = /<path d="([^"]*)" fill="none"/.exec(svg)!;
  assert.equal(path!.match(/M/g)!.length, 2);
  const nothing = lossChart([record(1, null)]);
  assertWellFormed(nothing);
  assert.equal(texts(nothing).filter((label) => label === "not finite").length, 4);
});

Deno.test("a loss that the run does not have has no panel", () => {
  const size = (svg: string) => /^<svg [^>]*width="(\d+)" height="(\d+)"/.exec(svg)!.slice(1).map(Number);
  const electra = lossChart([{ step: 1, generator: 2, rtd: 1 }, { step: 2, generator: 1, rtd: null }]);
  assertWellFormed(electra);
  assert.deepEqual(texts(electra).filter((label) => label.includes("→")), ["2 → 1", "1 → 1"]);
  const mlm = lossChart([{ step: 1, generator: 2 }, { step: 2, generator: 1 }]);
  assertWellFormed(mlm);
  assert.ok(!texts(mlm).includes("Replaced-token detection"));
  const [all, two, one] = [lossChart([record(1, 2)]), electra, mlm].map(size);
  assert.ok(two![0] === all![0] && two![1]! < all![1]!); // one row of two
  assert.ok(one![0]! < two![0]! && one![1] === two![1]);
});

Deno.test("a chart of one record, of equal losses, of a hostile title is well formed", () => {
  assertWellFormed(lossChart([record(1, 2)]));
  assertWellFormed(lossChart([record(5, 2), record(10, 2)]));
  const svg = lossChart([record(1, 2)], { title: `<script>"a" & b</script>` });
  assertWellFormed(svg);
  assert.ok(texts(svg).includes("&lt;script&gt;&quot;a&quot; &amp; b&lt;/script&gt;"));
});

Deno.test("a chart of nothing is refused", () => {
  assert.throws(() => lossChart([]), {
    name: "RangeError",
    message: "Cannot draw a loss chart: there are no records",
  });
});

const lines: [string, number[], number | undefined, string][] = [
  ["all heights", [1, 2, 3, 4, 5, 6, 7, 8], undefined, "▁▂▃▄▅▆▇█"],
  ["falling", [8, 4, 2, 1], undefined, "█▄▂▁"],
  ["equal values", [3, 3, 3], undefined, "▁▁▁"],
  ["gaps", [0, NaN, 1, Infinity], undefined, "▁ █ "],
  ["means of neighbours", [0, 2, 3, 5, 7, 9], 3, "▁▄█"],
  ["nothing", [], undefined, ""],
];
for (const [name, values, width, expected] of lines) {
  Deno.test(`sparkline: ${name}`, () => assert.equal(sparkline(values, width), expected));
}
