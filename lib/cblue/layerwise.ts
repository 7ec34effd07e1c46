/** Learning rates that differ from layer to layer. */

/**
 * The factor of a parameter on the learning rate: 1 for the head, and less the deeper a layer lies.
 *
 * @param decay From each layer to the one below.
 * @param layers Of the encoder.
 * @returns A function of the parameter's name.
 *
 * Source: discriminative fine-tuning, Howard & Ruder 2018; ELECTRA's own fine-tuning, Clark et al. 2020.
 *
 * @example
 * ```ts
 * import { layerwiseFactor } from "./layerwise.ts";
 * const factor = layerwiseFactor(0.5, 2);
 * console.log(factor("classifier.dense.weight"), factor("electra.encoder.layers.1.norm1.bias")); // 1 0.5
 * console.log(factor("electra.embeddings.word_embeddings.weight")); // 0.125
 * ```
 */
export function layerwiseFactor(decay: number, layers: number): (name: string) => number {
  return (name) => {
    if (!name.startsWith("electra.")) return 1;
    const layer = /^electra\.encoder\.layers\.(\d+)\./.exec(name)?.[1];
    return decay ** (layer === undefined ? layers + 1 : layers - Number(layer));
  };
}
