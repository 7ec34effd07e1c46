/** Figures as SVG, drawn by plotly.js without a browser. */
import { browser } from "./browser.ts";

/** What plotly.js draws. */
export interface Drawing {
  readonly data: readonly object[];
  readonly layout: object;
}

/** Size in pixels. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

/**
 * Draws a figure.
 *
 * @param drawing traces and layout, as plotly.js takes them
 * @param size of the picture
 * @returns an SVG document; the same figure gives the same text
 * @throws {Error} what plotly.js throws where it does not understand the figure
 */
export async function drawSvg({ data, layout }: Drawing, { width, height }: Size): Promise<string> {
  const { plotly, document } = browser();
  const element = document.createElement("div");
  document.body.append(element);
  try {
    // plotly.js writes into what it is given; traces without a name of their own would get random ones
    const traces = data.map((trace, i) => ({ ...structuredClone(trace), uid: `${i}` }));
    await plotly.newPlot(element, traces, { ...structuredClone(layout), width, height }, {
      staticPlot: true,
    });
    const svg = await plotly.toImage(element, { format: "svg", imageDataOnly: true, width, height });
    return withoutEmptyStyles(withStableNames(svg));
  } finally {
    plotly.purge(element);
    element.remove();
  }
}

/** Replaces the random name that the parts of a figure share. */
function withStableNames(svg: string): string {
  const [, random] = /id="defs-([0-9a-f]{6})"/.exec(svg) ?? [];
  return random === undefined ? svg : svg.replaceAll(random, "figure");
}

/** Drops `stroke-dasharray:;`, after which some readers of SVG would ignore the rest of the style. */
function withoutEmptyStyles(svg: string): string {
  return svg.replaceAll(/(?<=[";])[\w-]+:(?:;|(?="))/g, "");
}
