/**
 * Entities as labels of characters, and back: two channels of BIES as in the original's CMeEE.
 *
 * An entity is `B I … I E`, or `S` if it is one character; each character has one label a channel. Entities of one
 * channel that overlap cannot all be written; symptoms, in which other entities are often nested, have a channel of
 * their own. {@linkcode lostEntities} tells what a set loses; `entity_spans.ts` has the scheme that loses nothing.
 *
 * C = classes of a channel, L = slots of a row, `[CLS]` first.
 *
 * @module
 */
import type { Entity, Span } from "../examples.ts";
import { checkLogits, type Logits } from "./logits.ts";
import { bestPath } from "./bies_path.ts";

/** The types of each channel, in the order of their ids. */
export type Channels = readonly (readonly string[])[];

/** The places of B, I, E and S among the four classes of a type. */
const B = 0, I = 1, E = 2, S = 3;
const CLASSES_A_TYPE = 4;

/**
 * Distributes types over two channels.
 *
 * @param types All types of a task.
 * @param nesting Those that have other entities within; they share the second channel. Default: CMeEE's symptoms.
 * @returns The other types, and those.
 *
 * @example
 * ```ts
 * import { channelsOf } from "./entity_labels.ts";
 * console.log(channelsOf(["bod", "dis", "sym"])); // [["bod", "dis"], ["sym"]]
 * ```
 */
export function channelsOf(types: readonly string[], nesting: readonly string[] = ["sym"]): Channels {
  return [types.filter((type) => !nesting.includes(type)), types.filter((type) => nesting.includes(type))];
}

/**
 * Names the classes of a channel, in the order of their ids.
 *
 * @returns `B-type`, `I-type`, `E-type`, `S-type` for each type, and `O` last.
 */
export function labelNames(types: readonly string[]): string[] {
  return [...types.flatMap((type) => ["B", "I", "E", "S"].map((place) => `${place}-${type}`)), "O"];
}

/**
 * Labels the characters of a text.
 *
 * As the original: in the order given, an entity overwrites what is there; one that starts where another of its channel
 * starts and is no longer is left out.
 *
 * @param entities Within the text.
 * @param length Code points of the text.
 * @param channels From {@linkcode channelsOf}.
 * @returns For each channel, the class of each character.
 * @throws {RangeError} If an entity lies outside the text or no channel has its type.
 *
 * @example
 * ```ts
 * import { encodeEntities } from "./entity_labels.ts";
 * const entities = [{ start: 0, end: 3, type: "sym" }, { start: 1, end: 2, type: "bod" }];
 * console.log(encodeEntities(entities, 4, [["bod"], ["sym"]])); // [[4, 3, 4, 4], [0, 1, 2, 4]]
 * ```
 */
export function encodeEntities(
  entities: readonly Entity[],
  length: number,
  channels: Channels,
): Int32Array[] {
  const labels = channels.map((types) => new Int32Array(length).fill(outside(types)));
  const longest = channels.map(() => new Map<number, number>()); // ends by starts
  for (const { start, end, type } of entities) {
    const channel = channels.findIndex((types) => types.includes(type));
    if (channel < 0) throw new RangeError(`Cannot label entity of type "${type}": no channel has the type`);
    if (!(start >= 0 && start < end && end <= length)) {
      throw new RangeError(`Cannot label entity ${start} to ${end} in a text of ${length} characters`);
    }
    if (longest[channel]!.get(start)! >= end) continue;
    longest[channel]!.set(start, end);
    const first = CLASSES_A_TYPE * channels[channel]!.indexOf(type);
    const cells = labels[channel]!.subarray(start, end).fill(first + I);
    cells[0] = first + (end - start === 1 ? S : B);
    if (end - start > 1) cells[cells.length - 1] = first + E;
  }
  return labels;
}

/**
 * Cuts the labels of a row out of those of a text, with `O` for `[CLS]` and `[SEP]`.
 *
 * @param labels One channel's, of the whole text.
 * @param window Which characters the row has.
 * @param types The channel's.
 * @returns Two more than the window has characters. An entity that the window cuts keeps the labels it has inside.
 */
export function labelsOfRow(labels: Int32Array, { start, end }: Span, types: readonly string[]): Int32Array {
  const row = new Int32Array(end - start + 2).fill(outside(types));
  row.set(labels.subarray(start, end), 1);
  return row;
}

/**
 * Reads entities off labels: complete ones only, as the original's evaluator does.
 *
 * @param labels For each channel, the class of each character.
 * @param channels From {@linkcode channelsOf}.
 * @returns Entities, channel by channel, from left to right.
 *
 * @example
 * ```ts
 * import { decodeLabels } from "./entity_labels.ts";
 * const labels = [Int32Array.of(4, 3, 0, 1), Int32Array.of(0, 1, 2, 4)]; // O S B I: the last is incomplete
 * console.log(decodeLabels(labels, [["bod"], ["sym"]])); // bod 1–2, sym 0–3
 * ```
 */
