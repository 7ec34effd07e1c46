/**
 * Figures: interactive where plotly.js is, a picture elsewhere, a line of text at least.
 *
 * @module
 */
import { extname } from "node:path";
import { UserError, writeAtomically } from "../../config/mod.ts";
import type { Size } from "../drawing/svg.ts";
import { DISPLAY, type Displayable, type MediaBundle, turn } from "../media.ts";
import { compact, describe } from "./traces.ts";

/** A curve, bars, a matrix …, as plotly.js takes it. */
export type Trace = { readonly type?: string; readonly name?: string } & Readonly<Record<string, unknown>>;

/** Titles, axes, size, as plotly.js takes them. */
export type Layout = Readonly<Record<string, unknown>>;

const SIZE: Size = { width: 700, height: 380 }; // pixels
const FONT = "system-ui, 'Noto Sans CJK SC', 'PingFang SC', 'Microsoft YaHei', sans-serif";

/** Colours of curves: told apart by the colour-blind, legible on light and dark. */
export const PALETTE: readonly string[] = ["#2d7fd6", "#e06c1e", "#149b6e", "#c468aa", "#be910a", "#6e7882"];

/** What every figure looks like unless its layout says otherwise. */
const LOOK: Layout = {
  colorway: PALETTE,
  font: { family: FONT, size: 12, color: "#1f2328" },
  margin: { l: 60, r: 20, t: 50, b: 50 },
  paper_bgcolor: "#fff",
  plot_bgcolor: "#fff",
};
const AXIS: Layout = { gridcolor: "#e4e7eb", zeroline: false, linecolor: "#59636e", automargin: true };

/**
 * A figure of plotly.js traces; curves of many points are thinned, and the text says so.
 *
 * As the last value of a cell it shows itself; {@linkcode show} shows it anywhere, {@linkcode Figure.save} writes a file.
 *
 * @example
 * ```ts
 * import { Figure } from "./figure.ts";
 * const figure = new Figure([{ type: "bar", x: ["头痛", "发热"], y: [12, 7] }], { title: { text: "Symptoms" } });
 * console.log(String(figure));
 * ```
 */
export class Figure implements Displayable {
  readonly data: readonly Trace[];
  readonly layout: Layout;
  readonly #text: string;

  /**
   * @param data traces, as plotly.js takes them; arrays of numbers may be typed
   * @param layout what differs from our usual look
   */
  constructor(data: readonly Trace[], layout: Layout = {}) {
    this.data = data.map(compact);
    this.layout = {
      ...LOOK,
      height: SIZE.height, // else JupyterLab takes a height of its own
      ...layout,
      xaxis: { ...AXIS, ...layout.xaxis as Layout },
      yaxis: { ...AXIS, ...layout.yaxis as Layout },
    };
    this.#text = describe(data, this.layout);
  }

  /** Size of its picture, in pixels. */
  get size(): Size {
    const { width = SIZE.width, height = SIZE.height } = this.layout as Partial<Size>;
    return { width, height };
  }

  /** One line for the title and one for each trace. */
  toString(): string {
    return this.#text;
  }

  /** An SVG document, drawn by plotly.js. */
  async svg(): Promise<string> {
    const { drawSvg } = await import("../drawing/svg.ts"); // half a second, for those who draw
    return await drawSvg(this, this.size);
  }

  /** A PNG file; `undefined` if this machine has no font for its characters. */
  async png(): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const { rasterize } = await import("../drawing/raster.ts");
    return rasterize(await this.svg());
  }

  /** A page of its own, interactive, that loads nothing. */
  async html(): Promise<string> {
    const { figurePage } = await import("./page.ts");
    return figurePage(this);
  }

  /** All that a front end may show: plotly.js's JSON, PNG (without fonts SVG), text. */
  async bundle(): Promise<MediaBundle> {
    return {
      "application/vnd.plotly.v1+json": {
        data: this.data,
        layout: this.layout,
        config: { responsive: true },
      },
      ...await this.#picture(),
      "text/plain": this.#text,
    };
  }

  /** SVG and text: what front ends draw anew when it changes, as they do not with plotly.js. */
  async pictureBundle(): Promise<MediaBundle> {
    return { "image/svg+xml": await this.svg(), "text/plain": this.#text };
  }

  /**
   * Writes a file.
   *
   * @param path ends in `.html`, `.svg`, `.png`, `.json` or `.txt`
   * @throws {UserError} if it ends otherwise, no font can draw the PNG, or the disk refuses
   */
  async save(path: string): Promise<void> {
    await writeAtomically(path, [await this.#file(path)]);
  }

  async [DISPLAY](): Promise<MediaBundle> {
    await turn();
    return await this.bundle();
  }

  async #picture(): Promise<Pick<MediaBundle, "image/png" | "image/svg+xml">> {
    const png = await this.png();
    return png ? { "image/png": png.toBase64() } : { "image/svg+xml": await this.svg() };
  }

  async #file(path: string): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = (text: string) => new TextEncoder().encode(text);
    switch (extname(path)) {
      case ".html":
        return bytes(await this.html());
      case ".svg":
        return bytes(await this.svg());
      case ".json":
        return bytes(JSON.stringify({ data: this.data, layout: this.layout }));
      case ".txt":
        return bytes(`${this.#text}\n`);
      case ".png": {
        const png = await this.png();
        if (png) return png;
        throw new UserError(
          `Cannot draw "${path}": no font of this machine has its characters; install one, such as ` +
            "`apt-get install fonts-noto-cjk`, or save an .svg",
        );
      }
    }
    throw new UserError(`Cannot save "${path}": a figure is saved as .html, .svg, .png, .json or .txt`);
  }
}
