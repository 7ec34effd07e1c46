/**
 * Whether weights are those of a model.
 *
 * @module
 */
import { UserError } from "../config/mod.ts";

/** What keeps weights from being a model's. */
export interface Misfits {
  /** Parameters of the model that are not there. */
  readonly missing: readonly string[];
  /** Tensors that the model has no parameter for. */
  readonly unexpected: readonly string[];
  readonly misshapen: readonly {
    readonly name: string;
    readonly shape: readonly number[];
    readonly expected: readonly number[];
  }[];
}

/** Tensors, in memory or in a file. */
type Shaped = ReadonlyMap<string, { readonly shape: readonly number[] }>;

/**
 * Compares weights with the parameters of a model.
 *
 * @param tensors By our names.
 * @param shapes The model's parameters.
 *
 * @example
 * ```ts
 * import { misfits } from "./fit.ts";
 * console.log(misfits(new Map([["bias", { shape: [2] }]]), new Map([["bias", [3]]])).misshapen);
 * // [{ name: "bias", shape: [2], expected: [3] }]
 * ```
 */
export function misfits(tensors: Shaped, shapes: ReadonlyMap<string, readonly number[]>): Misfits {
  const found = [...shapes].map(([name, expected]) => ({ name, expected, shape: tensors.get(name)?.shape }));
  return {
    missing: found.flatMap(({ name, shape }) => shape ? [] : [name]),
    unexpected: [...tensors.keys()].filter((name) => !shapes.has(name)),
    misshapen: found.flatMap(({ name, shape, expected }) =>
      shape && `${shape}` !== `${expected}` ? [{ name, shape, expected }] : []
    ),
  };
}

const MOST_NAMES = 5;

/**
 * Refuses weights that are not exactly a model's.
 *
 * @param source Where they come from, for the message.
 * @throws {UserError} Naming what is missing, unexpected and mis-shaped, a few of each.
 *
 * @example
 * ```ts
 * import { checkFit } from "./fit.ts";
 * checkFit(new Map([["bias", { shape: [2] }]]), new Map([["bias", [2]]]), "model.safetensors"); // fits
 * ```
 */
export function checkFit(
  tensors: Shaped,
  shapes: ReadonlyMap<string, readonly number[]>,
  source: string,
): void {
  const { missing, unexpected, misshapen } = misfits(tensors, shapes);
  const list = (label: string, items: readonly string[]) => {
    if (items.length === 0) return [];
    const rest = items.length > MOST_NAMES ? [`${items.length - MOST_NAMES} more`] : [];
    return [`${label} ${[...items.slice(0, MOST_NAMES), ...rest].join(", ")}`];
  };
  const faults = [
    ...list("missing", missing),
    ...list("unexpected", unexpected),
    ...list(
      "of another shape",
      misshapen.map(({ name, shape, expected }) => `${name} [${shape}], the model needs [${expected}]`),
    ),
  ];
  if (faults.length > 0) throw new UserError(`Cannot load "${source}": ${faults.join("; ")}`);
}
