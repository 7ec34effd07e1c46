/** A reader of TensorBoard event files, from the published format. */
import { strict as assert } from "node:assert";
import protobuf from "protobufjs";

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

/** One value of a summary. */
export interface EventValue {
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
export function readEvents(folder: string): { step: number; value: EventValue }[] {
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
        summary?: { value: EventValue[] };
      };
      for (const value of event.summary?.value ?? []) events.push({ step: event.step ?? 0, value });
      at += 16 + length;
    }
  }
  return events;
}
