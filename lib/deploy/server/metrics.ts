/**
 * Numbers for Prometheus, in its text format 0.0.4.
 *
 * @module
 */

/** Values by label set. */
interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge" | "histogram";
  lines(): Iterable<string>;
}

/** Label values by label name. */
export type Labels = Readonly<Record<string, string>>;

/** Upper bounds of requests' seconds. */
const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** Counts of a server's life. */
export class Metrics {
  readonly #families: Family[] = [];

  /**
   * Adds a number that only grows.
   *
   * @returns What adds to it.
   *
   * @example
   * ```ts
   * import { Metrics } from "./metrics.ts";
   * const metrics = new Metrics(), requests = metrics.counter("requests_total", "Requests");
   * requests({ status: "200" });
   * console.log(metrics.toString()); // … requests_total{status="200"} 1
   * ```
   */
  counter(name: string, help: string): (labels: Labels, by?: number) => void {
    const values = new Map<string, number>();
    this.#families.push({
      ...{ name, help, type: "counter" },
      lines: () => values.entries().map(([labels, value]) => `${name}${labels} ${value}`),
    });
    return (labels, by = 1) => {
      const key = spell(labels);
      values.set(key, (values.get(key) ?? 0) + by);
    };
  }

  /** Adds a number that is asked for when it is read. */
  gauge(name: string, help: string, read: () => Iterable<readonly [Labels, number]>, type?: "counter"): void {
    this.#families.push({
      ...{ name, help, type: type ?? "gauge" },
      lines: () => Array.from(read(), ([labels, value]) => `${name}${spell(labels)} ${value}`),
    });
  }

  /** Adds a distribution of seconds. @returns What adds a value to it. */
  histogram(name: string, help: string): (labels: Labels, seconds: number) => void {
    const series = new Map<string, { labels: Labels; counts: number[]; sum: number }>();
    this.#families.push({
      ...{ name, help, type: "histogram" },
      *lines() {
        for (const [key, { labels, counts, sum }] of series) {
          let total = 0;
          for (const [i, count] of counts.entries()) {
            total += count;
            yield `${name}_bucket${spell({ ...labels, le: `${BUCKETS[i] ?? "+Inf"}` })} ${total}`;
          }
          yield `${name}_sum${key} ${sum}`;
          yield `${name}_count${key} ${total}`;
        }
      },
    });
    return (labels, seconds) => {
      const key = spell(labels);
      const one = series.get(key) ?? { labels, counts: Array<number>(BUCKETS.length + 1).fill(0), sum: 0 };
      series.set(key, one);
      const bucket = BUCKETS.findIndex((bound) => seconds <= bound);
      one.counts[bucket < 0 ? BUCKETS.length : bucket]!++;
      one.sum += seconds;
    };
  }

  /** What `GET /metrics` says. */
  toString(): string {
    return this.#families.map(({ name, help, type, lines }) =>
      [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...lines()].join("\n") + "\n"
    ).join("");
  }
}

function spell(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) =>
    `${name}="${value.replace(/[\\"\n]/g, (character) => character === "\n" ? "\\n" : `\\${character}`)}"`
  );
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}
