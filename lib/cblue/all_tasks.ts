/**
 * All tasks that a folder has data for, one after another, and their scores in one table beside the published ones.
 *
 * @module
 */
import { join } from "node:path";
import { fileError, UserError } from "../config/mod.ts";
import { readSplit } from "./data.ts";
import { findFile } from "./files/files.ts";
import { finetune, type FinetuneContext } from "./finetune.ts";
import { FinetunedModel } from "./finetuned_model.ts";
import type { FinetuneOptions } from "./options.ts";
import { evaluateAnswers, type Evaluation } from "./scores/scoring.ts";
import { type Task, TASKS } from "./tasks.ts";

/** A task's line in the table. */
export interface TaskScore {
  readonly task: string;
  /** Of the best checkpoint, on dev. */
  readonly evaluation: Evaluation;
  /** What the original published for a model of its size, on the official dev set. */
  readonly published: number | undefined;
  /** The checkpoint. */
  readonly model: string;
  /** Epochs, batch size, learning rate and length, where they are not the original's. */
  readonly differs: readonly string[];
  readonly seconds: number;
}

/**
 * Fine-tunes on each task and scores its best checkpoint on dev; what an earlier call finished is not done again.
 *
 * @param options As for `finetune`; `dataset` is ignored, `data_dir` holds a folder or zip for each task, and `save_dir` gets
 * a folder for each.
 * @param names Which tasks; default: all that there is data for.
 * @throws {UserError} If there is data for none, or a task fails.
 */
export async function* finetuneAll(
  options: FinetuneOptions,
  context: FinetuneContext,
  names?: readonly string[],
): AsyncGenerator<TaskScore> {
  const { print = console.log, signal } = context;
  let found = 0;
  for (const task of Object.values(TASKS) as Task[]) {
    if (names && !names.some((name) => name.toLowerCase() === task.name.toLowerCase())) continue;
    const folder = await folderOf(task, options.data_dir);
    if (folder === undefined) {
      if (names) {
        throw new UserError(`Cannot fine-tune on ${task.name}: "${options.data_dir}" has no data for it`);
      }
      continue;
    }
    found++;
    print(`\n${task.name}`);
    const start = performance.now();
    const given = {
      ...options,
      dataset: task.name,
      data_dir: folder,
      save_dir: join(options.save_dir, task.name),
    };
    const { folder: model } = await finetune(given, context);
    if (signal?.aborted) return;
    using best = await FinetunedModel.open(model, { long: options.long, useAmp: options.use_amp });
    const dev = await readSplit(task, folder, "dev", { answered: true });
    if (!dev) throw new UserError(`Cannot score ${task.name}: "${folder}" has no dev file`);
    const evaluation = evaluateAnswers(task, dev as never, await best.predict(dev, { signal }) as never);
    const seconds = (performance.now() - start) / 1000;
    const { published } = task.recipe;
    yield { task: task.name, evaluation, published, model, differs: differencesOf(task, options), seconds };
  }
  if (found === 0) {
    throw new UserError(
      `Cannot fine-tune: "${options.data_dir}" has no folder or zip of a task, such as CMeEE`,
    );
  }
}

/** Where a task's files are: in a folder of its name, or beside each other. */
async function folderOf(task: Task, folder: string): Promise<string | undefined> {
  for (const place of [join(folder, task.name), folder]) {
    try {
      if (await findFile(task, place, "train")) return place;
    } catch (error) {
      if (place === folder) throw fileError("read", folder, error);
    }
  }
  return undefined;
}

function differencesOf({ recipe }: Task, options: FinetuneOptions): string[] {
  const { epochs, batch_size, learning_rate, max_seq_length, max_steps } = options;
  const all: [string, number | undefined, number][] = [
    ["epochs", epochs, recipe.epochs],
    ["batch size", batch_size, recipe.batchSize],
    ["rate", learning_rate, recipe.learningRate],
    ["length", max_seq_length, recipe.maxSeqLength],
  ];
  return [
    ...all.filter(([, given, own]) => given !== undefined && given !== own)
      .map(([name, given, own]) => `${name} ${given} for ${own}`),
    ...(max_steps > 0 ? [`${max_steps} steps`] : []),
  ];
}

/**
 * Writes scores as a Markdown table.
 *
 * @param model What was fine-tuned, for the line above the table.
 */
export function formatScores(scores: readonly TaskScore[], model: string): string {
  const percent = (share: number | undefined) => share === undefined ? "–" : (100 * share).toFixed(2);
  const lines = scores.map(({ task, evaluation: { score, interval, examples }, published, differs }) => {
    const range = `${percent(interval.low)} – ${percent(interval.high)}`;
    return `| ${
      [task, score.metric, percent(score.value), range, percent(published), examples, differs.join(", ")]
        .join(" | ")
    } |`;
  });
  const mean = scores.reduce((sum, { evaluation }) => sum + evaluation.score.value, 0) / scores.length;
  return [
    `Scores on dev of ${model}; "published" is the original's model of 114 M parameters on the official dev sets.`,
    "",
    "| task | metric | dev | 95 % interval | published | records | otherwise than the original's recipe |",
    "| --- | --- | --- | --- | --- | --- | --- |",
    ...lines,
    "",
    `Mean of ${scores.length}: ${percent(mean)}`,
    "",
  ].join("\n");
}
