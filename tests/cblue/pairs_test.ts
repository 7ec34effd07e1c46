/** Targets of pairs that go to the device as places are the dense ones. */
import assert from "node:assert/strict";
import { encodeRelations, RowStream, writeTargets } from "../../lib/cblue/mod.ts";
import { pairLoss, PairTargeting, type TargetedRow } from "../../lib/cblue/pairs.ts";
import { relationsLoss } from "../../lib/electra/mod.ts";
import { tf } from "../../lib/tensorflow/mod.ts";
import { draws, randomTriples } from "./random_sets.ts";

Deno.test("losses by places are those of dense targets, in batches that are not full, too", async () => {
  const predicates = ["预防", "病因", "临床表现"], P = predicates.length, B = 4, draw = draws(3);
  const targeting = new PairTargeting(P);
  const rows = Array.from({ length: 10 }, (): TargetedRow => {
    const length = 5 + draw(40), window = { start: 0, end: length };
    const targets = targeting.see(
      encodeRelations(randomTriples(draw, length, predicates), predicates, window),
    );
    return { ids: new Int32Array(length + 2).fill(5), window, targets };
  });
  const stream = new RowStream(rows, { batchSize: B, maxLength: 64, seed: 1 });
  const shapes = new Set<string>();
  for (let i = 0; i < stream.batchesPerEpoch; i++) {
    const batch = stream.next(), L = batch.width;
    const ends = new Float32Array(B * L * 2), pairs = new Float32Array(B * P * L * L);
    batch.rows.forEach(({ targets }, i) =>
      writeTargets(targets, L, ends.subarray(i * L * 2), pairs.subarray(i * P * L * L))
    );
    const mask = tf.tensor2d(
      Array.from(
        { length: B },
        (_, i) => Array.from({ length: L }, (_, slot) => Number(slot < (batch.rows[i]?.ids.length ?? 0))),
      ),
    );
    const outputs = [tf.randomNormal([B, L, 2]), tf.randomNormal([B, P, L, L])];
    const targets = targeting.tensors(batch), found = pairLoss(outputs, targets);
    const dense = relationsLoss(
      outputs,
      tf.tensor3d(ends, [B, L, 2]),
      tf.tensor4d(pairs, [B, P, L, L]),
      mask,
    );
    const values = async (tensors: readonly { data(): Promise<ArrayLike<number>> }[]) =>
      await Promise.all(tensors.map(async (tensor) => (await tensor.data())[0]));
    assert.deepEqual(await values(found), await values([dense.total, dense.entities, dense.relations]));
    shapes.add(targets.map(({ shape }, i) => i === 0 || i === 3 ? "" : shape).join());
    tf.dispose([mask, outputs, targets, found, Object.values(dense)]);
  }
  assert.equal(shapes.size, 1); // of places, however many pairs a batch has
});
