/** Files that are damaged or made to harm: refused in one line, nothing run, memory bounded. */
import { strict as assert } from "node:assert";
import { basename, join } from "node:path";
import { zipSync } from "fflate";
import { UserError } from "../../lib/config/mod.ts";
import {
  checkFit,
  loadTensor,
  ourNames,
  readModel,
  readWeights,
  type TensorData,
} from "../../lib/weights/mod.ts";
import { testInFolder } from "../folders.ts";

const fixtures = "tests/fixtures/weights";

async function readAll(path: string): Promise<Map<string, TensorData>> {
  const tensors = new Map<string, TensorData>();
  for (const [name, tensor] of await readWeights(path)) tensors.set(name, await loadTensor(tensor));
  return tensors;
}

const ascii = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0));
const join8 = (...parts: (string | number[] | Uint8Array)[]) =>
  Uint8Array.from(parts.flatMap((part) => [...typeof part === "string" ? ascii(part) : part]));
const short = (text: string) => join8([0x8c, text.length], text);

/** `os.system("touch …")`, as pickle would run it on loading. */
const SYSTEM_2 = join8([0x80, 2], "cposix\nsystem\n", "X\x0d\0\0\0touch /tmp/own", [0x85, 0x52, 0x2e]);
const SYSTEM_4 = join8([0x80, 4], short("os"), short("system"), [0x93], short("touch /tmp/own"), [
  0x85,
  0x52,
  0x2e,
]);
const EVAL = join8([0x80, 2], "c__builtin__\neval\n", "X\x04\0\0\0data", [0x85, 0x52, 0x2e]);
/** A dict that holds itself. */
const CIRCLE = join8([0x80, 2, 0x7d, 0x71, 0], short("a"), [0x68, 0, 0x73, 0x2e]);
/** A list that holds another several times, which holds another several times, and so on: short to tell, long to walk. */
const nested = (depth: number, copies: number) => {
  const level = (i: number) => [0x30, 0x5d, 0x71, i + 1, 0x28, ...Array(copies).fill([0x68, i]).flat(), 0x65];
  return join8(
    [0x80, 2, 0x7d],
    short("a"),
    [0x5d, 0x71, 0],
    ...Array.from({ length: depth }, (_, i) => level(i)),
    [0x73, 0x2e],
  );
};

/** A safetensors file of a header's text. */
function safetensors(header: string, data: number, length = BigInt(header.length)): Uint8Array {
  const bytes = new Uint8Array(8 + header.length + data);
  new DataView(bytes.buffer).setBigUint64(0, length, true);
  bytes.set(ascii(header), 8);
  return bytes;
}
const tensor = (shape: string, offsets: string) =>
  `{"a":{"dtype":"F32","shape":${shape},"data_offsets":${offsets}}}`;

/** The pickle of a `.bin` with one tensor, of such a view. */
const view = (shape: number[], strides: number[], count: number) =>
  join8(
    [0x80, 2, 0x7d],
    short("a"),
    "ctorch._utils\n_rebuild_tensor_v2\n((",
    ...[short("storage"), "ctorch\nFloatStorage\n", short("0"), short("cpu"), [
      0x4b,
      count,
      0x74,
      0x51,
      0x4b,
      0,
    ]],
    ...[
      [0x28],
      ...shape.map((size) => [0x4a, size & 255, size >> 8 & 255, size >> 16 & 255, size >> 24 & 255]),
      [0x74],
    ],
    ...[[0x28], ...strides.map((stride) => [0x4b, stride]), [0x74, 0x89, 0x4e, 0x74, 0x52]],
    [0x73, 0x2e],
  );
const torch = (pickle: Uint8Array, files: Record<string, Uint8Array> = { "a/data/0": new Uint8Array(16) }) =>
  zipSync({ "a/data.pkl": pickle, ...files }, { level: 0 });
/** A paddle file of one array of a shape. */
const array = (shape: Uint8Array | number[], type = "f4") =>
  join8(
    [0x80, 2, 0x7d],
    short("a"),
    ...["cnumpy.core.multiarray\n_reconstruct\n", "cnumpy\nndarray\n", [
      0x4b,
      0,
      0x85,
      0x43,
      1,
      0x62,
      0x87,
      0x52,
    ]],
    ...["(", [0x4b, 1, 0x28], shape, [0x74], "cnumpy\ndtype\n", short(type), [0x89, 0x88, 0x87, 0x52]],
    ...["(", [0x4b, 3], short("<"), [0x4e, 0x4e, 0x4e, 0x4b, 0, 0x4b, 0, 0x4b, 0, 0x74, 0x62]],
    [0x89, 0x43, 4, 0, 0, 0, 0, 0x74, 0x62, 0x73, 0x2e],
  );
const NAN = [0x47, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0];

