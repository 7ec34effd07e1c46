/** Fixtures of the original model, as the golden tests read them. */
import { fileURLToPath } from "node:url";
import type { Draws, ElectraConfig, PretrainingConfig } from "../../lib/electra/mod.ts";
import { tf } from "../../lib/tensorflow/mod.ts";
import type { Tensor } from "@tensorflow/tfjs-core";
import { readSafetensors, type TensorData } from "../../lib/weights/mod.ts";

export type Tensors = Map<string, TensorData>;

/** What `pretrain_golden.json` tells beside configurations. */
interface Golden {
  losses_f32?: Record<string, number>;
  loss_f32?: number;
  grad_global_norm?: number;
  train?: {
    optimizer: { learning_rate: number; total_steps: number; warmup_steps: number };
    float32: { lr: number; grad_norm_before_clip: number; losses: Record<string, number> }[];
  };
}

/** One tiny model of the original with its recorded inputs, outputs, losses and gradients. */
export interface Fixture {
  config: PretrainingConfig;
  state: Tensors;
  golden: Tensors;
  info: Golden;
  /** Inputs of five optimizer steps and the state after them, where they were recorded. */
  batches?: Tensors;
  after5?: Tensors;
}

const folder = fileURLToPath(new URL("../fixtures/", import.meta.url));

export async function readFixture(variant: "tiny" | "tiny_legacy" | "tiny_proj"): Promise<Fixture> {
  const path = `${folder}${variant}/`;
  const info = JSON.parse(await Deno.readTextFile(`${path}pretrain_golden.json`));
  const plainElectra = variant === "tiny_proj";
  const config: PretrainingConfig = {
    model_type: "ernie-health",
    discriminator: info.discriminator_config as ElectraConfig,
    generator: info.generator_config as ElectraConfig,
    shared_word_embeddings: info.shared_word_embeddings,
    csp_dim: 128,
    loss_weights: { generator: 1, rtd: 50, mts: plainElectra ? 0 : 20, csp: plainElectra ? 0 : 1 },
    csp_temperature: 0.07,
  };
  return {
    config,
    info,
    state: withoutUnusedHeads(await readSafetensors(`${path}model.safetensors`)),
    golden: await readSafetensors(`${path}pretrain_golden.safetensors`),
    ...(!plainElectra && {
      batches: await readSafetensors(`${path}train_batches.safetensors`),
      after5: await readSafetensors(`${path}train_after5.safetensors`),
    }),
  };
}

/** Plain ELECTRA's RTD head has other names in the original: the same two layers. */
function withoutUnusedHeads(state: Tensors): Tensors {
  return new Map([...state].map(([name, tensor]) => [plainName(name), tensor]));
}

export function plainName(name: string): string {
  return name.replace("discriminator.discriminator_predictions.", "discriminator.discriminator_rtd.");
}

/** An int64 fixture tensor as int32. */
export function int32(tensor: TensorData): Tensor {
  return tf.tensor(Int32Array.from(tensor.data as BigInt64Array, Number), tensor.shape, "int32");
}

/**
 * The recorded batch as the model takes it.
 *
 * @param positions `all`: every position is a slot, with weight 1 where it is masked, so that every recorded
 * output can be compared; `masked`: masked positions only, in a capacity with three unused slots.
 */
export function batchOf(tensors: Tensors, prefix: string, positions: "all" | "masked") {
  const get = (name: string) => tensors.get(prefix + name)!;
  const labels = Array.from(get("generator_labels").data as BigInt64Array, Number);
  const masked = labels.map((label) => label !== -100);
  const slots = positions === "all"
    ? masked.map((_, i) => i)
    : [...masked.flatMap((isMasked, i) => isMasked ? [i] : []), 0, 0, 0];
  const unused = positions === "all" ? 0 : 3;
  const weights = slots.map((slot, i) => masked[slot] && i < slots.length - unused ? 1 : 0);
  const at = (tensor: Tensor) => tf.gather(tensor, tf.tensor1d(slots, "int32"));
  const draws: Draws = {
    sampled: at(tf.reshape(int32(get("sampled_ids")), [-1])),
    negatives: at(tf.reshape(int32(get("negative_ids")), [-1, 5])),
  };
  const [rows, width] = get("generator_labels").shape;
  const flat = (name: string) => tf.reshape(int32(get(name)), [-1]);
  return {
    groups: [{ rows, width }],
    maskedIds: flat("masked_input_ids"),
    rawIds: flat("raw_input_ids"),
    clsPositions: tf.range(0, rows * width, width, "int32"),
    clsWeights: tf.ones([rows]),
    positions: tf.tensor1d(slots, "int32"),
    weights: tf.tensor1d(weights),
    draws,
  };
}

/** Largest absolute difference between two arrays of the same length. */
export function maxDifference(ours: ArrayLike<number>, theirs: ArrayLike<number | bigint>): number {
  if (ours.length !== theirs.length) return Infinity;
  let max = 0;
  for (let i = 0; i < ours.length; i++) {
    const difference = Math.abs(ours[i] - Number(theirs[i]));
    if (!(difference <= max)) max = difference; // NaN counts
  }
  return max;
}

/** Largest absolute value. */
export function largest(values: ArrayLike<number | bigint>): number {
  return maxDifference(new Float64Array(values.length), values);
}
