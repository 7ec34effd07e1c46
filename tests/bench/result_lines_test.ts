/** Results that are known are not computed again, whatever a kill left of the last line. */
import assert from "node:assert/strict";
import { ResultLines } from "../../bench/peers/result_lines.ts";
import { testInFolder } from "../folders.ts";

testInFolder("results are kept, and a line that was cut off is computed again", async (folder) => {
  const path = `${folder}/results.jsonl`;
  const first = new ResultLines<{ score: number }>(path);
  assert.deepEqual(await first.of({ set: "a", seed: 1 }, () => ({ score: 0.5 })), { score: 0.5 });
  assert.deepEqual(await first.of({ set: "a", seed: 2 }, () => ({ score: 0.7 })), { score: 0.7 });
  assert.equal(await first.of({ set: "a", seed: 3 }, () => undefined), undefined);
  const bytes = await Deno.readFile(path);
  await Deno.writeFile(path, bytes.subarray(0, bytes.length - 5));

  const again = new ResultLines<{ score: number }>(path);
  assert.deepEqual(await again.of({ seed: 1, set: "a" }, () => assert.fail("it is known")), { score: 0.5 });
  assert.deepEqual(await again.of({ set: "a", seed: 2 }, () => ({ score: 0.6 })), { score: 0.6 });
  assert.deepEqual(new ResultLines(path).get({ set: "a", seed: 2 }), { score: 0.6 });
});
