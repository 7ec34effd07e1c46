/**
 * Sums over processes: TensorFlow's collective runtime, a ring over gRPC between processors and NCCL between GPUs.
 *
 * Every process makes the same calls in the same order, eagerly or in functions that are compiled alike: a call is met by the
 * call of that number in the other processes, and waits for it.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import type { Tensor } from "@tensorflow/tfjs-core";
import { attr } from "./attributes.ts";
import { backend } from "./backend.ts";
import { eager, recording } from "./binding.ts";
import type { GraphRecorder } from "./graph.ts";
import { encode } from "./proto.ts";
import { runtime } from "./runtime.ts";

/** The processes that compute together. */
export interface CollectiveGroup {
  /** Which of them this one is, from 0. */
  readonly rank: number;
  /** `host:port` where each listens, in the order of ranks. */
  readonly addresses: readonly string[];
}

const GROUP_KEY = 1; // of the one group that there is
let group: CollectiveGroup | undefined;
let calls = 0;
/** The newest sum of each graph, which the next one waits for: NCCL needs one order in all processes. */
const newest = new WeakMap<GraphRecorder, number>();

/**
 * Opens this process to the others; to be called before the first tensor is made. It does not wait for them: the first sum does.
 *
 * TensorFlow's server has no authentication, and listens on its port at all of the machine's addresses.
 *
 * @throws {TensorFlowError} If the port is taken.
 * @throws {Error} If the process already belongs to another group.
 */
export function enableCollectives({ rank, addresses }: CollectiveGroup) {
  const chosen = { rank, addresses: [...addresses] };
  if (group) {
    if (JSON.stringify(group) === JSON.stringify(chosen)) return;
    throw new Error("Cannot join a second group of processes: TensorFlow has one for its life");
  }
  const server = encode("ServerDef", {
    cluster: { job: [{ name: "worker", tasks: { ...addresses } }] },
    job_name: "worker",
    task_index: rank,
    default_session_config: { experimental: { collective_group_leader: "/job:worker/replica:0/task:0" } },
    protocol: "grpc",
  });
  const { symbols, context } = runtime();
  runtime().call(
    "TFE_EnableCollectiveOps",
    (status) => symbols.TFE_EnableCollectiveOps(context, server, BigInt(server.length), status),
  );
  group = chosen;
}

/**
 * Adds up, element by element, what all processes have: the same to the bit in each of them. No gradient flows through.
 *
 * @param x float32, of the same shape in all processes.
 * @returns The sum, of the same shape; x itself where there is but one process.
 * @throws {TensorFlowError} If another process ends meanwhile.
 *
 * @example
 * ```ts
 * import { allReduce, tf } from "./mod.ts";
 * allReduce(tf.tensor1d([1, 2])).print(); // [1, 2]: alone
 * ```
 */
export function allReduce(x: Tensor): Tensor {
  const size = group?.addresses.length ?? 1;
  if (size === 1) return x;
  const attributes = [
    attr.type("T", backend().getDTypeInteger(x.dtype)),
    attr.string("merge_op", "Add"),
    attr.string("final_op", "Id"),
    attr.string("communication_hint", "auto"),
    attr.float("timeout_seconds", 0), // whoever watches over the processes notices that one is gone
    attr.bool("is_stateless", false),
    attr.int("Nordering_token", 0),
    attr.int("max_subdivs_per_device", -1),
  ];
  const numbers = [size, GROUP_KEY, ++calls].map((value) => tf.scalar(value, "int32"));
  const ids = backend().inputIds([x, ...numbers]), graph = recording();
  const before = graph && newest.get(graph);
  const after = before === undefined ? [] : [before];
  const [sum] = graph
    ? graph.execute("CollectiveReduceV2", attributes, ids, 1, { after, shapes: [x.shape] })
    : eager.execute("CollectiveReduceV2", attributes, ids, 1);
  if (graph) newest.set(graph, sum.id);
  else tf.dispose(numbers);
  return backend().outputTensor(sum);
}

/** Tensors of fewer bytes are added up together, in buckets of about this size: each sum takes a round trip. */
const BUCKET = 2 ** 22;

/**
 * {@linkcode allReduce} of many tensors: large ones by themselves, small ones in buckets, the last ones first. In a compiled
 * function a bucket is on its way as soon as its tensors are there, while others are still computed.
 *
 * @param tensors float32, of the same shapes in all processes; best in the reverse of the order in which they come to be.
 * @returns Their sums, in the given order.
 */
export function allReduceAll(tensors: readonly Tensor[]): Tensor[] {
  const bytes = (x: Tensor) => 4 * x.size;
  const buckets: number[][] = [];
  let open: number[] | undefined, filled = 0;
  for (let i = tensors.length - 1; i >= 0; i--) {
    if (bytes(tensors[i]) >= BUCKET) {
      buckets.push([i]);
      continue;
    }
    if (!open || filled + bytes(tensors[i]) > BUCKET) [open, filled] = [[], 0];
    if (open.length === 0) buckets.push(open);
    open.push(i);
    filled += bytes(tensors[i]);
  }
  // a bucket is complete when its last tensor is: in this order they are sent
  buckets.sort((a, b) => b.at(-1)! - a.at(-1)!);
  const sums: Tensor[] = new Array(tensors.length);
  for (const bucket of buckets) {
    if (bucket.length === 1) {
      sums[bucket[0]] = allReduce(tensors[bucket[0]]);
      continue;
    }
    const flat = tf.concat(bucket.map((i) => tf.reshape(tensors[i], [-1])), 0);
    const parts = tf.split(allReduce(flat), bucket.map((i) => tensors[i].size), 0);
    bucket.forEach((i, j) => sums[i] = tf.reshape(parts[j], tensors[i].shape));
  }
  return sums;
}
