/** Training by several processes: as one process with the same batches, whatever becomes of them. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { readSafetensors } from "../../lib/weights/mod.ts";
import { writeMadeUpSet } from "../cblue/made_up_sets.ts";
import { exitCodes, loopbackCluster, rankEnvironment, Running } from "./processes.ts";
import { assertEachOnce, checkpointsOf, corpus, environment, folder, launchedRun } from "./small_run.ts";

type Report = Record<string, number>;
interface Trained {
  reports: Report[];
  /** Of weights and moments, rank by rank. */
  hashes: string[];
  weights: Float32Array;
}

/** Trains with batches of 8 in all, by so many processes. */
async function trained(size: number, accumulation: number, steps: number): Promise<Trained> {
  await using stack = new AsyncDisposableStack();
  const weights = join(folder, `weights-${size}`);
  const cluster = loopbackCluster(size);
  const ranks = Array.from({ length: size }, (_, rank) => {
    const given = {
      corpus,
      steps,
      batchSize: 8 / size / accumulation,
      accumulation,
      weights: rank === 0 ? weights : "",
    };
    const env = size > 1 ? rankEnvironment(cluster, rank) : {};
    return stack.use(
      new Running(["tests/cluster/train_rank.ts", JSON.stringify(given)], { ...environment, ...env }),
    );
  });
  const codes = await exitCodes(ranks);
  assert.deepEqual(codes, new Array(size).fill(0), ranks.map(({ output }) => output).join("\n"));
  const lines = ranks.map(({ stdout }) => stdout.trim().split("\n"));
  const reports = lines.map((own) => own.slice(0, -1).map((line) => JSON.parse(line) as Report));
  for (const own of reports) assert.deepEqual(own, reports[0]); // all of them hear the same
  return {
    reports: reports[0]!,
    hashes: lines.map((own) => own.at(-1)!),
    weights: new Float32Array((await Deno.readFile(weights)).buffer),
  };
}

function assertSame(few: Trained, many: Trained) {
  few.reports.forEach((report, step) => {
    for (const [name, value] of Object.entries(report)) {
      const other = many.reports[step]![name]!;
      const difference = Math.abs(other - value) / Math.max(1e-3, Math.abs(value));
      assert.ok(difference < 1e-4, `${name} at step ${step + 1}: ${value} and ${other}`);
    }
  });
  const difference = few.weights.reduce(
    (most, value, i) => Math.max(most, Math.abs(value - many.weights[i]!)),
    0,
  );
  assert.ok(difference < 1e-4, `weights differ by ${difference}`);
}

Deno.test("two and four processes: the same bits on all, and one process' losses and weights, dropout included", async () => {
  const alone = await trained(1, 1, 50);
  for (const size of [2, 4]) {
    const together = await trained(size, 1, 50);
    assert.deepEqual(together.hashes, new Array(size).fill(together.hashes[0]));
    assertSame(alone, together);
  }
});

Deno.test("two processes that add up batches: the same bits on both, and one process' losses and weights", async () => {
  const alone = await trained(1, 2, 20), together = await trained(2, 2, 20);
  assert.equal(together.hashes[0], together.hashes[1]);
  assertSame(alone, together);
});

/** Starts a run by the launcher. */
function launch(stack: AsyncDisposableStack, output: string, launcher: string, pretrain: string): Running {
  return stack.use(new Running(launchedRun(output, launcher, pretrain), environment));
}

const modelOf = (output: string, step: number) =>
  Deno.readFile(join(folder, output, `checkpoint-${step}`, "model.safetensors"));

