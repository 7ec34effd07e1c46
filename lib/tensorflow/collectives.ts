/**
 * Collective operations of several processes: TensorFlow's own runtime, a ring over gRPC between processors and NCCL between
 * GPUs.
 *
 * Every process makes the same calls in the same order on tensors of the same shapes, eagerly or in functions that are compiled
 * alike: a call is met by the call of that number in the other processes, and waits for it. An eager call blocks the event loop
 * meanwhile; a compiled function's `runAsync` does not. In a compiled function the calls run in the order in which they were
 * recorded, since NCCL needs one order in all processes: the recorder chains operations with side effects, as these are.
 *
 * If a process ends, the calls of all others fail with a {@linkcode TensorFlowError} of code 14, at once, and so do all later
 * ones: only a new process can join again. If it hangs, or gives another shape, they wait until the timeout, by default for ever.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import type { Tensor } from "@tensorflow/tfjs-core";
import { attr, type Attribute } from "./attributes.ts";
import { backend } from "./backend.ts";
import { eager, recording } from "./binding.ts";
import { DTYPE } from "./host_tensor.ts";
import { encode } from "./proto.ts";
import { configureTensorFlow, hasGpu, runtime, TensorFlowError } from "./runtime.ts";

/** The processes that compute together. */
export interface CollectiveGroup {
  /** Which of them this one is, from 0. */
  readonly rank: number;
  /** `host:port` where each listens, in the order of ranks. */
  readonly addresses: readonly string[];
  /** Seconds for which a call waits for the other processes; 0 (default): for ever, somebody else watches over them. */
  readonly timeout?: number;
}

const GROUP_KEY = 1; // of the one group that there is
let group: Required<CollectiveGroup> = { rank: 0, addresses: [], timeout: 0 };
let calls = 0;

/** Number of processes, 1 before {@linkcode enableCollectives}. */
const groupSize = () => Math.max(1, group.addresses.length);

/**
 * Opens this process to the others; alone, it opens nothing.
 *
 * To be called after `configureTensorFlow` and before the first operation: of TensorFlow's devices, which get other names, the
 * variables and compiled functions made before are lost. It does not wait for the other processes: the first call does.
 *
 * TensorFlow's server has no authentication, and listens on its port at all of the machine's addresses: only the port is taken
 * from this process' own address. `narrow` in `lib/cluster` closes the others.
 *
 * @throws {TensorFlowError} If the port is taken.
 * @throws {RangeError} If there is no such rank.
 * @throws {Error} If the process already belongs to another group.
 *
 * @example
 * ```ts
 * import { allReduce, enableCollectives, tf } from "./mod.ts";
 * enableCollectives({ rank: 0, addresses: ["127.0.0.1:2222"] });
 * allReduce(tf.scalar(1)).print(); // 1: alone
 * ```
 */
export function enableCollectives({ rank, addresses, timeout = 0 }: CollectiveGroup) {
  const chosen = { rank, addresses: [...addresses], timeout };
  if (addresses[rank] === undefined) {
    throw new RangeError(`Cannot join a group of ${addresses.length} processes: it has no rank ${rank}`);
  }
  if (group.addresses.length > 0) {
    if (JSON.stringify(group) === JSON.stringify(chosen)) return;
    throw new Error("Cannot join a second group of processes: TensorFlow has one for its life");
  }
  if (addresses.length > 1) serve(chosen);
  group = chosen;
}

function serve({ rank, addresses }: CollectiveGroup) {
  const first = firstTask(addresses.length);
  const server = encode("ServerDef", {
    cluster: {
      job: [{
        name: "worker",
        tasks: Object.fromEntries(addresses.map((address, i) => [first + i, address])),
      }],
    },
    job_name: "worker",
    task_index: first + rank,
    default_session_config: {
      experimental: { collective_group_leader: `/job:worker/replica:0/task:${first}` },
    },
    protocol: "grpc",
  });
  // with one, which goes on with what it is at, a sum would begin when all else is computed
  configureTensorFlow({ operationThreads: 2 });
  const { symbols, context } = runtime(), op = "TFE_EnableCollectiveOps";
  try {
    runtime().call(op, (s) => symbols.TFE_EnableCollectiveOps(context, server, BigInt(server.length), s));
  } catch (error) {
    if (!(error instanceof TensorFlowError)) throw error;
    throw new TensorFlowError(error.code, op, `Cannot listen at "${addresses[rank]}": ${error.message}`);
  }
}

