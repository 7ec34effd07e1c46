/**
 * A fine-tuned model from its folder, for evaluation and prediction.
 *
 * @module
 */
import { UserError } from "../config/mod.ts";
import type { FinetuningConfig, HeadConfig, ModelVariables } from "../electra/mod.ts";
import { hasGpu } from "../tensorflow/mod.ts";
import { Vocabulary } from "../text/mod.ts";
import type { Approach } from "./approach.ts";
import type { AnswerOf } from "./files/answers.ts";
import { approachOf } from "./data.ts";
import type { Example, TaskKind } from "./examples.ts";
import { isPackable, Predictor } from "./learner.ts";
import { loadParameters, readSavedModel } from "./open_model.ts";
import type { RecallReport } from "./normalization/mod.ts";
import { type Counts, type PrecisionRecallF1, totalOf } from "./scores/metrics.ts";
import { publishedEntityScore, publishedTripleScore } from "./scores/published_scores.ts";
import type { Task } from "./tasks.ts";
import { TermAnswerer } from "./terms.ts";

/** How a model is opened. */
export interface OpenOptions {
  /** What becomes of texts longer than the model's rows; default: what became of them in training. */
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
  readonly #long: "truncate" | "windows";
  readonly #approach: Approach;
  readonly #predictor: Predictor;
  readonly #answerer: TermAnswerer | undefined;
  readonly #opened: DisposableStack;

  private constructor(
    task: Task,
    { maxLength, long, approach, predictor, answerer, opened }: {
      maxLength: number;
      long: "truncate" | "windows";
      approach: Approach;
      predictor: Predictor;
      answerer: TermAnswerer | undefined;
      opened: DisposableStack;
    },
  ) {
    this.task = task;
    this.#maxLength = maxLength;
    this.#long = long;
    this.#approach = approach;
    this.#predictor = predictor;
    this.#answerer = answerer;
    this.#opened = opened;
  }

  /**
   * Opens a checkpoint that `deno task finetune` saved, or an ensemble of several, which answers by the mean of their logits.
   *
   * @param folders One, or several for the same task; terms and decisions of a normalization are the first one's.
   * @throws {UserError} If a folder holds no fine-tuned model, or one of another task, vocabulary or length than the first.
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
    folders: string | readonly string[],
    { long: given, useAmp = false }: OpenOptions = {},
  ): Promise<FinetunedModel> {
    using opened = new DisposableStack();
    const members: Member[] = [];
    for (const folder of [folders].flat()) members.push(await openMember(folder, opened));
    const [first, ...others] = members;
    if (!first) throw new RangeError("Cannot open a model of no folders");
    for (const other of others) checkMember(first, other);
    const { folder, task, head, maxLength, config, variables, vocabulary } = first;
    const long = given ?? first.long;
    const approach = approachOf(task, vocabulary, {
      max_seq_length: maxLength,
      activation: head.kind === "sequence-classification" ? head.activation : "tanh",
      long,
      scheme: head.kind === "relations" ? "spans" : "channels",
    });
    const answerer = task.kind === "normalization" ? await TermAnswerer.open(folder) : undefined;
    const precision = !useAmp ? "float32" : hasGpu() ? "mixed_float16" : "mixed_bfloat16";
    const setup = { approach, config, variables, others, packed: isPackable(head) };
    const predictor = opened.use(new Predictor(setup, { precision }));
    return new FinetunedModel(task, {
      maxLength,
      long,
      approach,
      predictor,
      answerer,
      opened: opened.move(),
    });
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

  /**
   * Scores answers as the original does, to compare with what it published: entities of texts that are cut before they are
   * scored, triples by their places.
   *
   * @param examples With their answers.
   * @throws {UserError} If the original scores as the official definition says, or the model does not cut texts.
   * @throws {DOMException} `AbortError`, if it was ended.
   */
  async scoreAsPublished(
    examples: readonly Example[],
    { batchSize = 32, ...options }: PredictOptions = {},
  ): Promise<PrecisionRecallF1> {
    const approach = this.#approach, { name, kind } = this.task;
    if (!approach.publishedCounts) {
      throw new UserError(
        `Cannot score ${name} as the original: its score is the official one, or it has none`,
      );
    }
    if (this.#long === "windows") {
      throw new UserError(`Cannot score ${name} as the original: it cuts long texts; use --long truncate`);
    }
    const counts = await this.#predictor.run(examples, {
      ...{ batchSize, maxLength: this.#maxLength, ...options },
      answerOf: (example, rows) => approach.publishedCounts!(example, rows),
    });
    const total = totalOf(counts as Counts[]);
    return kind === "entities" ? publishedEntityScore(total) : publishedTripleScore(total);
  }

  /**
   * How many of the right terms are among a normalization's candidates: more of them no judge can find.
   *
   * @param examples With their answers.
   * @returns Undefined for other kinds of task.
   */
  recallOfCandidates(examples: readonly Example[]): RecallReport | undefined {
    return this.#answerer?.recall(examples);
  }

  /** Frees the device's memory. */
  [Symbol.dispose]() {
    this.#opened.dispose();
  }
}

/** A model of an ensemble. */
interface Member {
  readonly folder: string;
  readonly task: Task;
  readonly head: HeadConfig;
  readonly maxLength: number;
  readonly long: "truncate" | "windows";
  readonly config: FinetuningConfig;
  readonly variables: ModelVariables;
  readonly vocabulary: Vocabulary;
}

async function openMember(name: string, opened: DisposableStack): Promise<Member> {
  const saved = await readSavedModel(name), { folder } = saved;
  const { task, head, max_seq_length: maxLength, long = "truncate" } = saved.config as {
    task?: Task;
    head?: HeadConfig;
    max_seq_length?: number;
    long?: Member["long"];
  };
  if (!task || !head || !maxLength) {
    throw new UserError(
      `Cannot open "${name}": its config.json names no task; fine-tune it first (\`deno task finetune --model …\`)`,
    );
  }
  const config = { encoder: saved.encoder, head }, vocabulary = await Vocabulary.ofModel(saved.vocabulary);
  const { variables, fresh } = loadParameters(config, saved, 0);
  opened.defer(() => variables.forEach((variable) => variable.dispose()));
  if (fresh.length > 0) throw new UserError(`Cannot open "${name}": parameter "${fresh[0]}" is missing`);
  return { folder, task, head, maxLength, long, config, variables, vocabulary };
}

/** What models of an ensemble must agree in, so that their rows and logits are of the same things. */
function checkMember(first: Member, other: Member) {
  const facts = ({ task, head, maxLength, vocabulary }: Member) => ({
    task: JSON.stringify([task.name, task.labels, task.nesting]),
    head: JSON.stringify(head),
    "longest row": `${maxLength}`,
    vocabulary: vocabulary.tokens.join("\n"),
  });
  const own = facts(first);
  for (const [name, value] of Object.entries(facts(other))) {
    if (own[name as keyof typeof own] === value) continue;
    throw new UserError(`Cannot average "${other.folder}" with "${first.folder}": it has another ${name}`);
  }
}
