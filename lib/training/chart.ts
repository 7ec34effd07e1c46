/** Pictures of a training run that need no browser: an SVG of the losses, a line of block characters. */

// @ts-types="npm:@types/d3-shape@3.1.7"
import { area, line } from "d3-shape";
import { axes, card, colour, linearScale, panel, round, text } from "../chart/mod.ts";

/** The losses after a step, as `train.jsonl` has them; `null` where a loss was not finite, absent where there is none. */
export interface LossPoint {
  step: number;
  generator?: number | null;
  rtd?: number | null;
  multi_choice?: number | null;
  seq_contrastive_loss?: number | null;
}

const losses = [
  ["generator", "Generator (masked LM)"],
  ["rtd", "Replaced-token detection"],
  ["multi_choice", "Multi-token selection"],
  ["seq_contrastive_loss", "Contrastive sequence prediction"],
] as const;

const plot = { width: 356, height: 160, left: 60, top: 132, columnStep: 444, rowStep: 262 }; // pixels
const bottom = 56; // pixels below the last row: its axis
const mostPoints = 180; // per line: more would hide each other

/**
 * Draws the losses of a run over its steps, one panel each: the mean of neighbouring records as a line, their range as
 * a band behind it. A loss that no record has is left out.
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
  const lastStep = records.at(-1)!.step;
  const present = losses.filter(([name]) => records.some((record) => record[name] !== undefined));
  const columns = Math.min(2, present.length), rows = Math.ceil(present.length / 2);
  return card(
    { width: columns * plot.columnStep, height: plot.top + (rows - 1) * plot.rowStep + plot.height + bottom },
    title,
    `${lastStep.toLocaleString("en")} ${lastStep === 1 ? "step" : "steps"}`,
    present.map(([name, label], index) =>
      lossPanel(label, records.map((record) => ({ step: record.step, value: record[name] ?? null })), index)
    ),
  );
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
  const { width, height, left, top, columnStep, rowStep } = plot;
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
  const place = { left: left + (index % 2) * columnStep, top: top + Math.floor(index / 2) * rowStep };
  if (drawn.length === 0) {
    return panel(place, label, "", [text(width / 2, height / 2, "not finite", `text-anchor="middle"`)]);
  }
  const firstStep = points[0]!.step, lastStep = points.at(-1)!.step;
  const x = linearScale([firstStep, Math.max(lastStep, firstStep + 1)], [0, width]);
  const least = Math.min(...drawn.map((group) => group.least));
  const greatest = Math.max(...drawn.map((group) => group.greatest));
  const y = linearScale([least, greatest > least ? greatest : least + 1], [height, 0]).nice(4);
  type Group = typeof groups[number];
  const isDrawn = (group: Group) => Number.isFinite(group.mean);
  const atX = (group: Group) => round(x(group.step));
  const band = area<Group>(atX, (group) => round(y(group.least)), (group) => round(y(group.greatest)));
  const curve = line<Group>(atX, (group) => round(y(group.mean)));
  const change = `${short(drawn[0]!.mean)} → ${short(drawn.at(-1)!.mean)}`;
  return panel(place, label, change, [
    ...axes(x, y, { width, height, label: "step" }),
    `<path d="${band.defined(isDrawn)(groups)}" fill="${colour.band}"/>`,
    `<path d="${curve.defined(isDrawn)(groups)}" fill="none" stroke="${colour.line}" stroke-width="1.8"` +
    ` stroke-linejoin="round" stroke-linecap="round"/>`,
  ]);
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
