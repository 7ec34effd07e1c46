/**
 * Heads for fine-tuning: what an encoder's hidden states say of a text, and the losses to learn it by.
 *
 * B = texts, L = slots of a text, N = tokens of the encoder, B · L as a rule, H = hidden size, C = classes, P = predicates.
 *
 * @module
 */
import type { Tensor } from "@tensorflow/tfjs-core";
import { RandomStream, tf } from "../tensorflow/mod.ts";
import type { ElectraConfig } from "./config.ts";
import { encode, type EncoderInputs, type EncodingOptions, tokenKeysOf } from "./encoder.ts";
import { binaryCrossEntropy, crossEntropy, dropout, gelu, linear, type Noise, rowsAt } from "./ops.ts";
import { encoderShapes, firstValue, type Parameters, under } from "./parameters.ts";

/** What is put on top of an encoder. */
export type HeadConfig =
  | {
    readonly kind: "sequence-classification";
    readonly classes: number;
    /** tanh as published; gelu in PaddleNLP from 2.6 on. */
    readonly activation: "tanh" | "gelu";
  }
  | { readonly kind: "token-classification"; readonly classes: number }
  | { readonly kind: "question-answering" }
  | { readonly kind: "multiple-choice" }
  /** Two label sets for each token: CMeEE's symptoms and other entities. */
  | { readonly kind: "two-channel-tokens"; readonly classes: readonly [others: number, symptoms: number] }
  /** Where entities begin and end, and which beginnings are related: CMeIE. */
  | { readonly kind: "relations"; readonly predicates: number };

/** An encoder and its head. */
export interface FinetuningConfig {
  readonly encoder: ElectraConfig;
  readonly head: HeadConfig;
}

/** What a head reads. */
export interface HeadInputs extends EncoderInputs {
  /**
   * int32 (B, L): where the tokens of each text lie among the encoder's N, if texts share its rows; any place for the slots
   * beyond a text's end. A head that reads `[CLS]` alone takes L = 1. Default: each row of the encoder is one text.
   */
  readonly slots?: Tensor | undefined;
}

/** On scores of relations; the published model's 1 / √H, in the original whatever H is. */
const RELATION_SCALE = 1 / Math.sqrt(768);

/** The layers of a head: name, and how many numbers go in and out. */
function headLayers({ hidden_size: H }: ElectraConfig, head: HeadConfig): [string, number, number][] {
  switch (head.kind) {
    case "sequence-classification":
      return [["classifier.dense", H, H], ["classifier.out_proj", H, head.classes]];
    case "token-classification":
      return [["classifier", H, head.classes]];
    case "question-answering":
      return [["classifier", H, 2]];
    case "multiple-choice":
      return [["sequence_summary.dense", H, H], ["classifier", H, 1]];
    case "two-channel-tokens":
      return [["classifier_oth", H, head.classes[0]], ["classifier_sym", H, head.classes[1]]];
    case "relations":
      return [
        ["classifier", H, 2],
        ["span_attention.q_proj", H, H * head.predicates],
        ["span_attention.k_proj", H, H * head.predicates],
      ];
  }
}

/**
 * Name and shape of every parameter, in a fixed order: `electra.…`, then the head, as the original names them.
 *
 * @example
 * ```ts
 * import { presetConfig } from "./config.ts";
 * import { finetuningShapes } from "./heads.ts";
 * const { discriminator: encoder } = presetConfig("tiny", 100);
 * const shapes = finetuningShapes({ encoder, head: { kind: "token-classification", classes: 5 } });
 * console.log(shapes.get("classifier.weight")); // [128, 5]
 * ```
 */
export function finetuningShapes({ encoder, head }: FinetuningConfig): Map<string, number[]> {
  const shapes = encoderShapes("electra.", encoder);
  for (const [name, from, to] of headLayers(encoder, head)) {
    shapes.set(`${name}.weight`, [from, to]).set(`${name}.bias`, [to]);
  }
  return shapes;
}

/**
 * First values, as pretraining's: weights and embeddings from N(0, `initializer_range`), biases 0, norms 1 and 0.
 *
 * @param seed Fixes every value.
 * @returns Each parameter's name and value, in the order of {@linkcode finetuningShapes}; the caller disposes of them.
 */
export function* initialFinetuningParameters(
  config: FinetuningConfig,
  seed: number,
): Generator<[string, Tensor]> {
  const random = new RandomStream(seed, tf.scalar(-1, "int32")); // steps of training begin at 0
  for (const [name, shape] of finetuningShapes(config)) {
    yield [name, firstValue(name, shape, config.encoder.initializer_range, random)];
  }
  random.step.dispose();
}

