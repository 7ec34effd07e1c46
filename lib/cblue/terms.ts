/**
 * CHIP-CDN as it goes through the model: the list of terms proposes, a classifier of pairs judges, a fitted decision says how
 * many a text means.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileError, UserError } from "../config/mod.ts";
import type { ClassificationPrediction } from "./classification.ts";
import { readTerms } from "./files/companions.ts";
import type { ClassificationExample, Example, NormalizationExample } from "./examples.ts";
import {
  aliasesOf,
  checkDecision,
  fitNormalization,
  measureRecall,
  normalizeExamples,
  PAIR_LABELS,
  type PairScorer,
  type RecallReport,
  type TermDecision,
  TermIndex,
  trainingPairs,
} from "./normalization/mod.ts";
import type { Task } from "./tasks.ts";

/** Answers classification examples: a model that is still in training, or a saved one. */
export type Predict = (examples: readonly Example[]) => Promise<unknown[]>;

/** Standard terms, one a line, where they are not the official workbook's. */
const LIST_FILE = "terms.txt";
/** Files beside a model that normalizes. */
const TERMS_FILE = "terms.json", DECISION_FILE = "decision.json";
/** Candidates of a text that the model judges: of right terms, 90 of 100 are among the first ten. */
const CANDIDATES = 50;
/** How held-out texts are searched: new texts are not among the aliases either. */
const UNSEEN = { unseen: true };
/** Training examples that the decision is fitted on, held out of training: a share of them, and the most. */
const HELD_OUT = { share: 0.1, most: 500 };

/** What a folder keeps of the terms: the list, and further spellings from the training texts. */
interface SavedTerms {
  readonly terms: readonly string[];
  readonly aliases: readonly (readonly [spelling: string, term: string])[];
}

/** The task of judging pairs of a text and a term, with a normalization's name and recipe. */
export function pairTask(task: Task): Task<"classification"> {
  return {
    ...task,
    kind: "classification",
    textFields: ["text_a", "text_b"],
    keyField: "id",
    answerField: "label",
    labels: [{ name: PAIR_LABELS.no }, { name: PAIR_LABELS.yes }],
  };
}

/** Finds, judges and decides. */
export class TermAnswerer {
  readonly #saved: SavedTerms;
  readonly #index: TermIndex;
  /** Examples to fit the decision on; none for a saved model, which has it. */
  readonly #held: readonly NormalizationExample[];
  #decision: TermDecision | undefined;

  private constructor(saved: SavedTerms, held: readonly NormalizationExample[], decision?: TermDecision) {
    this.#saved = saved;
    this.#index = new TermIndex([...saved.terms], { aliases: saved.aliases });
    this.#held = held;
    this.#decision = decision;
  }

