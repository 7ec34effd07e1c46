/** Entities as pairs of ends: everything comes back. */
import { strict as assert } from "node:assert";
import {
  decodeSpans,
  encodeSpans,
  type Entity,
  entityKey,
  lostEntities,
  type PairTargets,
  writeTargets,
} from "../../lib/cblue/mod.ts";
import { draws, randomEntities } from "./random_sets.ts";

const TYPES = ["bod", "dis", "sym"];
const keys = (entities: readonly Entity[]) => [...new Set(entities.map(entityKey))].sort();

function decode(targets: PairTargets, length: number, width: number): Entity[] {
  const values = new Float32Array(TYPES.length * width * width);
  writeTargets(targets, width, new Float32Array(2 * width), values);
  return decodeSpans({ values, shape: [TYPES.length, width, width] }, length, TYPES);
}

Deno.test("whatever is nested or overlaps comes back, in rows of any width", () => {
  const draw = draws(2);
  let lostInTwoChannels = 0;
  for (let round = 0; round < 1000; round++) {
    const length = 1 + draw(30), entities = randomEntities(draw, length, TYPES);
    const targets = encodeSpans(entities, TYPES, { start: 0, end: length });
    assert.deepEqual(keys(decode(targets, length, length + 2 + draw(9))), keys(entities));
    assert.equal(targets.pairs.length, keys(entities).length);
    lostInTwoChannels += lostEntities(entities, [["bod", "dis"], ["sym"]]).length;
  }
  assert.ok(lostInTwoChannels > 100); // the sets are nested indeed
});

Deno.test("a window has the entities that lie in it as a whole", () => {
  const draw = draws(4);
  for (let round = 0; round < 300; round++) {
    const length = 10 + draw(30), entities = randomEntities(draw, length, TYPES);
    const window = { start: draw(5), end: length - draw(5) };
    const targets = encodeSpans(entities, TYPES, window);
    const found = decode(targets, window.end - window.start, window.end - window.start + 2)
      .map(({ start, end, type }) => ({ start: start + window.start, end: end + window.start, type }));
    const whole = entities.filter(({ start, end }) => start >= window.start && end <= window.end);
    assert.deepEqual(keys(found), keys(whole));
  }
});

Deno.test("ends before starts, [CLS] and [SEP] make no entity; the threshold is a choice", () => {
  const values = new Float32Array(25).fill(1); // all pairs of 3 characters' row
  const shape = [1, 5, 5];
  assert.equal(decodeSpans({ values, shape }, 3, ["dis"]).length, 6);
  assert.equal(decodeSpans({ values, shape }, 3, ["dis"], { threshold: 1 }).length, 0);
  assert.throws(
    () => decodeSpans({ values, shape }, 4, ["dis"]),
    new RangeError("Cannot decode 25 logits of shape [1, 5, 5] for 4 characters: expected [1, ≥ 6, ≥ 6]"),
  );
  assert.throws(
    () => encodeSpans([{ start: 0, end: 1, type: "x" }], ["dis"], { start: 0, end: 3 }),
    new RangeError('Cannot mark entity of type "x": the task has no such type'),
  );
});
