/** A plot that grows while a cell runs. */
import type { Figure } from "./figures/figure.ts";
import { plot, type PlotOptions } from "./figures/plots.ts";
import { thin } from "./figures/thin.ts";
import { DISPLAY, kernel, show, turn } from "./media.ts";

/** How a live plot looks and how often it is drawn. */
export interface LivePlotOptions extends PlotOptions {
  /** Milliseconds between drawings, at least. Default: 500. */
  readonly interval?: number;
}

const MOST_KEPT = 4000; // points of a curve; then half of them go
const SHARE = 0.1; // of the time that drawing may take
const LONGEST_WAIT = 2000; // ms between drawings: the first one loads what it draws with
const TURN = 50; // ms after which the Stop button and the front end get their turn

interface GrowingCurve {
  x: number[];
  y: number[];
}

/**
 * Curves that grow while a cell runs; however many points, memory and drawing time stay bounded.
 *
 * While it grows the notebook gets pictures, since front ends do not draw plotly.js's figures anew; {@linkcode finish} puts
 * the interactive one in their place. Outside a notebook only `finish` prints, as text.
 *
 * @example
 * ```ts
 * import { LivePlot } from "./live.ts";
 * const losses = new LivePlot({ title: "Losses", x: "step" });
 * for (let step = 1; step <= 100; step++) await losses.add(step, { generator: 9 / step, rtd: 0.7 });
 * await losses.finish();
 * ```
 */
export class LivePlot {
  readonly #options: LivePlotOptions;
  readonly #curves = new Map<string, GrowingCurve>();
  readonly #id = crypto.randomUUID();
  #isShown = false;
  #drawAt = 0;
  #turnedAt = performance.now();

  constructor(options: LivePlotOptions = {}) {
    this.#options = options;
  }

  /** The figure as it is now. */
  get figure(): Figure {
    return plot(Object.fromEntries(this.#curves), this.#options);
  }

  /**
   * Adds a point to each curve named; draws if it is time to.
   *
   * @param x place, greater than the last one
   * @param values heights by the name of the curve; what is no number leaves a gap
   */
  async add(x: number, values: Readonly<Record<string, number>>): Promise<void> {
    for (const [name, value] of Object.entries(values)) this.#append(name, x, value);
    const now = performance.now();
    if (kernel() && now >= this.#drawAt) {
      await this.#draw();
      const { interval = 500 } = this.#options, ended = performance.now();
      this.#drawAt = ended + Math.max(interval, Math.min(LONGEST_WAIT, (ended - now) / SHARE));
    } else if (now - this.#turnedAt >= TURN) await turn();
    else return;
    this.#turnedAt = performance.now();
  }

  /** Shows the whole, interactive figure. */
  async finish(): Promise<void> {
    await show(this.figure, { id: this.#id, update: this.#isShown });
    this.#isShown = true;
  }

  #append(name: string, x: number, y: number) {
    let curve = this.#curves.get(name);
    if (curve === undefined) this.#curves.set(name, curve = { x: [], y: [] });
    curve.x.push(x);
    curve.y.push(y);
    if (curve.x.length <= MOST_KEPT) return;
    const half = thin(curve, MOST_KEPT / 2);
    this.#curves.set(name, half as GrowingCurve);
  }

  async #draw(): Promise<void> {
    const picture = await this.figure.pictureBundle();
    await show({ [DISPLAY]: () => picture }, { id: this.#id, update: this.#isShown });
    this.#isShown = true;
  }
}
