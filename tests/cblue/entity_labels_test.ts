/** Entities as labels and back: against the original's recorded labels, by properties, on real annotations. */
import { strict as assert } from "node:assert";
import {
  channelsOf,
  chooseChannels,
  decodeEntities,
  decodeLabels,
  encodeEntities,
  type Entity,
  entityKey,
  firstWindow,
  labelNames,
  labelsOfRow,
  lostEntities,
} from "../../lib/cblue/mod.ts";
import { bestPath } from "../../lib/cblue/decoding/bies_path.ts";
import { draws, overlap, randomEntities } from "./random_sets.ts";

const TYPES = ["bod", "dis", "pro", "dru", "ite", "mic", "equ", "dep", "sym"];
const CHANNELS = channelsOf(TYPES);

const recorded: {
  entities: { length: number; entities: [number, number, string][]; labels: number[][] }[];
} = JSON.parse(await Deno.readTextFile(new URL("../fixtures/cblue_labels.json", import.meta.url)));

const keys = (entities: readonly Entity[]) => [...new Set(entities.map(entityKey))].sort();

Deno.test("labels are those that the original's reader of CMeEE made", () => {
  assert.deepEqual(CHANNELS.map((types) => labelNames(types).length), [33, 5]);
  for (const { length, entities, labels } of recorded.entities) {
    const own = entities.map(([start, last, type]) => ({ start, end: last + 1, type }));
    assert.deepEqual(encodeEntities(own, length, CHANNELS).map((channel) => [...channel]), labels);
  }
});

Deno.test("encoding then decoding gives all entities back but those said to be lost, and no others", () => {
  const draw = draws(1);
  let total = 0, lost = 0;
  for (let round = 0; round < 3000; round++) {
    const length = 1 + draw(40), entities = randomEntities(draw, length, TYPES);
    const decoded = decodeLabels(encodeEntities(entities, length, CHANNELS), CHANNELS);
    // what the scheme can hold, told from the entities alone: those of a channel that no later written one touches
    const channelOf = ({ type }: Entity) => type === "sym";
    const written = entities.filter((own, i) =>
      !entities.slice(0, i).some((other) =>
        channelOf(other) === channelOf(own) && other.start === own.start && other.end >= own.end
      )
    );
    const expressible = written.filter((own, i) =>
      !written.slice(i + 1).some((other) => channelOf(other) === channelOf(own) && overlap(own, other))
    );
    assert.deepEqual(keys(decoded), keys(expressible));
    assert.deepEqual(
      keys(lostEntities(entities, CHANNELS)),
      keys(entities.filter((own) => !expressible.some((other) => entityKey(other) === entityKey(own)))),
    );
    total += keys(entities).length;
    lost += keys(entities).length - decoded.length;
  }
  const share = lost / total;
  console.log(`    of ${total} entities placed at random ${(100 * share).toFixed(1)} % cannot be expressed`);
  assert.ok(share > 0.1 && share < 0.9);
});

Deno.test("symptoms hold other entities", () => {
  const entities = [{ start: 0, end: 6, type: "sym" }, { start: 0, end: 1, type: "bod" }, {
    start: 2,
    end: 5,
    type: "dis",
  }];
  assert.deepEqual(lostEntities(entities, CHANNELS), []);
  assert.deepEqual(lostEntities(entities, [TYPES]).map(({ type }) => type), ["sym", "bod"]);
  assert.deepEqual(chooseChannels([entities], ["bod", "dis", "sym"]), [["bod", "dis"], ["sym"]]);
  assert.deepEqual(chooseChannels([entities.slice(1)], ["bod", "dis", "sym"]), [["bod", "dis", "sym"], []]);
});

Deno.test("a row has O for [CLS] and [SEP]; an entity that is cut is none", () => {
  const entities = [{ start: 0, end: 2, type: "dis" }, { start: 3, end: 6, type: "dis" }];
  const [labels] = encodeEntities(entities, 8, [["dis"]]);
  const row = labelsOfRow(labels!, firstWindow(8, 5), ["dis"]);
  assert.deepEqual([...row], [4, 0, 2, 4, 0, 1, 4]);
  assert.deepEqual(decodeLabels([row.subarray(1, -1)], [["dis"]]), [entities[0]]);
  assert.deepEqual([...labelsOfRow(labels!, { start: 4, end: 8 }, ["dis"])], [4, 1, 2, 4, 4, 4]);
});

Deno.test("logits: the first of equals, [CLS] and [SEP] and padding never", () => {
  const C = 5,
    rows = [[0, 9, 0, 0, 0], [5, 5, 0, 0, 5], [0, 0, 7, 0, 0], [0, 0, 0, 0, 1], [0, 0, 0, 9, 0], [
      0,
      0,
      0,
      9,
      0,
    ]];
  const logits = [{ values: Float32Array.from(rows.flat()), shape: [rows.length, C] }];
  assert.deepEqual(decodeEntities(logits, 3, [["dis"]]), [{ start: 0, end: 2, type: "dis" }]);
});

