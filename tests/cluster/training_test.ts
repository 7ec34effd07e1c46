/** Training by several processes: as one process with the same batches, whatever becomes of them. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { preprocess } from "../../lib/preprocessing/mod.ts";
import { buildVocabulary, generateCorpus } from "../../lib/text/mod.ts";
import { exitCodes, loopbackCluster, rankEnvironment, Running } from "./processes.ts";

const folder = await Deno.makeTempDir();
addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));
const corpus = join(folder, "corpus"), SENTENCES = 150;
{
  const lines = [...generateCorpus({ sentences: SENTENCES, seed: 1 })], text = join(folder, "text.txt");
  const { vocabulary } = await buildVocabulary(lines);
  await Deno.writeTextFile(text, lines.join("\n") + "\n");
  await Deno.mkdir(corpus);
  await preprocess({ inputPath: text, outputFile: join(corpus, "samples"), vocabulary, tool: "jieba" });
}
const TENSORFLOW = Deno.env.get("ERNIE_HEALTH_TF");
const environment: Record<string, string> = TENSORFLOW ? { ERNIE_HEALTH_TF: TENSORFLOW } : {};

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

Deno.test("two processes that add up batches: the same bits on both", async () => {
  const { hashes, reports } = await trained(2, 2, 5);
  assert.equal(hashes[0], hashes[1]);
  assert.ok(reports.every(({ total }) => Number.isFinite(total)));
});

/** A run by the launcher, with every sentence written down. */
function launch(stack: AsyncDisposableStack, output: string, flags: string): Running {
  const own =
    `--input_dir ${corpus} --output_dir ${join(folder, output)} --preset tiny --max_seq_length 48 ` +
    "--batch_size 4 --save_steps 10 --save_total_limit 9 --logging_steps 1 --log_sentences --num_threads 1";
  const [before, after] = flags.split(" pretrain ");
  const words = `${before} pretrain ${own} ${after}`.split(" ");
  return stack.use(new Running(["tasks/launch.ts", ...words], environment));
}

const modelOf = (output: string, step: number) =>
  Deno.readFile(join(folder, output, `checkpoint-${step}`, "model.safetensors"));

/** How often each sentence of each epoch was given, of all processes. */
async function countSentences(output: string): Promise<Map<string, number>> {
  const seen = new Map<string, number>();
  for await (const { name } of Deno.readDir(join(folder, output))) {
    if (!name.startsWith("sentences-")) continue;
    const text = await Deno.readTextFile(join(folder, output, name));
    for (const line of text.trim().split("\n").filter(Boolean)) {
      for (const [epoch, sentence] of JSON.parse(line).sentences) {
        const key = `${epoch} ${sentence}`;
        seen.set(key, (seen.get(key) ?? 0) + 1);
      }
    }
  }
  return seen;
}

async function assertEachOnce(output: string, epochs: number) {
  const seen = await countSentences(output);
  assert.deepEqual([...seen].filter(([, times]) => times !== 1), []);
  for (let epoch = 0; epoch < epochs; epoch++) {
    const missing = Array.from({ length: SENTENCES }, (_, n) => `${epoch} ${n}`).filter((key) =>
      !seen.has(key)
    );
    assert.deepEqual(missing, []);
  }
}

Deno.test({
  name: "a process that is killed: all start again from the checkpoint, and end as if nothing had happened",
  ignore: Deno.build.os === "windows",
  async fn() {
    await using stack = new AsyncDisposableStack();
    const undisturbed = launch(stack, "undisturbed", "--workers 2 pretrain --max_steps 40");
    assert.deepEqual(await exitCodes([undisturbed]), [0], undisturbed.output);

    const disturbed = launch(stack, "disturbed", "--workers 2 --max_restarts 1 pretrain --max_steps 40");
    await disturbed.printed(/global step 13\//);
    const [, victim] = await disturbed.children();
    Deno.kill(victim!, "SIGKILL");
    assert.deepEqual(await exitCodes([disturbed]), [0], disturbed.output);
    assert.match(disturbed.output, /rank 1/);
    assert.match(disturbed.output, /Going on from ".*checkpoint-10" at step 10/);
    assert.deepEqual(await modelOf("disturbed", 40), await modelOf("undisturbed", 40));
    await assertEachOnce("disturbed", 1);
  },
});

Deno.test({
  name:
    "SIGTERM: one checkpoint of all; with another number of processes the run goes on, no sentence lost or repeated",
  ignore: Deno.build.os === "windows",
  async fn() {
    await using stack = new AsyncDisposableStack();
    const three = launch(stack, "elastic", "--workers 3 pretrain --max_steps 60");
    await three.printed(/global step 6\//);
    three.kill("SIGTERM");
    assert.deepEqual(await exitCodes([three]), [143], three.output);
    const saved = Array.from(Deno.readDirSync(join(folder, "elastic")), ({ name }) => name)
      .filter((name) => name.startsWith("checkpoint-"));
    assert.equal(saved.length, 1, `${saved}`);

    const two = launch(stack, "elastic", "--workers 2 pretrain --max_steps 60");
    assert.deepEqual(await exitCodes([two]), [0], two.output);
    assert.match(two.output, new RegExp(`Going on from ".*${saved[0]}"`));
    await assertEachOnce("elastic", 1);
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
