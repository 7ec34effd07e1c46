/** Collective operations: real processes on the loopback interface, against sums worked out here. */
import { strict as assert } from "node:assert";
import {
  allGather,
  allReduce,
  broadcast,
  enableCollectives,
  gathered,
  reduceInBuckets,
  tf,
} from "../../lib/tensorflow/mod.ts";
import { planBuckets } from "../../lib/tensorflow/collectives.ts";
import { freeLoopbackPorts } from "../../lib/cluster/nodes.ts";
import { exitCodes, Running } from "../cluster/processes.ts";
import { contrastiveLoss, examples, noise, SHAPES, WEIGHT } from "./collective_inputs.ts";

const TENSORFLOW = Deno.env.get("ERNIE_HEALTH_TF");
const environment: Record<string, string> = TENSORFLOW ? { ERNIE_HEALTH_TF: TENSORFLOW } : {};

const addressesOf = (size: number) => freeLoopbackPorts(size).map((port) => `127.0.0.1:${port}`);

function start(stack: AsyncDisposableStack, addresses: string[], rank: number, mode: string): Running {
  const args = ["tests/tensorflow/collective_rank.ts", String(rank), addresses.join(","), mode];
  return stack.use(new Running(args, environment));
}

/** What each of so many processes prints. */
async function printed(size: number, mode: string): Promise<string[][]> {
  await using stack = new AsyncDisposableStack();
  const addresses = addressesOf(size);
  const ranks = addresses.map((_, rank) => start(stack, addresses, rank, mode));
  const codes = await exitCodes(ranks);
  assert.deepEqual(codes, new Array(size).fill(0), ranks.map(({ output }) => output).join("\n"));
  return ranks.map(({ stdout }) => stdout.trim().split("\n"));
}

function assertClose(actual: number[], expected: ArrayLike<number>, tolerance: number, what: string) {
  assert.equal(actual.length, expected.length, what);
  actual.forEach((x, i) =>
    assert.ok(
      Math.abs(x - expected[i]!) <= tolerance * Math.max(1, Math.abs(expected[i]!)),
      `${what}: ${x} ${expected[i]}`,
    )
  );
}

for (const size of [2, 4]) {
  Deno.test(`${size} processes: sums, means, parts, values of rank 0 and gradients, eager and compiled`, async () => {
    const ranks = Array.from({ length: size }, (_, rank) => rank);
    const outputs = await printed(size, "all");

    const own = ranks.map((rank) => noise(rank, 1001));
    const sum = Array.from(own[0]!, (_, i) => ranks.reduce((total, rank) => total + own[rank]![i]!, 0));
    const oneToSize = size * (size + 1) / 2;
    const sums = SHAPES.flatMap((shape, i) =>
      new Array(tf.util.sizeFromShape(shape)).fill((i + 1) * oneToSize)
    );
    const all = tf.concat(ranks.map(examples), 0), rows = Array.from(all.dataSync());
    const alone = tf.grad((weight) => contrastiveLoss(tf.matMul(all, weight as tf.Tensor2D)))(WEIGHT())
      .dataSync();
    const ofRank0 = Array.from(new Uint32Array(Float32Array.of(-0, NaN, Infinity, 1e-40).buffer));

    for (const lines of outputs) {
      assert.equal(lines.length, 3);
      for (const line of lines) {
        const results = JSON.parse(line);
        assert.deepEqual(results.bits, JSON.parse(outputs[0]![0]!).bits);
        assertClose(results.sum, sum, 1e-6, "sum");
        assertClose(results.mean, sum.map((x) => x / size), 1e-6, "mean");
        assert.deepEqual(results.scalar, [oneToSize]);
        assert.deepEqual(results.gather, rows);
        assert.deepEqual(results.broadcast, ofRank0);
        assert.deepEqual(results.sums, sums);
        assertClose(results.means, sums.map((x) => x / size), 1e-6, "means");
        assert.deepEqual(results.shapes, SHAPES.flatMap((shape) => [shape.length, ...shape]));
        assert.deepEqual(results.empty, [0, 3, 0, 3]);
        assertClose(results.summed, alone, 1e-5, "gradient, summed");
        assertClose(results.averaged, alone, 1e-5, "gradient, averaged");
      }
    }
  });
}

