import type { Checkpoint } from "../../lib/training/checkpoint.ts";

const elements = 50_000;

/** A checkpoint whose every element follows from its step. */
export function checkpointAt(step: number): Checkpoint {
  const tensor = (offset: number) => ({
    dtype: "F32" as const,
    shape: [elements / 10, 10],
    data: Float32Array.from({ length: elements }, (_, i) => Math.sin(step * 1000 + offset + i)),
  });
  return {
    step,
    model: new Map([["encoder.weight", tensor(1)]]),
    optimizer: new Map([["encoder.weight.moment1", tensor(2)], ["encoder.weight.moment2", tensor(3)]]),
    state: { epoch: 0, seed: 1000, loss: step / 3, global_step: step },
    config: { hidden_size: 10 },
    run: { learning_rate: 2e-4, packing: "none" },
    vocabulary: ["[PAD]", "[UNK]", "热", " "],
    files: { "tokenizer_config.json": '{ "do_lower_case": true }' },
  };
}
