/** Triples located, as targets and back: against the original's recorded places, and by properties. */
import { strict as assert } from "node:assert";
import {
  decodeRelations,
  encodeRelations,
  type LocatedTriple,
  locatedTripleKey,
  locateTriples,
  lostTriples,
  namedTriples,
  type Span,
  writeTargets,
} from "../../lib/cblue/mod.ts";
import { decodeTargets } from "../../lib/cblue/decoding/relation_labels.ts";
import { draws, randomTriples } from "./random_sets.ts";

const PREDICATES = ["预防", "病因", "临床表现"];
const keys = (triples: readonly LocatedTriple[]) => [...new Set(triples.map(locatedTripleKey))].sort();
const triple = (subject: string, object: string) => ({
  subject,
  subjectType: "疾病",
  predicate: "病因",
  object,
  objectType: "疾病",
});

const recorded: { places: { text: string; pairs: [string, string, [number, number] | null][] }[] } = JSON
  .parse(await Deno.readTextFile(new URL("../fixtures/cblue_labels.json", import.meta.url)));

Deno.test("triples stand where the original's reader of CMeIE found them", () => {
  for (const { text, pairs } of recorded.places) {
    for (const [subject, object, places] of pairs) {
      const { located, missing } = locateTriples(text, [triple(subject, object)]);
      assert.deepEqual(located.map((own) => [own.subject.start, own.object.start]), places ? [places] : []);
      assert.equal(missing.length, places ? 0 : 1);
      for (const own of located) {
        assert.equal(own.subject.end - own.subject.start, [...subject].length);
        assert.equal(own.object.end - own.object.start, [...object].length);
      }
    }
  }
});

Deno.test("all occurrences: every pair of places, named once", () => {
  const text = "𠮷CT示肺炎,ct后肺炎";
  const { located } = locateTriples(text, [triple("ct", "肺炎")], { occurrences: "all" });
  assert.deepEqual(located.map(({ subject, object }) => [subject.start, object.start]), [[1, 4], [7, 4], [
    1,
    10,
  ], [7, 10]]);
  assert.deepEqual(namedTriples(text, located), [
    { subject: "CT", predicate: "病因", object: "肺炎" },
    { subject: "ct", predicate: "病因", object: "肺炎" },
  ]);
  for (const { text, pairs } of recorded.places) {
    for (const [subject, object, places] of pairs) {
      const all = locateTriples(text, [triple(subject, object)], { occurrences: "all" }).located;
      const [first] = locateTriples(text, [triple(subject, object)]).located;
      assert.ok(places === null || keys(all).includes(locatedTripleKey(first!)));
      const lower = (own: Span) => [...text].slice(own.start, own.end).map((c) => c.toLowerCase()).join("");
      const name = (own: string) => [...own].map((c) => c.toLowerCase()).join("");
      assert.ok(
        all.every((own) => lower(own.subject) === name(subject) && lower(own.object) === name(object)),
      );
      assert.equal(new Set(keys(all)).size, all.length);
    }
  }
});

Deno.test("encoding then decoding gives all triples back where no entity ends within another or shares its start", () => {
  const draw = draws(5);
  let total = 0, lostInAll = 0, safe = 0;
  for (let round = 0; round < 2000; round++) {
    const length = 6 + draw(40), triples = randomTriples(draw, length, PREDICATES);
    const { lost, invented } = lostTriples(triples, length, PREDICATES);
    const spans = triples.flatMap(({ subject, object }) => [subject, object]);
    // told from the triples alone: each entity's own end is the nearest one
    const holds = (own: Span) => !spans.some(({ end }) => end > own.start && end < own.end);
    const expected = triples.filter(({ subject, object }) => !holds(subject) || !holds(object));
    assert.deepEqual(keys(lost), keys(expected));
    if (spans.every(holds)) assert.deepEqual([lost, invented, safe++ >= 0], [[], [], true]);
    total += keys(triples).length;
    lostInAll += keys(lost).length;
  }
  const share = (100 * lostInAll / total).toFixed(1);
  console.log(`    of ${total} triples among entities placed at random ${share} % cannot be expressed`);
  assert.ok(safe > 200 && lostInAll > 0);
});

