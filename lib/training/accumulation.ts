/**
 * Adding up the gradients of several batches before one update.
 *
 * @module
 */
import type { Tensor } from "@tensorflow/tfjs-core";
import type { ModelVariables } from "../electra/mod.ts";
import { compile, Variable } from "../tensorflow/mod.ts";
import { globalNorm } from "./adamw.ts";

/** Sums of gradients that stay on the device. */
export class GradientAccumulator implements Disposable {
  readonly #sums: Variable[];
  readonly #begin;
  readonly #add;

  /** @param variables The model's; one sum for each. */
  constructor(variables: ModelVariables) {
    this.#sums = [...variables.values()].map(({ shape }) => Variable.zeros(shape));
    this.#begin = compile((...gradients: Tensor[]) => {
      this.#sums.forEach((sum, i) => sum.assign(gradients[i]));
      return globalNorm(gradients);
    }, { name: "begin sums of gradients" });
    this.#add = compile((...gradients: Tensor[]) => {
      this.#sums.forEach((sum, i) => sum.assignAdd(gradients[i]));
      return globalNorm(this.#sums.map((sum) => sum.read()));
    }, { name: "add gradients" });
  }

  /**
   * Adds the gradients of a batch.
   *
   * @param first Whether it is the first since the last update: the sums begin with it.
   * @returns Global norm of the sums.
   */
  async add(gradients: Tensor[], first: boolean): Promise<number> {
    const norm = await (first ? this.#begin : this.#add).runAsync(...gradients);
    const [value] = await norm.data();
    norm.dispose();
    return value;
  }

  /** The sums, in the order of the model's variables; the caller disposes of them before adding again. */
  gradients(): Tensor[] {
    return this.#sums.map((sum) => sum.read());
  }

  /** Frees the sums. */
  [Symbol.dispose]() {
    this.#begin.dispose();
    this.#add.dispose();
    for (const sum of this.#sums) sum.dispose();
  }
}
