/** Progress of a long cell, as a bar beneath it. */
import { escapeMarkup, formatCount } from "../chart/mod.ts";
import { ProgressBar } from "../config/mod.ts";
import { DISPLAY, type Displayable, kernel, type MediaBundle, show, turn } from "./media.ts";

/** What is counted. */
export interface ProgressOptions {
  /** What is being done, sentence case: "Tokenizing". */
  readonly label: string;
  /** Plural name of what is counted: "sentences". */
  readonly unit: string;
  /** Units in all; absent where nobody knows. */
  readonly total?: number;
}

const INTERVAL = 200; // ms between updates: more often nobody reads
const TURN = 50; // ms after which the Stop button and the front end get their turn

/**
 * A progress bar with counts, rate and time left: in a notebook an element that changes, elsewhere a line on stderr.
 *
 * @example
 * ```ts
 * import { Progress } from "./progress.ts";
 * const progress = new Progress({ label: "Counting", unit: "numbers", total: 1000 });
 * for (let i = 1; i <= 1000; i++) await progress.update(i);
 * await progress.finish();
 * ```
 */
export class Progress implements Displayable {
  readonly #options: ProgressOptions;
  readonly #bar: ProgressBar;
  readonly #id = crypto.randomUUID();
  #line: string;
  #done = 0;
  #isShown = false;
  #shownAt = -Infinity;
  #turnedAt = performance.now();

  constructor(options: ProgressOptions) {
    this.#options = options;
    this.#line = options.label;
    const { label, unit, total } = options;
    const stream = kernel() && {
      isTerminal: () => true,
      writeSync: (bytes: Uint8Array) => {
        this.#line = new TextDecoder().decode(bytes).trim() || this.#line;
        return bytes.length;
      },
    };
    this.#bar = new ProgressBar({ label, unit, total, ...(stream && { stream }) });
  }

  /**
   * Sets how much is done; now and then it waits a moment, in which the Stop button is heard.
   *
   * @param done units done so far
   * @param note a few words after the counts
   */
  async update(done: number, note = ""): Promise<void> {
    this.#done = done;
    this.#bar.update(done, note);
    const now = performance.now();
    if (kernel() && now - this.#shownAt >= INTERVAL) {
      this.#shownAt = now;
      await this.#show();
    } else if (now - this.#turnedAt >= TURN) await turn();
    else return;
    this.#turnedAt = performance.now();
  }

  /** Shows the final counts; without times, so that a notebook that is run again stays the same. */
  async finish(): Promise<void> {
    this.#bar.finish();
    const { label, unit, total } = this.#options;
    const all = total === undefined ? "" : ` of ${formatCount(total)}`;
    this.#line = `${label}: ${formatCount(this.#done)}${all} ${unit}`;
    if (kernel()) await this.#show();
  }

  [DISPLAY](): MediaBundle {
    const { total } = this.#options;
    const value = total === undefined ? "" : ` value="${this.#done}" max="${total}"`;
    return {
      "text/html": `<progress${value}></progress> ${escapeMarkup(this.#line)}`,
      "text/plain": this.#line,
    };
  }

  async #show(): Promise<void> {
    await show(this, { id: this.#id, update: this.#isShown });
    this.#isShown = true;
  }
}
