/**
 * All tasks that a folder has data for, one after another, and their scores in one table beside the published ones.
 *
 * @module
 */
import { join } from "node:path";
import { fileError, type OptionsOf, type OptionTable, UserError, writeAtomically } from "../config/mod.ts";
import { type AnsweredSplit, answerSplit } from "./answered.ts";
import { findFile } from "./files/files.ts";
import { finetune, type FinetuneContext } from "./finetune.ts";
import { FinetunedModel } from "./finetuned_model.ts";
import { FINETUNE_OPTIONS } from "./options.ts";
import type { Evaluation } from "./scores/scoring.ts";
import { type Task, TASKS } from "./tasks.ts";

const OWN_OPTIONS = {
  data_dir: {
    type: "path",
    required: true,
    help: "Folder with a folder or zip for each task, named as the task",
  },
  save_dir: {
    type: "path",
    default: "./checkpoint",
    aliases: ["output_dir"],
    help: "Folder with a folder for each task's run, scores.md and scores.json; the same command resumes",
  },
  tasks: { type: "string", help: "Which tasks, as in CMeEE,KUAKE-QIC; default: all that there is data for" },
  all: { type: "boolean", default: false, help: "All that there is data for: the default" },
} as const satisfies OptionTable;

const { dataset: _, data_dir: __, save_dir: ___, ...common } = FINETUNE_OPTIONS;

/** Every option of {@linkcode finetuneAll}: the flags of `deno task cblue`. */
export const CBLUE_OPTIONS:
  & typeof OWN_OPTIONS
  & Omit<typeof FINETUNE_OPTIONS, "dataset" | keyof typeof OWN_OPTIONS> = { ...OWN_OPTIONS, ...common };

/** Resolved options of {@linkcode finetuneAll}. */
export type CblueOptions = OptionsOf<typeof CBLUE_OPTIONS>;

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

/** A task's line, and what the line is about. */
export interface TaskResult extends TaskScore {
  readonly answered: AnsweredSplit;
}

/**
 * Fine-tunes on each task and scores its best checkpoint on dev; what an earlier call finished is not done again.
 *
 * After each task `scores.md` and `scores.json` in `save_dir` hold the tasks so far.
 *
 * @param options As `deno task cblue` takes them; see {@linkcode CBLUE_OPTIONS}.
 * @returns One result a task, as it is there; nothing more once `context.signal` is aborted.
 * @throws {UserError} If there is data for none, or a task fails.
 *
 * @example
 * ```ts ignore
 * import { resolveOptions } from "../config/mod.ts";
 * import { CBLUE_OPTIONS, finetuneAll } from "./mod.ts";
 * const options = resolveOptions(CBLUE_OPTIONS, { data_dir: "data", model: "output/base/checkpoint-10000" });
 * for await (const { task, evaluation } of finetuneAll(options)) console.log(task, evaluation.score.value);
 * ```
 */
export async function* finetuneAll(
  { tasks, all: _all, ...options }: CblueOptions,
  context: FinetuneContext = {},
): AsyncGenerator<TaskResult> {
  const { print = console.log, signal } = context;
  const names = tasks?.split(",").map((name) => name.trim());
  const scores: TaskScore[] = [];
  for (const task of Object.values(TASKS) as Task[]) {
    if (names && !names.some((name) => name.toLowerCase() === task.name.toLowerCase())) continue;
    const folder = await folderOf(task, options.data_dir);
    if (folder === undefined) {
      if (names) {
        throw new UserError(`Cannot fine-tune on ${task.name}: "${options.data_dir}" has no data for it`);
      }
      continue;
    }
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
    using best = await FinetunedModel.open(model, { useAmp: options.use_amp });
    const answered = await answerSplit(best, folder, { signal }), { evaluation } = answered;
    const { published } = task.recipe, differs = differencesOf(task, given);
    const seconds = (performance.now() - start) / 1000;
    scores.push({ task: task.name, evaluation, published, model, differs, seconds });
    await writeScores(scores, options);
    yield { ...scores.at(-1)!, answered };
  }
  if (scores.length === 0) {
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

function differencesOf(
  { recipe }: Task,
  { epochs, batch_size, learning_rate, max_seq_length, max_steps }: Omit<CblueOptions, "tasks" | "all">,
): string[] {
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

async function writeScores(scores: readonly TaskScore[], options: EncoderOptions & { save_dir: string }) {
  const files = {
    "scores.md": formatScores(scores, options),
    "scores.json": JSON.stringify(scores, null, 2) + "\n",
  };
  for (const [name, text] of Object.entries(files)) {
    await writeAtomically(join(options.save_dir, name), [new TextEncoder().encode(text)]);
  }
}

/** Which encoder was fine-tuned. */
type EncoderOptions = Pick<CblueOptions, "model" | "preset">;

/**
 * Writes scores as a Markdown table.
 *
 * @param options What was fine-tuned, for the line above the table.
 */
export function formatScores(scores: readonly TaskScore[], { model, preset }: EncoderOptions): string {
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
    `Scores on dev of ${
      model === undefined ? `a new encoder of size ${preset}` : `"${model}"`
    }; "published" is the original's model of 114 M parameters on the official dev sets.`,
    "",
    "| task | metric | dev | 95 % interval | published | records | otherwise than the original's recipe |",
    "| --- | --- | --- | --- | --- | --- | --- |",
    ...lines,
    "",
    `Mean of ${scores.length}: ${percent(mean)}`,
    "",
  ].join("\n");
}
