/** A corpus to train on, runs on it by the launcher, and the proof that every sentence of it was seen once. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { preprocess } from "../../lib/preprocessing/mod.ts";
import { buildVocabulary, generateCorpus } from "../../lib/text/mod.ts";

/** For a test file's runs, removed when it is through. */
export const folder = await Deno.makeTempDir();
addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));
/** What `input_dir` is. */
export const corpus = join(folder, "corpus");
const SENTENCES = 150;
{
  const lines = [...generateCorpus({ sentences: SENTENCES, seed: 1 })], text = join(folder, "text.txt");
  const { vocabulary } = await buildVocabulary(lines);
  await Deno.writeTextFile(text, lines.join("\n") + "\n");
  await Deno.mkdir(corpus);
  await preprocess({ inputPath: text, outputFile: join(corpus, "samples"), vocabulary, tool: "jieba" });
}

const TENSORFLOW = Deno.env.get("ERNIE_HEALTH_TF");
/** What processes need to find TensorFlow. */
export const environment: Record<string, string> = TENSORFLOW ? { ERNIE_HEALTH_TF: TENSORFLOW } : {};

/**
 * The words of a launched run that writes every sentence down.
 *
 * @param output name of its output folder
 * @param launcher flags of the launcher
 * @param pretrain flags of the run
 */
export function launchedRun(output: string, launcher: string, pretrain: string): string[] {
  const own =
    `--input_dir ${corpus} --output_dir ${join(folder, output)} --preset tiny --max_seq_length 48 ` +
    "--batch_size 4 --save_steps 10 --save_total_limit 9 --logging_steps 1 --log_sentences --num_threads 1";
  return `tasks/launch.ts ${launcher} pretrain ${own} ${pretrain}`.split(" ").filter(Boolean);
}

/** The steps of a run's checkpoints, in order. */
export function checkpointsOf(output: string): number[] {
  const names = Array.from(Deno.readDirSync(join(folder, output)), ({ name }) => name);
  const steps = names.filter((name) => name.startsWith("checkpoint-")).map((name) => Number(name.slice(11)));
  return steps.sort((a, b) => a - b);
}

/** How often each sentence was given, of all processes, epoch by epoch. */
async function countSentences(output: string): Promise<number[][]> {
  const epochs: number[][] = [];
  for await (const { name } of Deno.readDir(join(folder, output))) {
    if (!name.startsWith("sentences-")) continue;
    const text = await Deno.readTextFile(join(folder, output, name));
    for (const line of text.trim().split("\n").filter(Boolean)) {
      for (const [epoch, sentence] of JSON.parse(line).sentences) {
        const times = epochs[epoch] ??= new Array(SENTENCES).fill(0);
        times[sentence]!++;
      }
    }
  }
  return epochs;
}

/** Every sentence was given once in each epoch, and at most once in the last, within which the run ended. */
export async function assertEachOnce(output: string): Promise<void> {
  const epochs = await countSentences(output), last = epochs.pop()!;
  assert.ok(epochs.length > 0);
  epochs.forEach((times, epoch) => assert.deepEqual(times, new Array(SENTENCES).fill(1), `epoch ${epoch}`));
  assert.ok(last.every((times) => times <= 1), `${last}`);
}
