/** What a suite of peers came to. */
export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** Adds up suites. */
export function sum(suites: readonly Counts[]): Counts {
  const total = (key: keyof Counts) => suites.reduce((count, suite) => count + suite[key], 0);
  return { passed: total("passed"), failed: total("failed"), skipped: total("skipped") };
}

/** The closing line: `12 passed, 0 failed`, then `, 1 skipped` if any. */
export function formatCounts({ passed, failed, skipped }: Counts): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
}
