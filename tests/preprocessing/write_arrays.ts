import { encodeNpy, encodeNpz } from "../../lib/packing/mod.ts";

/** Writes a corpus as the original's script does: 16-bit ids, and lengths. */
export async function writeArrays(
  prefix: string,
  ids: readonly number[],
  lens: readonly number[],
): Promise<void> {
  const data = { ids: Uint16Array.from(ids), lens: Int32Array.from(lens) };
  await Deno.writeFile(`${prefix}_ids.npy`, encodeNpy({ dtype: "u2", shape: [ids.length], data: data.ids }));
  const archive = encodeNpz({ lens: { dtype: "i4", shape: [lens.length], data: data.lens } });
  await Deno.writeFile(`${prefix}_idx.npz`, archive);
}
