/**
 * Triples as targets of the start/end and biaffine head, and back, as in the original's CMeIE.
 *
 * An entity is the start of one stretch and its end; a relation joins the starts of two. Of entities that share a start,
 * or of one within which another ends, the scheme knows only the shortest: {@linkcode lostTriples} counts what that
 * costs.
 *
 * L = slots of a row, `[CLS]` first; P = predicates.
 *
 * @module
 */
import type { Span } from "../examples.ts";
import { type LocatedTriple, locatedTripleKey } from "./located_triples.ts";
import { checkLogits, type Logits } from "./logits.ts";
import type { PairTargets } from "./pair_targets.ts";

/** How triples are cut where a window ends. */
export interface RelationEncoding {
  /**
   * "published": as the original, which also marks what begins or ends at the one character that `[SEP]` replaced, and
   * joins starts whose entities are cut. "whole": only what lies in the window from its start to its end.
   */
  readonly cut?: "published" | "whole";
}

/**
 * Makes the targets of a row.
 *
 * @param triples From `locateTriples`.
 * @param predicates In the order of their ids.
 * @param window Which characters of the text the row has.
 * @param options.cut Default "published".
 * @returns Tokens, counted from `[CLS]` as 0; each target once.
 * @throws {RangeError} If a triple's predicate is unknown.
 *
 * @example
 * ```ts
 * import { encodeRelations } from "./relation_labels.ts";
 * const triple = { subject: { start: 0, end: 2 }, predicate: "临床表现", object: { start: 3, end: 5 } };
 * console.log(encodeRelations([triple], ["预防", "临床表现"], { start: 0, end: 5 }));
 * // { starts: [1, 4], ends: [2, 5], pairs: [[1, 1, 4]] }
 * ```
 */
export function encodeRelations(
  triples: readonly LocatedTriple[],
  predicates: readonly string[],
  window: Span,
  { cut = "published" }: RelationEncoding = {},
): PairTargets {
  const last = window.end - window.start + (cut === "published" ? 1 : 0); // token
  const tokenOf = (character: number) => character - window.start + 1;
  const inRow = (token: number) => token >= 1 && token <= last;
  const whole = ({ start, end }: Span) => inRow(tokenOf(start)) && inRow(tokenOf(end - 1));

  const starts = new Set<number>(), ends = new Set<number>();
  const pairs = new Map<string, PairTargets["pairs"][number]>();
  for (const { subject, predicate, object } of triples) {
    const id = predicates.indexOf(predicate);
    if (id < 0) {
      throw new RangeError(`Cannot mark a relation "${predicate}": no predicate of the task is called so`);
    }
    const joined = cut === "published"
      ? inRow(tokenOf(subject.start)) && inRow(tokenOf(object.start))
      : whole(subject) && whole(object);
    if (joined) {
      const pair = [id, tokenOf(subject.start), tokenOf(object.start)] as const;
      pairs.set(pair.join(), pair);
    }
    for (const entity of [subject, object]) {
      if (!whole(entity)) continue;
      starts.add(tokenOf(entity.start));
      ends.add(tokenOf(entity.end - 1));
    }
  }
  return { starts: [...starts], ends: [...ends], pairs: [...pairs.values()] };
}

/** When the head is believed. */
export interface RelationDecoding {
  /** Logits of starts and ends above this; default 0.5 as published, a probability of 0.62. */
  readonly entityThreshold?: number;
  /** Logits of relations above this; default 0, a probability of a half. */
  readonly relationThreshold?: number;
}

/** What a row says. */
export interface DecodedRelations {
  /** Ordered by start, one for each start. */
  readonly entities: readonly Span[];
  readonly triples: readonly LocatedTriple[];
}

