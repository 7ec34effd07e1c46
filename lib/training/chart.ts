/** Pictures of a training run that need no browser: an SVG of the losses, a line of block characters. */

// @ts-types="npm:@types/d3-scale@4.0.9"
import { type ScaleLinear, scaleLinear } from "d3-scale";
// @ts-types="npm:@types/d3-shape@3.1.7"
import { area, line } from "d3-shape";

/** The losses after a step, as `train.jsonl` has them; `null` where a loss was not finite. */
export interface LossPoint {
  step: number;
  generator: number | null;
  rtd: number | null;
  multi_choice: number | null;
  seq_contrastive_loss: number | null;
}

const panels = [
  ["generator", "Generator (masked LM)"],
  ["rtd", "Replaced-token detection"],
  ["multi_choice", "Multi-token selection"],
  ["seq_contrastive_loss", "Contrastive sequence prediction"],
] as const;

const panel = { width: 356, height: 160, left: 60, top: 132, columnStep: 444, rowStep: 262 }; // pixels
const chart = { width: 888, height: 610 };
const colour = { ink: "#1f2328", faint: "#59636e", grid: "#e4e7eb", line: "#0b62c4", band: "#b6d4f5" };
const mostPoints = 180; // per line: more would hide each other

/**
 * Draws the four losses of a run over its steps, one panel each: the mean of neighbouring records as a line,
 * their range as a band behind it.
 *
 * @param records - Losses in the order of their steps; lines of `train.jsonl` will do.
 * @param options - `title`: heading of the picture.
 * @returns An SVG document on a light card, legible on light and dark pages; same records, same bytes.
 * @throws {RangeError} When there are no records.
 *
 * @example
 * ```ts
 * import { lossChart } from "./chart.ts";
 * const records = Array.from({ length: 300 }, (_, i) => ({
 *   step: i + 1,
 *   generator: 9 - i / 100,
 *   rtd: 0.6 - i / 1000,
 *   multi_choice: 1.8 - i / 500,
 *   seq_contrastive_loss: 3 - i / 100,
 * }));
 * console.log(lossChart(records).length);
 * ```
 */
export function lossChart(
  records: readonly LossPoint[],
  { title = "Pretraining losses" }: { title?: string } = {},
): string {
  if (records.length === 0) throw new RangeError("Cannot draw a loss chart: there are no records");
  const { width, height } = chart;
  const lastStep = records.at(-1)!.step;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}"` +
    ` viewBox="0 0 ${width} ${height}"` +
    ` role="img" aria-label="${
      escape(title)
    }" font-family="system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif"` +
    ` font-size="12" fill="${colour.faint}">`,
    `<rect x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="8" fill="#fff" stroke="#d1d9e0"/>`,
    text(24, 40, title, `font-size="20" font-weight="600" fill="${colour.ink}"`),
    text(24, 62, `${lastStep.toLocaleString("en")} ${lastStep === 1 ? "step" : "steps"}`),
    ...panels.map(([name, label], index) =>
      lossPanel(label, records.map((record) => ({ step: record.step, value: record[name] })), index)
    ),
    "</svg>\n",
  ].join("\n");
}

/**
 * Draws numbers as a line of block characters, for a terminal.
 *
 * @param values - The numbers, in order; those that are not finite are left blank.
 * @param width - Most characters; neighbouring values share one as their mean.
 * @returns Up to `width` characters from "▁" (the least) to "█" (the greatest).
 *
 * @example
 * ```ts
 * import { sparkline } from "./chart.ts";
 * console.log(sparkline([1, 2, 3, 4, 5, 6, 7, 8])); // ▁▂▃▄▅▆▇█
 * ```
 */
export function sparkline(values: readonly number[], width = 40): string {
  const blocks = "▁▂▃▄▅▆▇█";
  const means = grouped(values, width).map((group) => mean(group.filter(Number.isFinite)));
  const finite = means.filter(Number.isFinite);
  const least = Math.min(...finite), greatest = Math.max(...finite);
  return means.map((value) => {
    if (Number.isNaN(value)) return " ";
    const share = greatest > least ? (value - least) / (greatest - least) : 0;
    return blocks[Math.min(blocks.length - 1, Math.floor(share * blocks.length))];
  }).join("");
}

