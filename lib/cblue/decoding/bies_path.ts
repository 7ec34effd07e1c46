/**
 * The likeliest sequence of labels in which every entity is complete.
 *
 * @module
 */

/** How a stretch up to some character ends: outside of entities, or within one of some type. */
interface State {
  readonly score: number;
  readonly label: number;
  readonly previous: State | undefined;
}

/**
 * Finds the sequence of classes with the greatest sum of logits, B, I, E, S and O in an order that makes sense.
 *
 * Viterbi's algorithm (1967) over T + 1 states: outside, or within an entity of one of the T types. O and S stay
 * outside, B enters, I stays within, E leaves.
 *
 * @param values (tokens, 4 T + 1): B, I, E, S for each type, O last.
 * @param classes 4 T + 1.
 * @returns A class for each token.
 *
 * @example
 * ```ts
 * import { bestPath } from "./bies_path.ts";
 * const values = Float32Array.of(3, 0, 0, 0, 2, 0, 0, 2, 0, 3); // B then, almost as likely as O, E
 * console.log(bestPath(values, 5)); // Int32Array [0, 2]
 * ```
 */
export function bestPath(values: Float32Array, classes: number): Int32Array {
  const types = (classes - 1) / 4, tokens = values.length / classes;
  let outside: State | undefined = { score: 0, label: -1, previous: undefined };
  let within: (State | undefined)[] = Array.from({ length: types });
  for (let token = 0; token < tokens; token++) {
    const logits = values.subarray(token * classes, (token + 1) * classes);
    const step = (from: State | undefined, label: number): State | undefined =>
      from && { score: from.score + logits[label]!, label, previous: from };
    let left = step(outside, classes - 1);
    const inside: typeof within = [];
    for (let type = 0; type < types; type++) {
      const [b, i, e, s] = [4 * type, 4 * type + 1, 4 * type + 2, 4 * type + 3];
      inside[type] = better(step(outside, b), step(within[type], i));
      left = better(left, better(step(outside, s), step(within[type], e)));
    }
    [outside, within] = [left, inside];
  }
  const path = new Int32Array(tokens);
  let state = outside;
  for (let token = tokens - 1; token >= 0; token--, state = state!.previous) path[token] = state!.label;
  return path;
}

/** The likelier one, the first of equals. */
function better(a: State | undefined, b: State | undefined): State | undefined {
  return a === undefined || b !== undefined && b.score > a.score ? b : a;
}
