/**
 * How much memory a run will need, told before it starts: a process that asks for too much is killed by the
 * operating system without a word.
 *
 * @module
 */
import { UserError } from "../config/mod.ts";
import {
  countParameters,
  type ElectraConfig,
  hasDiscriminator,
  parameterShapes,
  type PretrainingConfig,
  type RowGroup,
} from "../electra/mod.ts";

/** What decides the memory of one step. */
export interface StepSize {
  groups: readonly RowGroup[];
  /** M: capacity of masked positions. */
  masked: number;
  /** Whether layers keep their inputs only. Default false. */
  recompute?: boolean;
  /** Batches whose gradients are added up before an update. Default 1. */
  accumulation?: number;
}

const RUNTIME = 550e6; // the library, the graph, JavaScript, what allocators do not give back
const FLOAT = 4;

/**
 * Estimates the peak memory of a training step in float32.
 *
 * Per parameter: value, two moments, gradient. Per token and layer: what the gradients need, 8 H + F floats, and per head
 * and pair of positions the probability; in one layer at a time three more of those. Where layers are computed again,
 * that of one layer, and its input for each. The word embeddings twice more, for their gradients meet, and the vocabulary's
 * logits where masked. Calibrated on the peaks of whole runs.
 *
 * @returns bytes
 */
export function estimateMemory(
  config: PretrainingConfig,
  { groups, masked, recompute = false, accumulation = 1 }: StepSize,
): number {
  const tokens = groups.reduce((sum, { rows, width }) => sum + rows * width, 0);
  const pairs = groups.reduce((sum, { rows, width }) => sum + rows * width ** 2, 0);
  const probabilities = (c: ElectraConfig) => FLOAT * c.num_attention_heads * pairs;
  const layer = (c: ElectraConfig) =>
    FLOAT * tokens * (8 * c.hidden_size + c.intermediate_size) + probabilities(c);
  const encoder = (c: ElectraConfig) =>
    3 * probabilities(c) +
    (recompute
      ? layer(c) + FLOAT * tokens * c.hidden_size * c.num_hidden_layers
      : layer(c) * c.num_hidden_layers);
  const { generator, discriminator, loss_weights } = config;
  const { vocab_size: V, embedding_size: E } = generator;
  const copies = 4 + (accumulation > 1 ? 1 : 0);
  return RUNTIME + copies * FLOAT * countParameters(parameterShapes(config)) + 2 * FLOAT * V * E +
    encoder(generator) + (hasDiscriminator(loss_weights) ? encoder(discriminator) : 0) +
    6 * FLOAT * masked * V;
}

/**
 * Refuses a step that cannot fit.
 *
 * @param needed Bytes, from {@linkcode estimateMemory}.
 * @throws {UserError} Naming what is needed, what there is, and the options that decide.
 */
export function checkMemory(needed: number, available: number = availableMemory()) {
  if (needed <= available) return;
  const gb = (bytes: number) => `${(bytes / 2 ** 30).toFixed(1)} GB`;
  throw new UserError(
    `Cannot train with batches of this size: they need about ${gb(needed)} of memory, ${
      gb(available)
    } are free; lower ` +
      "--batch_size or --max_seq_length, give --recompute, or take a smaller --preset",
  );
}

/**
 * Bytes that this process can still take: free in the machine, or within the container's limit. Files that the
 * kernel keeps in memory count against that limit, but give way.
 *
 * @param cgroup Where the kernel shows the limits (cgroup v2).
 */
export function availableMemory(cgroup = "/sys/fs/cgroup"): number {
  const { available } = Deno.systemMemoryInfo();
  const read = (name: string) => {
    try {
      return Deno.readTextFileSync(`${cgroup}/${name}`);
    } catch {
      return ""; // not Linux, or no container
    }
  };
  const files = read("memory.stat").match(/^(?:in)?active_file \d+$/gm) ?? [];
  const cached = files.reduce((sum, line) => sum + Number(line.split(" ")[1]), 0);
  // NaN without a limit ("max")
  const left = parseInt(read("memory.max")) - parseInt(read("memory.current")) + cached;
  return Number.isNaN(left) ? available : Math.min(available, left);
}
