import assert from "node:assert/strict";
import { join } from "node:path";
import { decodeNpz } from "../../lib/packing/mod.ts";
import { dumpBatch } from "../../lib/training/batch_dump.ts";
import { testInFolder } from "../folders.ts";

const arrays = {
  maskedIds: Int32Array.of(1, 7, 2, -1),
  rates: Float32Array.of(1e-4, NaN, Infinity),
  positions: { dtype: "i4", shape: [2, 2], data: Int32Array.of(0, 1, 0, 1) },
} as const;
const info = { loss: NaN, losses: { rtd: 0.5, mts: -Infinity, csp: Infinity }, step: 123, sentences: [3, 4] };

testInFolder("a dumped batch comes back array by array, its NaNs spelt out beside it", async (folder) => {
  const path = await dumpBatch(folder, 123, arrays, info);
  assert.equal(path, join(folder, "nan-step-123.npz"));
  const read = decodeNpz(await Deno.readFile(path), path);
  assert.deepEqual([...read.keys()], ["maskedIds", "rates", "positions"]);
  assert.deepEqual(read.get("maskedIds"), { dtype: "i4", shape: [4], data: arrays.maskedIds });
  assert.deepEqual(read.get("rates"), { dtype: "f4", shape: [3], data: arrays.rates });
  assert.deepEqual(read.get("positions"), arrays.positions);
  assert.deepEqual(JSON.parse(await Deno.readTextFile(join(folder, "nan-step-123.json"))), {
    loss: "NaN",
    losses: { rtd: 0.5, mts: "-Infinity", csp: "Infinity" },
    step: 123,
    sentences: [3, 4],
  });
  assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name).sort(), [
    "nan-step-123.json",
    "nan-step-123.npz",
  ]);
});

testInFolder("a dump that cannot be written names its file", async (folder) => {
  const missing = join(folder, "missing");
  await assert.rejects(dumpBatch(missing, 1, arrays, info), {
    name: "UserError",
    message: `Cannot write "${missing}/nan-step-1.npz": no such file or directory`,
  });
});
