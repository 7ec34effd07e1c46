/**
 * Averages of parameters over a run's last updates, which often answer better than the parameters do.
 *
 * @module
 */
import type { Tensor } from "@tensorflow/tfjs-core";
import { UserError } from "../config/mod.ts";
import { lazyTensor, type ModelVariables } from "../electra/mod.ts";
import { compile, tf, Variable } from "../tensorflow/mod.ts";
import type { LoadedCheckpoint } from "./checkpoint.ts";

/**
 * An exponential moving average: after each update a ← d a + (1 − d) θ.
 *
 * Early in a run d is (1 + n) / (10 + n) after n updates, so that the first, useless values are soon forgotten, as in
 * TensorFlow's `ExponentialMovingAverage`.
 *
 * Source: Polyak & Juditsky 1992; Tarvainen & Valpola 2017 for networks.
 */
export class MovingAverage implements Disposable {
  /** The averages, under the parameters' names. */
  readonly variables: ModelVariables;
  readonly #decay: number;
  readonly #move;

  /**
   * @param parameters Whose average it is; their values now are its first.
   * @param decay d, below 1.
   */
  constructor(parameters: ModelVariables, decay: number) {
    this.#decay = decay;
    this.variables = new Map(Array.from(parameters, ([name, parameter]) => {
      const value = parameter.read();
      const average = new Variable(parameter.shape, value);
      value.dispose();
      return [name, average];
    }));
    this.#move = compile((part: Tensor) => {
      for (const [name, average] of this.variables) {
        const old = average.read();
        average.assign(tf.add(old, tf.mul(tf.sub(parameters.get(name)!.read(), old), part)));
      }
      return tf.clone(part);
    }, { name: "moving average" });
  }

  /**
   * Follows an update.
   *
   * @param updates n: how many there have been.
   */
  async follow(updates: number): Promise<void> {
    const part = tf.scalar(1 - Math.min(this.#decay, (1 + updates) / (10 + updates)));
    tf.dispose([await this.#move.runAsync(part), part]);
  }

  /** Frees the averages. */
  [Symbol.dispose]() {
    this.#move.dispose();
    this.variables.forEach((average) => average.dispose());
  }
}

/** What is trained, as a checkpoint whose model is an average keeps it beside the optimizer's moments. */
export function trainedOf(parameters: ModelVariables): Map<string, ReturnType<typeof lazyTensor>> {
  return new Map(Array.from(parameters, ([name, variable]) => [`${name}.trained`, lazyTensor(variable)]));
}

/**
 * Puts back what {@linkcode trainedOf} kept.
 *
 * @throws {UserError} If the checkpoint has none of it.
 */
export function restoreTrained(
  parameters: ModelVariables,
  { optimizer: saved, folder }: Pick<LoadedCheckpoint, "optimizer" | "folder">,
) {
  for (const [name, variable] of parameters) {
    const tensor = saved.get(`${name}.trained`);
    if (!tensor) throw new UserError(`Cannot load "${folder}": "${name}.trained" is missing`);
    variable.assign(tensor.data as Float32Array);
  }
}
