import assert from "node:assert/strict";
import { UserError } from "../../lib/config/mod.ts";
import { EncoderPool } from "../../lib/preprocessing/encoder_pool.ts";

const OPTIONS = { tool: "jieba", tokens: [], wordMarks: "position", minChars: 0 } as const;

function start(way: string, workers = 2, signal?: AbortSignal): Promise<EncoderPool> {
  const module = new URL("./dying_worker.ts", import.meta.url);
  return EncoderPool.start({ ...OPTIONS, field: way }, { workers, module, ...(signal ? { signal } : {}) });
}

async function* jobs(count: number, failAfter = Infinity) {
  for (let start = 0; start < count; start++) {
    if (start === failAfter) throw new Error("Cannot read on");
    await Promise.resolve();
    const block = { bytes: new Uint8Array(8), isTooLong: false, start };
    yield { request: { kind: "hash", block, format: "lines" } as const, number: start };
  }
}

/** Numbers of the blocks that came back. */
async function drain(pool: EncoderPool, count: number, failAfter?: number): Promise<number[]> {
  const numbers: number[] = [];
  try {
    for await (const [job] of pool.run(jobs(count, failAfter))) numbers.push(job.number);
  } catch (error) {
    (error as { numbers?: number[] }).numbers = numbers;
    throw error;
  }
  return numbers;
}

for (
  const [way, message] of [
    ["exit at work", "Preprocessing worker ended with code 7"],
    ["exit while idle", "Preprocessing worker ended with code 5"],
    ["error at work", "Preprocessing worker failed: Invalid typed array length: -1"],
  ] as const
) {
  Deno.test(`a dying worker is an error, not a wait without end: ${way}`, async () => {
    using pool = await start(way);
    if (way === "exit while idle") await new Promise((resolve) => setTimeout(resolve, 300));
    await assert.rejects(drain(pool, 20), new Error(message));
    await assert.rejects(drain(pool, 1), new Error(message)); // and stays one
  });
}

Deno.test("what comes before a failure comes back, what comes after does not", async () => {
  using pool = await start("refusal");
  const refused = { name: "UserError", message: "Cannot encode block 1", numbers: [0] };
  await assert.rejects(drain(pool, 20), (error: Error & { numbers: number[] }) => {
    const { name, message, numbers } = error;
    assert.deepEqual({ name, message, numbers }, refused);
    return error instanceof UserError;
  });
  using other = await start("refusal", 1);
  await assert.rejects(drain(other, 5, 1), { message: "Cannot read on", numbers: [0] });
});

Deno.test("an abort ends the waiting for a worker that takes its time", async () => {
  const abort = new AbortController();
  using pool = await start("silence", 1, abort.signal);
  setTimeout(() => abort.abort(new Error("enough")), 50);
  await assert.rejects(drain(pool, 3), /enough/);
  await assert.rejects(start("silence", 1, abort.signal), /enough/);
});

Deno.test("an answer that comes after the abort is passed over", async () => {
  const abort = new AbortController();
  using pool = await start("delay", 1, abort.signal);
  setTimeout(() => abort.abort(new Error("enough")), 5);
  await assert.rejects(drain(pool, 3), /enough/);
  await new Promise((resolve) => setTimeout(resolve, 200)); // what the worker sends now has nobody waiting
});
