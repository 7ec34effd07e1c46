/**
 * Attention of an encoder for one sentence: which token looks at which.
 *
 * N = tokens, A = heads, D = hidden size / A.
 *
 * @module
 */
import { columns as widthOf } from "../../chart/mod.ts";
import { encode, type Parameters, type PretrainingConfig, under } from "../../electra/mod.ts";
import { tf } from "../../tensorflow/mod.ts";
import { heatmap } from "../figures/plots.ts";
import type { Figure } from "../figures/figure.ts";

/** Attention of all layers and heads. */
export class AttentionMaps {
  /**
   * @param tokens of the sentence, N
   * @param weights by layer and head: for each token (N) a share for every token (N), which add up to 1
   */
  constructor(
    readonly tokens: readonly string[],
    readonly weights: readonly (readonly (readonly (readonly number[])[])[])[],
  ) {}

  /**
   * Draws one head, or the mean of a layer's.
   *
   * @param layer from 0
   * @param head from 0; default: the mean of all
   */
  figure(layer: number, head?: number): Figure {
    const heads = this.weights[layer];
    if (heads === undefined || (head !== undefined && heads[head] === undefined)) {
      throw new RangeError(
        `Cannot draw layer ${layer}, head ${head ?? "any"}: there are ${this.weights.length} layers of ${
          this.weights[0]?.length
        } heads`,
      );
    }
    const matrix = head === undefined ? meanOf(heads) : heads[head]!;
    const whose = head === undefined ? "mean of heads" : `head ${head + 1}`;
    return heatmap(matrix, {
      title: `Attention of layer ${layer + 1}, ${whose}`,
      x: "looked at",
      y: "looking",
      rows: this.tokens,
      columns: this.tokens.map((token) => widthOf(token) > 2 ? `<br>${token}` : token), // beneath its neighbours
      columnAngle: 0,
      range: [0, Math.max(...matrix.flat())],
      width: 620,
      height: 560,
    });
  }
}

/**
 * Computes the attention of every layer, without dropout.
 *
 * @param readParameters reads those of the whole model, as tensors that are freed here
 * @param config sizes
 * @param encoder which of the two
 * @param sentence ids and spellings of its tokens, `[CLS]` and `[SEP]` included
 */
export async function attentionMaps(
  readParameters: () => Parameters,
  config: PretrainingConfig,
  encoder: "generator" | "discriminator",
  { ids, tokens }: { ids: readonly number[]; tokens: readonly string[] },
): Promise<AttentionMaps> {
  const sizes = config[encoder];
  const { hidden_size: H, num_attention_heads: A, num_hidden_layers: layers } = sizes;
  const N = ids.length, D = H / A;
  const probabilities = tf.tidy(() => {
    const p = under(readParameters(), `${encoder}.electra.`);
    const inputs = { ids: tf.tensor1d([...ids], "int32"), groups: [{ rows: 1, width: N }] };
    const hidden = [encode(p, { ...sizes, num_hidden_layers: 0 }, inputs)]; // what goes into each layer, (N, H)
    encode(p, sizes, inputs, { onLayer: (output) => hidden.push(output) });
    return Array.from({ length: layers }, (_, layer) => {
      const project = (name: string) => {
        const [weight, bias] = ["weight", "bias"].map((part) =>
          p(`encoder.layers.${layer}.self_attn.${name}.${part}`)
        );
        const projected = tf.add(tf.matMul(hidden[layer]!, weight!), bias!);
        return tf.transpose(tf.reshape(projected, [N, A, D]), [1, 0, 2]); // (A, N, D)
      };
      const scores = tf.matMul(project("q_proj"), project("k_proj"), false, true); // (A, N, N)
      return tf.softmax(tf.div(scores, Math.sqrt(D)));
    });
  });
  const weights = await Promise.all(probabilities.map((layer) => layer.array())) as number[][][][];
  tf.dispose(probabilities);
  return new AttentionMaps(tokens, weights);
}

function meanOf(heads: readonly (readonly (readonly number[])[])[]): number[][] {
  return heads[0]!.map((row, i) =>
    row.map((_, j) => heads.reduce((sum, head) => sum + head[i]![j]!, 0) / heads.length)
  );
}
