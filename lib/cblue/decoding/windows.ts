/**
 * Long texts as overlapping windows, and what was found in them back in the text.
 *
 * The original cuts a text after `max_seq_length` − 2 characters and never sees the rest.
 *
 * @module
 */
import type { Entity, Span } from "../examples.ts";
import type { LocatedTriple } from "./located_triples.ts";

/**
 * Cuts a text as the original does.
 *
 * @param length Code points of the text.
 * @param size The most that a row may have: `max_seq_length` − 2.
 * @returns The one window from the text's beginning.
 */
export function firstWindow(length: number, size: number): Span {
  return { start: 0, end: Math.min(length, size) };
}

/**
 * Covers a text with windows.
 *
 * @param length Code points of the text.
 * @param size The most that a window may have: `max_seq_length` − 2.
 * @param overlap How many characters neighbours share at least; default: a quarter of the size.
 * @returns Windows from left to right, all full unless the text is shorter; an empty text has one empty window.
 * @throws {RangeError} If the overlap leaves no step.
 *
 * @example
 * ```ts
 * import { windowsOf } from "./windows.ts";
 * console.log(windowsOf(23, 10, 2)); // 0–10, 8–18, 13–23
 * ```
 */
export function windowsOf(length: number, size: number, overlap: number = Math.floor(size / 4)): Span[] {
  if (!(overlap >= 0 && overlap < size)) {
    throw new RangeError(`Cannot cut windows of ${size} characters that share ${overlap}: no step is left`);
  }
  const count = length <= size ? 1 : 1 + Math.ceil((length - size) / (size - overlap));
  return Array.from({ length: count }, (_, n) => {
    const start = Math.max(0, Math.min(n * (size - overlap), length - size));
    return { start, end: Math.min(start + size, length) };
  });
}

/** How long texts are read. */
export interface WindowOptions {
  /** Longest row in tokens, `[CLS]` and `[SEP]` included. */
  readonly maxLength: number;
  /** What becomes of longer texts: they lose their ends, as published, or make several rows that overlap. */
  readonly long: "truncate" | "windows";
}

/** The windows of a text, as options have it. */
export function windowsFor(length: number, { maxLength, long }: WindowOptions): Span[] {
  const size = maxLength - 2;
  return long === "windows" ? windowsOf(length, size) : [firstWindow(length, size)];
}

/**
 * Brings the entities found in windows together.
 *
 * Where windows overlap, the one that sees most on both sides of a stretch decides about it; so no entity is there
 * twice, and none is lost for being cut as long as the overlap is longer than entities are.
 *
 * @param windows From {@linkcode windowsOf}, of one text.
 * @param found For each window, entities with offsets from its first character.
 * @returns Entities with offsets in the text, ordered by place.
 *
 * @example
 * ```ts
 * import { mergeEntities } from "./windows.ts";
 * const windows = [{ start: 0, end: 10 }, { start: 8, end: 18 }];
 * const found = [[{ start: 9, end: 10, type: "dis" }], [{ start: 1, end: 4, type: "dis" }]];
 * console.log(mergeEntities(windows, found)); // dis 9–12: the first window saw but the beginning
 * ```
 */
export function mergeEntities(
  windows: readonly Span[],
  found: readonly (readonly Entity[])[],
): Entity[] {
  return merge(windows, found, (entity, by) => ({ ...moved(entity, by), type: entity.type }), (e) => e)
    .sort((a, b) => a.start - b.start || a.end - b.end);
}

/**
 * Brings the triples found in windows together, as {@linkcode mergeEntities} does entities.
 *
 * @param windows From {@linkcode windowsOf}, of one text.
 * @param found For each window, triples with offsets from its first character.
 * @returns Triples with offsets in the text. Subject and object that no window has together make no triple.
 */
export function mergeTriples(
  windows: readonly Span[],
  found: readonly (readonly LocatedTriple[])[],
): LocatedTriple[] {
  return merge(
    windows,
    found,
    ({ subject, predicate, object }, by) => ({
      subject: moved(subject, by),
      predicate,
      object: moved(object, by),
    }),
    ({ subject, object }) => ({
      start: Math.min(subject.start, object.start),
      end: Math.max(subject.end, object.end),
    }),
  );
}

/** Keeps of each window what lies where it sees most. */
function merge<T>(
  windows: readonly Span[],
  found: readonly (readonly T[])[],
  move: (item: T, by: number) => T,
  extentOf: (item: T) => Span,
): T[] {
  return windows.flatMap((window, n) =>
    found[n]!.map((item) => move(item, window.start))
      .filter((item) => widestView(windows, extentOf(item)) === n)
  );
}

/** The window that sees most on the narrower side of a stretch, the first of equals. */
function widestView(windows: readonly Span[], { start, end }: Span): number {
  const textEnd = windows.at(-1)!.end;
  let best = -1, most = -1;
  windows.forEach((window, n) => {
    const left = window.start === 0 ? Infinity : start - window.start;
    const right = window.end === textEnd ? Infinity : window.end - end;
    if (Math.min(left, right) > most) [best, most] = [n, Math.min(left, right)];
  });
  return best;
}

function moved({ start, end }: Span, by: number): Span {
  return { start: start + by, end: end + by };
}
