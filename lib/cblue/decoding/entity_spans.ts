/**
 * Entities as pairs of first and last character: whatever is nested or overlaps can be said.
 *
 * The start/end and biaffine head of CMeIE, asked another question: its "predicates" are the types of entities, and a
 * pair joins not two entities but the two ends of one, as in biaffine parsing of nested entities (Yu et al. 2020, "Named
 * Entity Recognition as Dependency Parsing"). Not the published scheme, which is that of `entity_labels.ts`.
 *
 * L = slots of a row, `[CLS]` first; T = types.
 *
 * @module
 */
import type { Entity, Span } from "../examples.ts";
import { entityKey } from "./entity_labels.ts";
import { checkLogits, type Logits } from "./logits.ts";
import type { PairTargets } from "./pair_targets.ts";

/**
 * Makes the targets of a row.
 *
 * @param entities Of the whole text.
 * @param types In the order of their ids.
 * @param window Which characters of the text the row has; entities that it cuts are left out.
 * @returns Tokens, counted from `[CLS]` as 0; each target once.
 * @throws {RangeError} If an entity's type is unknown.
 *
 * @example
 * ```ts
 * import { encodeSpans } from "./entity_spans.ts";
 * const entities = [{ start: 0, end: 4, type: "dis" }, { start: 0, end: 2, type: "bod" }];
 * console.log(encodeSpans(entities, ["bod", "dis"], { start: 0, end: 4 }).pairs); // [[1, 1, 4], [0, 1, 2]]
 * ```
 */
export function encodeSpans(
  entities: readonly Entity[],
  types: readonly string[],
  window: Span,
): PairTargets {
  const inside = new Map(
    entities.filter(({ start, end }) => start >= window.start && end <= window.end)
      .map((entity) => [entityKey(entity), entity]),
  );
  const pairs = Array.from(inside.values(), ({ start, end, type }) => {
    const id = types.indexOf(type);
    if (id < 0) throw new RangeError(`Cannot mark entity of type "${type}": the task has no such type`);
    return [id, start - window.start + 1, end - window.start] as const;
  });
  return {
    starts: [...new Set(pairs.map(([, start]) => start))],
    ends: [...new Set(pairs.map(([, , end]) => end))],
    pairs,
  };
}

/**
 * Reads entities off a row's logits.
 *
 * @param pairs (T, L, L): from first tokens to last tokens.
 * @param length Characters of the row.
 * @param types In the order of their ids.
 * @param options.threshold Logits above this; default 0, a probability of a half.
 * @returns Entities type by type, from left to right, with offsets from the row's first character.
 * @throws {RangeError} If the logits are not of this shape.
 *
 * @example
 * ```ts
 * import { decodeSpans } from "./entity_spans.ts";
 * const pairs = { values: new Float32Array(16).fill(-9), shape: [1, 4, 4] };
 * pairs.values[1 * 4 + 1] = pairs.values[1 * 4 + 2] = 9;
 * console.log(decodeSpans(pairs, 2, ["bod"])); // 0–1 and 0–2
 * ```
 */
export function decodeSpans(
  pairs: Logits,
  length: number,
  types: readonly string[],
  { threshold = 0 }: { readonly threshold?: number } = {},
): Entity[] {
  checkLogits(pairs, length, [1, 2], [types.length]);
  const rows = pairs.shape[1]!, columns = pairs.shape[2]!;
  const entities: Entity[] = [];
  types.forEach((type, t) => {
    for (let first = 1; first <= length; first++) {
      const offset = (t * rows + first) * columns;
      for (let last = first; last <= length; last++) {
        if (pairs.values[offset + last]! > threshold) entities.push({ start: first - 1, end: last, type });
      }
    }
  });
  return entities;
}
