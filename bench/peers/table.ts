/**
 * The table of a comparison: lines for people or for programs, remarks beside it.
 *
 * @module
 */
import type { Timing } from "./race.ts";

/** A line of the table. */
export interface Line {
  readonly case: string;
  readonly unit: "CPU-s" | "s" | "GB" | "sentences/CPU-s" | "rows/s";
  readonly ours: number;
  readonly peer?: number | undefined;
  /** What the ratio is to be: at most, or of rates at least. */
  readonly goal?: number | undefined;
  /** Where the numbers come from: ours, then the peer's. */
  readonly timings: readonly Pick<Timing, "others" | "version">[];
}

/** Prints lines as they come. */
export class Table {
  readonly #bench: string;
  readonly #json: boolean;
  readonly #runs: number;
  readonly #notes = new Set<string>();

  /**
   * @param bench its name, for the JSON
   * @param json a line of JSON for each case
   * @param runs timed steps of each side, for the JSON
   */
  constructor({ bench, json, runs }: { bench: string; json: boolean; runs: number }) {
    [this.#bench, this.#json, this.#runs] = [bench, json, runs];
    if (!json) console.log("case | ours | peer | ratio | goal | unit | cores busy with others: median, most");
  }

  /** Prints a line. */
  add({ case: name, unit, ours, peer, goal, timings }: Line) {
    const ratio = peer === undefined ? undefined : ours / peer;
    const others = {
      median: Math.max(...timings.map(({ others }) => others.median)),
      most: Math.max(...timings.map(({ others }) => others.most)),
    };
    if (this.#json) {
      const known = { peer: peer ?? null, ratio: ratio ?? null, unit, goal: goal ?? null };
      const versions = timings.map(({ version }) => version);
      console.log(
        JSON.stringify({
          bench: this.#bench,
          case: name,
          ours,
          ...known,
          runs: this.#runs,
          others,
          versions,
        }),
      );
      return;
    }
    for (const { version } of timings) this.note(version);
    const cell = (value: number | undefined) => value?.toFixed(2) ?? "–";
    const bound = goal === undefined ? "–" : `${unit.includes("/") ? "≥" : "≤"} ${goal}`;
    const busy = `${others.median.toFixed(2)}, ${others.most.toFixed(2)}`;
    console.log([name, cell(ours), cell(peer), cell(ratio), bound, unit, busy].join(" | "));
  }

  /** Says something on stderr, but once. */
  note(text: string) {
    if (!this.#notes.has(text)) console.error(text);
    this.#notes.add(text);
  }
}

/** A line for seconds: of the process with one thread, by the clock with several. */
export function secondsOf(threads: number, timings: readonly Timing[]) {
  const [ours, peer] = timings.map(({ cpu, wall }) => threads === 1 ? cpu : wall);
  return { unit: threads === 1 ? "CPU-s" : "s", ours: ours!, peer, timings } as const;
}

/** A line for the most memory. */
export function memoryOf(timings: readonly Timing[]) {
  const [ours, peer] = timings.map(({ peak }) => peak / 2 ** 30);
  return { unit: "GB", ours: ours!, peer, timings } as const;
}
