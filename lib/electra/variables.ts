/**
 * A model's parameters as variables on the device.
 *
 * @module
 */
import type { Tensor } from "@tensorflow/tfjs-core";
import { UserError } from "../config/mod.ts";
import { Variable } from "../tensorflow/mod.ts";
import type { PretrainingConfig } from "./config.ts";
import {
  initialParameters,
  type Parameters,
  parameterShapes,
  stateDictNames,
  storedName,
} from "./parameters.ts";

/** A tensor whose values are copied from the device when they are asked for. */
export interface LazyTensor {
  dtype: "F32";
  shape: number[];
  read: () => Float32Array;
}

/** Variables by parameter name, in the order of {@linkcode parameterShapes}. */
export type ModelVariables = Map<string, Variable>;

/** New variables with first values drawn from `seed`. */
export function createVariables(config: PretrainingConfig, seed: number): ModelVariables {
  const variables: ModelVariables = new Map();
  for (const [name, value] of initialParameters(config, seed)) {
    variables.set(name, new Variable(value.shape, value));
    value.dispose();
  }
  return variables;
}

/**
 * Variables with the values of a state dict.
 *
 * @param state Values under the original's names; entries the model does not have are an error.
 * @param source Where they come from, for messages.
 * @throws {UserError} Naming the first missing, unexpected or mis-shaped entry, or one that is not float32.
 */
export function loadVariables(
  config: PretrainingConfig,
  state: Map<string, { shape: number[]; data: ArrayBufferView }>,
  source: string,
): ModelVariables {
  const names = stateDictNames(config);
  const unexpected = [...state.keys()].find((name) => !names.has(name));
  if (unexpected) throw new UserError(`Cannot load "${source}": the model has no parameter "${unexpected}"`);
  const values = [...parameterShapes(config)].map(([name, shape]) => {
    const entry = state.get(name);
    if (!entry) throw new UserError(`Cannot load "${source}": parameter "${name}" is missing`);
    if (`${entry.shape}` !== `${shape}`) {
      throw new UserError(
        `Cannot load "${source}": parameter "${name}" has shape [${entry.shape}], the model needs [${shape}]`,
      );
    }
    if (!(entry.data instanceof Float32Array)) {
      throw new UserError(`Cannot load "${source}": parameter "${name}" is not float32; convert it first`);
    }
    return [name, shape, entry.data] as const;
  });
  return new Map(values.map(([name, shape, data]) => [name, new Variable(shape, data)]));
}

/**
 * The values of all variables as a state dict of the original, a shared table under both its names; each is
 * copied from the device when it is read.
 */
export function stateDict(config: PretrainingConfig, variables: ModelVariables): Map<string, LazyTensor> {
  return new Map(
    [...stateDictNames(config)].map(([name, stored]) => [name, lazyTensor(variables.get(stored)!)]),
  );
}

/** A variable as a tensor to be saved. */
export function lazyTensor(variable: Variable): LazyTensor {
  return { dtype: "F32", shape: [...variable.shape], read: () => variable.data() };
}

/** A lookup over values given in the order of the variables. */
export function lookup(config: PretrainingConfig, variables: ModelVariables, values: Tensor[]): Parameters {
  const index = new Map([...variables.keys()].map((name, i) => [name, i]));
  return (name) => {
    const i = index.get(storedName(config, name));
    if (i === undefined) throw new RangeError(`Cannot find parameter "${name}" in the model`);
    return values[i];
  };
}