const REFUSED: [string, Uint8Array, RegExp][] = [
  [
    "a call of os.system, protocol 2",
    SYSTEM_2,
    /it names "posix\.system", which is refused: .* nothing in a file is ever run$/,
  ],
  ["a call of os.system, protocol 4", SYSTEM_4, /it names "os\.system", which is refused/],
  ["a call of eval", EVAL, /it names "__builtin__\.eval", which is refused/],
  ["the same in a .bin", torch(SYSTEM_2), /it names "posix\.system", which is refused/],
  ["containers without end", CIRCLE, /containers more than 16 deep/],
  ["containers of containers, eight of each", nested(12, 8), /it has more than 1000000 values/],
  ["containers of containers, too deep", nested(60, 2), /containers more than 16 deep/],
  ["containers of nothing", nested(3, 2), /it holds no tensors/],
  ["a text of 4 GB", join8([0x80, 2, 0x58, 255, 255, 255, 255]), /it ends at byte 7, where 4294967295 more/],
  ["bytes of 2⁶³", join8([0x80, 4, 0x8e, 0, 0, 0, 0, 0, 0, 0, 128]), /it ends at byte 11/],
  ["a number of 2 GB", join8([0x80, 2, 0x8b, 0, 0, 0, 128]), /has a number of 2147483648 bytes/],
  [
    "an instruction of protocol 0",
    join8([0x80, 2], "I1\n."),
    /byte 2 is no instruction that weights need: 0x49/,
  ],
  ["protocol 6", join8([0x80, 5, 0x80, 6]), /asks for protocol 6/],
  ["an empty stack", join8([0x80, 2, 0x73, 0x2e]), /takes a value from an empty stack/],
  ["a call of what is none", join8([0x80, 2, 0x7d, 0x29, 0x52, 0x2e]), /calls what cannot be called/],
  ["bytes after the end", join8([0x80, 2, 0x7d, 0x2e, 0]), /1 bytes follow its end/],
  ["a shape of NaN", array(NAN), /an array without shape, type or elements/],
  ["a negative shape", array([0x4a, 255, 255, 255, 255]), /an array without shape/],
  ["a shape beyond the elements", array([0x4a, 0, 0, 0, 64]), /needs 1073741824 elements, 1 are stored/],
  ["a shape of 2⁶²", array([0x4a, 0, 0, 0, 64, 0x4a, 0, 0, 0, 64]), /are stored/],
  ["objects for elements", array([0x4b, 1], "O8"), /its elements of type "O8" are not read/],
  ["a view beyond its storage", torch(view([2, 3], [3, 1], 4)), /needs 6 elements, 4 are stored/],
  [
    "a view that repeats elements",
    torch(view([1 << 30], [0], 4)),
    /repeats elements, 4 are stored; save it with \.contiguous\(\)/,
  ],
  ["a view of a storage that is not there", torch(view([4], [1], 4), {}), /storage "0" has no bytes/],
  [
    "a storage that is shorter than told",
    torch(view([4], [1], 8)),
    /storage "0" has 16 bytes, its 8 elements take 32/,
  ],
  [
    "big-endian elements",
    torch(view([4], [1], 4), { "a/data/0": new Uint8Array(16), "a/byteorder": ascii("big") }),
    /big-endian/,
  ],
  [
    "names that lead out of the archive",
    zipSync({ "../../etc/cron.d/own.npy": new Uint8Array(9) }),
    /"\.\.\/\.\.\/etc\/cron\.d\/own\.npy" leads out of the archive/,
  ],
  ["absolute names", zipSync({ "/etc/own.npy": new Uint8Array(9) }), /leads out of the archive/],
  [
    "another archive",
    zipSync({ "word/document.xml": new Uint8Array(9) }),
    /neither PyTorch nor NumPy wrote it/,
  ],
  ["an empty archive", zipSync({}), /neither PyTorch nor NumPy/],
  [
    "a header of 4 GB",
    safetensors(tensor("[1]", "[0,4]"), 4, 1n << 32n),
    /the header would be 4294967296 bytes/,
  ],
  ["offsets out of range", safetensors(tensor("[1]", "[4096,4100]"), 4), /leaves a gap/],
  ["an end before the start", safetensors(tensor("[1]", "[4,0]"), 4), /holds -4 bytes/],
  ["a NaN for a size", safetensors(tensor("[NaN]", "[0,4]"), 4), /not JSON/],
  ["a fraction for a size", safetensors(tensor("[0.5]", "[0,2]"), 2), /no valid shape/],
  ["a size beyond all numbers", safetensors(tensor("[1e308,1e308]", "[0,4]"), 4), /no valid shape/],
  [
    "a pointer to a file elsewhere",
    ascii("version https://git-lfs.github.com/spec/v1\n"),
    /pointer of Git LFS, .*`git lfs pull`/,
  ],
  ["a web page", ascii("<!DOCTYPE html><html>"), /it is a web page/],
  ["nothing", new Uint8Array(), /it is empty/],
  ["a text", ascii("hello, this is no file of weights"), /neither safetensors/],
  [
    "an index that leads elsewhere",
    ascii('{"weight_map":{"a":"../secret.safetensors"}}'),
    /"a" is to be in "\.\.\/secret\.safetensors", which is no file beside it/,
  ],
  ["an index without a map", ascii('{"a":1}'), /it has no weight_map/],
  ["no index", ascii("{"), /it is no JSON/],
];

