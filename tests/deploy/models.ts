/** Tiny models with every head, and what the toolkit's own forward says of rows. */
import { ownForward } from "../../lib/deploy/check.ts";
import type { ParameterLookup } from "../../lib/deploy/onnx/mod.ts";
import type { Output, TokenBatch } from "../../lib/deploy/session.ts";
import type { TokenRow } from "../../lib/deploy/token_batch.ts";
import { type ElectraConfig, type HeadConfig, initialFinetuningParameters } from "../../lib/electra/mod.ts";
import { RandomStream } from "../../lib/packing/mod.ts";

const VOCABULARY = 60;

/** Two layers of 64, with embeddings half as wide. */
export const ENCODER: ElectraConfig = {
  vocab_size: VOCABULARY,
  embedding_size: 32,
  hidden_size: 64,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  intermediate_size: 128,
  hidden_dropout_prob: 0.1,
  attention_probs_dropout_prob: 0.1,
  max_position_embeddings: 64,
  type_vocab_size: 2,
  initializer_range: 0.1,
  layer_norm_eps: 1e-12,
  pad_token_id: 0,
};

/** All that a file may have on top of the encoder, by a name for tests. */
export const HEADS: Readonly<Record<string, HeadConfig | undefined>> = {
  "plain encoder": undefined,
  "classification, tanh": { kind: "sequence-classification", classes: 5, activation: "tanh" },
  "classification, gelu": { kind: "sequence-classification", classes: 2, activation: "gelu" },
  "tokens": { kind: "token-classification", classes: 7 },
  "question answering": { kind: "question-answering" },
  "multiple choice": { kind: "multiple-choice" },
  "two channels": { kind: "two-channel-tokens", classes: [9, 5] },
  "relations": { kind: "relations", predicates: 3 },
};

/** Random values for a model's parameters. */
export interface TinyModel {
  readonly head: HeadConfig | undefined;
  readonly parameters: ParameterLookup;
  /** What our own forward says. */
  forward(batch: TokenBatch): Output[];
}

/** Makes a model; biases are random too, or a head that lost one would pass. */
export function tinyModel(head: HeadConfig | undefined, encoder = ENCODER): TinyModel {
  const config = { encoder, head: head ?? { kind: "question-answering" } as const };
  const tensors = new Map<string, { shape: number[]; values: Float32Array<ArrayBuffer> }>();
  const random = new RandomStream({ seed: 7, purpose: "held", epoch: 0 });
  for (const [name, tensor] of initialFinetuningParameters(config, 3)) {
    const values = tensor.dataSync().map((value) => value + 0.2 * (random.uniform() - 0.5));
    tensors.set(name, { shape: tensor.shape, values: Float32Array.from(values) });
    tensor.dispose();
  }
  const parameters: ParameterLookup = (name) => {
    const { shape, values } = tensors.get(name)!;
    return { shape, read: () => values };
  };
  return {
    head,
    parameters,
    forward: (batch) => ownForward({ encoder, head }, parameters, batch),
  };
}

/** Rows of random tokens, none of which is padding, each in two parts. */
export function randomRows(lengths: readonly number[], vocabulary = VOCABULARY): TokenRow[] {
  const random = new RandomStream({ seed: 5, purpose: "held", epoch: 0 });
  return lengths.map((length) => ({
    ids: Array.from({ length }, () => 1 + random.below(vocabulary - 1)),
    typeIds: Array.from({ length }, (_, i) => Number(2 * i > length)),
  }));
}