  /**
   * For training.
   *
   * @param folder With the workbook of terms, or a terms.txt.
   * @param train The training set, of which a part is held out.
   * @param seed Of the pairs that are drawn.
   * @returns The answerer, and the pairs to train on.
   * @throws {UserError} If there is no list of terms, or too little to train on.
   */
  static async forTraining(
    task: Task,
    folder: string,
    train: readonly NormalizationExample[],
    seed: number,
  ): Promise<{ answerer: TermAnswerer; pairs: ClassificationExample[] }> {
    const list = join(folder, LIST_FILE);
    const terms = existsSync(list) ? await readTerms(list) : await readTerms(folder, task.name);
    if (!terms) {
      throw new UserError(
        `Cannot fine-tune on ${task.name}: "${folder}" has no workbook of its standard terms (.xlsx, with code and name), and no ${LIST_FILE}, a term a line`,
      );
    }
    const count = Math.min(HELD_OUT.most, Math.ceil(HELD_OUT.share * train.length));
    const every = Math.floor(train.length / count); // spread over the set
    const isHeld = (n: number) => n % every === 0 && n / every < count;
    const kept = train.filter((_, n) => !isHeld(n)), held = train.filter((_, n) => isHeld(n));
    if (kept.length === 0) {
      throw new UserError(`Cannot fine-tune on ${task.name}: two training records are needed`);
    }
    const answerer = new TermAnswerer({ terms, aliases: aliasesOf(kept) }, held);
    if (!answerer.#canFit()) {
      throw new UserError(
        `Cannot fine-tune on ${task.name}: of the ${held.length} training records that are held out to decide by, none has ` +
          "one of its terms among the candidates; check the list of terms",
      );
    }
    return { answerer, pairs: trainingPairs(kept, answerer.#index, { seed }) };
  }

  /**
   * Of a saved model.
   *
   * @throws {UserError} If its files are not there or not what was saved.
   */
  static async open(folder: string): Promise<TermAnswerer> {
    const read = async (name: string) => {
      const path = join(folder, name);
      try {
        return JSON.parse(await Deno.readTextFile(path));
      } catch (error) {
        if (error instanceof SyntaxError) throw new UserError(`Cannot read "${path}": ${error.message}`);
        throw fileError("read", path, error);
      }
    };
    if (!existsSync(join(folder, DECISION_FILE)) && existsSync(join(folder, TERMS_FILE))) {
      throw new UserError(
        `Cannot answer with "${folder}": it was saved before the first evaluation, which fits how many terms a text gets; take a ` +
          "later checkpoint",
      );
    }
    const decision = checkDecision(await read(DECISION_FILE), join(folder, DECISION_FILE));
    return new TermAnswerer(await read(TERMS_FILE), [], decision);
  }

  /**
   * Fits the decision to how the model judges what was held out of training.
   *
   * @param predict Judges pairs.
   */
  async fit(predict: Predict): Promise<void> {
    const { decision } = await fitNormalization(this.#held, {
      ...{ index: this.#index, scorer: pairScorer(predict), candidates: CANDIDATES, search: UNSEEN },
    });
    this.#decision = decision;
  }

  /** Takes the decision of an earlier checkpoint, if it has one. */
  restore(files: Readonly<Record<string, string>>): void {
    const saved = files[DECISION_FILE];
    if (saved !== undefined) this.#decision = checkDecision(JSON.parse(saved), DECISION_FILE);
  }

  /**
   * The terms of each text, by a decision that was fitted or opened.
   *
   * @param predict Judges pairs.
   */
  async answer(predict: Predict, examples: readonly Example[]): Promise<string[][]> {
    const found = await normalizeExamples(examples as readonly NormalizationExample[], {
      index: this.#index,
      scorer: pairScorer(predict),
      candidates: CANDIDATES,
      decision: this.#decision!,
    });
    return found.map(({ terms }) => [...terms!]);
  }

  /** Whether there is a right candidate to fit the decision to. */
  #canFit(): boolean {
    return this.#held.some(({ text, terms }) =>
      this.#index.search(text, CANDIDATES, UNSEEN).some(({ term }) => terms!.includes(term))
    );
  }

  /** How many of the right terms are among the first candidates, up to those that are judged. */
  recall(examples: readonly Example[]): RecallReport {
    return measureRecall(examples as readonly NormalizationExample[], this.#index, [1, 5, 10, CANDIDATES]);
  }

  /** What a model folder keeps of it. */
  files(): Record<string, string> {
    return {
      [TERMS_FILE]: JSON.stringify(this.#saved) + "\n",
      ...(this.#decision && { [DECISION_FILE]: JSON.stringify(this.#decision, null, 2) + "\n" }),
    };
  }
}

/** A model of pairs as a function to probabilities. */
function pairScorer(predict: Predict): PairScorer {
  return async (pairs) => {
    const examples = pairs.map((texts, n): ClassificationExample => ({
      key: `${n}`,
      record: {},
      texts: [...texts],
      label: undefined,
    }));
    const answers = await predict(examples) as ClassificationPrediction[];
    return Float32Array.from(answers, ({ probabilities }) => probabilities[1]!);
  };
}
