import assert from "node:assert/strict";
import { UserError } from "../../lib/config/mod.ts";
import {
  decodeNpy,
  decodeNpz,
  encodeNpy,
  encodeNpyHeader,
  encodeNpz,
  type NpyArray,
} from "../../lib/packing/mod.ts";
import { encodeNpzDirectory } from "../../lib/packing/npz.ts";

const FIXTURES = new URL("../fixtures/text/", import.meta.url);
const IDS = await Deno.readFile(new URL("c_ids.npy", FIXTURES));
const IDX = await Deno.readFile(new URL("c_idx.npz", FIXTURES));
const LENS = [15, 12, 9, 7, 8, 3];

Deno.test("numpy's own files are read and written back byte for byte", () => {
  const ids = decodeNpy(IDS, "c_ids.npy");
  assert.deepEqual([ids.dtype, ids.shape, ids.data.length], ["u2", [54], 54]);
  assert.deepEqual(encodeNpy(ids), IDS);
  const lens = decodeNpz(IDX, "c_idx.npz").get("lens")!;
  assert.deepEqual([...lens.data], LENS);
  assert.deepEqual(encodeNpz({ lens }), IDX);
});

const ARRAYS: NpyArray[] = [
  { dtype: "b1", shape: [2], data: Uint8Array.of(0, 1) },
  { dtype: "u1", shape: [], data: Uint8Array.of(255) },
  { dtype: "u2", shape: [2, 3], data: Uint16Array.of(0, 1, 2, 3, 4, 65535) },
  { dtype: "u4", shape: [1], data: Uint32Array.of(4294967295) },
  { dtype: "i4", shape: [0], data: new Int32Array() },
  { dtype: "i8", shape: [2], data: BigInt64Array.of(-1n, 2n ** 62n) },
  { dtype: "f4", shape: [1, 2, 1], data: Float32Array.of(0.5, -Infinity) },
  { dtype: "f8", shape: [1], data: Float64Array.of(Math.PI) },
];

Deno.test("every element type survives the round trip", () => {
  for (const array of ARRAYS) assert.deepEqual(decodeNpy(encodeNpy(array), "memory"), array);
  const together = Object.fromEntries(ARRAYS.map((array) => [array.dtype, array]));
  assert.deepEqual(Object.fromEntries(decodeNpz(encodeNpz(together), "memory")), together);
  assert.throws(() => encodeNpy({ dtype: "u1", shape: [3], data: new Uint8Array(2) }), RangeError);
});

Deno.test("the header keeps its length as a one-dimensional array grows", () => {
  const lengths = [0, 9, 12_345, 2 ** 32, 2 ** 53 - 1].map((n) => encodeNpyHeader("i4", [n]).length);
  assert.deepEqual(lengths, [128, 128, 128, 128, 128]);
});

Deno.test("header versions 2 and 3 are read", () => {
  for (const version of [2, 3]) {
    const bytes = Uint8Array.from([
      ...IDS.subarray(0, 6),
      version,
      0,
      IDS[8]!,
      IDS[9]!,
      0,
      0,
      ...IDS.subarray(10),
    ]);
    assert.deepEqual(decodeNpy(bytes, "v").data, decodeNpy(IDS, "c").data);
  }
});

/** The golden file with one piece of its header exchanged for another of the same length. */
function altered(from: string, to: string): Uint8Array {
  const bytes = IDS.slice();
  const at = new TextDecoder("latin1").decode(bytes).indexOf(from);
  assert.ok(at > 0 && from.length === to.length);
  bytes.set(new TextEncoder().encode(to), at);
  return bytes;
}

const BAD_ARRAYS: [string, Uint8Array, string][] = [
  ["empty", new Uint8Array(), "it is no .npy file; the first bytes are not \\x93NUMPY"],
  [
    "text",
    new TextEncoder().encode("not an array at all"),
    "it is no .npy file; the first bytes are not \\x93NUMPY",
  ],
  ["new version", Uint8Array.from(IDS, (byte, i) => i === 6 ? 9 : byte), ".npy version 9 is not supported"],
  ["cut header", IDS.subarray(0, 60), "it ends within its header, after 60 of 128 bytes"],
  ["cut data", IDS.subarray(0, 200), "its header promises 108 bytes of data, it has 72"],
  ["longer", Uint8Array.from([...IDS, 0]), "its header promises 108 bytes of data, it has 109"],
  ["big endian", altered("<u2", ">u2"), 'elements of type ">u2" are not supported'],
  ["Fortran order", altered("False,", "True, "), "its elements are in Fortran order"],
  ["no shape", altered("'shape'", "'shade'"), "its header names no element type, order or shape"],
];

