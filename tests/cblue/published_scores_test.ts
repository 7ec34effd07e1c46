/** Entities and triples against the original's evaluators, recorded. */
import { strict as assert } from "node:assert";
import {
  addCounts,
  countsByLabel,
  decodeLabels,
  decodeRelations,
  entityKey,
  labelNames,
  type LocatedTriple,
  locatedTripleKey,
  publishedEntityCounts,
  publishedEntityScore,
  publishedTripleScore,
  scoreCounts,
  setCounts,
  type Span,
} from "../../lib/cblue/mod.ts";
import { close } from "./close.ts";

type Ends = [first: number, last: number];

const golden: {
  ner_chunk: {
    label_list: string[][];
    batches: {
      lengths: number[];
      predictions: number[][][];
      labels: number[][][];
      num_infer_label_correct: [number, number, number];
      accumulated_precision_recall_f1: [number, number, number];
    }[];
  };
  ner_extract_chunk: { name: string; sequence: string[]; chunks: [number, string, number, number][] }[];
  spo_chunk: {
    num_classes: number;
    batches: {
      lengths: number[];
      ent_logits: number[][][];
      spo_positive: [number, number, number, number][];
      ent_labels: Ends[][];
      spo_labels: [Ends, number, Ends][][];
      infer: { ent: number; spo: number };
      label: { ent: number; spo: number };
      correct: { ent: number; spo: number };
      accumulated: { entity: number[]; spo: number[] };
    }[];
  };
} = JSON.parse(await Deno.readTextFile(new URL("../fixtures/metrics.json", import.meta.url)));

Deno.test("labels of rows count and score as the original's evaluator of CMeEE", () => {
  const channels = [["dis", "dru", "bod"], ["sym"]];
  assert.deepEqual(channels.map(labelNames), golden.ner_chunk.label_list);
  const rows: number[][] = [];
  for (const batch of golden.ner_chunk.batches) {
    const own = batch.lengths.map((length, row) => {
      const cut = (labels: number[][][]) => labels.map((channel) => channel[row]!.slice(0, length));
      const { correct, predicted, answers } = publishedEntityCounts(
        cut(batch.labels),
        cut(batch.predictions),
        channels,
      );
      return [correct, predicted, answers];
    });
    const [correct, predicted, answers] = addCounts(own);
    assert.deepEqual([predicted, answers, correct], batch.num_infer_label_correct);
    rows.push(...own);
    const [sum] = countsByLabel(addCounts(rows));
    assert.deepEqual(Object.values(publishedEntityScore(sum!)), batch.accumulated_precision_recall_f1);
    // the official definition differs by the terms in the denominators alone
    const official = scoreCounts("micro-f1", addCounts(rows)).value;
    assert.ok(Math.abs(official - batch.accumulated_precision_recall_f1[2]) < 1e-6);
  }
});

for (const { name, sequence, chunks } of golden.ner_extract_chunk) {
  Deno.test(`complete entities: ${name}`, () => {
    const types = [...new Set(sequence.flatMap((label) => label === "O" ? [] : [label.slice(2)]))];
    const labels = sequence.map((label) => labelNames(types).indexOf(label));
    assert.deepEqual(
      decodeLabels([labels], [types]),
      chunks.map(([, type, first, last]) => ({ start: first, end: last + 1, type })),
    );
  });
}

Deno.test("logits of rows decode, count and score as the original's evaluator of CMeIE", () => {
  const predicates = Array.from({ length: golden.spo_chunk.num_classes }, (_, p) => `${p}`);
  const span = ([first, last]: Ends): Span => ({ start: first, end: last + 1 });
  const entityRows: number[][] = [], tripleRows: number[][] = [];
  for (const batch of golden.spo_chunk.batches) {
    const width = batch.ent_logits[0]!.length, P = predicates.length;
    const before = entityRows.length;
    batch.lengths.forEach((length, row) => {
      const values = new Float32Array(P * width * width).fill(-1);
      for (const [r, p, subject, object] of batch.spo_positive) {
        if (r === row) values[(p * width + subject) * width + object] = 1;
      }
      const decoded = decodeRelations(
        { values: Float32Array.from(batch.ent_logits[row]!.flat()), shape: [width, 2] },
        { values, shape: [P, width, width] },
        length - 2,
        predicates,
      );
      const answers = batch.spo_labels[row]!.map(([subject, predicate, object]): LocatedTriple => ({
        subject: span(subject),
        predicate: predicates[predicate]!,
        object: span(object),
      }));
      const typed = (spans: readonly Span[]) => spans.map((own) => ({ ...own, type: "" }));
      entityRows.push(
        setCounts(typed(batch.ent_labels[row]!.map(span)), typed(decoded.entities), { keyOf: entityKey }),
      );
      tripleRows.push(setCounts(answers, decoded.triples, { keyOf: locatedTripleKey }));
    });
    for (const [rows, kind] of [[entityRows, "ent"], [tripleRows, "spo"]] as const) {
      const [correct, predicted, answers] = addCounts(rows.slice(before));
      assert.deepEqual(
        [correct, predicted, answers],
        [batch.correct[kind], batch.infer[kind], batch.label[kind]],
      );
    }
    const { value, details } = scoreCounts("micro-f1", addCounts(entityRows));
    assert.deepEqual([details.precision, details.recall], batch.accumulated.entity.slice(0, 2));
    close(value, batch.accumulated.entity[2]!);
    const [sum] = countsByLabel(addCounts(tripleRows));
    // the original adds 1e-10 before the counts, one batch after another: the last bit may differ
    close(Object.values(publishedTripleScore(sum!)), batch.accumulated.spo);
  }
});
