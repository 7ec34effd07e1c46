/**
 * A text and what it says of the things named in it: where these begin and end, and which pairs are related.
 *
 * @module
 */
import type { Tensor } from "@tensorflow/tfjs-core";
import type { HeadConfig } from "../electra/mod.ts";
import type { Vocabulary } from "../text/mod.ts";
import type { AnsweredRow, Approach } from "./approach.ts";
import type { RowBatch } from "./batches.ts";
import { characterIds, lowerCharacters } from "./decoding/characters.ts";
import type { RelationExample, Triple } from "./examples.ts";
import { locatedTripleKey, locateTriples, namedTriples } from "./decoding/located_triples.ts";
import { decodeRelations, decodeTargets, encodeRelations } from "./decoding/relation_labels.ts";
import { pairDivergence, pairLoss, PairTargeting, type TargetedRow } from "./pairs.ts";
import { pairPriors } from "./priors.ts";
import { type Counts, countsByLabel, setCounts } from "./scores/metrics.ts";
import type { Task } from "./tasks.ts";
import { mergeTriples, type WindowOptions, windowsFor } from "./decoding/windows.ts";

/** A triple as submissions name it; types follow from the schema. */
export type NamedTriple = Pick<Triple, "subject" | "predicate" | "object">;

/** How relation extraction goes through the model. */
export class RelationApproach implements Approach<RelationExample, TargetedRow, readonly NamedTriple[]> {
  readonly head: HeadConfig;
  readonly numbers = ["entities", "relations"];
  readonly #predicates: readonly string[];
  readonly #vocabulary: Vocabulary;
  readonly #options: WindowOptions & { readonly occurrences?: "first" | "all" };
  readonly #targeting: PairTargeting;

  /** @param options.occurrences Which places of a triple's names are trained on; default "first", as published. */
  constructor(
    task: Task<"relations">,
    vocabulary: Vocabulary,
    options: WindowOptions & { readonly occurrences?: "first" | "all" },
  ) {
    this.#predicates = task.labels.map(({ name }) => name);
    this.#vocabulary = vocabulary;
    this.#options = options;
    this.#targeting = new PairTargeting(this.#predicates.length);
    this.head = { kind: "relations", predicates: this.#predicates.length };
  }

  isMean(): boolean {
    return true;
  }

  rows({ text, triples = [] }: RelationExample): TargetedRow[] {
    const { occurrences = "first", long } = this.#options;
    const characters = lowerCharacters(text), { located } = locateTriples(text, triples, { occurrences });
    const cut = long === "windows" ? "whole" : "published";
    return windowsFor(characters.length, this.#options).map((window) => ({
      ids: characterIds(characters, this.#vocabulary, window),
      window,
      targets: this.#targeting.see(encodeRelations(located, this.#predicates, window, { cut })),
    }));
  }

  priors(rows: readonly TargetedRow[]): Float32Array[] {
    return pairPriors(rows, this.#predicates.length);
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

  predict({ text }: RelationExample, rows: readonly AnsweredRow<TargetedRow>[]): readonly NamedTriple[] {
    const found = rows.map(({ row: { window: { start, end } }, outputs: [entities, relations] }) =>
      decodeRelations(entities!, relations!, end - start, this.#predicates).triples
    );
    return namedTriples(text, mergeTriples(rows.map(({ row }) => row.window), found));
  }

  /** Compares places instead of names, each triple standing at the first of its places. */
  publishedCounts(
    { text, triples = [] }: RelationExample,
    [answered]: readonly AnsweredRow<TargetedRow>[],
  ): Counts {
    const { row: { window: { start, end } }, outputs: [entities, relations] } = answered!;
    const said = decodeRelations(entities!, relations!, end - start, this.#predicates).triples;
    const counts = setCounts(locateTriples(text, triples).located, said, { keyOf: locatedTripleKey });
    return countsByLabel(counts)[0]!;
  }

  ideal({ text }: RelationExample, rows: readonly TargetedRow[]): readonly NamedTriple[] {
    const found = rows.map(({ targets, window: { start, end } }) =>
      decodeTargets(targets, end - start, this.#predicates).triples
    );
    return namedTriples(text, mergeTriples(rows.map(({ window }) => window), found));
  }
}
