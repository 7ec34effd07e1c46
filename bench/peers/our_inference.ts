/**
 * Our side of answering, as `step_process.ts` drives it: rows through an exported model, in the predictor's batches.
 *
 * @module
 */
import process from "node:process";
import { createInterface } from "node:readline";
import { LocalSession, planBatches, tokenBatch, type TokenRow } from "../../lib/deploy/mod.ts";
import { busySeconds, peakBytes } from "./machine.ts";
import type { InferenceSpec, StepCost } from "./step_process.ts";

const spec = JSON.parse(Deno.args[0]!) as InferenceSpec;
const { config: { encoder: { pad_token_id: padId } }, threads, padded } = spec;
const batches = JSON.parse(await Deno.readTextFile(spec.batches)) as number[][][];
const session = await LocalSession.open(spec.model, { threads });

say({ version: `onnxruntime-node in Deno ${Deno.version.deno}`, parameters: 0 });
for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line);
  say(request.peak ? { peak: peakBytes() } : await step(batches[request.batch]!));
}

async function step(batch: readonly number[][]): Promise<StepCost> {
  const others = busySeconds(), start = performance.now(), before = process.cpuUsage();
  const rows = batch.map((ids): TokenRow => ({ ids }));
  if (padded === undefined) {
    for (const plan of planBatches(rows.map(({ ids }) => ids.length))) {
      await session.run(tokenBatch(plan.map((row) => rows[row]!), padId));
    }
  } else {
    const { ids, mask, ...rest } = tokenBatch([{ ids: new Int32Array(padded) }, ...rows], padId); // the first row is as wide
    const own = <T extends BigInt64Array<ArrayBuffer>>(cells: T) => cells.slice(padded) as T;
    await session.run({ ...rest, rows: rows.length, ids: own(ids), mask: own(mask), types: own(rest.types) });
  }
  const { user, system } = process.cpuUsage(before);
  const cpu = (user + system) / 1e6, wall = (performance.now() - start) / 1000;
  return { wall, cpu, others: Math.max(0, (busySeconds() - others - cpu) / wall), losses: [0, 0, 0, 0] };
}

function say(answer: unknown) {
  console.log(JSON.stringify(answer));
}
