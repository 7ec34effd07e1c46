/** The figures that are drawn most: curves, bars, heatmaps. */
import { Figure, type Layout } from "./figure.ts";

/** Numbers, in a plain array or a typed one. */
export type Numbers = ArrayLike<number | null>;

/** A curve: its heights alone, or with their places. */
export type Curve = Numbers | { readonly x: ArrayLike<number>; readonly y: Numbers };

/** Titles and axes. */
export interface PlotOptions {
  readonly title?: string;
  /** Name and unit of the horizontal axis. */
  readonly x?: string;
  readonly y?: string;
  /** Whether the vertical axis is logarithmic. */
  readonly logarithmic?: boolean;
  /** Pixels. */
  readonly width?: number;
  readonly height?: number;
}

/**
 * Draws curves.
 *
 * @param curves heights by name, from place 0 on; or `{ x, y }`
 * @param options titles and axes
 * @returns a figure
 *
 * @example
 * ```ts
 * import { plot } from "./plots.ts";
 * const figure = plot({ generator: [9.1, 7.5, 6.8], rtd: [0.69, 0.5, 0.4] }, { title: "Losses", x: "step" });
 * console.log(String(figure));
 * ```
 */
export function plot(curves: Readonly<Record<string, Curve>>, options: PlotOptions = {}): Figure {
  const traces = Object.entries(curves).map(([name, curve]) => {
    const { x, y } = "y" in curve ? curve : { x: undefined, y: curve };
    const mode = y.length < 40 ? "lines+markers" : "lines";
    return { type: "scatter", mode, name, ...(x && { x }), y, line: { width: 1.6 } };
  });
  return new Figure(traces, { ...layoutOf(options), showlegend: traces.length > 1, hovermode: "x unified" });
}

/** How bars look. */
export interface BarOptions extends PlotOptions {
  /** Whether the bars of several groups stand on each other, and not side by side. Default: false. */
  readonly stacked?: boolean;
}

/**
 * Draws bars.
 *
 * @param bars length by label; of several groups, these by name
 * @param options titles and axes, stacking
 * @returns a figure
 *
 * @example
 * ```ts
 * import { bars } from "./plots.ts";
 * console.log(String(bars({ 头痛: 12, 发热: 7 }, { title: "Symptoms" })));
 * ```
 */
export function bars(
  bars: Readonly<Record<string, number>> | Readonly<Record<string, Readonly<Record<string, number>>>>,
  { stacked = false, ...options }: BarOptions = {},
): Figure {
  const isGroup = Object.values(bars).some((value) => typeof value === "object");
  const groups = Object.entries(isGroup ? bars : { "": bars }) as [string, Record<string, number>][];
  const traces = groups.map(([name, values]) => ({
    type: "bar",
    ...(name && { name }),
    x: Object.keys(values),
    y: Object.values(values),
  }));
  const layout = layoutOf(options);
  return new Figure(traces, {
    ...layout,
    barmode: stacked ? "stack" : "group",
    xaxis: { ...layout.xaxis as Layout, type: "category" },
  });
}

/** How a heatmap looks. */
export interface HeatmapOptions extends PlotOptions {
  /** Labels of columns and rows; they may repeat. */
  readonly columns?: readonly string[];
  readonly rows?: readonly string[];
  /** Whether each cell shows its number, if there is room: in no more than 20 columns. Default: false. */
  readonly numbers?: boolean;
  /** Degrees by which the columns' labels are turned. Default: 0, or more where they would overlap. */
  readonly columnAngle?: number;
  /** Values of the first and the last colour. Default: the least and the greatest. */
  readonly range?: readonly [number, number];
}

/**
 * Draws a matrix as colours, its first row at the top.
 *
 * @param matrix rows of numbers
 * @param options labels, titles, range
 * @returns a figure
 *
 * @example
 * ```ts
 * import { heatmap } from "./plots.ts";
 * const figure = heatmap([[8, 1], [2, 9]], { rows: ["是", "否"], columns: ["是", "否"], numbers: true });
 * console.log(String(figure));
 * ```
 */
export function heatmap(matrix: readonly Numbers[], options: HeatmapOptions = {}): Figure {
  const { columns, rows, numbers = false, range, columnAngle, ...plain } = options;
  const layout = layoutOf(plain), width = matrix[0]?.length ?? 0;
  const trace = {
    type: "heatmap",
    z: matrix,
    colorscale: [[0, "#f4f8fd"], [0.5, "#5b9ee2"], [1, "#0b3b7a"]],
    ...(numbers && width <= MOST_WITH_NUMBERS && { texttemplate: "%{z}" }),
    ...(range && { zmin: range[0], zmax: range[1] }),
    hovertemplate: "%{y} → %{x}: %{z}<extra></extra>",
  };
  return new Figure([trace], {
    height: Math.max(380, 130 + ROW * matrix.length),
    ...layout,
    xaxis: {
      ...layout.xaxis as Layout,
      ...labelled(columns),
      ...(columnAngle !== undefined && { tickangle: columnAngle }),
      showgrid: false,
    },
    yaxis: { ...layout.yaxis as Layout, ...labelled(rows), showgrid: false, autorange: "reversed" },
  });
}

const STANDOFF = 10; // pixels between labels and the axis' title
const ROW = 16; // pixels that a label needs
const MOST_WITH_NUMBERS = 20; // columns

/** An axis with a label at each whole number: labels of a category axis could not repeat. */
function labelled(labels: readonly string[] | undefined): Layout {
  if (labels === undefined) return {};
  return {
    tickvals: [...labels.keys()],
    ticktext: labels,
    ...(labels.length > 30 && { tickfont: { size: 10 } }),
  };
}

function layoutOf({ title, x, y, logarithmic, width, height }: PlotOptions): Layout {
  return {
    ...(title !== undefined && { title: { text: title } }),
    ...(width !== undefined && { width }),
    ...(height !== undefined && { height }),
    xaxis: { ...(x !== undefined && { title: { text: x, standoff: STANDOFF } }) },
    yaxis: {
      ...(y !== undefined && { title: { text: y, standoff: STANDOFF } }),
      ...(logarithmic && { type: "log" }),
    },
  };
}