Deno.test("eleven processes: parts come in the order of ranks, not of their names as text", async () => {
  for (const lines of await printed(11, "gather")) {
    assert.deepEqual(lines, [JSON.stringify(Array.from({ length: 11 }, (_, rank) => rank))]);
  }
});

Deno.test({
  name: "a process that is killed: calls of the others fail at once, and so do all later ones",
  ignore: Deno.build.os === "windows",
  async fn() {
    await using stack = new AsyncDisposableStack();
    const addresses = addressesOf(2);
    const [survivor, victim] = [0, 1].map((rank) => start(stack, addresses, rank, "wait"));
    await victim!.printed(/together/);
    victim!.kill("SIGKILL");
    await survivor!.ended();
    const [, ...failures] = survivor!.stdout.trim().split("\n").map((line, i) => i ? JSON.parse(line) : line);
    assert.equal(failures.length, 2, survivor!.output);
    for (const { code, message } of failures) {
      assert.equal(code, 14); // unavailable
      assert.match(message, /Collective ops is aborted/);
    }
  },
});

for (const rank of [0, 1]) {
  Deno.test(`with a timeout, rank ${rank} does not wait for ever for one that never comes`, async () => {
    await using stack = new AsyncDisposableStack();
    const running = start(stack, addressesOf(2), rank, "impatient");
    assert.deepEqual(await exitCodes([running]), [0], running.output);
    const { code, message } = JSON.parse(running.stdout);
    assert.equal(code, 4); // deadline exceeded
    assert.match(message, /timed out waiting for other workers/);
  });
}

Deno.test("a port that is taken is named", async () => {
  await using stack = new AsyncDisposableStack();
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const address = `127.0.0.1:${listener.addr.port}`;
  const rank = start(stack, [address, "127.0.0.1:9"], 0, "gather");
  assert.deepEqual(await exitCodes([rank]), [3]);
  assert.match(rank.stdout, new RegExp(`Cannot listen at "${address}"`));
});

Deno.test("alone, all give back what they got, and nothing is opened", () => {
  assert.throws(
    () => enableCollectives({ rank: 1, addresses: ["127.0.0.1:9"] }),
    /^RangeError: .* it has no rank 1$/,
  );
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 }); // it would be refused if it were opened
  const address = `127.0.0.1:${listener.addr.port}`;
  enableCollectives({ rank: 0, addresses: [address] });
  enableCollectives({ rank: 0, addresses: [address] });
  assert.throws(() => enableCollectives({ rank: 0, addresses: [address, "127.0.0.1:9"] }), /a second group/);
  const x = tf.tensor1d([1, 2]);
  for (const same of [allReduce(x), allReduce(x, { mean: true }), allGather(x), broadcast(x), gathered(x)]) {
    assert.equal(same, x);
  }
  const list = [x, tf.scalar(1)];
  reduceInBuckets(list, { mean: true }).forEach((same, i) => assert.equal(same, list[i]));
  assert.deepEqual(Array.from(tf.grad((x) => tf.sum(tf.square(gathered(x, { mean: true }))))(x).dataSync()), [
    2,
    4,
  ]);
  assert.throws(() => allGather(tf.scalar(1)), RangeError);
});

const PLANS: [name: string, bytes: number[], plan: number[][]][] = [
  ["nothing", [], []],
  ["one bucket, the last first", [1, 2, 3], [[2, 1, 0]]],
  ["no bucket above the limit", [4, 4, 4, 4, 4], [[4, 3], [2, 1], [0]]],
  ["exactly full", [5, 5], [[1, 0]]],
  ["a large one by itself, small ones around it together, sent when complete", [2, 10, 2, 99], [[3], [1], [
    2,
    0,
  ]]],
  ["empty ones cost nothing", [0, 10, 0], [[1], [2, 0]]],
];
for (const [name, bytes, plan] of PLANS) {
  Deno.test(`buckets: ${name}`, () => assert.deepEqual(planBuckets(bytes, 10), plan));
}