/**
 * TensorFlow's number of rank 0. It orders processes by their names as text, where "10" comes before "2": with more than ten,
 * all numbers get the same number of digits, so that gathered parts, and neighbours in the ring, are in the order of ranks.
 */
function firstTask(size: number): number {
  return size > 10 ? 10 ** String(size).length : 0;
}

/** Whether a result is the sum over processes, as by default, or their mean. */
export interface Reduction {
  readonly mean?: boolean;
}

/**
 * Adds up, element by element, what all processes have: the same to the bit in each of them. No gradient flows through.
 *
 * @param x A number type, of the same shape in all processes.
 * @returns The sum or mean, of the same shape; x itself where there is but one process.
 * @throws {TensorFlowError} If another process ends meanwhile.
 *
 * @example
 * ```ts
 * import { allReduce, tf } from "./mod.ts";
 * allReduce(tf.tensor1d([1, 2])).print(); // [1, 2]: alone
 * ```
 */
export function allReduce(x: Tensor, { mean = false }: Reduction = {}): Tensor {
  if (groupSize() === 1 || x.size === 0) return x; // TensorFlow's collectives crash on empty tensors
  const attributes = [
    attr.string("merge_op", "Add"),
    attr.string("final_op", mean ? "Div" : "Id"),
    attr.int("max_subdivs_per_device", 0), // TensorFlow's choice: large tensors in several rings
    ...UNORDERED,
  ];
  return collective("CollectiveReduceV2", attributes, x, x.shape);
}

/**
 * Puts what all processes have one after another, in the order of ranks. No gradient flows through: {@linkcode gathered} has one.
 *
 * @param x (n, …), of the same shape in all processes.
 * @returns (processes · n, …); x itself where there is but one process.
 * @throws {RangeError} For a scalar.
 * @throws {TensorFlowError} If another process ends meanwhile.
 */
export function allGather(x: Tensor): Tensor {
  if (x.rank === 0) {
    throw new RangeError("Cannot gather scalars: there is no axis along which; reshape them to [1]");
  }
  const size = groupSize(), [rows, ...rest] = x.shape;
  if (size === 1) return x;
  const shape = [size * rows!, ...rest];
  return x.size === 0 ? tf.zeros(shape, x.dtype) : collective("CollectiveGatherV2", UNORDERED, x, shape);
}

/**
 * What the process of rank 0 has, to the bit. No gradient flows through.
 *
 * Rank 0 does not wait until it has arrived: it must not end before another call has told it so.
 *
 * @param x Of the same shape and type in all processes; its values matter in that of rank 0 only.
 * @returns x of rank 0; x itself where there is but one process.
 * @throws {TensorFlowError} If another process ends meanwhile.
 */
export function broadcast(x: Tensor): Tensor {
  if (groupSize() === 1 || x.size === 0) return x;
  if (group.rank === 0) return collective("CollectiveBcastSendV2", [], x, x.shape);
  return collective("CollectiveBcastRecvV2", [attr.type("Tshape", DTYPE.int32)], x, x.shape);
}

/**
 * {@linkcode allGather} with a gradient, for a loss that every process computes alike from what all of them have.
 *
 * The gradient of a process' part is its slice of the gradient of the whole, which is the same everywhere: nothing is sent.
 * The gradient of a shared weight then holds what flows through this process' part alone, so that their sum over processes
 * is that of the loss. Where gradients are averaged instead, `mean` multiplies the slice by the number of processes to make up
 * for the division: give it the same value as to {@linkcode reduceInBuckets}.
 *
 * Losses that each process computes from its own part alone need no such factor: a sum adds them up, a mean averages them.
 *
 * @param x (n, …), of the same shape in all processes.
 * @returns (processes · n, …); x itself where there is but one process.
 *
 * @example
 * ```ts
 * import { gathered, tf } from "./mod.ts";
 * const loss = (x: tf.Tensor) => tf.sum(tf.square(gathered(x, { mean: true })));
 * tf.grad(loss)(tf.tensor1d([1, 2])).print(); // [2, 4]: alone
 * ```
 */