/**
 * Reads entities and triples off a row's logits.
 *
 * Each start takes the nearest end from there on; without one in the row it is no entity.
 *
 * @param entities (L, 2): starts, ends.
 * @param relations (P, L, L): from subjects' starts to objects' starts.
 * @param length Characters of the row.
 * @param predicates In the order of their ids.
 * @returns Offsets from the row's first character.
 * @throws {RangeError} If the logits are not of these shapes.
 *
 * @example
 * ```ts
 * import { decodeRelations } from "./relation_labels.ts";
 * const entities = { values: Float32Array.of(0, 0, 9, 0, 0, 9, 9, 9, 0, 0), shape: [5, 2] };
 * const relations = { values: new Float32Array(25).fill(-9), shape: [1, 5, 5] };
 * relations.values[1 * 5 + 3] = 9;
 * console.log(decodeRelations(entities, relations, 3, ["临床表现"]).triples); // subject 0–2, object 2–3
 * ```
 */
export function decodeRelations(
  entities: Logits,
  relations: Logits,
  length: number,
  predicates: readonly string[],
  { entityThreshold = 0.5, relationThreshold = 0 }: RelationDecoding = {},
): DecodedRelations {
  checkLogits(entities, length, [0], [2]);
  checkLogits(relations, length, [1, 2], [predicates.length]);
  const rows = relations.shape[1]!, columns = relations.shape[2]!;

  const isAbove = (token: number, column: number) => entities.values[2 * token + column]! > entityThreshold;
  const spans = nearestEnds(length, (token) => isAbove(token, 0), (token) => isAbove(token, 1));

  const triples = predicates.flatMap((predicate, p) =>
    spans.flatMap((subject) =>
      spans.filter((object) =>
        relations.values[(p * rows + subject.start + 1) * columns + object.start + 1]! > relationThreshold
      ).map((object) => ({ subject, predicate, object }))
    )
  );
  return { entities: spans, triples };
}

/** Each start with the nearest end from there on. */
function nearestEnds(
  length: number,
  isStart: (token: number) => boolean,
  isEnd: (token: number) => boolean,
): Span[] {
  const spans: Span[] = [];
  let end: number | undefined; // of the nearest entity end from `start` on
  for (let start = length - 1; start >= 0; start--) {
    if (isEnd(start + 1)) end = start + 1;
    if (end !== undefined && isStart(start + 1)) spans.push({ start, end });
  }
  return spans.reverse();
}

/**
 * Reads targets as if the head had said exactly that.
 *
 * @param targets From {@linkcode encodeRelations}.
 * @param length Characters of the row.
 * @param predicates In the order of their ids.
 * @returns What a perfect model would say.
 */
export function decodeTargets(
  { starts, ends, pairs }: PairTargets,
  length: number,
  predicates: readonly string[],
): DecodedRelations {
  const spans = nearestEnds(length, (token) => starts.includes(token), (token) => ends.includes(token));
  const spanAt = new Map(spans.map((span) => [span.start + 1, span]));
  const triples = pairs.flatMap(([predicate, subject, object]) => {
    const [one, other] = [spanAt.get(subject), spanAt.get(object)];
    return one && other ? [{ subject: one, predicate: predicates[predicate]!, object: other }] : [];
  });
  return { entities: spans, triples };
}

/**
 * Finds the triples that the scheme cannot hold beside the others.
 *
 * @param triples Of one text.
 * @param length Characters of the text.
 * @param predicates In the order of their ids.
 * @returns `lost`: those that do not come back from encoding and decoding; `invented`: what comes back instead.
 *
 * @example
 * ```ts
 * import { lostTriples } from "./relation_labels.ts";
 * const long = { start: 0, end: 4 }, short = { start: 0, end: 2 }, other = { start: 5, end: 7 };
 * const triples = [long, short].map((subject) => ({ subject, predicate: "病因", object: other }));
 * console.log(lostTriples(triples, 7, ["病因"]).lost.length); // 1: the longer one shares the start of the shorter
 * ```
 */
export function lostTriples(
  triples: readonly LocatedTriple[],
  length: number,
  predicates: readonly string[],
): { lost: LocatedTriple[]; invented: LocatedTriple[] } {
  const targets = encodeRelations(triples, predicates, { start: 0, end: length });
  const decoded = decodeTargets(targets, length, predicates).triples;
  const without = (from: readonly LocatedTriple[], those: readonly LocatedTriple[]) => {
    const keys = new Set(those.map(locatedTripleKey));
    return from.filter((triple) => !keys.has(locatedTripleKey(triple)));
  };
  return { lost: without(triples, decoded), invented: without(decoded, triples) };
}