/**
 * Biases with which a new head says the same of everything.
 *
 * @param config Of sequences, tokens, two channels or relations.
 * @param logits What it says, for each output: one number for each class; of relations (2) and (P).
 * @returns Values of parameters by name.
 * @throws {RangeError} If it is a head of another kind.
 */
export function headBiases(
  { encoder: { hidden_size: H }, head }: FinetuningConfig,
  logits: readonly Float32Array[],
): Map<string, Float32Array> {
  const [first, second] = logits as [Float32Array, Float32Array];
  switch (head.kind) {
    case "sequence-classification":
      return new Map([["classifier.out_proj.bias", first]]);
    case "token-classification":
      return new Map([["classifier.bias", first]]);
    case "two-channel-tokens":
      return new Map([["classifier_oth.bias", first], ["classifier_sym.bias", second]]);
    case "relations": {
      // a pair's score is the product of two vectors: of H equal numbers each, which make up the logit
      const size = (predicate: number) => Math.sqrt(Math.abs(second[predicate]!) / (H * RELATION_SCALE));
      const vectors = (of: (predicate: number) => number) =>
        Float32Array.from({ length: second.length * H }, (_, i) => of(Math.floor(i / H)));
      return new Map([
        ["classifier.bias", first],
        ["span_attention.q_proj.bias", vectors(size)],
        [
          "span_attention.k_proj.bias",
          vectors((predicate) => Math.sign(second[predicate]!) * size(predicate)),
        ],
      ]);
    }
    default:
      throw new RangeError(`Cannot tell of what the outputs of head "${head.kind}" are logits`);
  }
}

/**
 * What the head says.
 *
 * @param p Parameters under the original's names.
 * @param inputs Rows of one width, or of any with `slots`.
 * @param options Dropout and recomputation, as for `encode`; without `random` there is no dropout.
 * @returns Logits: (B, C) of sequences; (B, L, C) of tokens; starts (B, L) and ends (B, L) of answers; (B, 1) of choices; of two
 * channels (B, L, C) each; of entities' starts and ends (B, L, 2), and of relations (B, P, L, L).
 * @throws {RangeError} If rows differ in width, or relations are asked of an encoder with one layer.
 *
 * Source: PaddleNLP's `ElectraFor…` and the original's `cblue/model.py`.
 */
export function finetuningForward(
  p: Parameters,
  { encoder, head }: FinetuningConfig,
  inputs: HeadInputs,
  options: EncodingOptions = {},
): Tensor[] {
  const [B, L] = textsOf(inputs), { slots } = inputs;
  const { random } = options, rate = encoder.hidden_dropout_prob;
  const flat = slots && tf.reshape(slots, [B * L]);
  const byText = (x: Tensor) => flat ? rowsAt(x, flat) : x; // (B · L, …)
  const states: Tensor[] = [];
  encode(under(p, "electra."), encoder, inputs, { ...options, onLayer: (x) => states.push(x) });
  const hidden = byText(states.at(-1)!); // (B · L, H)
  const tokens = byText(tokenKeysOf(inputs)), firsts = tf.range(0, B * L, L, "int32"); // [CLS] of each text
  const ofTokens: Noise | undefined = random && { random, tokens };
  const ofRows: Noise | undefined = random && { random, tokens: rowsAt(tokens, firsts) };
  const project = (x: Tensor, name: string) => linear(x, p(`${name}.weight`), p(`${name}.bias`));
  const byRow = (x: Tensor) => tf.reshape(x, [B, L, x.shape[1]!]);

  switch (head.kind) {
    case "sequence-classification": {
      const cls = dropout(rowsAt(hidden, firsts), rate, ofRows); // (B, H)
      const dense = project(cls, "classifier.dense");
      const active = head.activation === "tanh" ? tf.tanh(dense) : gelu(dense);
      return [project(dropout(active, rate, ofRows), "classifier.out_proj")];
    }
    case "token-classification":
      return [byRow(project(dropout(hidden, rate, ofTokens), "classifier"))];
    case "question-answering":
      return tf.unstack(byRow(project(hidden, "classifier")), -1);
    case "multiple-choice": {
      const summary = gelu(project(rowsAt(hidden, firsts), "sequence_summary.dense")); // (B, H)
      return [project(dropout(summary, rate, ofRows), "classifier")];
    }
    case "two-channel-tokens": {
      const dropped = dropout(hidden, rate, ofTokens);
      return ["classifier_oth", "classifier_sym"].map((name) => byRow(project(dropped, name)));
    }
    case "relations": {
      const { hidden_size: H } = encoder, P = head.predicates;
      const subjects = dropout(hidden, rate, ofTokens); // (B · L, H)
      const cls = tf.reshape(rowsAt(subjects, firsts), [B, 1, H]);
      const before = states.at(-2);
      if (!before) {
        throw new RangeError("Cannot extract relations with an encoder of one layer: two are needed");
      }
      const objects = tf.add(byRow(byText(before)), cls); // what the last layer but one says, in the light of the sentence
      const ofPredicates = (x: Tensor, name: string) =>
        tf.transpose(tf.reshape(project(x, `span_attention.${name}`), [B, L, P, H]), [0, 2, 1, 3]); // (B, P, L, H)
      const q = ofPredicates(subjects, "q_proj"), k = ofPredicates(tf.reshape(objects, [B * L, H]), "k_proj");
      const scores = tf.mul(tf.matMul(q, k, false, true), RELATION_SCALE); // (B, P, L, L)
      return [byRow(project(subjects, "classifier")), scores];
    }
  }
}