for (const [name, bytes, message] of REFUSED) {
  testInFolder(`refused: ${name}`, async (folder) => {
    const path = join(folder, "weights");
    await Deno.writeFile(path, bytes);
    await assert.rejects(readAll(path), { name: "UserError", message });
    await assert.rejects(Deno.stat("/tmp/own"), Deno.errors.NotFound);
  });
}

Deno.test("a whole module, pickled with its class, is refused by the class's name", async () => {
  await assert.rejects(
    readAll(join(fixtures, "module.pt")),
    /it names "torch\.nn\.modules\.linear\.Linear", which is refused/,
  );
  await assert.rejects(readAll(join(fixtures, "expanded.pt")), /repeats elements/);
});

/** Files of every format, and whether checksums vouch for their elements. */
const FILES: [string, boolean][] = [
  ["paddle_protocol2.pdparams", false],
  ["paddle_protocol4.pdparams", false],
  ["torch.bin", true],
  ["torch_legacy.bin", false],
  ["numpy.npz", true],
  ["numpy_compressed.npz", true],
  ["shards/model-00001-of-00002.safetensors", false],
];

for (const [file] of FILES) {
  testInFolder(`${file}: cut short anywhere, it is refused`, async (folder) => {
    const whole = await Deno.readFile(join(fixtures, file)), path = join(folder, basename(file));
    const tenths = Array.from({ length: 9 }, (_, i) => Math.floor(whole.length * (i + 1) / 10));
    for (const cut of [1, 2, 9, ...tenths, whole.length - 1]) {
      await Deno.writeFile(path, whole.subarray(0, cut));
      await assert.rejects(readAll(path), { name: "UserError" }, `after ${cut} of ${whole.length} bytes`);
    }
  });
}

/** Numbers from 0 to below a limit, the same in every run (mulberry32). */
function dice(seed: number): (limit: number) => number {
  return (limit) => {
    seed = seed + 0x6d2b79f5 | 0;
    let t = Math.imul(seed ^ seed >>> 15, 1 | seed);
    t = t + Math.imul(t ^ t >>> 7, 61 | t) ^ t;
    return Math.floor(((t ^ t >>> 14) >>> 0) / 2 ** 32 * limit);
  };
}

/** Damages bytes anywhere, more often near the beginning and the end, where there is more structure. */
function corrupt(bytes: Uint8Array, roll: (limit: number) => number) {
  const near = 400, places = [roll(bytes.length), roll(near), bytes.length - 1 - roll(near)];
  const at = places[roll(3)]!, length = 1 + roll(12), copy = bytes.slice();
  const some = Array.from({ length }, () => roll(256));
  switch (roll(5)) {
    case 0:
      copy[at]! ^= 1 << roll(8);
      break;
    case 1:
      copy[at] = roll(256);
      break;
    case 2:
      copy.fill(255 * roll(2), at, at + length);
      break;
    case 3: // left out
      return { damaged: join8(bytes.subarray(0, at), bytes.subarray(at + length)), hasSameLength: false };
    default: // put in
      return { damaged: join8(bytes.subarray(0, at), some, bytes.subarray(at)), hasSameLength: false };
  }
  return { damaged: copy, hasSameLength: true };
}

const CORRUPTIONS = 150; // of each file: 1,050

for (const [file, hasChecksums] of FILES) {
  testInFolder(`${file}: ${CORRUPTIONS} random corruptions`, async (folder) => {
    const original = join(fixtures, file), path = join(folder, basename(file));
    const bytes = await Deno.readFile(original), { tensors } = ourNames(await readWeights(original));
    const shapes = new Map([...tensors].map(([name, { shape }]) => [name, shape]));
    const expected = new Map<string, TensorData>();
    for (const [name, tensor] of tensors) expected.set(name, await loadTensor(tensor));
    const before = Deno.memoryUsage().rss, roll = dice(1);
    let refused = 0;
    for (let i = 0; i < CORRUPTIONS; i++) {
      const { damaged, hasSameLength } = corrupt(bytes, roll);
      await Deno.writeFile(path, damaged);
      try {
        const found = (await readModel(path)).tensors;
        checkFit(found, shapes, path);
        for (const [name, tensor] of found) {
          const { data } = await loadTensor(tensor), values = expected.get(name)!.data;
          assert.equal(data.length, values.length);
          const isEqual = data.every((value: number | bigint, i: number) => Object.is(value, values[i]));
          // without checksums, other values in the right places cannot be told
          assert.ok(isEqual || !hasChecksums && hasSameLength, `corruption ${i}: "${name}" is accepted`);
        }
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
        refused++;
      }
    }
    assert.ok(refused > CORRUPTIONS / 3, `${refused} are refused`);
    const grown = (Deno.memoryUsage().rss - before) / 1e6;
    assert.ok(grown < 300, `${grown} MB more than before`);
  });
}
