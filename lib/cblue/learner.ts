/**
 * Fine-tuning as the trainer takes it, and the same model's outputs for evaluation and prediction.
 *
 * B = rows of a batch, L = slots of a row, N = B · L.
 *
 * @module
 */
import type { Tensor } from "@tensorflow/tfjs-core";
import {
  type EncoderInputs,
  type Exchange,
  type FinetuningConfig,
  finetuningForward,
  type ModelVariables,
  type Parameters,
} from "../electra/mod.ts";
import { compile, type CompileOptions, tf } from "../tensorflow/mod.ts";
import type { Learner } from "../training/mod.ts";
import type { AnsweredRow, Approach } from "./approach.ts";
import { type Row, type RowBatch, rowsOnce } from "./batches.ts";
import type { Example } from "./examples.ts";
import { type Logits, rowOf } from "./decoding/logits.ts";

/** An encoder with a head, and what they learn. */
export interface FinetuningSetup {
  readonly approach: Approach;
  readonly config: FinetuningConfig;
  readonly variables: ModelVariables;
  /** Fixes dropout. */
  readonly seed: number;
  readonly exchange?: Exchange | undefined;
}

/** A task, as `Trainer` takes it. */
export function finetuningLearner(
  { approach, config, variables, seed, exchange }: FinetuningSetup,
): Learner<RowBatch<Row>, string> {
  return {
    variables,
    seed,
    exchange,
    numbers: ["total", ...approach.numbers],
    isMean: (name) => name === "total" || approach.isMean(name),
    tensors: (batch) => [...rowTensors(batch, config.encoder.pad_token_id), ...approach.targets(batch)],
    forward(values, tensors, random, { training }) {
      const outputs = finetuningForward(
        named(variables, values),
        config,
        encoderInputs(tensors),
        training ? { random } : {},
      );
      return approach.loss(outputs, tensors.slice(ROW_TENSORS));
    },
  };
}

/** Compiled for predictions; without dropout. */
export class Predictor implements Disposable {
  readonly #setup: FinetuningSetup;
  readonly #forward;

  constructor(setup: FinetuningSetup, options: CompileOptions = {}) {
    const { config, variables } = setup;
    this.#setup = setup;
    this.#forward = compile((...tensors: Tensor[]) => {
      const values = [...variables.values()].map((variable) => variable.read());
      return finetuningForward(named(variables, values), config, encoderInputs(tensors), {});
    }, { name: "prediction", ...options });
  }

  /**
   * Answers examples.
   *
   * @param examples In any order.
   * @param options.batchSize Rows at once.
   * @param options.onRows Hears how many rows more are done.
   * @param options.signal Ends it early.
   * @returns One answer for each, in their order.
   * @throws {DOMException} `AbortError`, if it was ended.
   */
  async run(
    examples: readonly Example[],
    { batchSize, maxLength, onRows, signal }: {
      batchSize: number;
      maxLength: number;
      onRows?: (rows: number) => void;
      signal?: AbortSignal | undefined;
    },
  ): Promise<unknown[]> {
    const { approach, config } = this.#setup;
    const rowsOf = examples.map((example) => approach.rows(example));
    const all = rowsOf.flat();
    const owner = rowsOf.flatMap((rows, example) => rows.map(() => example));
    const found: AnsweredRow<Row>[][] = examples.map(() => []);
    const answers = new Array<unknown>(examples.length);
    const answer = (example: number) => {
      if (found[example]!.length < rowsOf[example]!.length) return;
      const inOrder = rowsOf[example]!.map((row) => found[example]!.find((one) => one.row === row)!);
      answers[example] = approach.predict(examples[example]!, inOrder);
      found[example] = []; // outputs are large
    };
    for (const batch of rowsOnce(all, { batchSize, maxLength })) {
      signal?.throwIfAborted();
      const inputs = rowTensors(batch, config.encoder.pad_token_id);
      const outputs = await this.#forward.runAsync(...inputs);
      const logits = await Promise.all(outputs.map(async (output): Promise<Logits> => ({
        shape: output.shape,
        values: await output.data() as Float32Array,
      })));
      tf.dispose([inputs, outputs]);
      batch.rows.forEach((row, i) => {
        const example = owner[batch.numbers[i]!]!;
        found[example]!.push({ row, outputs: logits.map((output) => rowOf(output, i)) });
        answer(example);
      });
      onRows?.(batch.rows.length);
    }
    return answers;
  }

  /** Frees the compiled function. */
  [Symbol.dispose]() {
    this.#forward.dispose();
  }
}

/** How many tensors {@linkcode rowTensors} makes. */
const ROW_TENSORS = 3;
/** Far enough apart that the tokens of two rows never share a key. */
const KEYS_A_ROW = 4096;

/** Ids, types and keys of a batch's tokens, int32 (B, L). */
function rowTensors({ rows, numbers, capacity, width }: RowBatch<Row>, padId: number): Tensor[] {
  const shape = [capacity, width] as [number, number];
  const ids = new Int32Array(capacity * width).fill(padId);
  const types = new Int32Array(capacity * width), keys = new Int32Array(capacity * width);
  rows.forEach((row, i) => {
    ids.set(Array.from(row.ids), i * width);
    if (row.typeIds) types.set(Array.from(row.typeIds), i * width);
    for (let j = 0; j < width; j++) keys[i * width + j] = numbers[i]! * KEYS_A_ROW + j;
  });
  return [ids, types, keys].map((values) => tf.tensor2d(values, shape, "int32"));
}

function encoderInputs([ids, tokenTypeIds, tokenKeys]: readonly Tensor[]): EncoderInputs {
  const [rows, width] = ids!.shape as [number, number];
  const flat = (x: Tensor | undefined) => tf.reshape(x!, [rows * width]);
  return {
    ids: flat(ids),
    tokenTypeIds: flat(tokenTypeIds),
    tokenKeys: flat(tokenKeys),
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
