/**
 * The encoder of `lib/electra/encoder.ts` as an ONNX graph.
 *
 * B = texts, L = slots of a text, N = tokens: B · L, or of packed files those that are no padding; E = embedding size,
 * H = hidden size, A = attention heads, D = H / A.
 *
 * @module
 */
import type { ElectraConfig } from "../../electra/mod.ts";
import type { Graph, Value } from "./graph.ts";
import type { Layers } from "./layers.ts";
import type { Layout } from "./layout.ts";

/** Added to attention scores that must not count, as in training. */
const MASKED = -1e4;

/**
 * Tokens of each text that the last layer is computed for where only `[CLS]` is read. With one, a batch of a single text would
 * go through another routine of onnxruntime, for one row, that rounds otherwise than that for several.
 */
export const FIRSTS = 2;

/** What an encoder says. */
export interface Encoded {
  /** Hidden states after the last layer: (N, H), or (B · 2, H) of `[CLS]` and the token behind it. */
  readonly hidden: Value;
  /** After the layer before it: (N, H). */
  readonly before: Value;
}

/**
 * Adds an encoder to a graph.
 *
 * @param options.firstsOnly Whether the last layer is left out for all that a classifier does not read.
 */
export function encoder(
  g: Graph,
  layers: Layers,
  layout: Layout,
  config: ElectraConfig,
  { firstsOnly }: { readonly firstsOnly: boolean },
): Encoded {
  const { layer_norm_eps: eps, num_hidden_layers: depth } = config;
  const name = "electra.embeddings";
  let x = g.within(name, () => {
    const words = layers.embedding(`${name}.word_embeddings`, layout.ids); // (N, E)
    const positions = layers.embedding(`${name}.position_embeddings`, layout.positions); // (N, E)
    const types = layers.embedding(`${name}.token_type_embeddings`, layout.types); // (N, E)
    return layers.norm(g.add(g.add(words, positions), types), `${name}.layer_norm`, eps); // (N, E)
  });
  if (config.embedding_size !== config.hidden_size) x = layers.linear(x, "electra.embeddings_project"); // (N, H)
  const isPadding = g.sub(g.scalar(1), g.cast(layout.mask, "float32")); // (B, L)
  const bias = g.unsqueeze(g.mul(isPadding, g.scalar(MASKED)), 1, 2); // (B, 1, 1, L)

  let before = x;
  for (let i = 0; i < depth; i++) {
    const layer = `electra.encoder.layers.${i}`, isLast = i === depth - 1;
    before = x;
    x = g.within(layer, () => {
      const from = isLast && firstsOnly ? layout.firsts(x, FIRSTS) : x; // (N, H) or (B · 2, H)
      const context = attention(g, layers, layout, config, { name: `${layer}.self_attn`, x, from, bias });
      const self = layers.linear(context, `${layer}.self_attn.out_proj`);
      const attended = layers.norm(g.add(from, self), `${layer}.norm1`, eps);
      const wide = layers.gelu(layers.linear(attended, `${layer}.linear1`)); // (N, F)
      return layers.norm(g.add(attended, layers.linear(wide, `${layer}.linear2`)), `${layer}.norm2`, eps);
    });
  }
  return { hidden: x, before };
}

/** What the tokens `from` find in their texts: (N, H), or (B · 2, H) for the first ones alone. */
function attention(
  g: Graph,
  layers: Layers,
  layout: Layout,
  { num_attention_heads: A, hidden_size: H }: ElectraConfig,
  { name, x, from, bias }: {
    readonly name: string;
    readonly x: Value;
    readonly from: Value;
    readonly bias: Value;
  },
): Value {
  const D = H / A, isAll = from === x;
  const project = (x: Value, which: string) => layers.linear(x, `${name}.${which}`);
  const heads = (x: Value) => layout.rows(x, [A, D]); // (B, L, A, D)
  const query = project(from, "q_proj");
  const q = g.transpose(isAll ? heads(query) : g.reshape(query, [-1, FIRSTS, A, D]), [0, 2, 1, 3]); // (B, A, L, D)
  const k = g.transpose(heads(project(x, "k_proj")), [0, 2, 3, 1]); // (B, A, D, L)
  const v = g.transpose(heads(project(x, "v_proj")), [0, 2, 1, 3]); // (B, A, L, D)
  const scores = g.mul(g.matMul(q, k), g.scalar(1 / Math.sqrt(D))); // (B, A, L, L)
  const probabilities = g.softmax(g.add(scores, bias)); // (B, A, L, L)
  const context = g.transpose(g.matMul(probabilities, v), [0, 2, 1, 3]); // (B, L, A, D)
  return isAll ? layout.tokens(context, H) : g.reshape(context, [-1, H]);
}