/** How many texts there are, and how many slots each has for the head: B and L. */
function textsOf({ slots, groups }: HeadInputs): [number, number] {
  if (slots) return slots.shape as [number, number];
  const [group, ...others] = groups;
  if (!group || others.length > 0) throw new RangeError("Cannot put a head on rows of several widths");
  return [group.rows, group.width];
}

/**
 * Cross-entropy of sequences.
 *
 * @param logits (B, C)
 * @param labels int32 (B)
 * @param weights (B): how much each row counts; 1 / B for a mean.
 * @returns A scalar.
 */
export function sequenceClassificationLoss(logits: Tensor, labels: Tensor, weights: Tensor): Tensor {
  return tf.sum(tf.mul(crossEntropy(logits, labels), weights));
}

/**
 * Cross-entropy of tokens.
 *
 * @param logits (B, L, C)
 * @param labels int32 (B, L), any class where the mask is 0.
 * @param mask (B, L): 1 on tokens that count.
 * @param count Over how many the sum of their losses is a mean: a scalar.
 * @returns A scalar.
 */
export function tokenClassificationLoss(logits: Tensor, labels: Tensor, mask: Tensor, count: Tensor): Tensor {
  const [B, L, C] = logits.shape as [number, number, number];
  const each = crossEntropy(tf.reshape(logits, [B * L, C]), tf.reshape(labels, [B * L])); // (N)
  return tf.div(tf.sum(tf.mul(each, tf.reshape(mask, [B * L]))), count);
}

/**
 * The loss of answers: mean cross-entropy of their starts and ends among the slots of their rows.
 *
 * @param logits Starts and ends, (B, L) each.
 * @param positions Right ones, int32 (B) each.
 * @returns A scalar.
 */
export function questionAnsweringLoss(
  [starts, ends]: readonly Tensor[],
  [start, end]: readonly Tensor[],
): Tensor {
  const both = tf.add(crossEntropy(starts!, start!), crossEntropy(ends!, end!)); // (B)
  return tf.div(tf.mean(both), 2);
}

/**
 * The original's loss of CMeEE: the sum of both channels' cross-entropies.
 *
 * @param logits Others and symptoms, (B, L, C) each.
 * @param labels int32 (B, L) each.
 * @param mask (B, L): 1 on `[CLS]`, characters and `[SEP]`.
 * @param cells All slots of the original's batch, padding included: a scalar.
 * @returns Scalars.
 */
export function twoChannelLoss(
  logits: readonly Tensor[],
  labels: readonly Tensor[],
  mask: Tensor,
  cells: Tensor,
): { total: Tensor; others: Tensor; symptoms: Tensor } {
  const [others, symptoms] = logits.map((channel, i) =>
    tokenClassificationLoss(channel, labels[i]!, mask, cells)
  ) as [Tensor, Tensor];
  return { total: tf.add(others, symptoms), others, symptoms };
}

/**
 * The original's loss of CMeIE: sums of binary cross-entropies, over nothing divided.
 *
 * @param logits Entities (B, L, 2) and relations (B, P, L, L).
 * @param entities Targets 0 or 1, as their logits.
 * @param relations Likewise.
 * @param mask (B, L): 1 on `[CLS]`, characters and `[SEP]`.
 * @returns Scalars.
 */
export function relationsLoss(
  logits: readonly Tensor[],
  entities: Tensor,
  relations: Tensor,
  mask: Tensor,
): { total: Tensor; entities: Tensor; relations: Tensor } {
  const [B, L] = mask.shape as [number, number];
  const column = tf.reshape(mask, [B, L, 1]); // (B, L, 1)
  const pairs = tf.reshape(tf.matMul(column, column, false, true), [B, 1, L, L]);
  const ofEntities = tf.sum(tf.mul(binaryCrossEntropy(logits[0]!, entities), column));
  const ofRelations = tf.sum(tf.mul(binaryCrossEntropy(logits[1]!, relations), pairs));
  return { total: tf.add(ofEntities, ofRelations), entities: ofEntities, relations: ofRelations };
}
