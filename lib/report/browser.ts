/**
 * What runs in the reader's browser: the text of these functions becomes the page's script, so that they use nothing
 * but each other and what a browser has.
 *
 * @module
 */
import type { Panel } from "./panels.ts";
import type { Column, Columns } from "./series.ts";

/** The data of a page, as it lies in it. */
export interface PageData {
  panels: readonly Panel[];
  /** Colours of curves, as `r, g, b`. */
  palette: readonly string[];
  runs: readonly { name: string; training: Columns; evaluation: Columns }[];
}

/** What the reader has chosen. */
export interface View {
  /** Field along the horizontal axis. */
  x: "step" | "epochs" | "seconds";
  /** Weight of what came before, from 0 to below 1. */
  smoothing: number;
  logarithmic: boolean;
  /** Numbers of the runs that are not shown. */
  hidden: readonly number[];
}

/** A curve as plotly takes it. */
export type Trace = Record<string, unknown>;

/** Names of the functions below are their names in the script. */
export const BROWSER_FUNCTIONS: readonly (() => void)[] = [
  smoothed,
  panelTraces,
  panelLayout,
  drawPage,
] as unknown as readonly (() => void)[];

/**
 * An exponential mean of a curve, its beginning corrected as Adam's moments are.
 *
 * @param values - `null` where there is nothing; it stays.
 * @param weight - Of what came before.
 */
export function smoothed(values: readonly (number | null)[], weight: number): (number | null)[] {
  let sum = 0, total = 0;
  return values.map((value) => {
    if (value === null) return null;
    sum = weight * sum + (1 - weight) * value;
    total = weight * total + (1 - weight);
    return sum / total;
  });
}

/** The curves of one panel: what was measured, its range, the smoothed curve, evaluations as points. */
export function panelTraces(panel: Panel, { runs, palette }: PageData, view: View): Trace[] {
  const scaled = (values: (number | null)[] | undefined) =>
    (values ?? []).map((value) => value === null ? null : value * (panel.scale ?? 1));
  const along = (columns: Columns) =>
    (columns[view.x]?.values ?? []).map((x) => x !== null && view.x === "seconds" ? x / 3600 : x);
  const rgb = (index: number) => palette[index % palette.length];
  return runs.flatMap((run, r) => {
    if (view.hidden.includes(r)) return [];
    return panel.series.flatMap(({ field, label, evaluation }, s) => {
      const several = runs.length > 1;
      const colour = rgb(several ? r : s), dash = several && s > 0 ? "dot" : "solid";
      const words = [
        ...(several ? [run.name] : []),
        ...(several && panel.series.length === 1 ? [] : [label]),
      ];
      const traces: Trace[] = [];
      const column: Column | undefined = run.training[field];
      if (column && column.values.some((value) => value !== null)) {
        const x = along(run.training), y = scaled(column.values);
        const line = (y: (number | null)[], style: Trace, more: Trace = {}) => ({
          type: "scatter",
          mode: x.length < 40 ? "lines+markers" : "lines",
          x,
          y,
          marker: { size: 4, color: `rgb(${colour})` },
          line: { color: `rgb(${colour})`, width: 1.8, dash, ...style },
          name: words.join(" · "),
          ...more,
        });
        if (column.low && column.high) {
          const edge = { width: 0.6, color: `rgba(${colour}, 0.5)` },
            silent = { mode: "lines", hoverinfo: "skip" };
          traces.push(
            line(scaled(column.low), edge, silent),
            line(scaled(column.high), edge, {
              ...silent,
              fill: "tonexty",
              fillcolor: `rgba(${colour}, 0.18)`,
            }),
          );
        }
        if (view.smoothing > 0 && !panel.exact) {
          traces.push(
            line(y, { color: `rgba(${colour}, 0.3)`, width: 1 }, { mode: "lines", hoverinfo: "skip" }),
            line(smoothed(y, view.smoothing), {}, { mode: "lines" }),
          );
        } else traces.push(line(y, {}));
      }
      const points = evaluation === undefined ? undefined : run.evaluation[evaluation];
      if (points && points.values.some((value) => value !== null)) {
        traces.push({
          type: "scatter",
          mode: "markers",
          x: along(run.evaluation),
          y: scaled(points.values),
          marker: {
            size: 8,
            color: `rgb(${colour})`,
            symbol: dash === "dot" ? "circle-open" : "circle",
            line: { width: 1.5, color: "rgba(128, 128, 128, 0.9)" },
          },
          name: [...words.filter((word) => word !== "training"), "evaluation"].join(" · "),
        });
      }
      return traces;
    });
  });
}

