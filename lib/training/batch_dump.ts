/** A batch kept for study: what a step was given when its loss was no number. */

import { join } from "node:path";
import { writeAtomically } from "../config/mod.ts";
import { type Batch, encodeNpz, type NpyArray } from "../packing/mod.ts";

/** An array of a dump: with its shape, or flat as it is. */
export type DumpedArray = NpyArray | Int32Array | Float32Array;

/**
 * Writes the arrays of a step as `nan-step-<step>.npz`, which `numpy.load` reads, and what else is known beside it.
 *
 * @param folder - Where to; it exists.
 * @param step - The step, counted as in the log.
 * @param arrays - The arrays by name.
 * @param info - Anything JSON keeps; numbers that JSON has no word for become "NaN", "Infinity" and "-Infinity".
 * @returns Path of the archive; the JSON file has the same name but for its ending.
 * @throws {UserError} When the disk refuses.
 *
 * @example
 * ```ts
 * import { dumpBatch } from "./batch_dump.ts";
 * const folder = await Deno.makeTempDir();
 * const path = await dumpBatch(folder, 123, { maskedIds: Int32Array.of(1, 7, 2) }, { loss: NaN });
 * console.log(path, await Deno.readTextFile(path.replace(/npz$/, "json"))); // …/nan-step-123.npz { "loss": "NaN" }
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export async function dumpBatch(
  folder: string,
  step: number,
  arrays: Readonly<Record<string, DumpedArray>>,
  info: Readonly<Record<string, unknown>>,
): Promise<string> {
  const path = join(folder, `nan-step-${step}`);
  const npz = encodeNpz(
    Object.fromEntries(Object.entries(arrays).map(([name, array]) => [name, shaped(array)])),
  );
  await writeAtomically(`${path}.npz`, [npz]);
  await writeAtomically(`${path}.json`, [
    new TextEncoder().encode(JSON.stringify(info, nonFiniteAsText, 2) + "\n"),
  ]);
  return `${path}.npz`;
}

/**
 * Writes the batches of a step by {@linkcode dumpBatch}; where there are several, the names end in `_0`, `_1` …
 *
 * @param batches - What the step was given.
 * @returns Path of the archive.
 */
export function dumpBatches(
  folder: string,
  step: number,
  batches: readonly Batch[],
  info: Readonly<Record<string, unknown>>,
): Promise<string> {
  const arrays = batches.flatMap(({ maskedIds, rawIds, labels, segmentIds, positionIds }, i) => {
    const suffix = batches.length > 1 ? `_${i}` : "";
    return Object.entries({ maskedIds, rawIds, labels, segmentIds, positionIds })
      .map(([name, array]) => [name + suffix, array] as const);
  });
  return dumpBatch(folder, step, Object.fromEntries(arrays), info);
}

function shaped(array: DumpedArray): NpyArray {
  if (array instanceof Int32Array) return { dtype: "i4", shape: [array.length], data: array };
  if (array instanceof Float32Array) return { dtype: "f4", shape: [array.length], data: array };
  return array;
}

/** JSON would make `null` of NaN, the very thing that is being studied. */
function nonFiniteAsText(_key: string, value: unknown): unknown {
  return typeof value === "number" && !Number.isFinite(value) ? String(value) : value;
}
