/** The scheduler: which rows go together, who leaves, what a lost worker costs. */
import assert from "node:assert/strict";
import type { Row } from "../../lib/cblue/mod.ts";
import { type Output, type Session, type TokenBatch, WorkerLostError } from "../../lib/deploy/mod.ts";
import { Scheduler, type SchedulerOptions } from "../../lib/deploy/server/mod.ts";

/** A row's answer is the sum of its ids, so that one that is given to another is seen. */
class SummingSession implements Session {
  readonly parallel = 1;
  /** Lengths of the rows of each batch, in the order in which they were begun. */
  static batches: number[][] = [];
  /** What holds a batch up. */
  static gate: Promise<void> = Promise.resolve();
  /** Rows with this id kill. */
  static poison = -1;
  #isLost = false;

  async run({ rows, width, ids, mask }: TokenBatch): Promise<Output[]> {
    if (this.#isLost) throw new Error("a dead worker was asked");
    const sum = (cells: BigInt64Array, row: number) =>
      Number(cells.subarray(row * width, (row + 1) * width).reduce((a, b) => a + b));
    SummingSession.batches.push(Array.from({ length: rows }, (_, row) => sum(mask, row)));
    await SummingSession.gate;
    if (ids.includes(BigInt(SummingSession.poison))) {
      this.#isLost = true;
      throw new WorkerLostError("died");
    }
    return [{ values: Float32Array.from({ length: rows }, (_, row) => sum(ids, row)), shape: [rows, 1] }];
  }

  async [Symbol.asyncDispose]() {}
}

const { signal: never } = new AbortController();
/** Rows of these lengths, of ones but for the first id. */
const rowsOf = (lengths: readonly number[], first = 1): Row[] =>
  lengths.map((length) => ({ ids: Array.from({ length }, (_, i) => i === 0 ? first : 1) }));

async function testScheduler(
  name: string,
  options: Partial<SchedulerOptions>,
  test: (
    scheduler: Scheduler,
    ask: (rows: Row[], signal?: AbortSignal) => Promise<number[]>,
  ) => Promise<void>,
) {
  await Deno.test(name, async () => {
    SummingSession.batches = [];
    SummingSession.poison = -1;
    SummingSession.gate = Promise.resolve();
    const open = () => Promise.resolve(new SummingSession());
    await using scheduler = await Scheduler.open({ open, workers: 1, padId: 0, ...options });
    await test(scheduler, async (rows, signal = never) => {
      const sums = new Array<number>(rows.length);
      await scheduler.run(rows, signal, (row, [output]) => sums[row] = output!.values[0]!);
      return sums;
    });
  });
}

function closeGate(): () => void {
  const gate = Promise.withResolvers<void>();
  SummingSession.gate = gate.promise;
  return gate.resolve;
}

/** Lets what is ready run. */
const turn = () => new Promise((resolve) => setTimeout(resolve, 0));

await testScheduler(
  "what comes while a worker computes goes together: the oldest first, and rows of like lengths",
  { batchTokens: 100 },
  async (_, ask) => {
    const open = closeGate(), lengths = [[30], [20, 90], [21, 5], [19, 22, 20, 18]];
    const first = ask(rowsOf(lengths[0]!));
    await turn();
    assert.deepEqual(SummingSession.batches, [[30]]); // at once
    const asked = [first, ...lengths.slice(1).map((lengths) => ask(rowsOf(lengths)))];
    open();
    assert.deepEqual(await Promise.all(asked), lengths);
    // 20 with its like, 90 alone, 5 alone: with 20 it were padding; five rows of 20 and more were more than 100 tokens
    assert.deepEqual(SummingSession.batches, [[30], [20, 20, 21, 19], [90], [5], [22, 18]]);
  },
);

await testScheduler("several workers share what waits", { workers: 2 }, async (_, ask) => {
  assert.deepEqual(await ask(rowsOf([4, 4, 4, 4, 4])), [4, 4, 4, 4, 4]);
  assert.deepEqual(SummingSession.batches.map(({ length }) => length), [3, 1, 1]);
});

await testScheduler(
  "a request that is cancelled leaves the queue at once",
  { queue: 3 },
  async (scheduler, ask) => {
    const open = closeGate(), abort = new AbortController(), reason = new Error("gone");
    const first = ask(rowsOf([4]));
    await turn();
    const cancelled = assert.rejects(ask(rowsOf([5, 5, 5]), abort.signal), reason), last = ask(rowsOf([6]));
    assert.deepEqual([scheduler.waiting, scheduler.computing, scheduler.isFull], [4, 1, true]);
    abort.abort(reason);
    await cancelled;
    assert.deepEqual([scheduler.waiting, scheduler.isFull], [1, false]);
    open();
    assert.deepEqual([await first, await last], [[4], [6]]);
    assert.deepEqual(SummingSession.batches, [[4], [6]]);
    await assert.rejects(ask(rowsOf([1]), abort.signal), reason);
  },
);

const restarts: string[] = [];
await testScheduler(
  "a worker that dies is replaced; of its rows the one that kills fails, the others do not",
  {
    observer: { onRestart: ({ message }) => restarts.push(message) },
  },
  async (scheduler, ask) => {
    const open = closeGate();
    const before = ask(rowsOf([4]));
    await turn();
    SummingSession.poison = 99;
    const good = ask(rowsOf([7, 8])), bad = assert.rejects(ask(rowsOf([8], 99)), /it failed twice/);
    open();
    assert.deepEqual(await before, [4]);
    assert.deepEqual(await good, [7, 8]);
    await bad;
    assert.deepEqual(SummingSession.batches, [[4], [7, 8, 8], [7], [8], [8]]);
    assert.deepEqual(restarts, ["died", "died"]);
    assert.deepEqual([await ask(rowsOf([3])), scheduler.workers], [[3], 1]);
  },
);

await testScheduler("a worker that hangs is replaced", { batchSeconds: 0.05 }, async (_, ask) => {
  const open = closeGate(), asked = ask(rowsOf([4]));
  await turn();
  SummingSession.gate = Promise.resolve();
  assert.deepEqual(await asked, [4]);
  assert.deepEqual(SummingSession.batches, [[4], [4]]);
  open();
});

let starts = 0;
await testScheduler("a worker that would not start is started again", {
  open: () => ++starts === 2 ? Promise.reject(new Error("no memory")) : Promise.resolve(new SummingSession()),
}, async (_, ask) => {
  SummingSession.poison = 99;
  const bad = ask(rowsOf([2], 99)), good = ask(rowsOf([50]));
  await assert.rejects(bad);
  assert.deepEqual(await good, [50]);
});

Deno.test("what waits for a scheduler that is closed fails", async () => {
  const open = closeGate();
  const scheduler = await Scheduler.open({
    open: () => Promise.resolve(new SummingSession()),
    workers: 1,
    padId: 0,
  });
  const asked = assert.rejects(
    scheduler.run(rowsOf([90, 200, 4]), never, () => {}),
    /the scheduler was closed/,
  );
  await turn();
  const closed = scheduler[Symbol.asyncDispose]();
  await asked;
  open();
  await closed;
});