export function gathered(x: Tensor, { mean = false }: Reduction = {}): Tensor {
  const size = groupSize();
  if (size === 1) return x;
  const { shape } = x, own = [group.rank * (shape[0] ?? 0), ...shape.slice(1).map(() => 0)];
  const gradFunc = (dy: Tensor) => {
    const slice = tf.slice(dy, own, shape);
    return mean ? tf.mul(slice, size) : slice;
  };
  return tf.customGrad((x) => ({ value: allGather(x as Tensor), gradFunc }))(x);
}

/** Choices for {@linkcode reduceInBuckets}. */
export interface BucketOptions extends Reduction {
  /** Smaller tensors are reduced together, in buckets of at most so many bytes. Default 4 MiB. */
  readonly bucketBytes?: number;
}

/**
 * {@linkcode allReduce} of many tensors: large ones by themselves, small ones in buckets since each reduction takes a round
 * trip, the last ones first. In a compiled function a bucket is on its way as soon as its tensors are there and the bucket
 * before it has arrived, while others are still computed.
 *
 * @param tensors float32, of the same shapes in all processes; best in the reverse of the order in which they come to be, as
 *   gradients in the order of their variables' use.
 * @returns Their sums or means, in the given order and shapes; the tensors themselves where there is but one process.
 * @throws {TensorFlowError} If another process ends meanwhile.
 */
export function reduceInBuckets(
  tensors: readonly Tensor[],
  { mean = false, bucketBytes = 2 ** 22 }: BucketOptions = {},
): Tensor[] {
  if (groupSize() === 1) return [...tensors];
  const results: Tensor[] = new Array(tensors.length);
  for (const bucket of planBuckets(tensors.map(({ size }) => 4 * size), bucketBytes)) {
    if (bucket.length === 1) {
      results[bucket[0]!] = allReduce(tensors[bucket[0]!]!, { mean });
      continue;
    }
    const flat = tf.concat(bucket.map((i) => tf.reshape(tensors[i]!, [-1])), 0);
    const parts = tf.split(allReduce(flat, { mean }), bucket.map((i) => tensors[i]!.size), 0);
    bucket.forEach((i, j) => results[i] = tf.reshape(parts[j]!, tensors[i]!.shape));
  }
  return results;
}

/**
 * Which tensors are reduced together.
 *
 * @param bytes Of each tensor.
 * @returns Their places, bucket by bucket, the bucket that is complete first coming first if later tensors come to be earlier.
 */
export function planBuckets(bytes: readonly number[], bucketBytes: number): number[][] {
  const buckets: number[][] = [];
  let open: number[] = [], filled = 0;
  for (let i = bytes.length - 1; i >= 0; i--) {
    if (bytes[i]! >= bucketBytes) {
      buckets.push([i]);
      continue;
    }
    if (filled + bytes[i]! > bucketBytes) [open, filled] = [[], 0];
    if (open.length === 0) buckets.push(open);
    open.push(i);
    filled += bytes[i]!;
  }
  return buckets.sort((a, b) => b.at(-1)! - a.at(-1)!); // a bucket is complete with its foremost tensor
}

/** Attributes of ordering by tokens, which is not used: control dependencies do that. */
const UNORDERED = [attr.bool("is_stateless", false), attr.int("Nordering_token", 0)];

function collective(op: string, attributes: Attribute[], x: Tensor, shape: readonly number[]): Tensor {
  const numbers = [groupSize(), GROUP_KEY, ++calls].map((value) => tf.scalar(value, "int32"));
  const inputs = op === "CollectiveBcastRecvV2"
    ? [...numbers, tf.tensor1d(x.shape, "int32")]
    : [x, ...numbers];
  const all = [
    attr.type("T", backend().getDTypeInteger(x.dtype)),
    // "auto" would be the ring, between GPUs too
    attr.string("communication_hint", hasGpu() ? "nccl" : "ring"),
    attr.float("timeout_seconds", group.timeout),
    ...attributes,
  ];
  const ids = backend().inputIds(inputs), graph = recording();
  const [result] = graph
    ? graph.execute(op, all, ids, 1, { shapes: [shape] })
    : eager.execute(op, all, ids, 1);
  if (!graph) tf.dispose(inputs.filter((input) => input !== x));
  return backend().outputTensor(result!);
}