/** One loss: heading with its first and last value, axes, band and line. */
function lossPanel(
  label: string,
  points: { step: number; value: number | null }[],
  index: number,
): string {
  const { width, height, left, top, columnStep, rowStep } = panel;
  const groups = grouped(points, mostPoints).map((group) => {
    const values = group.flatMap(({ value }) => value === null || !Number.isFinite(value) ? [] : [value]);
    return {
      step: mean(group.map(({ step }) => step)),
      mean: mean(values),
      least: Math.min(...values),
      greatest: Math.max(...values),
    };
  });
  const drawn = groups.filter((group) => Number.isFinite(group.mean));
  const open = `<g transform="translate(${left + (index % 2) * columnStep} ${
    top + Math.floor(index / 2) * rowStep
  })">`;
  const heading = text(0, -32, label, `font-size="14" font-weight="600" fill="${colour.ink}"`);
  if (drawn.length === 0) {
    return [open, heading, text(width / 2, height / 2, "not finite", `text-anchor="middle"`), "</g>"].join(
      "\n",
    );
  }
  const firstStep = points[0]!.step, lastStep = points.at(-1)!.step;
  const x = scaleLinear([firstStep, Math.max(lastStep, firstStep + 1)], [0, width]);
  const least = Math.min(...drawn.map((group) => group.least));
  const greatest = Math.max(...drawn.map((group) => group.greatest));
  const y = scaleLinear([least, greatest > least ? greatest : least + 1], [height, 0]).nice(4);
  type Group = typeof groups[number];
  const isDrawn = (group: Group) => Number.isFinite(group.mean);
  const atX = (group: Group) => round(x(group.step));
  const band = area<Group>(atX, (group) => round(y(group.least)), (group) => round(y(group.greatest)));
  const curve = line<Group>(atX, (group) => round(y(group.mean)));
  const change = `${short(drawn[0]!.mean)} → ${short(drawn.at(-1)!.mean)}`;
  return [
    open,
    heading,
    text(0, -14, change),
    ...axes(x, y),
    `<path d="${band.defined(isDrawn)(groups)}" fill="${colour.band}"/>`,
    `<path d="${curve.defined(isDrawn)(groups)}" fill="none" stroke="${colour.line}" stroke-width="1.8"` +
    ` stroke-linejoin="round" stroke-linecap="round"/>`,
    "</g>",
  ].join("\n");
}

function axes(x: ScaleLinear<number, number>, y: ScaleLinear<number, number>): string[] {
  const { width, height } = panel;
  const format = y.tickFormat(4);
  const rows = y.ticks(4).map((value) => {
    const at = round(y(value));
    return `<path d="M0 ${at}H${width}" stroke="${colour.grid}"/>` +
      text(-8, round(at + 4), format(value), `text-anchor="end"`);
  });
  const columns = x.ticks(6).filter(Number.isInteger).map((value) => {
    const at = round(x(value));
    return `<path d="M${at} ${height}v5" stroke="${colour.faint}"/>` +
      text(at, height + 19, x.tickFormat(6, "~s")(value), `text-anchor="middle"`);
  });
  return [
    ...rows,
    ...columns,
    `<path d="M0 ${height}H${width}" stroke="${colour.faint}"/>`,
    text(width / 2, height + 36, "step", `text-anchor="middle"`),
  ];
}

function text(x: number, y: number, content: string, attributes = ""): string {
  return `<text x="${x}" y="${y}"${attributes && " "}${attributes}>${escape(content)}</text>`;
}

/** Splits values into at most `count` groups of neighbours, all of one size but the last. */
function grouped<T>(values: readonly T[], count: number): T[][] {
  const size = Math.max(1, Math.ceil(values.length / count));
  return Array.from(
    { length: Math.ceil(values.length / size) },
    (_, i) => values.slice(i * size, (i + 1) * size),
  );
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function short(value: number): string {
  return Number(value.toPrecision(3)).toString();
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function escape(content: string): string {
  return content.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll(
    '"',
    "&quot;",
  );
}
