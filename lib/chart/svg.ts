/** Pieces of a picture that needs no browser: a card with a heading, panels on it, axes, text. */

// @ts-types="npm:@types/d3-scale@4.0.9"
import { type ScaleLinear, scaleLinear } from "d3-scale";

/** From numbers to pixels. */
export type LinearScale = ScaleLinear<number, number>;

/**
 * Makes a {@linkcode LinearScale}.
 *
 * @param domain the numbers at its two ends
 * @param pixels where they stand
 */
export function linearScale(domain: [number, number], pixels: [number, number]): LinearScale {
  return scaleLinear(domain, pixels);
}

/** The colours of all pictures: text, axes, curves and what stands behind them. */
export const colour = {
  ink: "#1f2328",
  faint: "#59636e",
  grid: "#e4e7eb",
  line: "#0b62c4",
  band: "#b6d4f5",
} as const;

/**
 * Draws a picture: a light card, legible on light and dark pages, with a heading.
 *
 * @param size width and height in pixels
 * @param title heading
 * @param subtitle one line beneath it
 * @param content elements of the card
 * @returns an SVG document
 */
export function card(
  { width, height }: { width: number; height: number },
  title: string,
  subtitle: string,
  content: readonly string[],
): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}"` +
    ` viewBox="0 0 ${width} ${height}" role="img" aria-label="${escapeMarkup(title)}"` +
    ` font-family="system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif" font-size="12" fill="${colour.faint}">`,
    `<rect x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="8" fill="#fff" stroke="#d1d9e0"/>`,
    text(24, 40, title, `font-size="20" font-weight="600" fill="${colour.ink}"`),
    text(24, 62, subtitle),
    ...content,
    "</svg>\n",
  ].join("\n");
}

/**
 * Draws one plot of a card under its heading.
 *
 * @param left pixels from the card's edge to the plot's
 * @param top as `left`; heading and note stand above
 * @param heading what the plot shows
 * @param note one line between heading and plot, or nothing
 * @param content elements, in pixels of the plot
 */
export function panel(
  { left, top }: { left: number; top: number },
  heading: string,
  note: string,
  content: readonly string[],
): string {
  return [
    `<g transform="translate(${left} ${top})">`,
    text(0, -32, heading, `font-size="14" font-weight="600" fill="${colour.ink}"`),
    ...(note ? [text(0, -14, note)] : []),
    ...content,
    "</g>",
  ].join("\n");
}

/** What {@linkcode axes} needs to know. */
export interface AxesOptions {
  /** Pixels of the plot. */
  readonly width: number;
  readonly height: number;
  /** Name of the horizontal axis. */
  readonly label: string;
  /** Values to mark on the horizontal axis. Default: whole numbers, about six. */
  readonly ticks?: readonly number[];
  /** How a marked value is written. Default: "2k" for 2000. */
  readonly spell?: (value: number) => string;
}

/**
 * Draws the axes of a plot: a line of the grid for each vertical value, small strokes under the horizontal axis.
 *
 * @param x horizontal scale
 * @param y vertical scale
 * @returns elements, in pixels of the plot
 */
export function axes(x: LinearScale, y: LinearScale, options: AxesOptions): string[] {
  const { width, height, label, ticks = x.ticks(6).filter(Number.isInteger) } = options;
  const spell = options.spell ?? x.tickFormat(6, "~s");
  const greatest = Math.max(...y.domain().map(Math.abs));
  const format = y.tickFormat(4, greatest >= 10_000 ? "~s" : undefined);
  const rows = y.ticks(4).map((value) => {
    const at = round(y(value));
    return `<path d="M0 ${at}H${width}" stroke="${colour.grid}"/>` +
      text(-8, round(at + 4), value === 0 ? "0" : format(value), `text-anchor="end"`);
  });
  const strokes = ticks.map((value) => {
    const at = round(x(value));
    return `<path d="M${at} ${height}v5" stroke="${colour.faint}"/>` +
      text(at, height + 19, spell(value), `text-anchor="middle"`);
  });
  return [
    ...rows,
    ...strokes,
    `<path d="M0 ${height}H${width}" stroke="${colour.faint}"/>`,
    text(width / 2, height + 36, label, `text-anchor="middle"`),
  ];
}

/**
 * Writes text into a picture.
 *
 * @param x pixels from the left
 * @param y pixels from the top to the baseline
 * @param content any text
 * @param attributes more attributes of the element
 */
export function text(x: number, y: number, content: string, attributes = ""): string {
  return `<text x="${x}" y="${y}"${attributes && " "}${attributes}>${escapeMarkup(content)}</text>`;
}

/** Rounds to a tenth of a pixel. */
export function round(value: number): number {
  return Math.round(value * 10) / 10;
}

/** Text as HTML and SVG show it. */
export function escapeMarkup(content: string): string {
  return content.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll(
    '"',
    "&quot;",
  );
}
