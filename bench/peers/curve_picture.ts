/**
 * A picture of learning curves: rows of four panels, one for each loss.
 *
 * @module
 */
// @ts-types="npm:@types/d3-shape@3.1.7"
import { area, line } from "d3-shape";
import { axes, card, colour, linearScale, panel, round, text } from "../../lib/chart/mod.ts";
import { type Curve, type Likeness, meanCurve } from "./curve_statistics.ts";

/** Curves of one kind: a line for their mean, a band from the least to the greatest. */
export interface Series {
  readonly name: string;
  /** One curve per seed. */
  readonly curves: readonly Curve[];
}

/** Panels side by side. */
export interface PanelRow {
  readonly heading: string;
  /** What the horizontal axis shows. */
  readonly label: string;
  /** Where the values of the curves stand on it. */
  readonly x: Curve;
  readonly panels: readonly {
    readonly title: string;
    /** The reference first, ours last. */
    readonly series: readonly Series[];
    readonly likeness: Likeness;
  }[];
}

const plot = { width: 190, height: 150, left: 62, columnStep: 262 }; // pixels
const rowStep = 300, firstRow = 112, width = 1084, legendStep = 170; // pixels
const mostPoints = 90; // per curve: more would hide each other
interface Stroke {
  readonly colour: string;
  readonly width: number;
  readonly opacity: number;
}
/** References are broad and pale, so that ours, thin and dark, is seen upon them. */
const strokes: readonly Stroke[] = [
  { colour: "#e8590c", width: 5, opacity: 0.45 },
  { colour: "#2b8a3e", width: 5, opacity: 0.35 },
];
const ourStroke: Stroke = { colour: colour.line, width: 1.6, opacity: 1 };

/**
 * Draws curves.
 *
 * @param title heading of the picture
 * @param subtitle one line beneath it
 * @param rows from top to bottom
 * @returns an SVG document on a light card
 */
export function curvePicture(title: string, subtitle: string, rows: readonly PanelRow[]): string {
  const size = { width, height: firstRow + rows.length * rowStep - 20 };
  return card(size, title, subtitle, rows.flatMap((row, r) => drawRow(row, firstRow + r * rowStep)));
}

function drawRow({ heading, label, x, panels }: PanelRow, top: number): string[] {
  const names = panels[0]!.series.map(({ name }) => name);
  return [
    text(24, top, heading, `font-size="15" font-weight="600" fill="${colour.ink}"`),
    ...names.flatMap((name, i) =>
      legend(name, strokeOf(i, names.length), width - (names.length - i) * legendStep, top)
    ),
    ...panels.map(({ title, series, likeness }, column) => {
      const place = { left: plot.left + column * plot.columnStep, top: top + 68 };
      const { difference, spread } = likeness;
      const note = `apart ${short(difference)}, seeds ${short(spread)}`;
      return panel(place, title, note, drawCurves(x, series, label));
    }),
  ];
}

function legend(name: string, stroke: Stroke, left: number, top: number): string[] {
  return [
    `<path d="M${left} ${top - 4}h28" ${strokeAttributes(stroke)}/>`,
    text(left + 36, top, name, `fill="${colour.ink}"`),
  ];
}

function drawCurves(x: Curve, series: readonly Series[], label: string): string[] {
  const step = Math.ceil(x.length / mostPoints);
  const shown = x.map((_, i) => i).filter((i) => i % step === 0 || i === x.length - 1);
  const all = series.flatMap(({ curves }) => curves.flatMap((curve) => shown.map((i) => curve[i]!)));
  const across = linearScale([x[0]!, x.at(-1)!], [0, plot.width]);
  const up = linearScale([Math.min(...all), Math.max(...all)], [plot.height, 0]).nice(4);
  const at = (i: number) => round(across(x[i]!));
  return [
    ...axes(across, up, { ...plot, label, ticks: across.ticks(4) }),
    ...series.flatMap(({ curves }, s) => {
      const stroke = strokeOf(s, series.length);
      const values = (i: number) => curves.map((curve) => curve[i]!);
      const mean = meanCurve(curves);
      const band = area<number>(
        at,
        (i) => round(up(Math.min(...values(i)))),
        (i) => round(up(Math.max(...values(i)))),
      );
      const curve = line<number>(at, (i) => round(up(mean[i]!)));
      return [
        `<path d="${band(shown)}" fill="${stroke.colour}" fill-opacity="0.18"/>`,
        `<path d="${curve(shown)}" fill="none" ${strokeAttributes(stroke)}/>`,
      ];
    }),
  ];
}

function strokeOf(index: number, count: number): Stroke {
  return index === count - 1 ? ourStroke : strokes[index]!;
}

function strokeAttributes({ colour, width, opacity }: Stroke): string {
  return `stroke="${colour}" stroke-width="${width}" stroke-opacity="${opacity}" stroke-linejoin="round"`;
}

function short(value: number): string {
  return Number(value.toPrecision(2)).toString();
}
