/** Event files read back: by a reader of the published format, and by TensorBoard itself where Python has it. */
import { strict as assert } from "node:assert";
import protobuf from "protobufjs";
import { UserError } from "../../lib/config/mod.ts";
import { EventFileWriter } from "../../lib/tensorflow/mod.ts";
import { eager } from "../../lib/tensorflow/binding.ts";
import { hasSmallDisks, onSmallDisk } from "../training/small_disk.ts";
import { histogram } from "../../lib/tensorflow/events.ts";

// tensorflow/core/util/event.proto and framework/{summary,tensor}.proto, the fields that are looked at
const { root } = protobuf.parse(
  `
syntax = "proto3";
message Event { double wall_time = 1; int64 step = 2; string file_version = 3; Summary summary = 5; }
message Summary { repeated Value value = 1; }
message Value { string tag = 1; float simple_value = 2; TensorProto tensor = 8; Metadata metadata = 9; }
message Metadata { Plugin plugin_data = 1; }
message Plugin { string plugin_name = 1; }
message TensorProto {
  int32 dtype = 1; Shape tensor_shape = 2; bytes tensor_content = 4; repeated float float_val = 5; repeated bytes string_val = 8;
}
message Shape { repeated Dim dim = 2; }
message Dim { int64 size = 1; }
`,
  { keepCase: true },
);

interface Value {
  tag: string;
  simple_value?: number;
  tensor?: {
    tensor_content: Uint8Array;
    float_val: number[];
    string_val: Uint8Array[];
    tensor_shape: { dim: { size: number }[] };
  };
  metadata?: { plugin_data: { plugin_name: string } };
}

/** CRC-32C, masked as TFRecord files do. */
function maskedCrc(bytes: Uint8Array): number {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let i = 0; i < 8; i++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  crc = ~crc >>> 0;
  return ((((crc >>> 15) | (crc << 17)) >>> 0) + 0xa282ead8) >>> 0;
}

/** Every value of the event files in a folder, checksums verified. */
function readEvents(folder: string): { step: number; value: Value }[] {
  const events = [];
  for (const { name } of Deno.readDirSync(folder)) {
    const bytes = Deno.readFileSync(`${folder}/${name}`), view = new DataView(bytes.buffer);
    for (let at = 0; at < bytes.length;) {
      const length = Number(view.getBigUint64(at, true));
      assert.equal(view.getUint32(at + 8, true), maskedCrc(bytes.subarray(at, at + 8)));
      const record = bytes.subarray(at + 12, at + 12 + length);
      assert.equal(view.getUint32(at + 12 + length, true), maskedCrc(record));
      const type = root.lookupType("Event");
      const event = type.toObject(type.decode(record), { longs: Number, arrays: true }) as {
        step?: number;
        summary?: { value: Value[] };
      };
      for (const value of event.summary?.value ?? []) events.push({ step: event.step ?? 0, value });
      at += 16 + length;
    }
  }
  return events;
}

function write(folder: string) {
  using events = new EventFileWriter(folder);
  for (let step = 1; step <= 3; step++) events.scalar("loss/generator_loss", 10 / step, step);
  events.text("run", "学习率 **2e-4**", 0);
  events.histogram("weights", [0, 0.5, 1, 1, 4], 2);
}

Deno.test("scalars, text and histograms are in the file, with the right steps and checksums", async () => {
  const folder = await Deno.makeTempDir();
  try {
    write(folder);
    const events = readEvents(folder);
    const scalars = events.filter(({ value }) => value.tag === "loss/generator_loss");
    assert.deepEqual(scalars.map(({ step }) => step), [1, 2, 3]);
    scalars.forEach(({ value, step }) => assert.ok(Math.abs(value.simple_value! - 10 / step) < 1e-6));

    const text = events.find(({ value }) => value.tag === "run")!.value;
    assert.equal(text.metadata!.plugin_data.plugin_name, "text");
    assert.equal(new TextDecoder().decode(text.tensor!.string_val[0]), "学习率 **2e-4**");

    const weights = events.find(({ value }) => value.tag === "weights")!.value;
    assert.equal(weights.metadata!.plugin_data.plugin_name, "histograms");
    assert.deepEqual(weights.tensor!.tensor_shape.dim.map(({ size }) => size), [30, 3]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

const histograms: [string, number[], number, number[]][] = [
  ["equal widths, last edge closed", [0, 1, 2, 4, 4], 2, [0, 2, 2, 2, 4, 3]],
  ["all values alike", [3, 3], 30, [2.5, 3.5, 2]],
  ["no values", [], 30, []],
];
for (const [name, values, buckets, expected] of histograms) {
  Deno.test(`histogram: ${name}`, () => assert.deepEqual(Array.from(histogram(values, buckets)), expected));
}

Deno.test("histogram: buckets count beyond float32's whole numbers", () => {
  const values = new Uint8Array(2 ** 24 + 5); // as many values as a large table of embeddings
  values[0] = 1;
  assert.deepEqual(Array.from(histogram(values, 2)), [0, 0.5, 2 ** 24 + 4, 0.5, 1, 1]);
});

Deno.test("a folder that cannot be written to is an error", () => {
  assert.throws(
    () => new EventFileWriter("/dev/null/events"),
    /^UserError: Cannot write events to "\/dev\/null\/events": \/dev\/null is not a directory$/,
  );
});

const python = Deno.env.get("ERNIE_HEALTH_PYTHON") ?? "python3";
const tensorboard = await new Deno.Command(python, {
  args: ["-c", "import tensorboard"],
  stdout: "null",
  stderr: "null",
})
  .output().then(({ success }) => success, () => false);

Deno.test({
  name: "TensorBoard reads the same",
  ignore: !tensorboard,
  async fn() {
    const folder = await Deno.makeTempDir();
    try {
      write(folder);
      const program = `
import sys, json
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
a = EventAccumulator(sys.argv[1]); a.Reload()
print(json.dumps({"scalars": [[e.step, round(e.value, 4)] for e in a.Scalars("loss/generator_loss")],
  "text": a.Tensors("run")[0].tensor_proto.string_val[0].decode(), "weights": a.Tensors("weights")[0].step}))`;
      const { stdout, stderr, success } = await new Deno.Command(python, { args: ["-c", program, folder] })
        .output();
      assert.ok(success, new TextDecoder().decode(stderr));
      assert.deepEqual(JSON.parse(new TextDecoder().decode(stdout)), {
        scalars: [[1, 10], [2, 5], [3, 3.3333]],
        text: "学习率 **2e-4**",
        weights: 2,
      });
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

Deno.test("a writer that cannot begin leaves no handle behind", async () => {
  const file = await Deno.makeTempFile();
  const before = eager.size;
  assert.throws(() => new EventFileWriter(file), UserError);
  assert.equal(eager.size, before);
  await Deno.remove(file);
});

Deno.test({
  name: "a full disk is told in one line, and not once more by what closes the file",
  ignore: !await hasSmallDisks(),
  async fn() {
    const folder = await Deno.makeTempDir();
    await onSmallDisk("64k", folder, () => {
      {
        using events = new EventFileWriter(`${folder}/log`);
        assert.throws(() => Deno.writeFileSync(`${folder}/full`, new Uint8Array(2 ** 17)));
        const fillPage = () => { // of the disk, the file's last one
          for (let step = 0; step < 200; step++) events.scalar("loss", 1, step);
        };
        assert.throws(
          fillPage,
          new RegExp(`^UserError: Cannot write events to "${folder}/log": No space left on device$`),
        );
      }
      return Promise.resolve();
    });
    await Deno.remove(folder);
  },
});
