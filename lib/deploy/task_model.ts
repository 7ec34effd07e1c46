/**
 * What a deployed model knows of its task: how texts become rows of tokens, and outputs answers. All of it is training's.
 *
 * Needs no TensorFlow and no session; whoever computes gets `rows` and gives `answer` the outputs.
 *
 * @module
 */
import { join } from "node:path";
import { UserError } from "../config/mod.ts";
import {
  type AnsweredRow,
  type AnswerOf,
  type Approach,
  approachOf,
  type ClassificationPrediction,
  decodeRelations,
  type Entity,
  type Example,
  type LocatedTriple,
  mergeEntities,
  mergeTriples,
  namedTriples,
  type RelationExample,
  type Row,
  type Span,
  type Task,
  type TaskKind,
  TermAnswerer,
} from "../cblue/mod.ts";
import { Vocabulary } from "../text/mod.ts";
import { readFolderConfig } from "./folder.ts";

/** What a text says of the things named in it, with places in code points of the text. */
export interface Relations {
  readonly entities: readonly Span[];
  readonly triples: readonly LocatedTriple[];
}

/** Answers of each kind of task. */
export interface Answers {
  readonly classification: ClassificationPrediction;
  readonly entities: readonly Entity[];
  readonly relations: Relations;
  readonly normalization: readonly string[];
}

/** An answer of some kind. */
export type Answer = Answers[TaskKind];

/** Answers examples by a model's outputs. */
export type Predict = (examples: readonly Example[]) => Promise<unknown[]>;

/** A task and the texts of an exported model. */
export class TaskModel {
  readonly task: Task;
  /** Longest row in tokens. */
  readonly maxLength: number;
  readonly padId: number;
  readonly #approach: Approach;
  readonly #terms: TermAnswerer | undefined;

  private constructor(
    { task, maxLength, padId, approach, terms }: {
      task: Task;
      maxLength: number;
      padId: number;
      approach: Approach;
      terms: TermAnswerer | undefined;
    },
  ) {
    [this.task, this.maxLength, this.padId] = [task, maxLength, padId];
    this.#approach = approach;
    this.#terms = terms;
  }

  /**
   * Reads a folder's configuration and vocabulary.
   *
   * @param options.long What becomes of texts longer than rows; default: what became of them in training.
   * @param options.maxLength Shorter rows than the model was trained with.
   * @throws {UserError} If it is no folder of an exported model.
   */
  static async open(
    folder: string,
    { long, maxLength }: {
      readonly long?: "truncate" | "windows";
      readonly maxLength?: number;
    } = {},
  ): Promise<TaskModel> {
    const { task, head, pad_token_id: padId, ...trained } = await readFolderConfig(folder);
    const vocabulary = await Vocabulary.ofModel(join(folder, "vocab.txt"));
    const approach = approachOf(task, vocabulary, {
      max_seq_length: maxLength ?? trained.max_seq_length,
      activation: head.kind === "sequence-classification" ? head.activation : "tanh",
      long: long ?? trained.long,
      scheme: head.kind === "relations" ? "spans" : "channels",
    });
    const terms = task.kind === "normalization" ? await TermAnswerer.open(folder) : undefined;
    return new TaskModel({ task, maxLength: maxLength ?? trained.max_seq_length, padId, approach, terms });
  }

  /**
   * An example of texts.
   *
   * @param texts One, or the two that the task compares.
   * @throws {UserError} If there are too many or too few.
   */
  example(...texts: readonly string[]): Example {
    const { textFields, kind } = this.task, base = { key: "", record: {} };
    if (texts.length !== textFields.length) {
      const wanted = textFields.length === 1 ? "one text" : `two texts, ${textFields.join(" and ")}`;
      throw new UserError(`Cannot answer ${this.task.name}: it takes ${wanted}, not ${texts.length}`);
    }
    const [text] = texts as [string];
    switch (kind) {
      case "classification":
        return { ...base, texts: texts as [string] | [string, string], label: undefined };
      case "entities":
        return { ...base, text, entities: undefined };
      case "relations":
        return { ...base, text, triples: undefined };
      case "normalization":
        return { ...base, text, terms: undefined };
    }
  }

  /** Rows of tokens of an example: one, or several for a long text. Of a normalization, those of a pair of texts. */
  rows(example: Example): Row[] {
    return this.#approach.rows(example);
  }

  /** The answer to an example by the outputs for its rows. */
  predict(example: Example, rows: readonly AnsweredRow<Row>[]): unknown {
    return this.task.kind === "relations" ? this.#relations(rows) : this.#approach.predict(example, rows);
  }

  /**
   * Answers examples as the task has it: a normalization asks the model about pairs and makes up its mind.
   *
   * @param predict How the model answers what `rows` takes.
   */
  async answer(examples: readonly Example[], predict: Predict): Promise<Answer[]> {
    const answers = this.#terms ? this.#terms.answer(predict, examples) : predict(examples);
    return await answers as Answer[];
  }

  /** An answer as submissions and scores have it. */
  official(example: Example, answer: Answer): AnswerOf[TaskKind] {
    if (this.task.kind !== "relations") return answer as AnswerOf[TaskKind];
    return namedTriples((example as RelationExample).text, [...(answer as Relations).triples]);
  }

  /** As the approach, with places. */
  #relations(rows: readonly AnsweredRow<Row>[]): Relations {
    const predicates = this.task.labels.map(({ name }) => name);
    const windows = rows.map(({ row }) => (row as Row & { readonly window: Span }).window);
    const found = rows.map(({ outputs: [entities, relations] }, i) =>
      decodeRelations(entities!, relations!, windows[i]!.end - windows[i]!.start, predicates)
    );
    const untyped = found.map(({ entities }) => entities.map((span) => ({ ...span, type: "" })));
    return {
      entities: mergeEntities(windows, untyped).map(({ start, end }) => ({ start, end })),
      triples: mergeTriples(windows, found.map(({ triples }) => triples)),
    };
  }
}
