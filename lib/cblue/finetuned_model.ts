/**
 * A fine-tuned model from its folder, for evaluation and prediction.
 *
 * @module
 */
import { UserError } from "../config/mod.ts";
import type { HeadConfig } from "../electra/mod.ts";
import { hasGpu } from "../tensorflow/mod.ts";
import { Vocabulary } from "../text/mod.ts";
import type { AnswerOf } from "./files/answers.ts";
import { approachOf } from "./data.ts";
import type { Example, TaskKind } from "./examples.ts";
import { isPackable, Predictor } from "./learner.ts";
import { loadParameters, readSavedModel } from "./open_model.ts";
import type { Task } from "./tasks.ts";
import { TermAnswerer } from "./terms.ts";

/** How a model is opened. */
export interface OpenOptions {
  /** What becomes of texts longer than the model's rows; default "truncate", as published. */
  readonly long?: "truncate" | "windows";
  /** Compute in the device's mixed precision; default float32. */
  readonly useAmp?: boolean;
}

/** How many rows at once, and who hears of it. */
export interface PredictOptions {
  /** Default 32. */
  readonly batchSize?: number;
  /** Hears how many rows more are done. */
  readonly onRows?: (rows: number) => void;
  /** Ends it early. */
  readonly signal?: AbortSignal | undefined;
}

/** A model that answers; disposing of it frees the device's memory. */
export class FinetunedModel implements Disposable {
  readonly task: Task;
  readonly #maxLength: number;
  readonly #predictor: Predictor;
  readonly #answerer: TermAnswerer | undefined;
  readonly #opened: DisposableStack;

  private constructor(
    task: Task,
    { maxLength, predictor, answerer, opened }: {
      maxLength: number;
      predictor: Predictor;
      answerer: TermAnswerer | undefined;
      opened: DisposableStack;
    },
  ) {
    this.task = task;
    this.#maxLength = maxLength;
    this.#predictor = predictor;
    this.#answerer = answerer;
    this.#opened = opened;
  }

  /**
   * Opens a checkpoint that `deno task finetune` saved.
   *
   * @throws {UserError} If the folder holds no fine-tuned model.
   *
   * @example
   * ```ts ignore
   * import { evaluateAnswers, FinetunedModel, readSplit } from "./mod.ts";
   * using model = await FinetunedModel.open("output/qic/checkpoint-800");
   * const examples = (await readSplit(model.task, "data/KUAKE-QIC", "dev"))!;
   * console.log(evaluateAnswers(model.task, examples, await model.predict(examples)).score);
   * ```
   */
  static async open(
    folder: string,
    { long = "truncate", useAmp = false }: OpenOptions = {},
  ): Promise<FinetunedModel> {
    const saved = await readSavedModel(folder);
    const { task, head, max_seq_length: maxLength } = saved.config as {
      task?: Task;
      head?: HeadConfig;
      max_seq_length?: number;
    };
    if (!task || !head || !maxLength) {
      throw new UserError(
        `Cannot open "${folder}": its config.json names no task; fine-tune it first (\`deno task finetune --model …\`)`,
      );
    }
    const vocabulary = await Vocabulary.read(saved.vocabulary);
    const activation = head.kind === "sequence-classification" ? head.activation : "tanh";
    const approach = approachOf(task, vocabulary, {
      max_seq_length: maxLength,
      activation,
      long,
      occurrences: "first",
    });
    const answerer = task.kind === "normalization" ? await TermAnswerer.open(folder) : undefined;
    const config = { encoder: saved.encoder, head };
    using opened = new DisposableStack();
    const { variables, fresh } = loadParameters(config, saved, 0);
    opened.defer(() => variables.forEach((variable) => variable.dispose()));
    if (fresh.length > 0) throw new UserError(`Cannot open "${folder}": parameter "${fresh[0]}" is missing`);
    const precision = !useAmp ? "float32" : hasGpu() ? "mixed_float16" : "mixed_bfloat16";
    const setup = { approach, config, variables, seed: 0, packed: isPackable(head) };
    const predictor = opened.use(new Predictor(setup, { precision }));
    return new FinetunedModel(task, { maxLength, predictor, answerer, opened: opened.move() });
  }

  /**
   * Answers examples.
   *
   * @returns One answer for each, in their order: what `AnswerOf` has for the task's kind, with probabilities of labels.
   * @throws {DOMException} `AbortError`, if it was ended.
   */
  async predict(
    examples: readonly Example[],
    { batchSize = 32, ...options }: PredictOptions = {},
  ): Promise<AnswerOf[TaskKind][]> {
    const predict = (examples: readonly Example[]) =>
      this.#predictor.run(examples, { batchSize, maxLength: this.#maxLength, ...options });
    const answers = this.#answerer ? this.#answerer.answer(predict, examples) : predict(examples);
    return await answers as AnswerOf[TaskKind][];
  }

  /** Frees the device's memory. */
  [Symbol.dispose]() {
    this.#opened.dispose();
  }
}
