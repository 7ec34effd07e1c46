/**
 * Fine-tuning as the trainer takes it, and the same model's outputs for evaluation and prediction.
 *
 * B = rows of a batch, L = slots of a row, N = B · L.
 *
 * @module
 */
import type { Tensor } from "@tensorflow/tfjs-core";
import {
  type Exchange,
  type FinetuningConfig,
  finetuningForward,
  type HeadConfig,
  type HeadInputs,
  type ModelVariables,
  type Parameters,
} from "../electra/mod.ts";
import { compile, type CompileOptions, tf } from "../tensorflow/mod.ts";
import type { Learner } from "../training/mod.ts";
import { AnswerCollector } from "./answering.ts";
import type { Approach } from "./approach.ts";
import { type Row, type RowBatch, rowsOnce } from "./batches.ts";
import type { Example } from "./examples.ts";
import { type Logits, rowOf } from "./decoding/logits.ts";
import { BATCH_SHAPES } from "./packing.ts";
import { rDropLoss } from "./r_drop.ts";

/** An encoder with a head, and what they learn. */
export interface FinetuningSetup {
  readonly approach: Approach;
  readonly config: FinetuningConfig;
  readonly variables: ModelVariables;
  /** Fixes dropout. */
  readonly seed: number;
  readonly exchange?: Exchange | undefined;
  /** R-Drop's α and FGM's ε; default: neither. */
  readonly rDropAlpha?: number;
  readonly fgmEpsilon?: number;
  /** Whether the texts of a batch share rows of the encoder; default: each has its own. */
  readonly packed?: boolean;
}

/** Whether a head's texts are packed as a rule: scores of relations cost more than the encoder's padding. */
export function isPackable({ kind }: HeadConfig): boolean {
  return kind !== "relations";
}

/** What FGM disturbs. */
const WORDS = "electra.embeddings.word_embeddings.weight";

/** A task, as `Trainer` takes it. */
export function finetuningLearner(
  setup: FinetuningSetup,
): Learner<RowBatch<Row>, string> {
  const { approach, config, variables, seed, exchange, packed, rDropAlpha = 0, fgmEpsilon = 0 } = setup;
  return {
    variables,
    seed,
    exchange,
    adversary: fgmEpsilon > 0 ? { parameter: WORDS, epsilon: fgmEpsilon } : undefined,
    numbers: ["total", ...approach.numbers],
    isMean: (name) => name === "total" || approach.isMean(name),
    tensors: (batch) => [...rowTensors(batch, config), ...approach.targets(batch)],
    forward(values, tensors, random, { training }) {
      const count = packed ? PACKED_TENSORS : ROW_TENSORS;
      const inputs = headInputs(tensors.slice(0, count)), targets = tensors.slice(count);
      const p = named(variables, values);
      const pass = () => finetuningForward(p, config, inputs, training ? { random } : {});
      const outputs = pass(), [loss, ...numbers] = approach.loss(outputs, targets);
      if (!training || rDropAlpha === 0) return [loss!, ...numbers];
      const again = pass(), [lossAgain] = approach.loss(again, targets);
      const divergence = approach.divergence(outputs, again, targets);
      return [rDropLoss([loss!, lossAgain!], divergence, rDropAlpha), ...numbers];
    },
  };
}

/** What answers: a model, or several for the same task whose logits are averaged. */
export type PredictorSetup =
  & Pick<FinetuningSetup, "approach" | "config" | "variables" | "packed">
  & { readonly others?: readonly Pick<FinetuningSetup, "config" | "variables">[] };

/** Compiled for predictions; without dropout. */
export class Predictor implements Disposable {
  readonly #setup: PredictorSetup;
  readonly #forwards;

