/**
 * Where in a text the subjects and objects of triples stand; the official files name them without places.
 *
 * @module
 */
import { lowerCharacters } from "./characters.ts";
import type { Span, Triple } from "../examples.ts";

/** Two stretches of a text and what holds between them. */
export interface LocatedTriple {
  readonly subject: Span;
  readonly predicate: string;
  readonly object: Span;
}

/** How triples are located. */
export interface LocateOptions {
  /** The first place as published, or every pair of places. */
  readonly occurrences?: "first" | "all";
}

/** What {@linkcode locateTriples} found. */
export interface LocatedTriples {
  readonly located: readonly LocatedTriple[];
  /** Those whose subject or object is not in the text, or not beside the other. */
  readonly missing: readonly Triple[];
}

/**
 * Finds triples in their text, whatever the case of letters.
 *
 * As the original: of subject and object the longer one is searched first, the object if both are as long; the other
 * one may not start within it.
 *
 * @param text The text.
 * @param triples What it says.
 * @param options.occurrences Default "first": each triple has one place. "all": each pair of places of its subject and
 * object is one.
 * @returns Places in code points of the text, in the order of the triples.
 *
 * @example
 * ```ts
 * import { locateTriples } from "./located_triples.ts";
 * const triple = { subject: "肺炎", subjectType: "疾病", predicate: "临床表现", object: "咳嗽", objectType: "症状" };
 * console.log(locateTriples("肺炎:咳嗽,夜间咳嗽", [triple]).located); // 肺炎 0–2, 咳嗽 3–5
 * console.log(locateTriples("肺炎:咳嗽,夜间咳嗽", [triple], { occurrences: "all" }).located.length); // 2
 * ```
 */
export function locateTriples(
  text: string,
  triples: readonly Triple[],
  { occurrences = "first" }: LocateOptions = {},
): LocatedTriples {
  const characters = lowerCharacters(text);
  const located: LocatedTriple[] = [], missing: Triple[] = [];
  for (const triple of triples) {
    const subject = lowerCharacters(triple.subject), object = lowerCharacters(triple.object);
    const subjectFirst = subject.length > object.length;
    const [first, second] = subjectFirst ? [subject, object] : [object, subject];
    const places = pairs(characters, first, second, occurrences);
    if (places.length === 0) missing.push(triple);
    for (const [one, other] of places) {
      const [subject, object] = subjectFirst ? [one, other] : [other, one];
      located.push({ subject, predicate: triple.predicate, object });
    }
  }
  return { located, missing };
}

/**
 * Names located triples as the official files do.
 *
 * @param text The text.
 * @param triples With offsets in code points of the text.
 * @returns Each pair of names with its predicate once, spelled as in the text.
 *
 * @example
 * ```ts
 * import { namedTriples } from "./located_triples.ts";
 * const triple = { subject: { start: 0, end: 2 }, predicate: "临床表现", object: { start: 3, end: 5 } };
 * console.log(namedTriples("肺炎:咳嗽", [triple])); // [{ subject: "肺炎", predicate: "临床表现", object: "咳嗽" }]
 * ```
 */
export function namedTriples(
  text: string,
  triples: readonly LocatedTriple[],
): Pick<Triple, "subject" | "predicate" | "object">[] {
  const characters = Array.from(text);
  const nameOf = ({ start, end }: Span) => characters.slice(start, end).join("");
  const named = triples.map(({ subject, predicate, object }) => ({
    subject: nameOf(subject),
    predicate,
    object: nameOf(object),
  }));
  return [...new Map(named.map((triple) => [JSON.stringify(Object.values(triple)), triple])).values()];
}

/** What makes two located triples of a text the same. */
export function locatedTripleKey({ subject, predicate, object }: LocatedTriple): string {
  return `${subject.start} ${subject.end} ${object.start} ${object.end} ${predicate}`;
}

/** Places of `first`, each with places of `second` that do not start within it. */
function pairs(
  characters: readonly string[],
  first: readonly string[],
  second: readonly string[],
  occurrences: "first" | "all",
): [Span, Span][] {
  const others = placesOf(characters, second);
  const all: [Span, Span][] = [];
  for (const one of placesOf(characters, first)) {
    for (const other of others) {
      if (other.start < one.start || other.start >= one.end) all.push([one, other]);
      if (occurrences === "first" && all.length === 1) return all;
    }
    if (occurrences === "first") return all; // the original looks no further than the longer one's first place
  }
  return all;
}

function placesOf(characters: readonly string[], name: readonly string[]): Span[] {
  if (name.length === 0) return [];
  const places: Span[] = [];
  for (
    let start = characters.indexOf(name[0]!);
    start >= 0;
    start = characters.indexOf(name[0]!, start + 1)
  ) {
    if (name.every((character, i) => characters[start + i] === character)) {
      places.push({ start, end: start + name.length });
    }
  }
  return places;
}
