/**
 * Entities as pairs of first and last character, whatever is nested in what; not the published scheme, see `entities.ts`.
 *
 * B = rows of a batch, L = slots of a row, T = types.
 *
 * @module
 */
import type { Tensor } from "@tensorflow/tfjs-core";
import type { HeadConfig } from "../electra/mod.ts";
import type { Vocabulary } from "../text/mod.ts";
import type { AnsweredRow, Approach } from "./approach.ts";
import type { RowBatch } from "./batches.ts";
import { characterIds, lowerCharacters } from "./decoding/characters.ts";
import { decodeSpans, encodeSpans } from "./decoding/entity_spans.ts";
import { mergeEntities, type WindowOptions, windowsFor } from "./decoding/windows.ts";
import type { Entity, EntityExample } from "./examples.ts";
import { pairDivergence, pairLoss, PairTargeting, type TargetedRow } from "./pairs.ts";
import { pairPriors } from "./priors.ts";
import type { Task } from "./tasks.ts";

/** How entity recognition by pairs goes through the model: CMeIE's head, whose predicates are types of entities. */
export class NestedEntityApproach implements Approach<EntityExample, TargetedRow, readonly Entity[]> {
  readonly head: HeadConfig;
  readonly numbers = ["ends", "pairs"];
  readonly #types: readonly string[];
  readonly #vocabulary: Vocabulary;
  readonly #options: WindowOptions;
  readonly #targeting: PairTargeting;

  constructor(task: Task<"entities">, vocabulary: Vocabulary, options: WindowOptions) {
    this.#types = task.labels.map(({ name }) => name);
    this.#vocabulary = vocabulary;
    this.#options = options;
    this.#targeting = new PairTargeting(this.#types.length);
    this.head = { kind: "relations", predicates: this.#types.length };
  }

  isMean(): boolean {
    return true;
  }

  rows({ text, entities = [] }: EntityExample): TargetedRow[] {
    const characters = lowerCharacters(text);
    return windowsFor(characters.length, this.#options).map((window) => ({
      ids: characterIds(characters, this.#vocabulary, window),
      window,
      targets: this.#targeting.see(encodeSpans(entities, this.#types, window)),
    }));
  }

  priors(rows: readonly TargetedRow[]): Float32Array[] {
    return pairPriors(rows, this.#types.length);
  }

  targets(batch: RowBatch<TargetedRow>): Tensor[] {
    return this.#targeting.tensors(batch);
  }

  loss(outputs: readonly Tensor[], targets: readonly Tensor[]): Tensor[] {
    return pairLoss(outputs, targets);
  }

  divergence(one: readonly Tensor[], other: readonly Tensor[], targets: readonly Tensor[]): Tensor {
    return pairDivergence(one, other, targets);
  }

  predict(_: EntityExample, rows: readonly AnsweredRow<TargetedRow>[]): readonly Entity[] {
    const found = rows.map(({ row: { window: { start, end } }, outputs }) =>
      decodeSpans(outputs[1]!, end - start, this.#types)
    );
    return mergeEntities(rows.map(({ row }) => row.window), found);
  }

  ideal(_: EntityExample, rows: readonly TargetedRow[]): readonly Entity[] {
    const found = rows.map(({ targets: { pairs } }) =>
      pairs.map(([type, first, last]): Entity => ({ start: first - 1, end: last, type: this.#types[type]! }))
    );
    return mergeEntities(rows.map(({ window }) => window), found);
  }
}
