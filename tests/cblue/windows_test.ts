/** Windows: what each sees of a text makes the whole. */
import { strict as assert } from "node:assert";
import {
  type Entity,
  entityKey,
  firstWindow,
  type LocatedTriple,
  locatedTripleKey,
  mergeEntities,
  mergeTriples,
  type Span,
  windowsOf,
} from "../../lib/cblue/mod.ts";
import { draws, randomEntities, randomTriples } from "./random_sets.ts";

const inside = (window: Span, { start, end }: Span) => start >= window.start && end <= window.end;
const by = ({ start, end }: Span, shift: number) => ({ start: start - shift, end: end - shift });
const extentOf = ({ subject, object }: LocatedTriple) => ({
  start: Math.min(subject.start, object.start),
  end: Math.max(subject.end, object.end),
});

Deno.test("windows cover the text, are full and share what they shall", () => {
  for (const [length, size, overlap] of [[0, 5, 2], [5, 5, 2], [6, 5, 2], [23, 10, 2], [300, 126, 31]]) {
    const windows = windowsOf(length!, size!, overlap);
    assert.equal(windows[0]!.start, 0);
    assert.equal(windows.at(-1)!.end, length);
    for (const [n, { start, end }] of windows.entries()) {
      assert.equal(end - start, Math.min(length!, size!));
      if (n > 0) assert.ok(windows[n - 1]!.end - start >= overlap! && start > windows[n - 1]!.start);
    }
  }
  assert.deepEqual(firstWindow(300, 126), { start: 0, end: 126 });
  assert.deepEqual(firstWindow(3, 126), { start: 0, end: 3 });
  assert.throws(
    () => windowsOf(9, 4, 4),
    new RangeError("Cannot cut windows of 4 characters that share 4: no step is left"),
  );
});

Deno.test("entities no longer than the overlap are all found, once, where they are", () => {
  const draw = draws(6);
  for (let round = 0; round < 500; round++) {
    const length = 1 + draw(80), size = 12 + draw(20), overlap = 8;
    const entities = [
      ...new Map(
        [...randomEntities(draw, length, ["a", "b"]), ...randomEntities(draw, length, ["a"])]
          .map((entity) => [entityKey(entity), entity]),
      ).values(),
    ];
    const windows = windowsOf(length, size, overlap);
    const found = windows.map((window) =>
      entities.filter((entity) => inside(window, entity))
        .map((entity): Entity => ({ ...by(entity, window.start), type: entity.type }))
    );
    const merged = mergeEntities(windows, found);
    assert.deepEqual(merged.map(entityKey).sort(), entities.map(entityKey).sort());
  }
});

Deno.test("triples that fit in a window are all found, once", () => {
  const draw = draws(10);
  let apart = 0;
  for (let round = 0; round < 500; round++) {
    const length = 1 + draw(60), windows = windowsOf(length, 20, 10);
    const triples = [
      ...new Map(randomTriples(draw, length, ["p", "q"]).map((own) => [locatedTripleKey(own), own])).values(),
    ];
    const found = windows.map((window) =>
      triples.filter((own) => inside(window, extentOf(own))).map((own) => ({
        subject: by(own.subject, window.start),
        predicate: own.predicate,
        object: by(own.object, window.start),
      }))
    );
    const together = triples.filter((own) => windows.some((window) => inside(window, extentOf(own))));
    apart += triples.length - together.length;
    assert.deepEqual(
      mergeTriples(windows, found).map(locatedTripleKey).sort(),
      together.map(locatedTripleKey).sort(),
    );
  }
  assert.ok(apart > 0);
});

Deno.test("a window that sees more around a place decides about it", () => {
  const windows = [{ start: 0, end: 10 }, { start: 6, end: 16 }, { start: 12, end: 22 }];
  const entity = (start: number, end: number) => ({ start, end, type: "a" });
  // 7–8 is two from the first's end, but one from the second's beginning
  assert.deepEqual(mergeEntities(windows, [[entity(7, 8)], [], []]), [entity(7, 8)]);
  assert.deepEqual(mergeEntities(windows, [[], [entity(1, 2)], []]), []);
  // only the second sees 8–12; the first's 8–10 lies at its edge
  assert.deepEqual(mergeEntities(windows, [[entity(8, 10)], [entity(2, 6)], []]), [entity(8, 12)]);
  assert.deepEqual(mergeEntities(windows, [[], [], [entity(9, 10)]]), [entity(21, 22)]);
});
