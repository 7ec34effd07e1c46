/** Progress of anything that takes more than two seconds: counts, rate and time left, on stderr. */

/** Where a {@linkcode ProgressBar} writes; `Deno.stderr` is one. */
export interface ProgressStream {
  writeSync(bytes: Uint8Array): number;
  isTerminal(): boolean;
}

/** What a {@linkcode ProgressBar} needs to know. */
export interface ProgressBarOptions {
  /** Units in all; `undefined` where nobody knows, and then no time left is shown. */
  readonly total?: number | undefined;
  /** Plural name of what is counted: "sentences", "steps", "MB". */
  readonly unit: string;
  /** What is being done, sentence case: "Preprocessing". */
  readonly label: string;
  /** Units done before it started, by an earlier run; they do not count for the rate. Default: 0. */
  readonly done?: number;
  /** Whether only a terminal gets to see it, for jobs that write a log of their own. Default: false. */
  readonly terminalOnly?: boolean;
  /** Whether nobody gets to see it. Default: false. */
  readonly hidden?: boolean;
  /** Default: stderr. */
  readonly stream?: ProgressStream;
  /** Clock in milliseconds, for tests. Default: `performance.now`. */
  readonly now?: () => number;
}

const TERMINAL_INTERVAL = 100; // ms between rewrites of the line
const PLAIN_INTERVAL = 10_000; // ms between lines in a log file

/**
 * One line that says how far a long job is: rewritten in place on a terminal, a plain line about every ten seconds
 * elsewhere.
 *
 * @example
 * ```ts
 * import { ProgressBar } from "./progress.ts";
 * const bar = new ProgressBar({ label: "Counting", unit: "numbers", total: 1000 });
 * for (let i = 1; i <= 1000; i++) bar.update(i);
 * bar.finish();
 * ```
 */
export class ProgressBar {
  readonly #options: ProgressBarOptions;
  readonly #stream: ProgressStream;
  readonly #now: () => number;
  readonly #start: number;
  readonly #terminal: boolean;
  #done = 0;
  #note = "";
  #first: { done: number; time: number } | undefined; // update: the work before it may be of another kind
  #lastPrint: number;
  #shown = 0; // characters now on the terminal's line
  #finished = false;

  constructor(options: ProgressBarOptions) {
    this.#options = options;
    this.#stream = options.stream ?? Deno.stderr;
    this.#now = options.now ?? (() => performance.now());
    this.#start = this.#now();
    this.#done = options.done ?? 0;
    this.#terminal = this.#stream.isTerminal();
    this.#lastPrint = this.#start;
  }

  /**
   * Sets how much is done and prints if it is time to.
   *
   * @param done units done so far
   * @param note a few words after the counts, such as the current loss
   */
  update(done: number, note = ""): void {
    this.#done = done;
    this.#note = note;
    const now = this.#now();
    this.#first ??= { done, time: now };
    if (!this.#visible) return;
    if (now - this.#lastPrint < (this.#terminal ? TERMINAL_INTERVAL : PLAIN_INTERVAL)) return;
    this.#lastPrint = now;
    this.#print(this.#line(now));
  }

  /**
   * Prints a line of its own above the bar.
   *
   * @param line text without line break
   */
  log(line: string): void {
    this.aside(() => this.#write(line + "\n"));
  }

  /**
   * Clears the bar from the terminal while something else is printed; after {@linkcode finish} it stays away.
   *
   * @param print writes whole lines, to whatever stream
   */
  aside(print: () => void): void {
    this.#clear();
    print();
    if (this.#terminal && this.#visible && !this.#finished) this.#print(this.#line(this.#now()));
  }

  /** Prints the final counts and leaves the line; nothing if the job was too short to be shown in a log file. */
  finish(): void {
    if (this.#finished) return;
    this.#finished = true;
    const now = this.#now();
    if (!this.#visible || (!this.#terminal && now - this.#start < PLAIN_INTERVAL)) return;
    this.#print(this.#line(now));
    if (this.#terminal) this.#write("\n");
    this.#shown = 0;
  }

  #line(now: number): string {
    const { label, unit, total, done: before = 0 } = this.#options;
    const seconds = (now - this.#start) / 1000;
    const ended = total ? this.#done >= total : this.#finished;
    const rate = ended ? (this.#done - before) / seconds : this.#rate(now);
    const parts = [
      total
        ? `${this.#done}/${total} ${unit} (${Math.floor((100 * this.#done) / total)} %)`
        : `${this.#done} ${unit}`,
    ];
    if (rate > 0 && Number.isFinite(rate)) parts.push(formatRate(rate, unit));
    if (total && ended) parts.push(`took ${formatDuration(seconds)}`);
    else if (total && rate > 0) parts.push(`${formatDuration((total - this.#done) / rate)} left`);
    else parts.push(formatDuration(seconds));
    if (this.#note) parts.push(this.#note);
    return `${label}: ${parts.join(", ")}`;
  }

  get #visible(): boolean {
    return !this.#options.hidden && (this.#terminal || !this.#options.terminalOnly);
  }

  /** Units a second since the first update; before the second one, since the start. */
  #rate(now: number): number {
    const first = this.#first;
    const from = first && this.#done > first.done && now > first.time
      ? first
      : { done: this.#options.done ?? 0, time: this.#start };
    return now > from.time ? 1000 * (this.#done - from.done) / (now - from.time) : 0;
  }

  #print(line: string): void {
    if (!this.#terminal) return this.#write(line + "\n");
    this.#write("\r" + line.padEnd(this.#shown));
    this.#shown = line.length;
  }

  #clear(): void {
    if (this.#shown > 0) this.#write("\r" + " ".repeat(this.#shown) + "\r");
    this.#shown = 0;
  }

  #write(text: string): void {
    const bytes = new TextEncoder().encode(text);
    for (let at = 0; at < bytes.length;) at += this.#stream.writeSync(bytes.subarray(at));
  }
}

/** `512 steps/s`, `3.21 steps/s`, or for less than one in two seconds `18.4 s each`. */
function formatRate(rate: number, unit: string): string {
  if (rate < 0.5) return `${(1 / rate).toPrecision(3)} s each`;
  return `${rate >= 100 ? rate.toFixed(0) : rate.toPrecision(3)} ${unit}/s`;
}

/**
 * Writes a duration as people read it.
 *
 * @param seconds a time span in seconds
 * @returns `48 s`, `3 min 05 s` or `2 h 07 min`
 */
export function formatDuration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  const two = (n: number) => String(n).padStart(2, "0");
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`;
  return `${Math.floor(whole / 3600)} h ${two(Math.floor((whole % 3600) / 60))} min`;
}
