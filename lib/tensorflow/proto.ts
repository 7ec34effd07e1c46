/**
 * The few protocol-buffer messages that cross TensorFlow's C interface, with TensorFlow's own field numbers.
 * Only the fields we read or write are declared; others are skipped when decoding.
 *
 * Source: tensorflow/core/{protobuf/config,protobuf/rewriter_config,protobuf/tensorflow_server,protobuf/cluster,framework/op_def,framework/attr_value,
 * framework/graph,framework/summary,util/event}.proto.
 *
 * @module
 */
import protobuf from "protobufjs";

const { root } = protobuf.parse(
  `
syntax = "proto3";

message ConfigProto {
  int32 intra_op_parallelism_threads = 2;
  int32 inter_op_parallelism_threads = 5;
  GPUOptions gpu_options = 6;
  GraphOptions graph_options = 10;
  message Experimental { string collective_group_leader = 1; }
  Experimental experimental = 16;
}
message ServerDef {
  ClusterDef cluster = 1;
  string job_name = 2;
  int32 task_index = 3;
  ConfigProto default_session_config = 4;
  string protocol = 5;
}
message ClusterDef { repeated JobDef job = 1; }
message JobDef { string name = 1; map<int32, string> tasks = 2; }
message GPUOptions { bool allow_growth = 4; }
message GraphOptions { RewriterConfig rewrite_options = 10; }
message RewriterConfig {
  enum Toggle { DEFAULT = 0; ON = 1; OFF = 2; AGGRESSIVE = 3; }
  Toggle auto_mixed_precision = 23;
  Toggle auto_mixed_precision_onednn_bfloat16 = 31;
}

message OpList { repeated OpDef op = 1; }
message OpDef {
  message ArgDef {
    string name = 1;
    int32 type = 3;
    string type_attr = 4;
    string number_attr = 5;
    string type_list_attr = 6;
  }
  message AttrDef { string name = 1; string type = 2; }
  string name = 1;
  repeated ArgDef input_arg = 2;
  repeated ArgDef output_arg = 3;
  repeated AttrDef attr = 4;
  bool is_stateful = 17;
}

message AttrValue { bytes s = 2; int64 i = 3; float f = 4; bool b = 5; int32 type = 6; }

message RunMetadata {
  message FunctionGraphs { GraphDef pre_optimization_graph = 2; GraphDef post_optimization_graph = 3; }
  repeated FunctionGraphs function_graphs = 4;
}
message GraphDef { repeated NodeDef node = 1; }
message NodeDef { string name = 1; string op = 2; map<string, AttrValue> attr = 5; }

message SummaryMetadata {
  message PluginData { string plugin_name = 1; bytes content = 2; }
  PluginData plugin_data = 1;
  string display_name = 2;
  string summary_description = 3;
}
`,
  { keepCase: true },
);

/** Values of TensorFlow's three-way switches in RewriterConfig. */
export const TOGGLE = { default: 0, on: 1, off: 2 } as const;

/** Serialises `value` as the message called `type`. */
export function encode(type: string, value: Record<string, unknown>): Uint8Array<ArrayBuffer> {
  const message = root.lookupType(type);
  return Uint8Array.from(message.encode(message.fromObject(value)).finish());
}

/** Reads a serialised message called `type`; 64-bit integers become numbers. */
export function decode<T>(type: string, bytes: Uint8Array): T {
  const message = root.lookupType(type);
  return message.toObject(message.decode(bytes), { longs: Number, defaults: true, arrays: true }) as T;
}
