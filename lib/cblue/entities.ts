/**
 * A text and what is named in it: two channels of BIES labels on characters.
 *
 * B = rows of a batch, L = slots of a row.
 *
 * @module
 */
import type { Tensor } from "@tensorflow/tfjs-core";
import { type HeadConfig, twoChannelLoss } from "../electra/mod.ts";
import { tf } from "../tensorflow/mod.ts";
import type { Vocabulary } from "../text/mod.ts";
import type { AnsweredRow, Approach } from "./approach.ts";
import type { Row, RowBatch } from "./batches.ts";
import { characterIds, lowerCharacters } from "./decoding/characters.ts";
import {
  type Channels,
  channelsOf,
  decodeEntities,
  decodeLabels,
  encodeEntities,
  labelNames,
  labelsOfRow,
  likeliest,
} from "./decoding/entity_labels.ts";
import type { Entity, EntityExample, Span } from "./examples.ts";
import { classPriors } from "./priors.ts";
import { softmaxDivergence } from "./r_drop.ts";
import type { Counts } from "./scores/metrics.ts";
import { publishedEntityCounts } from "./scores/published_scores.ts";
import type { Task } from "./tasks.ts";
import { mergeEntities, type WindowOptions, windowsFor } from "./decoding/windows.ts";

/** Characters of a text, with their labels in both channels. */
interface LabelledRow extends Row {
  readonly window: Span;
  /** Of `[CLS]`, characters and `[SEP]`. */
  readonly labels: readonly Int32Array[];
}

/** How entity recognition goes through the model. */
export class EntityApproach implements Approach<EntityExample, LabelledRow, readonly Entity[]> {
  readonly head: HeadConfig;
  readonly numbers = ["symptoms", "others"];
  readonly #types: readonly string[];
  readonly #channels: Channels;
  readonly #vocabulary: Vocabulary;
  readonly #options: WindowOptions;

  constructor(task: Task<"entities">, vocabulary: Vocabulary, options: WindowOptions) {
    this.#types = task.labels.map(({ name }) => name);
    this.#channels = channelsOf(this.#types, task.nesting);
    this.#vocabulary = vocabulary;
    this.#options = options;
    const [others, symptoms] = this.#channels.map((types) => labelNames(types).length) as [number, number];
    this.head = { kind: "two-channel-tokens", classes: [others, symptoms] };
  }

  isMean(): boolean {
    return true;
  }

  rows({ text, entities = [] }: EntityExample): LabelledRow[] {
    const characters = lowerCharacters(text);
    const labels = encodeEntities(entities, characters.length, this.#channels);
    return windowsFor(characters.length, this.#options).map((window) => ({
      ids: characterIds(characters, this.#vocabulary, window),
      window,
      labels: this.#channels.map((types, channel) => labelsOfRow(labels[channel]!, window, types)),
    }));
  }

  priors(rows: readonly LabelledRow[]): Float32Array[] {
    return this.#channels.map((types, channel) => {
      const all = rows.flatMap(({ labels }) => [...labels[channel]!]);
      return classPriors(all, labelNames(types).length);
    });
  }

  /** Labels of both channels and which slots count, (B, L); over how many cells the loss is a mean. */
  targets({ rows, capacity, width, longest, total, processes }: RowBatch<LabelledRow>): Tensor[] {
    const shape = [capacity, width] as [number, number];
    const labels = this.#channels.map((types, channel) => {
      const cells = new Int32Array(capacity * width).fill(labelNames(types).length - 1);
      rows.forEach((row, i) => cells.set(row.labels[channel]!, i * width));
      return tf.tensor2d(cells, shape, "int32");
    });
    const mask = new Float32Array(capacity * width);
    rows.forEach(({ ids }, i) => mask.fill(1, i * width, i * width + ids.length));
    // the original divides by the slots of its batch, padding included
    return [...labels, tf.tensor2d(mask, shape), tf.scalar(total * longest / processes)];
  }

  loss(outputs: readonly Tensor[], [others, symptoms, mask, cells]: readonly Tensor[]): Tensor[] {
    const loss = twoChannelLoss(outputs, [others!, symptoms!], mask!, cells!);
    return [loss.total, loss.symptoms, loss.others];
  }

  divergence(
    one: readonly Tensor[],
    other: readonly Tensor[],
    [, , mask, cells]: readonly Tensor[],
  ): Tensor {
    const channels = one.map((logits, i) => tf.mul(softmaxDivergence(logits, other[i]!), mask!)); // (B, L) each
    return tf.div(tf.sum(tf.addN(channels)), cells!);
  }

  predict(_: EntityExample, rows: readonly AnsweredRow<LabelledRow>[]): readonly Entity[] {
    const found = rows.map(({ row: { window: { start, end } }, outputs }) =>
      decodeEntities(outputs, end - start, this.#channels)
    );
    return mergeEntities(rows.map(({ row }) => row.window), found);
  }

  /** What `[CLS]` and `[SEP]` are taken for counts, too; of a text that was cut the answers that are left. */
  publishedCounts(_: EntityExample, [answered]: readonly AnsweredRow<LabelledRow>[]): Counts {
    const { row: { labels }, outputs } = answered!;
    const said = this.#channels.map((types, channel) => {
      const classes = labelNames(types).length;
      return likeliest(outputs[channel]!.values.subarray(0, classes * labels[channel]!.length), classes);
    });
    return publishedEntityCounts(labels, said, this.#channels);
  }

  ideal(_: EntityExample, rows: readonly LabelledRow[]): readonly Entity[] {
    const found = rows.map(({ labels }) =>
      decodeLabels(labels.map((channel) => channel.subarray(1, -1)), this.#channels)
    );
    return mergeEntities(rows.map(({ window }) => window), found);
  }
}
