/**
 * Adding up the gradients of several batches before one update.
 *
 * @module
 */
import type { Tensor } from "@tensorflow/tfjs-core";
import { ALONE, type Exchange, type ModelVariables } from "../electra/mod.ts";
import { compile, tf, Variable } from "../tensorflow/mod.ts";
import { globalNorm } from "./adamw.ts";

/** Sums of gradients that stay on the device. */
export class GradientAccumulator implements Disposable {
  readonly #sums: Variable[];
  readonly #begin;
  readonly #add;
  readonly #total;

  /**
   * @param variables The model's; one sum for each.
   * @param exchange How this process talks to others that train the same model.
   */
  constructor(variables: ModelVariables, exchange: Exchange = ALONE) {
    this.#sums = [...variables.values()].map(({ shape }) => Variable.zeros(shape));
    this.#begin = compile((...gradients: Tensor[]) => {
      this.#sums.forEach((sum, i) => sum.assign(gradients[i]));
      return tf.scalar(0);
    }, { name: "begin sums of gradients" });
    this.#add = compile((...gradients: Tensor[]) => {
      this.#sums.forEach((sum, i) => sum.assignAdd(gradients[i]));
      return tf.scalar(0);
    }, { name: "add gradients" });
    this.#total = compile(() => {
      const gradients = exchange.mean(this.#sums.map((sum) => sum.read()));
      const norm = exchange.sum(globalNorm(gradients)); // the same to the bit everywhere
      return [tf.div(norm, exchange.size), ...gradients];
    }, { name: "sums of gradients" });
  }

  /**
   * Adds the gradients of a batch.
   *
   * @param first Whether it is the first since the last update: the sums begin with it.
   */
  async add(gradients: Tensor[], first: boolean) {
    tf.dispose(await (first ? this.#begin : this.#add).runAsync(...gradients));
  }

  /**
   * The sums, averaged over processes, in the order of the model's variables, and their global norm; the caller disposes of
   * them before adding again.
   */
  async total(): Promise<{ gradients: Tensor[]; norm: number }> {
    const [norm, ...gradients] = await this.#total.runAsync();
    const [value] = await norm.data();
    norm.dispose();
    return { gradients, norm: value };
  }

  /** Frees the sums. */
  [Symbol.dispose]() {
    this.#begin.dispose();
    this.#add.dispose();
    this.#total.dispose();
    for (const sum of this.#sums) sum.dispose();
  }
}
