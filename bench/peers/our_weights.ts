/**
 * Reads every tensor of a file into memory of its own, and tells on a line of JSON what it took: see ../weights.ts.
 *
 * @module
 */
import process from "node:process";
import { loadTensor, ourNames, readWeights, type TensorData } from "../../lib/weights/mod.ts";
import { busySeconds, peakBytes } from "./machine.ts";

const path = Deno.args[0]!, held = new Map<string, TensorData>();
const others = busySeconds(), start = performance.now(), before = process.cpuUsage();
for (const [name, tensor] of ourNames(await readWeights(path)).tensors) {
  held.set(name, await loadTensor(tensor));
}
const wall = (performance.now() - start) / 1000, { user, system } = process.cpuUsage(before);
const cpu = (user + system) / 1e6;
console.log(JSON.stringify({
  wall,
  cpu,
  others: Math.max(0, (busySeconds() - others - cpu) / wall),
  peak: peakBytes(),
  bytes: [...held.values()].reduce((sum, { data }) => sum + data.byteLength, 0),
  version: `ours on Deno ${Deno.version.deno}`,
}));
