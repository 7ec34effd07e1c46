/** Metrics of classes against PaddleNLP's recorded numbers, and scikit-learn's, recorded and live. */
import { strict as assert } from "node:assert";
import {
  accuracy,
  addCounts,
  classCounts,
  confusionMatrix,
  type Counts,
  countsByLabel,
  macroF1,
  microF1,
  precisionRecallF1,
  scoreCounts,
  setCounts,
} from "../../lib/cblue/mod.ts";
import { close } from "./close.ts";
import { draws } from "./random_sets.ts";
import { hasScikitLearn, scikitLearnScores } from "./scikit_learn.ts";

interface Case {
  num_classes: number;
  labels: number[];
  predictions: number[];
  accuracy: number;
  paddle_Accuracy: number;
  macro_f1_sklearn_present_labels: number;
  macro_f1_sklearn_all_labels: number;
  micro_f1_sklearn: number;
  paddlenlp_MultiLabelsMetric_macro: number[];
  paddlenlp_MultiLabelsMetric_micro: number[];
  paddlenlp_MultiLabelsMetric_None: number[][];
  paddlenlp_AccuracyAndF1_acc_precision_recall_f1_mean?: number[];
  binary_sklearn_precision_recall_f1?: number[];
}

const golden: Case[] = JSON.parse(
  await Deno.readTextFile(new URL("../fixtures/metrics.json", import.meta.url)),
).classification;

function countsOf(answers: readonly number[], predictions: readonly number[], classes: number): Counts[] {
  return countsByLabel(
    addCounts(answers.map((answer, i) => classCounts(answer, predictions[i]!, classes))),
  );
}

for (const recorded of golden) {
  Deno.test(`${recorded.num_classes} classes score as PaddleNLP and scikit-learn recorded`, () => {
    const counts = countsOf(recorded.labels, recorded.predictions, recorded.num_classes);
    assert.equal(accuracy(counts), recorded.accuracy);
    assert.equal(accuracy(counts), recorded.paddle_Accuracy);
    close(macroF1(counts), recorded.macro_f1_sklearn_all_labels);
    close(macroF1(counts, { over: "present" }), recorded.macro_f1_sklearn_present_labels);
    close(microF1(counts), recorded.micro_f1_sklearn);
    close(macroF1(counts), recorded.paddlenlp_MultiLabelsMetric_macro[2]!);
    close(microF1(counts), recorded.paddlenlp_MultiLabelsMetric_micro[2]!);
    const scores = counts.map(precisionRecallF1);
    for (const [i, name] of (["precision", "recall", "f1"] as const).entries()) {
      close(scores.map((score) => score[name]), recorded.paddlenlp_MultiLabelsMetric_None[i]!);
    }
  });
}

Deno.test("F1 of matches is that of class 1", () => {
  const recorded = golden.find(({ num_classes }) => num_classes === 2)!;
  const counts = addCounts(
    recorded.labels.map((answer, i) => classCounts(answer, recorded.predictions[i]!, 2)),
  );
  const { value, details } = scoreCounts("f1", counts);
  const measured = [details.precision!, details.recall!, value];
  close(measured, recorded.binary_sklearn_precision_recall_f1!);
  close(
    [details.accuracy!, ...measured],
    recorded.paddlenlp_AccuracyAndF1_acc_precision_recall_f1_mean!.slice(0, 4),
  );
});

Deno.test({
  name: "random classes and sets score as scikit-learn does",
  ignore: !await hasScikitLearn(),
  async fn() {
    const draw = draws(3);
    const cases = [[40, 2], [300, 11], [25, 44], [5, 3], [200, 4]].map(([examples, classes]) => {
      const answers = Array.from({ length: examples! }, () => draw(classes!));
      const predictions = answers.map((answer) => draw(3) > 0 ? answer : draw(classes!));
      return { answers, predictions, classes: classes! };
    });
    const sets = Array.from({ length: 20 }, () => [0, 1].map(() => Array.from({ length: 6 }, () => draw(2)))); // which of six things
    const theirs = await scikitLearnScores({ cases, sets });
    cases.forEach(({ answers, predictions, classes }, i) => {
      const counts = countsOf(answers, predictions, classes);
      const scores = counts.map(precisionRecallF1);
      close(accuracy(counts), theirs.cases[i]!.accuracy);
      close(macroF1(counts), theirs.cases[i]!.macro);
      close(macroF1(counts, { over: "present" }), theirs.cases[i]!.macroPresent);
      close(microF1(counts), theirs.cases[i]!.micro);
      close(scores.map(({ precision }) => precision), theirs.cases[i]!.precision);
      close(scores.map(({ recall }) => recall), theirs.cases[i]!.recall);
      assert.deepEqual(counts.map((own) => own.answers), theirs.cases[i]!.support);
      assert.deepEqual(confusionMatrix(answers, predictions, classes), theirs.cases[i]!.confusion);
    });
    const things = (flags: number[]) => flags.flatMap((flag, thing) => flag ? [thing] : []);
    const counts = sets.map(([right, said]) =>
      setCounts(things(right!), things(said!), { keyOf: String, labelOf: (thing) => thing, labels: 6 })
    );
    close(microF1(countsByLabel(addCounts(counts))), theirs.sets.micro);
    close(macroF1(countsByLabel(addCounts(counts))), theirs.sets.macro);
  },
});

Deno.test("what is there twice counts once, what is nowhere is 0", () => {
  const keyOf = (name: string) => name;
  assert.deepEqual(setCounts(["a", "a", "b"], ["b", "b", "c"], { keyOf }), [1, 2, 2]);
  assert.equal(scoreCounts("micro-f1", setCounts([], [], { keyOf })).value, 0);
  assert.deepEqual(scoreCounts("micro-f1", setCounts(["a"], [], { keyOf })), {
    metric: "micro F1",
    value: 0,
    details: { precision: 0, recall: 0 },
  });
});

Deno.test("labels that the task does not have are refused", () => {
  assert.throws(() => classCounts(0, 2, 2), new RangeError("Cannot count label 2: labels are 0 to 1"));
  assert.throws(
    () => setCounts(["a"], [], { keyOf: String, labelOf: () => 1 }),
    new RangeError("Cannot count label 1: labels are 0 to 0"),
  );
  assert.throws(
    () => scoreCounts("f1", [1, 1, 1]),
    new RangeError("Cannot score class 1: there is but one class"),
  );
});