Deno.test("the best path is the best of all paths that make sense", () => {
  const draw = draws(7), types = 2, C = 4 * types + 1;
  const inside = (label: number) => label < C - 1 && label % 4 < 2; // after B or I
  const follows = (label: number, before: number | undefined) =>
    before !== undefined && inside(before)
      ? Math.floor(label / 4) === Math.floor(before / 4) && (label % 4 === 1 || label % 4 === 2) &&
        label !== C - 1
      : label === C - 1 || label % 4 === 0 || label % 4 === 3;
  function* paths(tokens: number, path: number[] = []): Generator<number[]> {
    if (path.length === tokens) {
      if (tokens === 0 || !inside(path.at(-1)!)) yield path;
      return;
    }
    for (let label = 0; label < C; label++) {
      if (follows(label, path.at(-1))) yield* paths(tokens, [...path, label]);
    }
  }
  for (let round = 0; round < 40; round++) {
    const tokens = draw(6);
    const values = Float32Array.from({ length: tokens * C }, () => draw(1000) / 100);
    const scoreOf = (path: ArrayLike<number>) =>
      Array.from(path).reduce((sum, label, token) => sum + values[token * C + label]!, 0);
    const best = Math.max(...[...paths(tokens)].map(scoreOf));
    const found = bestPath(values, C);
    assert.ok(Math.abs(scoreOf(found) - best) < 1e-9);
    assert.ok([...found].every((label, token) => follows(label, found[token - 1])));
    assert.equal(found.length > 0 && inside(found.at(-1)!), false);
  }
});

Deno.test("the best path mends a broken entity, and leaves whole ones alone", () => {
  const draw = draws(9);
  for (let round = 0; round < 200; round++) {
    const length = 1 + draw(20), entities = randomEntities(draw, length, TYPES);
    const labels = encodeEntities(entities, length, CHANNELS);
    const kept = decodeLabels(labels, CHANNELS);
    const clean = encodeEntities(kept, length, CHANNELS);
    const logits = clean.map((channel, c) => {
      const C = labelNames(CHANNELS[c]!).length, values = new Float32Array((length + 2) * C);
      channel.forEach((label, token) => values[(token + 1) * C + label] = 5);
      return { values, shape: [length + 2, C] };
    });
    const viterbi = decodeEntities(logits, length, CHANNELS, { decoding: "viterbi" });
    assert.deepEqual(keys(viterbi), keys(kept));
    assert.deepEqual(keys(decodeEntities(logits, length, CHANNELS)), keys(kept));
  }
  const broken = Float32Array.of(0, 0, 0, 0, 1, 5, 0, 0, 0, 0, 0, 3, 0, 0, 4, 0, 0, 5, 0, 0, 0, 0, 0, 0, 1);
  const logits = [{ values: broken, shape: [5, 5] }]; // B O E, I being almost as likely as O
  assert.deepEqual(decodeEntities(logits, 3, [["dis"]]), []);
  assert.deepEqual(decodeEntities(logits, 3, [["dis"]], { decoding: "viterbi" }), [
    { start: 0, end: 3, type: "dis" },
  ]);
});

Deno.test("entities and logits that do not fit are refused", () => {
  const refuse = (entity: Entity, message: string) =>
    assert.throws(() => encodeEntities([entity], 4, [["dis"]]), new RangeError(message));
  refuse({ start: 2, end: 5, type: "dis" }, "Cannot label entity 2 to 5 in a text of 4 characters");
  refuse({ start: 2, end: 2, type: "dis" }, "Cannot label entity 2 to 2 in a text of 4 characters");
  refuse({ start: 0, end: 1, type: "x" }, 'Cannot label entity of type "x": no channel has the type');
  assert.throws(
    () => decodeEntities([{ values: new Float32Array(12), shape: [3, 4] }], 2, [["dis"]]),
    new RangeError("Cannot decode 12 logits of shape [3, 4] for 2 characters: expected [≥ 4, 5]"),
  );
});

const REAL = new URL("../../../shared/data/chineseblue/", import.meta.url);
const hasReal = await Deno.stat(REAL).then(() => true, () => false);

Deno.test({
  name: "real annotations: what each scheme loses",
  ignore: !hasReal,
  async fn() {
    for (const set of ["cEHRNER", "cMedQANER"]) {
      const lines = (await Deno.readTextFile(new URL(`${set}/train.json`, REAL))).trim().split("\n");
      const texts = lines.map((line): Entity[] => {
        const { text, mention_data } = JSON.parse(line);
        const length = [...text].length;
        return mention_data.map(({ mention, offset, type, label }: Record<string, string>) => ({
          start: Number(offset),
          end: Number(offset) + [...mention!].length,
          type: type ?? label,
        })).filter(({ end }: Entity) => end <= length);
      });
      const types = [...new Set(texts.flatMap((entities) => entities.map(({ type }) => type)))];
      const channels = chooseChannels(texts, types);
      const entities = texts.reduce((sum, own) => sum + keys(own).length, 0);
      const lostIn = (own: typeof channels) =>
        texts.reduce((sum, text) => sum + lostEntities(text, own).length, 0);
      const [one, two] = [lostIn([types]), lostIn(channels)];
      console.log(`    ${set}: of ${entities} entities one channel loses ${one}, two lose ${two}`);
      assert.ok(two <= one && one < entities / 20);
    }
  },
});