for (const [what, bytes, reason] of BAD_ARRAYS) {
  Deno.test(`a bad .npy file is refused: ${what}`, () => {
    assert.throws(
      () => decodeNpy(bytes, "x_ids.npy"),
      (error: Error) =>
        error instanceof UserError && error.message.startsWith(`Cannot read array "x_ids.npy": ${reason}`),
    );
  });
}

Deno.test("a bad .npz file is refused", () => {
  for (const bytes of [new Uint8Array(), IDX.subarray(0, 100), IDS]) {
    assert.throws(
      () => decodeNpz(bytes, "x_idx.npz"),
      (error: Error) =>
        error instanceof UserError && error.message.startsWith('Cannot read archive "x_idx.npz": '),
    );
  }
});

/** Python with numpy, where this machine has one. */
async function findNumpy(): Promise<string | undefined> {
  for (const python of [".venv/bin/python", "python3"]) {
    try {
      const { success } = await new Deno.Command(python, { args: ["-c", "import numpy"], stderr: "null" })
        .output();
      if (success) return python;
    } catch {
      continue; // not installed
    }
  }
}

const numpy = await findNumpy();

Deno.test("numpy reads our files, and we read its compressed ones", { ignore: !numpy }, async () => {
  const folder = await Deno.makeTempDir();
  try {
    const named = Object.fromEntries(ARRAYS.map((array) => [array.dtype, array]));
    await Deno.writeFile(`${folder}/a.npz`, encodeNpz(named));
    await Deno.writeFile(`${folder}/a.npy`, encodeNpy(named.u2!));
    const script =
      "import numpy as n; z=n.load('a.npz'); a=n.load('a.npy'); assert a.tolist()==[[0,1,2],[3,4,65535]]\n" +
      "assert z['i8'].tolist()==[-1,2**62] and z['b1'].dtype==bool and z['u1'].shape==() and z['f4'].shape==(1,2,1)\n" +
      "n.savez_compressed('b.npz', **z)";
    const run = await new Deno.Command(numpy!, { args: ["-c", script], cwd: folder }).output();
    assert.equal(new TextDecoder().decode(run.stderr), "");
    assert.deepEqual(Object.fromEntries(decodeNpz(await Deno.readFile(`${folder}/b.npz`), "b.npz")), named);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

/** Arrays past 2 GiB, and the end that Python's zipfile gives an archive of them. */
const LARGE: [{ key: string; size: number; crc: number }[], string][] = [
  [
    [{ key: "lens", size: 6442451072, crc: 3735928559 }, { key: "word_marks", size: 129, crc: 9 }],
    "504b01022d032d000000000000002100efbeaddeffffffffffffffff0800140000000000000000008001000000006c656e732e6e70790100100080000080010000008000008001000000504b01022d032d0000000000000021000900000081000000810000000e000c0000000000000000008001ffffffff776f72645f6d61726b732e6e707901000800ba00008001000000504b06062c000000000000002d002d0000000000000000000200000000000000020000000000000092000000000000007b01008001000000504b0607000000000d0200800100000001000000504b0506000000000200020092000000ffffffff0000",
  ],
  [
    [{ key: "lens", size: 2147483647, crc: 1 }],
    "504b01022d032d00000000000000210001000000ffffff7fffffff7f0800000000000000000000008001000000006c656e732e6e7079504b06062c000000000000002d002d0000000000000000000100000000000000010000000000000036000000000000003900008000000000504b0607000000006f0000800000000001000000504b0506000000000100010036000000390000800000",
  ],
  [
    [{ key: "lens", size: 2147483607, crc: 1 }, { key: "word_marks", size: 129, crc: 9 }],
    "504b01022d032d00000000000000210001000000d7ffff7fd7ffff7f0800000000000000000000008001000000006c656e732e6e7079504b01022d032d0000000000000021000900000081000000810000000e000c0000000000000000008001ffffffff776f72645f6d61726b732e6e7079010008001100008000000000504b06062c000000000000002d002d000000000000000000020000000000000002000000000000007e00000000000000d200008000000000504b060700000000500100800000000001000000504b050600000000020002007e000000d20000800000",
  ],
];

Deno.test("the end of an archive past 2 GiB is Python's, byte for byte", () => {
  for (const [entries, expected] of LARGE) assert.equal(encodeNpzDirectory(entries).toHex(), expected);
});
