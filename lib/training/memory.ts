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
  parameterShapes,
  type PretrainingConfig,
} from "../electra/mod.ts";

/** Rows R, positions L and capacity of masked positions M of one step. */
export interface StepSize {
  rows: number;
  length: number;
  masked: number;
}

const RUNTIME = 400e6; // the library, the graph, JavaScript

/**
 * Estimates the peak memory of a training step in float32.
 *
 * Per parameter: value, two moments, gradient. Per token and layer: what the gradients need, about 8 H + 2 F
 * floats, and per head and pair of positions the probabilities, their gradient and a mask. Once more the word
 * embeddings for each of the places that send gradients to them, and the vocabulary's logits where masked.
 *
 * @returns bytes
 */
export function estimateMemory(config: PretrainingConfig, { rows, length, masked }: StepSize): number {
  const tokens = rows * length;
  const encoder = (c: ElectraConfig) =>
    c.num_hidden_layers * tokens *
    (4 * (8 * c.hidden_size + 2 * c.intermediate_size) + 9 * c.num_attention_heads * length);
  const { vocab_size: V, embedding_size: E } = config.generator;
  return RUNTIME + 16 * countParameters(parameterShapes(config)) + 5 * 4 * V * E + encoder(config.generator) +
    encoder(config.discriminator) + 6 * 4 * masked * V;
}

/**
 * Refuses a step that cannot fit.
 *
 * @throws {UserError} Naming what is needed, what there is, and the options that decide.
 */
export function checkMemory(
  config: PretrainingConfig,
  size: StepSize,
  available: number = availableMemory(),
) {
  const needed = estimateMemory(config, size);
  if (needed <= available) return;
  const gb = (bytes: number) => `${(bytes / 2 ** 30).toFixed(1)} GB`;
  throw new UserError(
    `Cannot train with ${size.rows} rows of ${size.length} tokens a step: they need about ${
      gb(needed)
    } of memory, ` +
      `${gb(available)} are free; lower --batch_size or --max_seq_length, or take a smaller --preset`,
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
