import assert from "node:assert/strict";
import { join } from "node:path";
import { UserError } from "../../lib/config/errors.ts";
import {
  type LazyTensorData,
  readSafetensors,
  readSafetensorsHeader,
  type TensorData,
  toFloat32,
  writeSafetensors,
} from "../../lib/weights/mod.ts";

const fixtures = "tests/fixtures";

/** Runs a test in a folder that is removed afterwards. */
function testInFolder(name: string, test: (folder: string) => Promise<void>) {
  Deno.test(name, async () => {
    const folder = await Deno.makeTempDir();
    try {
      await test(folder);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

/** A file's bytes from its header text and the bytes that follow. */
function fileBytes(header: string, data: number[] = []): Uint8Array {
  const json = new TextEncoder().encode(header);
  const bytes = new Uint8Array(8 + json.length + data.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true);
  bytes.set(json, 8);
  bytes.set(data, 8 + json.length);
  return bytes;
}

Deno.test("reads a file of the reference implementation", async () => {
  const path = join(fixtures, "tiny", "model.safetensors");
  const tensors = await readSafetensors(path);
  assert.ok(tensors.size > 50);
  assert.deepEqual(readSafetensorsHeader(path).metadata, { format: "pd" });
  const bias = tensors.get("discriminator.bias_mts.weight")!;
  assert.deepEqual([bias.dtype, bias.shape], ["F32", [200, 1]]);
  // As the reference implementation reads it with numpy.
  assert.equal((bias.data as Float32Array).reduce((sum, value) => sum + value, 0), 0.15443210705416277);
});

for (
  const name of [
    "sampling",
    "text/collator",
    "tiny/model",
    "tiny/pretrain_golden",
    "tiny/train_after5",
    "tiny/train_batches",
    "tiny_legacy/model",
    "tiny_proj/pretrain_golden",
  ]
) {
  testInFolder(`writes ${name} byte for byte as the reference implementation`, async (folder) => {
    const original = join(fixtures, `${name}.safetensors`);
    const copy = join(folder, "copy.safetensors");
    const { metadata } = readSafetensorsHeader(original);
    const shuffled = [...await readSafetensors(original)].reverse();
    await writeSafetensors(copy, shuffled, { metadata });
    assert.deepEqual(await Deno.readFile(copy), await Deno.readFile(original));
  });
}

testInFolder("keeps every data type, empty tensors, scalars, odd names and metadata", async (folder) => {
  const path = join(folder, "all.safetensors");
  const tensors = new Map<string, TensorData>([
    ["u8", { dtype: "U8", shape: [3], data: new Uint8Array([0, 7, 255]) }],
    ["bool", { dtype: "BOOL", shape: [2], data: new Uint8Array([1, 0]) }],
    ["i8", { dtype: "I8", shape: [1], data: new Int8Array([-128]) }],
    ["i16", { dtype: "I16", shape: [1, 2], data: new Int16Array([-32768, 5]) }],
    ["f16", { dtype: "F16", shape: [1], data: new Uint16Array([0x3c00]) }],
    ["bf16", { dtype: "BF16", shape: [1], data: new Uint16Array([0x3f80]) }],
    ["i32", { dtype: "I32", shape: [1], data: new Int32Array([-(2 ** 31)]) }],
    ["f32", { dtype: "F32", shape: [], data: new Float32Array([-0]) }],
    ["f64", { dtype: "F64", shape: [3], data: new Float64Array([Math.PI, NaN, -Infinity]) }],
    ["i64", { dtype: "I64", shape: [1], data: new BigInt64Array([-(2n ** 63n)]) }],
    ["empty", { dtype: "F32", shape: [0, 4], data: new Float32Array() }],
    ["1", { dtype: "F32", shape: [1], data: new Float32Array([1]) }],
    ["__proto__", { dtype: "F32", shape: [1], data: new Float32Array([2]) }],
    ['名"\n', { dtype: "F32", shape: [1], data: new Float32Array([3]) }],
    ["part", { dtype: "F32", shape: [2], data: new Float32Array([0, 4, 5, 6]).subarray(1, 3) }],
  ]);
  const metadata = { step: "3", format: "pt" };
  await writeSafetensors(path, tensors, { metadata });
  assert.deepEqual(new Map([...await readSafetensors(path)].sort()), new Map([...tensors].sort()));
  const header = readSafetensorsHeader(path);
  assert.deepEqual(header.metadata, metadata);
  for (const [name, { offset, byteLength }] of header.tensors) {
    assert.equal(
      offset % (tensors.get(name)!.data.BYTES_PER_ELEMENT),
      0,
      `${name} (${byteLength} bytes) is aligned`,
    );
  }
  assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name), ["all.safetensors"]);
});

testInFolder("asks lazy tensors one after the other", async (folder) => {
  const path = join(folder, "lazy.safetensors");
  const asked: string[] = [];
  const lazy = (name: string, value: number): [string, LazyTensorData] => [name, {
    dtype: "F32",
    shape: [1],
    read: () => {
      asked.push(name);
      return Promise.resolve(new Float32Array([value]));
    },
  }];
  await writeSafetensors(path, [lazy("b", 2), lazy("a", 1)]);
  assert.deepEqual(asked, ["a", "b"]);
  assert.deepEqual([...await readSafetensors(path)].map(([name, { data }]) => [name, data[0]]), [["a", 1], [
    "b",
    2,
  ]]);
});

Deno.test("converts 16-bit floats exactly", () => {
  const bits = Uint16Array.from({ length: 65536 }, (_, bits) => bits);
  const half = toFloat32({ dtype: "F16", shape: [65536], data: bits });
  const brain = toFloat32({ dtype: "BF16", shape: [65536], data: bits });
  const view = new DataView(new ArrayBuffer(4));
  for (let i = 0; i < 65536; i++) {
    const sign = i >> 15 ? -1 : 1, exponent = (i >> 10) & 31, fraction = i & 1023;
    const expected = exponent === 31
      ? fraction ? NaN : sign * Infinity
      : sign * (exponent ? (1 + fraction / 1024) * 2 ** (exponent - 15) : fraction * 2 ** -24);
    assert.ok(Object.is(half[i], expected), `F16 bits ${i}`);
    view.setUint16(0, i);
    assert.ok(Object.is(brain[i], view.getFloat32(0)), `BF16 bits ${i}`);
  }
  assert.throws(() => toFloat32({ dtype: "I8", shape: [1], data: new Int8Array(1) }), TypeError);
});

const entry = (dtype: string, shape: string, offsets: string) =>
  `{"dtype":"${dtype}","shape":${shape},"data_offsets":${offsets}}`;

const broken: [string, Uint8Array, string][] = [
  ["nothing", new Uint8Array(), "not a safetensors file: only 0 bytes"],
  [
    "a text",
    new TextEncoder().encode("hello world"),
    "not a safetensors file: the header would be 8031924123371070000 bytes",
  ],
  [
    "a long header",
    fileBytes("{}").subarray(0, 9),
    "the file is cut short: the header ends at byte 10, the file at 9",
  ],
  ["no JSON", fileBytes("{a:1}"), "not a safetensors file: the header is not JSON"],
  ["no object", fileBytes("[1]"), "not a safetensors file: the header is not a JSON object"],
  ["bad metadata", fileBytes(`{"__metadata__":{"a":1}}`), "__metadata__ is not a table of texts"],
  [
    "an unknown type",
    fileBytes(`{"a":${entry("F4", "[1]", "[0,4]")}}`),
    'tensor "a" has unknown data type "F4"',
  ],
  ["no entry", fileBytes(`{"a":3}`), 'tensor "a" has unknown data type undefined'],
  ["a bad shape", fileBytes(`{"a":${entry("F32", "[-1]", "[0,4]")}}`), 'tensor "a" has no valid shape: [-1]'],
  [
    "bad offsets",
    fileBytes(`{"a":${entry("F32", "[1]", "[0]")}}`),
    'tensor "a" has no valid data_offsets: [0]',
  ],
  [
    "a wrong size",
    fileBytes(`{"a":${entry("F32", "[2,3]", "[0,8]")}}`, Array(8).fill(0)),
    'tensor "a" holds 8 bytes, but F32 of shape [2,3] takes 24',
  ],
  [
    "an overlap",
    fileBytes(`{"a":${entry("U8", "[4]", "[0,4]")},"b":${entry("U8", "[4]", "[2,6]")}}`, Array(6).fill(0)),
    'tensor "b" overlaps the one before',
  ],
  [
    "a gap",
    fileBytes(`{"a":${entry("U8", "[2]", "[0,2]")},"b":${entry("U8", "[2]", "[4,6]")}}`, Array(6).fill(0)),
    'tensor "b" leaves a gap after the one before',
  ],
  [
    "too few bytes",
    fileBytes(`{"a":${entry("U8", "[4]", "[0,4]")}}`, [1]),
    "the file is cut short: the tensors end at byte 65, the file at 62",
  ],
  [
    "too many bytes",
    fileBytes(`{"a":${entry("U8", "[1]", "[0,1]")}}`, [1, 2]),
    "bytes follow the last tensor: the tensors end at byte 62, the file at 63",
  ],
];

for (const [name, bytes, reason] of broken) {
  testInFolder(`refuses a file with ${name}`, async (folder) => {
    const path = join(folder, "broken.safetensors");
    await Deno.writeFile(path, bytes);
    const message = `Cannot read safetensors "${path}": ${reason}`;
    await assert.rejects(readSafetensors(path), { name: "UserError", message });
    assert.throws(() => readSafetensorsHeader(path), { name: "UserError", message });
  });
}

testInFolder("names a file that is missing or no file", async (folder) => {
  const path = join(folder, "model.safetensors");
  const expect = (path: string, reason: string) =>
    assert.rejects(readSafetensors(path), new UserError(`Cannot read safetensors "${path}": ${reason}`));
  await expect(path, "no such file or directory");
  await expect(folder, "it is not a file");
});

testInFolder(
  "refuses elements that do not fill the shape, and leaves the earlier file alone",
  async (folder) => {
    const path = join(folder, "model.safetensors");
    const good: TensorData = { dtype: "F32", shape: [2], data: new Float32Array([1, 2]) };
    await writeSafetensors(path, [["a", good]]);
    const before = await Deno.readFile(path);
    await assert.rejects(writeSafetensors(path, [["a", { ...good, shape: [3] }]]), {
      name: "RangeError",
      message: 'Cannot write tensor "a": 2 elements of 4 bytes for 3 of F32, shape [3]',
    });
    await assert.rejects(writeSafetensors(path, [["a", good], ["a", good]]), {
      name: "RangeError",
      message: 'Cannot write tensor "a": the name is taken',
    });
    assert.deepEqual(await Deno.readFile(path), before);
    assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name), ["model.safetensors"]);
  },
);