export function decodeLabels(labels: readonly ArrayLike<number>[], channels: Channels): Entity[] {
  return channels.flatMap((types, channel) => decodeChannel(labels[channel]!, types));
}

function decodeChannel(labels: ArrayLike<number>, types: readonly string[]): Entity[] {
  const entities: Entity[] = [];
  for (let start = 0; start < labels.length; start++) {
    const place = labels[start]! % CLASSES_A_TYPE, first = labels[start]! - place;
    const type = types[first / CLASSES_A_TYPE];
    if (type === undefined) continue; // O
    if (place === S) entities.push({ start, end: start + 1, type });
    if (place !== B) continue;
    let last = start + 1;
    while (labels[last] === first + I) last++;
    if (labels[last] === first + E) entities.push({ start, end: last + 1, type });
  }
  return entities;
}

/** How entities are read off logits. */
export interface EntityDecoding {
  /** The likeliest class of each character as published, or the likeliest sequence without incomplete entities. */
  readonly decoding?: "argmax" | "viterbi";
}

/**
 * Reads entities off a row's logits.
 *
 * @param logits For each channel, (L, C) of a row that begins with `[CLS]`.
 * @param length Characters of the row.
 * @param channels From {@linkcode channelsOf}.
 * @param options.decoding Default "argmax".
 * @returns Entities, with offsets from the row's first character.
 * @throws {RangeError} If the logits are not of this shape.
 *
 * @example
 * ```ts
 * import { decodeEntities } from "./entity_labels.ts";
 * const values = Float32Array.of(0, 0, 0, 0, 1, 2, 0, 0, 0, 1, 0, 0, 2, 0, 1, 0, 0, 0, 0, 1); // O B E O
 * console.log(decodeEntities([{ values, shape: [4, 5] }], 2, [["bod"]])); // [{ start: 0, end: 2, type: "bod" }]
 * ```
 */
export function decodeEntities(
  logits: readonly Logits[],
  length: number,
  channels: Channels,
  { decoding = "argmax" }: EntityDecoding = {},
): Entity[] {
  const classOf = decoding === "viterbi" ? bestPath : likeliest;
  return decodeLabels(
    channels.map((types, channel) => {
      const classes = outside(types) + 1;
      checkLogits(logits[channel]!, length, [0], [classes]);
      return classOf(logits[channel]!.values.subarray(classes, classes * (length + 1)), classes);
    }),
    channels,
  );
}

/**
 * Finds the likeliest class of each token, the first of equals.
 *
 * @param values (tokens, C)
 * @returns A class for each token.
 */
export function likeliest(values: Float32Array, classes: number): Int32Array {
  return Int32Array.from({ length: values.length / classes }, (_, token) => {
    const own = values.subarray(token * classes, (token + 1) * classes);
    let best = 0;
    for (let c = 1; c < classes; c++) if (own[c]! > own[best]!) best = c;
    return best;
  });
}

/**
 * Finds the entities that labels cannot hold beside the others.
 *
 * @param entities Of one text.
 * @param channels From {@linkcode channelsOf}.
 * @returns Those that do not come back from encoding and decoding; nothing else ever does.
 *
 * @example
 * ```ts
 * import { lostEntities } from "./entity_labels.ts";
 * const nested = [{ start: 0, end: 4, type: "dis" }, { start: 0, end: 2, type: "bod" }];
 * console.log(lostEntities(nested, [["bod", "dis"]])); // bod 0–2: the first character has a label already
 * ```
 */
export function lostEntities(entities: readonly Entity[], channels: Channels): Entity[] {
  const length = Math.max(0, ...entities.map(({ end }) => end));
  const kept = new Set(decodeLabels(encodeEntities(entities, length, channels), channels).map(entityKey));
  return entities.filter((entity) => !kept.has(entityKey(entity)));
}

/**
 * Chooses the type that best has a channel of its own, for tasks that do not say.
 *
 * @param texts The entities of each text of a training set.
 * @param types All types of the task.
 * @returns Channels that lose the fewest of these entities; a single channel if a second one would save none.
 */
export function chooseChannels(texts: Iterable<readonly Entity[]>, types: readonly string[]): Channels {
  const nested = [...texts].filter((entities) => entities.length > 1);
  const lost = (channels: Channels) =>
    nested.reduce((sum, entities) => sum + lostEntities(entities, channels).length, 0);
  let best: Channels = channelsOf(types, []), fewest = lost(best);
  for (const type of types) {
    const channels = channelsOf(types, [type]), count = lost(channels);
    if (count < fewest) [best, fewest] = [channels, count];
  }
  return best;
}

/** What makes two entities of a text the same. */
export function entityKey({ start, end, type }: Entity): string {
  return `${start} ${end} ${type}`;
}

/** The class `O`. */
function outside(types: readonly string[]): number {
  return CLASSES_A_TYPE * types.length;
}