Deno.test("cut as published: [SEP] stands for the character it replaced; whole: nothing that is cut", () => {
  const at = (start: number, end: number): Span => ({ start, end });
  const triples = [
    { subject: at(0, 2), predicate: "病因", object: at(3, 5) }, // inside
    { subject: at(0, 2), predicate: "病因", object: at(4, 6) }, // ends on [SEP]
    { subject: at(0, 2), predicate: "预防", object: at(5, 8) }, // starts on [SEP]
    { subject: at(6, 8), predicate: "预防", object: at(0, 2) }, // behind
  ];
  const window = { start: 0, end: 5 };
  assert.deepEqual(encodeRelations(triples, PREDICATES, window), {
    starts: [1, 4, 5],
    ends: [2, 5, 6],
    pairs: [[1, 1, 4], [1, 1, 5], [0, 1, 6]],
  });
  assert.deepEqual(encodeRelations(triples, PREDICATES, window, { cut: "whole" }), {
    starts: [1, 4],
    ends: [2, 5],
    pairs: [[1, 1, 4]],
  });
  // a window in the middle counts from its own first character
  assert.deepEqual(encodeRelations(triples, PREDICATES, at(2, 7), { cut: "whole" }).starts, [2, 3]);
  assert.throws(
    () => encodeRelations(triples, ["预防"], window),
    new RangeError('Cannot mark a relation "病因": no predicate of the task is called so'),
  );
});

Deno.test("thresholds: strictly above, on logits; an end on [SEP] or behind is none", () => {
  const width = 7, length = 4;
  const read = (starts: [number, number][], ends: [number, number][], options = {}) => {
    const values = new Float32Array(2 * width).fill(-9);
    for (const [token, logit] of starts) values[2 * token] = logit;
    for (const [token, logit] of ends) values[2 * token + 1] = logit;
    const relations = { values: new Float32Array(width * width), shape: [1, width, width] };
    return decodeRelations({ values, shape: [width, 2] }, relations, length, ["病因"], options);
  };
  assert.deepEqual(read([[1, 0.5]], [[2, 9]]).entities, []);
  assert.deepEqual(read([[1, 0.51]], [[2, 9], [3, 9]]).entities, [{ start: 0, end: 2 }]);
  assert.deepEqual(read([[1, 0.5]], [[2, 9]], { entityThreshold: 0 }).entities.length, 1);
  assert.deepEqual(read([[0, 9], [4, 9], [5, 9]], [[5, 9], [6, 9]]).entities, []);
  assert.deepEqual(read([[3, 9]], [[2, 9]]).entities, []);
  assert.equal(read([[1, 9]], [[1, 9]]).triples.length, 0); // relation logits of 0
  assert.equal(read([[1, 9]], [[1, 9]], { relationThreshold: -1 }).triples.length, 1);
});

Deno.test("targets are the same in a wider row", () => {
  const draw = draws(8), triples = randomTriples(draw, 20, PREDICATES);
  const targets = encodeRelations(triples, PREDICATES, { start: 0, end: 20 }), width = 32, P = 3;
  const entities = new Float32Array(2 * width), relations = new Float32Array(P * width * width);
  writeTargets(targets, width, entities, relations);
  assert.deepEqual(
    decodeRelations(
      { values: entities, shape: [width, 2] },
      { values: relations, shape: [P, width, width] },
      20,
      PREDICATES,
    ),
    decodeTargets(targets, 20, PREDICATES),
  );
  const ones = (values: Float32Array) => values.filter((value) => value === 1).length;
  assert.equal(ones(relations), targets.pairs.length);
  assert.equal(ones(entities), targets.starts.length + targets.ends.length);
});
