import assert from "node:assert/strict";
import { columnsOf } from "../../lib/report/series.ts";
import type { LogRecord } from "../../lib/training/mod.ts";
import { trainingRecord } from "./runs.ts";

const steps = (count: number) => Array.from({ length: count }, (_, i) => trainingRecord(i + 1));

Deno.test("a run that fits is kept to the last digit", () => {
  const records = steps(1000);
  const columns = columnsOf(records);
  for (const [name, { values, low, high }] of Object.entries(columns)) {
    assert.deepEqual([low, high], [undefined, undefined]);
    assert.deepEqual(
      values,
      records.map((record) => (record as unknown as Record<string, number>)[name]),
      name,
    );
  }
  const { kind: _, ...numbers } = records[0]!;
  assert.deepEqual(Object.keys(columns).sort(), Object.keys(numbers).sort());
});

Deno.test("of a longer one neighbours share a point, and no peak is lost", () => {
  const records = steps(10_001);
  records[7007]!.avg_loss = 1e6;
  records[7008]!.avg_loss = -1e6;
  const columns = columnsOf(records);
  const lengths = new Set(
    Object.values(columns).flatMap(({ values, low, high }) => [values, low, high].map((a) => a?.length)),
  );
  assert.deepEqual([...lengths], [910]); // of 11 records each, the last of 2
  const { values, low, high } = columns.avg_loss!;
  assert.equal(Math.max(...high as number[]), 1e6);
  assert.equal(Math.min(...low as number[]), -1e6);
  assert.equal(columns.step!.values[0], 6); // the middle of 1 … 11
  assert.equal(columns.step!.values.at(-1), 10_000.5);
  const mean = records.slice(11, 22).reduce((sum, { avg_loss }) => sum + avg_loss!, 0) / 11;
  assert.ok(Math.abs(values[1]! - mean) < 1e-6 * mean);
  assert.deepEqual([low![1], high![1]], [100 / 22, 100 / 12]);
});

Deno.test("what is not finite or not there is a gap; among neighbours the others count", () => {
  const records = [
    { step: 1, rtd: 4 },
    { step: 2, rtd: null },
    { step: 3 },
    { step: 4, rtd: null, csp_accuracy: 0.5 },
  ] as LogRecord[];
  assert.deepEqual(columnsOf(records), {
    step: { values: [1, 2, 3, 4] },
    rtd: { values: [4, null, null, null] },
    csp_accuracy: { values: [null, null, null, 0.5] },
  });
  assert.deepEqual(columnsOf(records, 2).rtd, { values: [4, null], low: [4, null], high: [4, null] });
  assert.deepEqual(columnsOf([]), {});
});
