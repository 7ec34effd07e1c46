/** `deno task launch --workers 2 finetune`: two processes train and score as one with batches of both. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { answerSplit, FinetunedModel, type MadeUpTask, writeMadeUpSet } from "../../lib/cblue/mod.ts";
import { testInFolder } from "../folders.ts";

const TASKS = fileURLToPath(new URL("../../tasks/", import.meta.url));

async function run(task: string, words: readonly string[], options: Record<string, unknown>) {
  const flags = Object.entries(options).flatMap(([name, value]) => [`--${name}`, `${value}`]);
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", `${TASKS}${task}.ts`, ...words, ...flags],
    env: { NO_COLOR: "1" },
  }).output();
  const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  return { code, said: `${out}${err}` };
}

interface LogRecord {
  readonly kind: string;
  readonly step: number;
  readonly avg_loss: number;
  readonly score: number;
}

async function recordsOf(folder: string): Promise<LogRecord[]> {
  const text = await Deno.readTextFile(join(folder, "train.jsonl"));
  return text.trimEnd().split("\n").map((line) => JSON.parse(line));
}

/** Sets that fill no batch, and a dev set that cannot be halved; of CHIP-CDN one that one process has none of. */
const CASES: [task: MadeUpTask, train: number, dev: number, learningRate: number][] = [
  ["CMeEE", 37, 13, 2e-3],
  ["CHIP-CDN", 30, 1, 1e-3],
];
for (const [task, train, dev, learning_rate] of CASES) {
  testInFolder(`${task} in two processes as in one, and in no other number resumed`, async (folder) => {
    const data_dir = join(folder, "data");
    await writeMadeUpSet(data_dir, task, { train, dev });
    const options = {
      ...{ dataset: task, data_dir, preset: "tiny", max_seq_length: 32, num_threads: 1, learning_rate },
      ...{ max_steps: 30, valid_steps: 10, logging_steps: 5, max_grad_norm: 1 },
    };
    const one = join(folder, "one"), two = join(folder, "two");
    const alone = await run("finetune", [], { ...options, batch_size: 16, save_dir: one });
    assert.equal(alone.code, 0, alone.said);
    const words = ["--workers", "2", "finetune"];
    const both = await run("launch", words, { ...options, batch_size: 8, save_dir: two });
    assert.equal(both.code, 0, both.said);

    const [ours, theirs] = await Promise.all([one, two].map(recordsOf));
    assert.deepEqual(
      theirs!.map(({ kind, step }) => [kind, step]),
      ours!.map(({ kind, step }) => [kind, step]),
    );
    for (const [i, { kind, avg_loss, score }] of ours!.entries()) {
      if (kind === "evaluation") assert.ok(Math.abs(theirs![i]!.score - score) < 0.05);
      else assert.ok(Math.abs(theirs![i]!.avg_loss - avg_loss) < 1e-2 * avg_loss, `${avg_loss}`);
    }
    // scored in parts it is what it is as a whole
    using model = await FinetunedModel.open(join(two, "checkpoint-30"));
    const { evaluation } = await answerSplit(model, data_dir);
    assert.equal(evaluation.score.value, theirs!.at(-1)!.score);

    const resumed = await run("finetune", [], { ...options, batch_size: 8, save_dir: two });
    assert.equal(resumed.code, 1, resumed.said);
    assert.match(resumed.said, /^error: Cannot resume from .* another number of processes, 2 and not 1;/m);
  });
}
