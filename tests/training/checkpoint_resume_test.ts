/** A run that goes on from any of its checkpoints, also around a damaged one, ends with the same bytes. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { resolveOptions } from "../../lib/config/mod.ts";
import { preprocess } from "../../lib/preprocessing/mod.ts";
import { buildVocabulary, generateCorpus } from "../../lib/text/mod.ts";
import { pretrain, PRETRAIN_OPTIONS } from "../../lib/training/mod.ts";
import { testInFolder } from "../folders.ts";

const STEPS = 12;

async function writeCorpus(folder: string): Promise<void> {
  const sentences = [...generateCorpus({ sentences: 60, seed: 1 })];
  const { vocabulary } = await buildVocabulary(sentences);
  await Deno.mkdir(join(folder, "corpus"));
  await Deno.writeTextFile(join(folder, "text.txt"), sentences.join("\n") + "\n");
  const outputFile = join(folder, "corpus", "samples");
  await preprocess({ inputPath: join(folder, "text.txt"), outputFile, vocabulary, tool: "jieba" });
}

/** Trains into `<folder>/<name>`, or goes on there; returns what it warned of. */
async function run(folder: string, name: string, given: Record<string, unknown> = {}): Promise<string[]> {
  const options = resolveOptions(PRETRAIN_OPTIONS, {
    input_dir: join(folder, "corpus"),
    output_dir: join(folder, name),
    preset: "tiny",
    batch_size: 2,
    max_seq_length: 24,
    max_steps: STEPS,
    save_steps: 3,
    save_total_limit: STEPS,
    logging_steps: 5,
    ...given,
  });
  const warnings: string[] = [];
  await pretrain(options, {
    print: (line) => {
      if (/^Checkpoint |^Going on from checkpoint /.test(line)) warnings.push(line);
    },
  });
  return warnings;
}

/** Hash of weights and moments at the end. */
async function finished(folder: string, name: string): Promise<string> {
  const hash = createHash("sha256");
  for (const file of ["model.safetensors", "training_state/optimizer.safetensors"]) {
    hash.update(await Deno.readFile(join(folder, name, `checkpoint-${STEPS}`, file)));
  }
  return hash.digest("hex");
}

const checkpoints = (folder: string) =>
  Array.from(Deno.readDirSync(folder), ({ name }) => name).filter((name) => name.startsWith("checkpoint"))
    .sort();

/** Copies a run as it was when it had just saved `step`, but for its logs, which went on. */
async function copyRun(folder: string, from: string, to: string, step: number): Promise<void> {
  const state = `checkpoint-${step}/training_state`;
  await Deno.mkdir(join(folder, to, state), { recursive: true });
  for (const inner of ["", `checkpoint-${step}`, state]) {
    for await (const { name, isFile } of Deno.readDir(join(folder, from, inner))) {
      if (isFile) await Deno.copyFile(join(folder, from, inner, name), join(folder, to, inner, name));
    }
  }
}

for (const [precision, given] of [["float32", {}], ["mixed precision", { use_amp: true }]] as const) {
  testInFolder(`from each checkpoint a run in ${precision} ends with the same bytes`, async (folder) => {
    await writeCorpus(folder);
    await run(folder, "whole", given);
    for (const step of [3, 6, 9]) {
      const name = `from ${step}`;
      await copyRun(folder, "whole", name, step);
      assert.deepEqual(await run(folder, name, given), []);
      assert.equal(await finished(folder, name), await finished(folder, "whole"), name);
    }
  });
}

testInFolder(
  "a run goes around damaged checkpoints, says so, and ends with the same bytes",
  async (folder) => {
    await writeCorpus(folder);
    await run(folder, "whole");
    for (const step of [3, 6, 9]) await copyRun(folder, "whole", "damaged", step);
    const path = (step: number) => join(folder, "damaged", `checkpoint-${step}`);
    await Deno.truncate(join(path(9), "training_state/optimizer.safetensors"), 5000);
    const model = await Deno.readFile(join(path(6), "model.safetensors"));
    model[100_000]! ^= 1;
    await Deno.writeFile(join(path(6), "model.safetensors"), model);

    const [first, second, third, ...more] = await run(folder, "damaged", { save_total_limit: 2 });
    assert.ok(first?.startsWith(`Checkpoint "${path(9)}" is damaged and left as it is: `), first);
    assert.match(first, /optimizer\.safetensors": the file is cut short/);
    assert.ok(second?.startsWith(`Checkpoint "${path(6)}" is damaged and left as it is: `), second);
    assert.match(second, /model\.safetensors": it is not as it was written, its checksum differs$/);
    assert.equal(third, `Going on from checkpoint "${path(3)}" instead`);
    assert.deepEqual(more, []);
    assert.equal(await finished(folder, "damaged"), await finished(folder, "whole"));
    assert.deepEqual(checkpoints(join(folder, "damaged")), ["checkpoint-12", "checkpoint-9"]); // as many as told now
  },
);
