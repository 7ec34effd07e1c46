/**
 * A text and what it says of the things named in it: where these begin and end, and which pairs are related.
 *
 * B = rows of a batch, L = slots of a row, P = predicates.
 *
 * @module
 */
import type { Tensor } from "@tensorflow/tfjs-core";
import { type HeadConfig, relationsLoss } from "../electra/mod.ts";
import { tf } from "../tensorflow/mod.ts";
import type { Vocabulary } from "../text/mod.ts";
import type { AnsweredRow, Approach } from "./approach.ts";
import type { Row, RowBatch } from "./batches.ts";
import { characterIds, lowerCharacters } from "./decoding/characters.ts";
import type { TaggingOptions } from "./entities.ts";
import type { RelationExample, Span, Triple } from "./examples.ts";
import { type LocatedTriple, locateTriples, namedTriples } from "./decoding/located_triples.ts";
import { type PairTargets, writeTargets } from "./decoding/pair_targets.ts";
import { decodeRelations, encodeRelations } from "./decoding/relation_labels.ts";
import type { Task } from "./tasks.ts";
import { firstWindow, mergeTriples, windowsOf } from "./decoding/windows.ts";

/** Characters of a text, with what the head shall say of them. */
interface TargetedRow extends Row {
  readonly window: Span;
  readonly targets: PairTargets;
}

/** A triple as submissions name it; types follow from the schema. */
export type NamedTriple = Pick<Triple, "subject" | "predicate" | "object">;

/** How relation extraction goes through the model. */
export class RelationApproach implements Approach<RelationExample, TargetedRow, readonly NamedTriple[]> {
  readonly head: HeadConfig;
  readonly numbers = ["entities", "relations"];
  readonly #predicates: readonly string[];
  readonly #vocabulary: Vocabulary;
  readonly #options: TaggingOptions & { readonly occurrences?: "first" | "all" };

  /** @param options.occurrences Which places of a triple's names are trained on; default "first", as published. */
  constructor(
    task: Task<"relations">,
    vocabulary: Vocabulary,
    options: TaggingOptions & { readonly occurrences?: "first" | "all" },
  ) {
    this.#predicates = task.labels.map(({ name }) => name);
    this.#vocabulary = vocabulary;
    this.#options = options;
    this.head = { kind: "relations", predicates: this.#predicates.length };
  }

  isMean(): boolean {
    return true;
  }

  rows({ text, triples = [] }: RelationExample): TargetedRow[] {
    const { occurrences = "first", long } = this.#options;
    const characters = lowerCharacters(text), { located } = locateTriples(text, triples, { occurrences });
    const cut = long === "windows" ? "whole" : "published";
    return this.#windows(characters.length).map((window) => ({
      ids: characterIds(characters, this.#vocabulary, window),
      window,
      targets: encodeRelations(located, this.#predicates, window, { cut }),
    }));
  }

  /** Starts and ends (B, L, 2), related pairs (B, P, L, L), which slots count (B, L), and the factor on the loss. */
  targets({ rows, capacity: B, width: L, processes }: RowBatch<TargetedRow>): Tensor[] {
    const P = this.#predicates.length;
    const entities = new Float32Array(B * L * 2), relations = new Float32Array(B * P * L * L);
    const mask = new Float32Array(B * L);
    rows.forEach(({ ids, targets }, i) => {
      writeTargets(
        targets,
        L,
        entities.subarray(i * L * 2, (i + 1) * L * 2),
        relations.subarray(i * P * L * L, (i + 1) * P * L * L),
      );
      mask.fill(1, i * L, i * L + ids.length);
    });
    return [
      tf.tensor3d(entities, [B, L, 2]),
      tf.tensor4d(relations, [B, P, L, L]),
      tf.tensor2d(mask, [B, L]),
      tf.scalar(processes), // the original's losses are sums: so is that over all processes
    ];
  }

  loss(outputs: readonly Tensor[], [entities, relations, mask, factor]: readonly Tensor[]): Tensor[] {
    const loss = relationsLoss(outputs, entities!, relations!, mask!);
    return [loss.total, loss.entities, loss.relations].map((part) => tf.mul(part, factor!));
  }

  predict({ text }: RelationExample, rows: readonly AnsweredRow<TargetedRow>[]): readonly NamedTriple[] {
    const found = rows.map(({ row: { window: { start, end } }, outputs: [entities, relations] }) =>
      decodeRelations(entities!, relations!, end - start, this.#predicates).triples
    );
    const located: LocatedTriple[] = mergeTriples(rows.map(({ row }) => row.window), found);
    return namedTriples(text, located);
  }

  #windows(length: number): Span[] {
    const size = this.#options.maxLength - 2;
    return this.#options.long === "windows" ? windowsOf(length, size) : [firstWindow(length, size)];
  }
}
