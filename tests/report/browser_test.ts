/** The page's script, as far as it needs no browser. */
import assert from "node:assert/strict";
import { type PageData, panelLayout, panelTraces, smoothed, type View } from "../../lib/report/browser.ts";
import { pageData } from "../../lib/report/page.ts";
import { someRun } from "./runs.ts";

const VIEW: View = { x: "step", smoothing: 0, logarithmic: false, hidden: [] };
const panelOf = (data: PageData, title: string) => data.panels.find((panel) => panel.title === title)!;

Deno.test("a smoothed curve is the weighted mean of what came before", () => {
  assert.deepEqual(smoothed([5, 5, 5], 0.9).map((value) => Math.round(1e9 * value!) / 1e9), [5, 5, 5]);
  assert.deepEqual(smoothed([1, null, 4], 0.5), [1, null, (0.25 * 1 + 0.5 * 4) / 0.75]);
  assert.deepEqual(smoothed([1, 2, 3], 0), [1, 2, 3]);
});

Deno.test("a curve is what was measured, evaluations are points on it", () => {
  const run = someRun("small", 30), data = pageData([run]);
  const [curve, points, ...more] = panelTraces(panelOf(data, "Total loss"), data, VIEW);
  assert.deepEqual(more, []);
  assert.deepEqual([curve!.x, curve!.y], [
    run.training.map(({ step }) => step),
    run.training.map(({ avg_loss }) => avg_loss),
  ]);
  assert.deepEqual([points!.mode, points!.x, points!.y], ["markers", [10, 20, 30], [11, 5.5, 110 / 30]]);
  assert.equal(points!.name, "evaluation");
});

Deno.test("curves follow what the reader chooses", () => {
  const data = pageData([someRun("a", 30), someRun("b", 30)]);
  const panel = panelOf(data, "Gradient norm");
  const traces = (more: Partial<View>) => panelTraces(panel, data, { ...VIEW, ...more });
  assert.deepEqual(traces({}).map(({ name }) => name), ["a", "b"]);
  assert.deepEqual(traces({ hidden: [0] }).map(({ name }) => name), ["b"]);
  assert.equal((traces({ x: "seconds" })[0]!.x as number[])[29], 75 / 3600);
  assert.equal((traces({ x: "epochs" })[0]!.x as number[])[29], 0.3);
  const [raw, smooth] = traces({ smoothing: 0.9 });
  assert.deepEqual(smooth!.y, smoothed(raw!.y as number[], 0.9));
  assert.equal(panelTraces(panelOf(data, "Learning rate"), data, { ...VIEW, smoothing: 0.9 }).length, 2); // as it is
});

Deno.test("colours tell runs, or curves of one run; dots tell curves of several runs", () => {
  const look = (data: PageData) =>
    panelTraces(panelOf(data, "Memory (GB)"), data, VIEW).map((trace) => {
      const { color, dash } = trace.line as Record<string, string>;
      return [data.palette.findIndex((rgb) => color === `rgb(${rgb})`), dash, trace.name];
    });
  assert.deepEqual(look(pageData([someRun("a", 5)])), [[0, "solid", "now"], [1, "solid", "peak"]]);
  assert.deepEqual(look(pageData([someRun("a", 5), someRun("b", 5)])), [
    [0, "solid", "a · now"],
    [0, "dot", "a · peak"],
    [1, "solid", "b · now"],
    [1, "dot", "b · peak"],
  ]);
});

Deno.test("a long run is drawn as its mean within its range", () => {
  const data = pageData([someRun("long", 5000)]);
  const [low, high, mean] = panelTraces(panelOf(data, "Gradient norm"), data, VIEW);
  assert.equal(high!.fill, "tonexty");
  const [least, most, middle] = [low, high, mean].map((trace) => trace!.y as number[]);
  assert.equal(middle!.length, 1000);
  assert.ok(middle!.every((value, i) => least![i]! <= value && value <= most![i]!));
});

Deno.test("values are in the panel's unit, and an axis is logarithmic where that helps", () => {
  const data = pageData([someRun("a", 5)]);
  const [memory] = panelTraces(panelOf(data, "Memory (GB)"), data, VIEW);
  assert.ok(Math.abs((memory!.y as number[])[0]! - 1) < 1e-6);
  const look = { colours: { ink: "#000", grid: "#ccc", card: "#fff" }, touch: true };
  const layout = (title: string) =>
    panelLayout(panelOf(data, title), { ...VIEW, logarithmic: true }, look, [3, 4]) as {
      dragmode: unknown;
      xaxis: { range: number[] };
      yaxis: { type: string };
    };
  assert.equal(layout("Total loss").yaxis.type, "log");
  assert.equal(layout("Generator accuracy").yaxis.type, "linear");
  assert.deepEqual([layout("Total loss").xaxis.range, layout("Total loss").dragmode], [[3, 4], false]);
});
