/**
 * What a model answered to a part of a task's data.
 *
 * @module
 */
import { UserError } from "../config/mod.ts";
import { readSplit } from "./data.ts";
import type { ExampleOf, TaskKind } from "./examples.ts";
import type { AnswerOf } from "./files/answers.ts";
import type { FinetunedModel, PredictOptions } from "./finetuned_model.ts";
import { evaluateAnswers, type Evaluation } from "./scores/scoring.ts";
import type { Split, Task } from "./tasks.ts";

/** Examples with their right answers, and what was answered; `kind` tells of what type both are. */
export type AnsweredSplit = {
  [K in TaskKind]: {
    readonly kind: K;
    readonly task: Task<K>;
    readonly examples: readonly ExampleOf[K][];
    /** One for each example, in their order. */
    readonly answers: readonly AnswerOf[K][];
    readonly evaluation: Evaluation;
  };
}[TaskKind];

/**
 * Lets a model answer a part of its task's data, and scores it.
 *
 * @param model As `FinetunedModel.open` gives it.
 * @param dataDir Folder with the task's official files, unpacked or as zip.
 * @param options.split Which part; default "dev".
 * @returns Examples, answers and score.
 * @throws {UserError} If the file is missing or malformed, or has no answers.
 * @throws {DOMException} `AbortError`, if it was ended.
 *
 * @example
 * ```ts ignore
 * import { answerSplit, FinetunedModel } from "./mod.ts";
 * using model = await FinetunedModel.open("output/qic/checkpoint-800");
 * const { evaluation } = await answerSplit(model, "data/KUAKE-QIC");
 * console.log(evaluation.score);
 * ```
 */
export async function answerSplit(
  model: FinetunedModel,
  dataDir: string,
  { split = "dev", ...options }: PredictOptions & { readonly split?: Split } = {},
): Promise<AnsweredSplit> {
  const { task } = model;
  const examples = await readSplit(task, dataDir, split, { answered: true });
  if (!examples) throw new UserError(`Cannot evaluate ${task.name}: "${dataDir}" has no ${split} file`);
  const answers = await model.predict(examples, options);
  const evaluation = evaluateAnswers(task, examples as never, answers as never);
  return { kind: task.kind, task, examples, answers, evaluation } as AnsweredSplit;
}