Deno.test({
  name: "a process that is killed: all start again from the checkpoint, and end as if nothing had happened",
  ignore: Deno.build.os === "windows",
  async fn() {
    await using stack = new AsyncDisposableStack();
    const undisturbed = launch(stack, "undisturbed", "--workers 2", "--max_steps 40");
    assert.deepEqual(await exitCodes([undisturbed]), [0], undisturbed.output);

    const disturbed = launch(stack, "disturbed", "--workers 2 --max_restarts 1", "--max_steps 40");
    await disturbed.printed(/global step 13\//);
    const [, victim] = await disturbed.children();
    Deno.kill(victim!, "SIGKILL");
    assert.deepEqual(await exitCodes([disturbed]), [0], disturbed.output);
    assert.match(disturbed.output, /rank 1/);
    assert.match(disturbed.output, /Going on from ".*checkpoint-10" at step 10/);
    assert.deepEqual(await modelOf("disturbed", 40), await modelOf("undisturbed", 40));
    await assertEachOnce("disturbed");
  },
});

Deno.test({
  name:
    "SIGTERM: one checkpoint of all; with another number of processes the run goes on, no sentence lost or repeated",
  ignore: Deno.build.os === "windows",
  async fn() {
    await using stack = new AsyncDisposableStack();
    const three = launch(stack, "elastic", "--workers 3", "--max_steps 60");
    await three.printed(/global step 6\//);
    three.kill("SIGTERM");
    assert.deepEqual(await exitCodes([three]), [143], three.output);
    const saved = checkpointsOf("elastic");
    assert.equal(saved.length, 1, `${saved}`);

    const two = launch(stack, "elastic", "--workers 2", "--max_steps 60");
    assert.deepEqual(await exitCodes([two]), [0], two.output);
    assert.match(two.output, new RegExp(`Going on from ".*checkpoint-${saved[0]}"`));
    await assertEachOnce("elastic");
  },
});

Deno.test("another batch size on one process is refused by name, on all", async () => {
  await using stack = new AsyncDisposableStack();
  const cluster = loopbackCluster(2);
  const ranks = [4, 8].map((batchSize, rank) => {
    const flags =
      `--input_dir ${corpus} --output_dir ${folder}/refused --preset tiny --batch_size ${batchSize}`;
    return stack.use(
      new Running(["tasks/pretrain.ts", ...flags.split(" ")], {
        ...environment,
        ...rankEnvironment(cluster, rank),
      }),
    );
  });
  assert.deepEqual(await exitCodes(ranks), [1, 1]);
  for (const { stderr } of ranks) assert.match(stderr, /--batch_size.*4.*8|--batch_size.*8.*4/);
});

Deno.test("fine-tuning by two processes: one process' score and weights", async () => {
  await using stack = new AsyncDisposableStack();
  const data = join(folder, "cblue"), dataset = await writeMadeUpSet(data, "KUAKE-QIC", 100, 41);
  const run = (output: string, program: string, batchSize: number) => {
    const flags =
      `--dataset ${dataset} --data_dir ${data} --save_dir ${join(folder, output)} --preset tiny ` +
      `--max_seq_length 32 --batch_size ${batchSize} --max_steps 30 --valid_steps 10 --learning_rate 1e-3 --num_threads 1`;
    return stack.use(new Running([...program.split(" "), ...flags.split(" ")], environment));
  };
  const alone = run("cblue-1", "tasks/finetune.ts", 16);
  assert.deepEqual(await exitCodes([alone]), [0], alone.output);
  const together = run("cblue-2", "tasks/launch.ts --workers 2 finetune", 8);
  assert.deepEqual(await exitCodes([together]), [0], together.output);

  const scores = [alone, together].map(({ stdout }) => stdout.match(/^dev at step \d+: .*$/gm));
  assert.equal(scores[0]!.length, 3);
  assert.deepEqual(scores[1], scores[0]);
  const [one, two] = await Promise.all(
    ["cblue-1", "cblue-2"].map((output) =>
      readSafetensors(join(folder, output, "checkpoint-30", "model.safetensors"))
    ),
  );
  for (const [name, { data }] of one!) {
    const other = two!.get(name)!.data as Float32Array;
    const difference = (data as Float32Array).reduce(
      (most, x, i) => Math.max(most, Math.abs(x - other[i]!)),
      0,
    );
    assert.ok(difference < 1e-4, `${name} differs by ${difference}`);
  }
});
