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
    // plotly.js writes into what it is given
    await plotly.newPlot(element, structuredClone(data), { ...structuredClone(layout), width, height }, {
      staticPlot: true,
    });
    const svg = await plotly.toImage(element, { format: "svg", imageDataOnly: true, width, height });
    return withStableNames(svg);
  } finally {
    plotly.purge(element);
    element.remove();
  }
}

/** Numbers the random parts of names in the order in which they occur. */
function withStableNames(svg: string): string {
  const numbers = new Map<string, number>();
  return svg.replace(
    /\b(defs-|topdefs-|clip|legend|trace|g)([0-9a-f]{6})/g,
    (_, kind: string, random: string) => {
      if (!numbers.has(random)) numbers.set(random, numbers.size);
      return `${kind}n${numbers.get(random)}`;
    },
  );
}
