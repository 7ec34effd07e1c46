/** Numbers that are the same but for how sums were rounded. */
import { strict as assert } from "node:assert";

const TOLERANCE = 1e-14;

/** @throws {assert.AssertionError} If a number is off by more than rounding. */
export function close(actual: number | readonly number[], expected: number | readonly number[]): void {
  const [ours, theirs] = [[actual].flat(), [expected].flat()] as number[][];
  const off = ours!.some((value, i) => !(Math.abs(value - theirs![i]!) <= TOLERANCE));
  if (off || ours!.length !== theirs!.length) assert.deepEqual(ours, theirs);
}
