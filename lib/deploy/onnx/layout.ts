/**
 * How tokens lie in a graph: a list of all slots of all texts, or of those alone that are no padding.
 *
 * B = texts, L = slots of a text, N = tokens of the list.
 *
 * @module
 */
import type { Graph, Value } from "./graph.ts";

/** What a graph reads. */
export interface Inputs {
  /** int64 (B, L), all of them. */
  readonly ids: Value;
  readonly mask: Value;
  readonly types: Value;
}

/** The list of tokens, and the way from it to texts and back. */
export interface Layout {
  /** int64 (N). */
  readonly ids: Value;
  readonly types: Value;
  readonly positions: Value;
  /** int64 (B, L): 1 on tokens, 0 on padding. */
  readonly mask: Value;
  /** (N, …) as (B, L, ...shape); slots of padding have some token's values. */
  rows(x: Value, shape: readonly number[]): Value;
  /** (B, L, …) as (N, width). */
  tokens(x: Value, width: number): Value;
  /** The first tokens of each text, of which all have so many: (N, H) as (B · count, H). */
  firsts(x: Value, count: number): Value;
}

/** All slots. */
export function paddedLayout(g: Graph, { ids, mask, types }: Inputs): Layout {
  const size = g.shape(ids); // (B, L)
  const rows = (x: Value, shape: readonly number[]) =>
    g.reshape(x, shape.length === 0 ? size : g.concat(size, g.integers(...shape)));
  const all = (x: Value) => g.reshape(x, [-1]);
  const length = g.squeeze(g.sizes(ids, 1, 2), 0);
  return {
    ids: all(ids),
    types: all(types),
    positions: all(g.expand(g.range(length), size)),
    mask,
    rows,
    tokens: (x, width) => g.reshape(x, [-1, width]),
    firsts: (x, count) => g.gather(x, firstSlots(g, ids, count)),
  };
}

/** Tokens alone: padding costs nothing outside of attention. */
export function packedLayout(g: Graph, { ids, mask, types }: Inputs): Layout {
  const padded = paddedLayout(g, { ids, mask, types }), size = g.shape(ids);
  const flat = g.reshape(mask, [-1]); // (B · L)
  const slots = g.nonZero(flat); // (N): where each token lies among the slots
  const places = g.max(g.sub(g.cumSum(flat), g.integer(1)), g.integer(0)); // (B · L): which token each slot has
  return {
    ids: g.gather(padded.ids, slots),
    types: g.gather(padded.types, slots),
    positions: g.gather(padded.positions, slots),
    mask,
    rows: (x, shape) => g.gather(g.reshape(x, [-1, ...shape]), g.reshape(places, size)),
    tokens: (x, width) => g.gather(g.reshape(x, [-1, width]), slots),
    firsts: (x, count) => g.gather(x, g.gather(places, firstSlots(g, ids, count))),
  };
}

/** The first slots of each text: (B · count). */
function firstSlots(g: Graph, ids: Value, count: number): Value {
  const texts = g.squeeze(g.sizes(ids, 0, 1), 0), length = g.sizes(ids, 1, 2);
  const starts = g.mul(g.range(texts), length); // (B)
  const places = Array.from({ length: count }, (_, place) => place);
  return g.reshape(g.add(g.unsqueeze(starts, 1), g.integers(...places)), [-1]);
}
