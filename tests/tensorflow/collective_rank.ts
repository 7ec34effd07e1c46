/**
 * One process of several: calls every collective operation, eagerly and compiled, and prints what came of it as JSON.
 *
 *     collective_rank.ts RANK HOST:PORT,HOST:PORT… (all | gather | wait | impatient)
 */
import type { Tensor } from "@tensorflow/tfjs-core";
import {
  allGather,
  allReduce,
  broadcast,
  compile,
  configureTensorFlow,
  enableCollectives,
  gathered,
  reduceInBuckets,
  tf,
} from "../../lib/tensorflow/mod.ts";
import { contrastiveLoss, examples, noise, SHAPES, WEIGHT } from "./collective_inputs.ts";

const [rankText, addressText, mode] = Deno.args;
const rank = Number(rankText), addresses = addressText!.split(",");
configureTensorFlow({ device: "cpu", threads: 1 });
try {
  enableCollectives({ rank, addresses, timeout: mode === "impatient" ? 1 : 0 });
} catch (error) {
  console.log((error as Error).message);
  Deno.exit(3);
}

const bits = (x: Tensor) => Array.from(new Uint32Array(x.dataSync().slice().buffer));
const numbers = (x: Tensor) => Array.from(x.dataSync());

/** Gradient of a weight that all processes share, each with its own examples, reduced over them. */
function weightGradient(x: Tensor, weight: Tensor, mean: boolean): Tensor {
  const loss = (weight: Tensor) =>
    contrastiveLoss(gathered(tf.matMul(x as tf.Tensor2D, weight as tf.Tensor2D), { mean }));
  return reduceInBuckets([tf.grad(loss)(weight)], { mean })[0]!;
}

/** Every operation on inputs of this rank. */
function everything(own: Tensor, scalar: Tensor, odd: Tensor, x: Tensor, weight: Tensor) {
  const parts = SHAPES.map((shape, i) => tf.fill(shape, (rank + 1) * (i + 1)));
  const buckets = reduceInBuckets(parts, { bucketBytes: 64 });
  return {
    sum: allReduce(own),
    mean: allReduce(own, { mean: true }),
    scalar: allReduce(scalar),
    gather: allGather(x),
    broadcast: broadcast(odd),
    sums: tf.concat(buckets.map((bucket) => tf.reshape(bucket, [-1])), 0),
    means: tf.concat(
      reduceInBuckets(parts, { bucketBytes: 64, mean: true }).map((one) => tf.reshape(one, [-1])),
      0,
    ),
    shapes: tf.tensor1d(buckets.flatMap(({ shape }) => [shape.length, ...shape]), "int32"),
    empty: tf.tensor1d([...allReduce(tf.zeros([0, 3])).shape, ...allGather(tf.zeros([0, 3])).shape], "int32"),
    summed: weightGradient(x, weight, false),
    averaged: weightGradient(x, weight, true),
  };
}

if (mode === "gather") {
  console.log(JSON.stringify(numbers(allGather(tf.tensor1d([rank])))));
} else if (mode === "impatient") {
  const { code, message } = await compile((x: Tensor) => allReduce(x)).runAsync(tf.scalar(1)).catch((error) =>
    error
  );
  console.log(JSON.stringify({ code, message }));
  Deno.exit(0);
} else if (mode === "wait") {
  const step = compile((x: Tensor) => allReduce(x)), x = tf.ones([1 << 20]);
  (await step.runAsync(x)).dispose();
  console.log("together");
  if (rank > 0) await new Promise(() => setInterval(() => {}, 1000)); // until it is killed
  for (let attempt = 0; attempt < 2; attempt++) {
    const { code, message } = await step.runAsync(x).catch((error) => error);
    console.log(JSON.stringify({ code, message }));
  }
} else {
  const inputs = [
    tf.tensor1d(noise(rank, 1001)),
    tf.scalar(rank + 1),
    tf.tensor1d(rank === 0 ? [-0, NaN, Infinity, 1e-40] : [1, 2, 3, 4]),
    examples(rank),
    WEIGHT(),
  ] as const;
  const compiled = compile(everything);
  const runs = [
    everything(...inputs),
    compiled(...inputs),
    await compiled.runAsync(...inputs), // the same operations of the same numbers once more
  ];
  for (const { sum, broadcast, ...others } of runs) {
    const rest = Object.fromEntries(Object.entries(others).map(([name, x]) => [name, numbers(x)]));
    console.log(JSON.stringify({ sum: numbers(sum), bits: bits(sum), broadcast: bits(broadcast), ...rest }));
  }
}
allReduce(tf.scalar(0)).dispose(); // none ends before all are there
Deno.exit(0);
