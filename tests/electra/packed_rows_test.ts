/** Several sentences in a row compute what each computes in a padded row of its own. */
import { strict as assert } from "node:assert";
import type { Tensor } from "@tensorflow/tfjs-core";
import {
  createVariables,
  encode,
  type ModelVariables,
  presetConfig,
  type PretrainingConfig,
  type RowGroup,
} from "../../lib/electra/mod.ts";
import { RandomStream, tf } from "../../lib/tensorflow/mod.ts";
import { lossesAndGradients, REPORT } from "../../lib/training/pretraining_step.ts";

const V = 60, PAD = 0, CLS = 2, SEP = 3, MASK = 4;

/** A sentence as the generator sees it, what was there, and the draws at its masked positions. */
interface View {
  masked: number[];
  raw: number[];
  sampled: Map<number, number>;
}

/** A sentence of `length` tokens with every fourth masked, or replaced by another token, padding included. */
function view(length: number, seed: number): View {
  const token = (i: number) => 5 + (seed * 31 + i * 17) % (V - 5);
  const raw = [CLS, ...Array.from({ length }, (_, i) => token(i)), SEP];
  const masked = [...raw], sampled = new Map<number, number>();
  for (let i = 1 + seed % 3; i <= length; i += 4) {
    masked[i] = [MASK, PAD, token(i + 1), raw[i]][(i + seed) % 4];
    sampled.set(i, (i + seed) % 5 === 0 ? raw[i] : token(i + 2));
  }
  return { masked, raw, sampled };
}

/** Where a view of a sentence lies: group, row of the group, column. */
type Place = [group: number, row: number, column: number];

function batchOf(views: View[], places: Place[], groups: RowGroup[], packed: boolean) {
  const size = groups.reduce((sum, { rows, width }) => sum + rows * width, 0);
  const starts = groups.map((_, g) =>
    groups.slice(0, g).reduce((sum, group) => sum + group.rows * group.width, 0)
  );
  const [maskedIds, rawIds, segmentIds, positionIds] = Array.from({ length: 4 }, () => new Int32Array(size));
  const cls: number[] = [], positions: number[] = [], sampled: number[] = [], negatives: number[][] = [];
  views.forEach((view, n) => {
    const [group, row, column] = places[n];
    const start = starts[group] + row * groups[group].width + column;
    cls.push(start);
    maskedIds.set(view.masked, start);
    rawIds.set(view.raw, start);
    segmentIds.fill(n + 1, start, start + view.raw.length);
    view.raw.forEach((_, i) => positionIds[start + i] = i);
    for (const [i, token] of view.sampled) {
      positions.push(start + i);
      sampled.push(token);
      negatives.push([5, 6, 7, 8, 9].map((id) => 5 + (id + view.raw[i]) % (V - 5)));
    }
  });
  const int32 = (values: ArrayLike<number>): Tensor => tf.tensor1d(Int32Array.from(values), "int32");
  return {
    groups,
    maskedIds: int32(maskedIds),
    rawIds: int32(rawIds),
    positions: int32(positions),
    weights: tf.ones([positions.length]) as Tensor,
    clsPositions: int32([...cls, 0, 0]), // and a slot that is not used
    clsWeights: tf.tensor([...cls.map(() => 1), 0, 0]),
    ...(packed && { segmentIds: int32(segmentIds), positionIds: int32(positionIds) }),
    draws: { sampled: int32(sampled), negatives: tf.tensor(negatives, [positions.length, 5], "int32") },
  };
}

function compute(config: PretrainingConfig, variables: ModelVariables, batch: ReturnType<typeof batchOf>) {
  const values = [...variables.values()].map((variable) => variable.read());
  const { report, gradients } = lossesAndGradients(
    { config, variables },
    values,
    batch,
    new RandomStream(1, tf.scalar(0, "int32")),
  );
  return { report: report.map((scalar) => scalar.dataSync()[0]), gradients };
}

/** clsPositions holds view a of all sentences, then view b: the unused slot of each half comes last in it. */
function withUnusedSlots(batch: ReturnType<typeof batchOf>) {
  const halves = (x: Tensor) => {
    const used = (x.shape[0] - 2) / 2;
    return tf.gather(
      x,
      tf.tensor1d(
        [...Array(used).keys(), 2 * used, ...Array(used).keys().map((i) => i + used), 2 * used],
        "int32",
      ),
    );
  };
  return { ...batch, clsPositions: halves(batch.clsPositions), clsWeights: halves(batch.clsWeights) };
}

const LENGTHS = [6, 21, 3, 9, 14];
const VIEWS = [
  ...LENGTHS.map((length, i) => view(length, i)),
  ...LENGTHS.map((length, i) => view(length, i + 7)),
];

Deno.test("losses, counts and gradients of packed rows are those of padded rows", () => {
  const config = presetConfig("tiny", V), variables = createVariables(config, 3);
  for (const variable of variables.values()) {
    tf.tidy(() => variable.assign(tf.mul(variable.read(), 3))); // far from the flat beginning
  }
  tf.tidy(() => {
    const rows = VIEWS.map((_, row): Place => [0, row, 0]);
    const padded = batchOf(VIEWS, rows, [{ rows: 10, width: 24 }], false);
    // 21 + 2 and 3 + 2 in a wide row; 6 + 2 and 9 + 2, and 14 + 2, in narrow ones; view b mirrors view a
    const placesOf = (
      second: 0 | 1,
    ): Place[] => [[1, 2 * second, 0], [0, second, 0], [0, second, 23], [1, 2 * second, 8], [
      1,
      2 * second + 1,
      2, // with padding before it
    ]];
    const places = [...placesOf(0), ...placesOf(1)];
    const packed = batchOf(VIEWS, places, [{ rows: 2, width: 32 }, { rows: 4, width: 20 }], true);

    const one = compute(config, variables, withUnusedSlots(padded));
    const other = compute(config, variables, withUnusedSlots(packed));
    one.report.forEach((value, i) => {
      const difference = Math.abs(value - other.report[i]);
      assert.ok(
        difference <= 1e-5 * Math.max(1, Math.abs(value)),
        `${REPORT[i]}: ${value}, packed ${other.report[i]}`,
      );
    });
    assert.ok(one.report.slice(0, 5).every((loss) => loss > 0), `${one.report}`);
    one.gradients.forEach((gradient, i) => {
      const difference = tf.max(tf.abs(tf.sub(gradient, other.gradients[i]))).dataSync()[0];
      const scale = tf.max(tf.abs(gradient)).dataSync()[0];
      assert.ok(
        difference <= 1e-4 * Math.max(scale, 0.01),
        `${[...variables.keys()][i]}: ${difference} of ${scale}`,
      );
    });
  });
  for (const variable of variables.values()) variable.dispose();
});

Deno.test("sentences of one row do not see each other: another neighbour changes nothing", () => {
  const config = presetConfig("tiny", V), variables = createVariables(config, 3);
  tf.tidy(() => {
    const parameters = (name: string) => variables.get(`generator.electra.${name}`)!.read();
    const firstOfRow = (neighbour: number) => {
      const { draws: _draws, maskedIds: ids, ...batch } = batchOf(
        [view(6, 1), view(10, neighbour)],
        [[0, 0, 0], [0, 0, 8]],
        [{ rows: 1, width: 24 }],
        true,
      );
      const hidden = encode(parameters, config.generator, { ...batch, ids }); // (24, H)
      return tf.slice(hidden, [0, 0], [8, 64]).dataSync();
    };
    assert.deepEqual(firstOfRow(3), firstOfRow(4));
  });
  for (const variable of variables.values()) variable.dispose();
});