  constructor(setup: PredictorSetup, options: CompileOptions = {}) {
    const { config, variables, others = [] } = setup;
    this.#setup = setup;
    this.#forwards = [{ config, variables }, ...others].map(({ config, variables }) =>
      compile((...tensors: Tensor[]) => {
        const values = [...variables.values()].map((variable) => variable.read());
        return finetuningForward(named(variables, values), config, headInputs(tensors), {});
      }, { name: "prediction", shapes: BATCH_SHAPES, ...options })
    );
  }

  /**
   * Answers examples.
   *
   * @param examples In any order.
   * @param options.batchSize Rows at once.
   * @param options.answerOf What is made of an example's rows and outputs; default: its answer.
   * @param options.onRows Hears how many rows more are done.
   * @param options.signal Ends it early.
   * @returns One answer for each, in their order.
   * @throws {DOMException} `AbortError`, if it was ended.
   */
  async run(
    examples: readonly Example[],
    { batchSize, maxLength, answerOf, onRows, signal }: {
      batchSize: number;
      maxLength: number;
      answerOf?: Approach["predict"];
      onRows?: (rows: number) => void;
      signal?: AbortSignal | undefined;
    },
  ): Promise<unknown[]> {
    const { approach, config, packed = false } = this.#setup;
    const collector = new AnswerCollector(examples, {
      rows: (example) => approach.rows(example),
      predict: answerOf ?? ((example, rows) => approach.predict(example, rows)),
    });
    for (const batch of rowsOnce(collector.rows, { batchSize, maxLength, packed })) {
      signal?.throwIfAborted();
      const inputs = rowTensors(batch, config);
      const logits = await this.#logits(inputs);
      tf.dispose(inputs);
      batch.numbers.forEach((row, i) => collector.give(row, logits.map((output) => rowOf(output, i))));
      onRows?.(batch.rows.length);
    }
    return collector.answers;
  }

  /** What the head says, of several models the mean. */
  async #logits(inputs: Tensor[]): Promise<Logits[]> {
    const sums: { shape: number[]; values: Float32Array }[] = [];
    for (const forward of this.#forwards) {
      const outputs = await forward.runAsync(...inputs);
      for (const [i, output] of outputs.entries()) {
        const values = await output.data() as Float32Array, sum = sums[i]?.values;
        if (sum) values.forEach((value, j) => sum[j]! += value);
        else sums[i] = { shape: output.shape, values };
      }
      tf.dispose(outputs);
    }
    const count = this.#forwards.length;
    if (count > 1) { for (const { values } of sums) values.forEach((value, j) => values[j] = value / count); }
    return sums;
  }

  /** Frees the compiled functions. */
  [Symbol.dispose]() {
    this.#forwards.forEach((forward) => forward.dispose());
  }
}

/** How many tensors {@linkcode rowTensors} makes: of rows alone, and of packed ones. */
const ROW_TENSORS = 3, PACKED_TENSORS = 6;
/** Far enough apart that the tokens of two texts never share a key. */
const KEYS_A_ROW = 4096;

/**
 * What the encoder reads of a batch, int32 (R, W), R rows of W tokens: ids, types and keys; of a packed one also places within
 * the text and numbers of texts, and for the head (B, L) where each text's tokens lie.
 */
function rowTensors(
  { rows, numbers, capacity, width, packing }: RowBatch<Row>,
  { encoder, head }: FinetuningConfig,
): Tensor[] {
  const [R, W] = packing ? [packing.rows, packing.width] : [capacity, width];
  const ids = new Int32Array(R * W).fill(encoder.pad_token_id);
  const zeros = () => new Int32Array(R * W);
  const types = zeros(), keys = zeros(), places = zeros(), texts = zeros();
  rows.forEach((row, i) => {
    const start = packing?.starts[i] ?? i * W, end = packing ? start + row.ids.length : start + W;
    ids.set(Array.from(row.ids), start);
    if (row.typeIds) types.set(Array.from(row.typeIds), start);
    for (let slot = start; slot < end; slot++) {
      keys[slot] = numbers[i]! * KEYS_A_ROW + slot - start;
      places[slot] = slot - start;
      texts[slot] = i + 1;
    }
  });
  const flat = (values: Int32Array<ArrayBuffer>) => tf.tensor2d(values, [R, W], "int32");
  if (!packing) return [ids, types, keys].map(flat);
  const L = head.kind === "sequence-classification" ? 1 : width; // that head reads [CLS] alone
  const slots = new Int32Array(capacity * L);
  rows.forEach(({ ids }, i) => {
    for (let j = 0; j < Math.min(L, ids.length); j++) slots[i * L + j] = packing.starts[i]! + j;
  });
  return [...[ids, types, keys, places, texts].map(flat), tf.tensor2d(slots, [capacity, L], "int32")];
}

function headInputs(
  [ids, tokenTypeIds, tokenKeys, positionIds, segmentIds, slots]: readonly Tensor[],
): HeadInputs {
  const [rows, width] = ids!.shape as [number, number];
  const flat = <T extends Tensor | undefined>(x: T) => x && tf.reshape(x, [rows * width]);
  return {
    ids: tf.reshape(ids!, [rows * width]),
    tokenTypeIds: flat(tokenTypeIds),
    tokenKeys: flat(tokenKeys),
    positionIds: flat(positionIds),
    segmentIds: flat(segmentIds),
    slots,
    groups: [{ rows, width }],
  };
}

/** A lookup over values given in the order of the variables. */
function named(variables: ModelVariables, values: readonly Tensor[]): Parameters {
  const index = new Map([...variables.keys()].map((name, i) => [name, i]));
  return (name) => {
    const i = index.get(name);
    if (i === undefined) throw new RangeError(`Cannot find parameter "${name}" in the model`);
    return values[i]!;
  };
}
