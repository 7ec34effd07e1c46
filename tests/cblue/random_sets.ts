/** Random texts' entities and triples, for properties. */
import { RandomStream } from "../../lib/packing/mod.ts";
import type { Entity, LocatedTriple, Span } from "../../lib/cblue/mod.ts";

/** Draws whole numbers from 0 to below a bound. */
export type Draw = (bound: number) => number;

/** Draws that are the same in each run. */
export function draws(seed: number): Draw {
  const stream = new RandomStream({ seed, purpose: "order", epoch: 0 });
  return (bound) => stream.below(bound);
}

/** A stretch of at most `longest` characters within a text. */
export function randomSpan(draw: Draw, length: number, longest: number): Span {
  const start = draw(length);
  return { start, end: start + 1 + draw(Math.min(longest, length - start)) };
}

/** Entities that are nested and overlap as chance has it. */
export function randomEntities(
  draw: Draw,
  length: number,
  types: readonly string[],
  longest = 8,
): Entity[] {
  return Array.from(
    { length: draw(8) },
    () => ({ ...randomSpan(draw, length, longest), type: types[draw(types.length)]! }),
  );
}

/** Triples among a few stretches of a text. */
export function randomTriples(draw: Draw, length: number, predicates: readonly string[]): LocatedTriple[] {
  const spans = Array.from({ length: 1 + draw(5) }, () => randomSpan(draw, length, 5));
  const some = <T>(items: readonly T[]) => items[draw(items.length)]!;
  return Array.from(
    { length: draw(6) },
    () => ({ subject: some(spans), predicate: some(predicates), object: some(spans) }),
  );
}

/** Tells whether two stretches share a character. */
export function overlap(a: Span, b: Span): boolean {
  return a.start < b.end && b.start < a.end;
}