/** Axes and colours of one panel. */
export function panelLayout(
  panel: Panel,
  view: View,
  { colours, touch }: { colours: { ink: string; grid: string; card: string }; touch: boolean },
  range: readonly number[] | undefined,
): Trace {
  const axis = { gridcolor: colours.grid, zeroline: false, linecolor: colours.grid, automargin: true };
  const names = { step: "step", epochs: "epochs", seconds: "hours of training" };
  return {
    margin: { l: 44, r: 12, t: 8, b: 36 },
    height: 250,
    showlegend: false,
    hovermode: "x unified",
    hoverlabel: { bgcolor: colours.card, bordercolor: colours.grid, font: { color: colours.ink } },
    dragmode: touch ? false : "zoom", // a finger scrolls the page
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: "system-ui, sans-serif", size: 12, color: colours.ink },
    xaxis: {
      ...axis,
      title: { text: names[view.x], font: { size: 11 }, standoff: 6 },
      exponentformat: "SI",
      ...(range ? { range: [...range], autorange: false } : { autorange: true }),
    },
    yaxis: {
      ...axis,
      tickformat: panel.format,
      hoverformat: panel.format,
      type: panel.logarithmic && view.logarithmic ? "log" : "linear",
      rangemode: panel.format.endsWith("p") ? "tozero" : "normal",
    },
  };
}

/** Draws all panels, and again whenever the reader chooses otherwise; a zoom along the steps is everyone's. */
export function drawPage() {
  const { document, Plotly, matchMedia, getComputedStyle } = globalThis as unknown as Browser;
  const data: PageData = JSON.parse(document.getElementById("data").textContent);
  const plots = data.panels.map((_, i) => document.getElementById(`panel-${i}`));
  const control = (name: string) => document.getElementById(name);
  let range: readonly number[] | undefined;
  const settings = {
    responsive: true,
    displaylogo: false,
    modeBarButtons: [["toImage", "zoom2d", "pan2d", "resetScale2d"]],
    toImageButtonOptions: { format: "svg" },
  };
  const view = (): View => ({
    x: control("x").value as View["x"],
    smoothing: Number(control("smoothing").value),
    logarithmic: control("logarithmic").checked,
    hidden: data.runs.map((_, r) => r).filter((r) => control(`run-${r}`)?.checked === false),
  });
  const touch = matchMedia("(pointer: coarse)").matches;
  const draw = () => {
    const style = getComputedStyle(document.documentElement);
    const colour = (name: string) => style.getPropertyValue(`--${name}`).trim();
    const colours = { ink: colour("ink"), grid: colour("grid"), card: colour("card") };
    const now = view();
    control("smoothing-value").textContent = now.smoothing.toFixed(2);
    return Promise.all(data.panels.map((panel, i) =>
      Plotly.react(
        plots[i],
        panelTraces(panel, data, now),
        panelLayout(panel, now, { colours, touch }, range),
        { ...settings, displayModeBar: touch ? false : "hover" },
      )
    ));
  };
  const redraw = () => void draw();
  const forget = () => {
    range = undefined; // of another axis
    redraw();
  };
  draw().then(() => {
    for (const plot of plots) {
      plot.on("plotly_relayout", (change) => {
        const [from, to] = [change["xaxis.range[0]"], change["xaxis.range[1]"]];
        if (from === undefined && !change["xaxis.autorange"]) return;
        range = from === undefined ? undefined : [Number(from), Number(to)];
        redraw();
      });
    }
  });
  control("x").addEventListener("change", forget);
  for (const name of ["smoothing", "logarithmic", ...data.runs.map((_, r) => `run-${r}`)]) {
    control(name)?.addEventListener("input", redraw);
  }
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
}

/** What of a browser is used. */
interface Browser {
  document: { getElementById(id: string): PageElement; documentElement: PageElement };
  matchMedia(
    query: string,
  ): { matches: boolean; addEventListener(event: string, listener: () => void): void };
  getComputedStyle(element: PageElement): { getPropertyValue(name: string): string };
  Plotly: {
    react(element: PageElement, traces: Trace[], layout: Trace, settings: Trace): Promise<unknown>;
  };
}

interface PageElement {
  textContent: string;
  value: string;
  checked: boolean;
  addEventListener(event: string, listener: () => void): void;
  /** Plotly's, on an element that it has drawn into. */
  on(event: string, listener: (change: Record<string, unknown>) => void): void;
}
