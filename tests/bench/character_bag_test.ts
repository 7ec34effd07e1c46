/** Logistic regression against scikit-learn's; bags of characters learn what characters tell; synthetic sets are what they say. */
import assert from "node:assert/strict";
import { classifyByBag, tagByBag } from "../../bench/peers/character_bag.ts";
import { makeSyntheticSets } from "../../bench/peers/cmekg.ts";
import { fitLogisticRegression, logitsOf, type SparseRows } from "../../bench/peers/logistic_regression.ts";
import { CHARACTERS, MAJORITY } from "../../bench/peers/plain_answers.ts";
import {
  type ClassificationExample,
  type EntityExample,
  findTask,
  locateTriples,
  type NormalizationExample,
  readSplit,
  type RelationExample,
  TASKS,
} from "../../lib/cblue/mod.ts";
import { RandomStream } from "../../lib/packing/mod.ts";
import { hasScikitLearn } from "../cblue/scikit_learn.ts";
import { testInFolder } from "../folders.ts";

const PYTHON = Deno.env.get("ERNIE_HEALTH_PYTHON") ?? "python3";
const GRAPH = "../shared/data/cmekg";
const hasNoGraph = await Deno.stat(GRAPH).then(() => false, () => true);

/** Rows of a few random features each, and labels that depend on them. */
function randomRows(rows: number, features: number, classes: number) {
  const random = new RandomStream({ seed: 7, purpose: "plan", epoch: classes });
  const dense = Array.from(
    { length: rows },
    () =>
      Array.from({ length: features }, () => random.below(4) === 0 ? Math.fround(0.5 + random.uniform()) : 0),
  );
  const labels = Int32Array.from(dense, (row) => {
    const sums = Array.from(
      { length: classes },
      (_, c) => random.uniform() + row.reduce((sum, value, f) => sum + (f % classes === c ? value : 0), 0),
    );
    return sums.indexOf(Math.max(...sums));
  });
  const starts = [0], indices: number[] = [], values: number[] = [];
  for (const row of dense) {
    row.forEach((value, f) => value !== 0 && (indices.push(f), values.push(value)));
    starts.push(indices.length);
  }
  const sparse: SparseRows = {
    starts: Int32Array.from(starts),
    features: Int32Array.from(indices),
    values: Float32Array.from(values),
  };
  return { dense, labels, sparse };
}

Deno.test({
  name: "logistic regression finds scikit-learn's probabilities",
  ignore: !await hasScikitLearn(),
  async fn() {
    for (const [classes, penalty] of [[2, 1], [4, 1], [4, 10]] as const) {
      const features = 12, { dense, labels, sparse } = randomRows(200, features, classes);
      const weights = fitLogisticRegression(sparse, labels, { classes, features, penalty, tolerance: 1e-7 });
      const logits = logitsOf(sparse, weights, classes);
      const script = `import json, sys; from sklearn.linear_model import LogisticRegression
x, y = json.loads(sys.argv[1])
model = LogisticRegression(C=1 / ${penalty}, tol=1e-9, max_iter=5000).fit(x, y)
print(json.dumps(model.predict_proba(x).tolist()))`;
      const { stdout } = await new Deno.Command(PYTHON, {
        args: ["-c", script, JSON.stringify([dense, [...labels]])],
      }).output();
      const expected: number[][] = JSON.parse(new TextDecoder().decode(stdout));
      expected.forEach((row, n) => {
        const powers = [...logits.subarray(n * classes, (n + 1) * classes)].map(Math.exp);
        const sum = powers.reduce((a, b) => a + b, 0);
        row.forEach((probability, c) => {
          const difference = Math.abs(powers[c]! / sum - probability);
          assert.ok(difference < 1e-4, `${classes} classes, row ${n}: off by ${difference}`);
        });
      });
    }
  },
});

Deno.test("of fitted weights the loss's gradient is zero", () => {
  const classes = 3,
    features = 9,
    penalty = 2,
    { dense, labels, sparse } = randomRows(120, features, classes);
  const weights = fitLogisticRegression(sparse, labels, { classes, features, penalty, tolerance: 1e-9 });
  const logits = logitsOf(sparse, weights, classes);
  for (let f = 0; f <= features; f++) {
    for (let c = 0; c < classes; c++) {
      let slope = f < features ? penalty * weights[f * classes + c]! : 0;
      dense.forEach((row, n) => {
        const powers = [...logits.subarray(n * classes, (n + 1) * classes)].map(Math.exp);
        const probability = powers[c]! / powers.reduce((a, b) => a + b, 0);
        slope += (probability - (labels[n] === c ? 1 : 0)) * (f < features ? row[f]! : 1);
      });
      assert.ok(Math.abs(slope) < 1e-4, `feature ${f}, class ${c}: ${slope}`);
    }
  }
});

function pair(first: string, second: string, label: string): ClassificationExample {
  return { key: first, record: {}, texts: [first, second], label };
}

Deno.test("pairs are judged by what they have in common, also if their characters are new", () => {
  const words = Array.from("天地玄黄宇宙洪荒日月盈昃辰宿列张", (character) => character.repeat(2));
  const train = words.flatMap((word, i) => [
    pair(word, `${word}吗`, "1"),
    pair(word, `${words[(i + 5) % words.length]}吗`, "0"),
  ]);
  const dev = [pair("寒来", "寒来吗", "1"), pair("暑往", "秋收吗", "0")];
  assert.deepEqual(classifyByBag(TASKS["CHIP-STS"], train, dev), [{ label: "1" }, { label: "0" }]);
});

Deno.test("entities are found by the characters around them", () => {
  const text = (name: string): EntityExample => ({
    key: name,
    record: {},
    text: `患${name}病，服药`,
    entities: [{ start: 1, end: 2 + name.length, type: "dis" }, {
      start: 4 + name.length,
      end: 5 + name.length,
      type: "dru",
    }],
  });
  const train = ["糖尿", "高血压", "冠心", "肝", "肾", "糖尿", "冠心", "高血压"].map(text);
  const dev = [text("糖尿"), text("肾")];
  assert.deepEqual(tagByBag(TASKS.CMeEE, train, dev), dev.map(({ entities }) => entities));
});

testInFolder("synthetic sets are official files whose answers hold", async (folder) => {
  const [relations, normalization] = await makeSyntheticSets(GRAPH, folder);
  const read = async ({ dataset, folder }: { dataset: string; folder: string }) => {
    const task = await findTask(dataset), warn = (line: string) => assert.fail(line);
    const splits = ["train", "dev"] as const;
    const [train, dev] = await Promise.all(
      splits.map((split) => readSplit(task, folder, split, { answered: true, warn })),
    );
    return { task, train: train!, dev: dev! };
  };
  const sentences = await read(relations!);
  for (const { text, triples } of [...sentences.train, ...sentences.dev] as RelationExample[]) {
    assert.ok(triples!.length > 0 && locateTriples(text, triples!).missing.length === 0, text);
  }
  const names = await read(normalization!);
  const terms = new Set((await Deno.readTextFile(`${normalization!.folder}/terms.txt`)).trim().split("\n"));
  for (const one of [...names.train, ...names.dev] as NormalizationExample[]) {
    assert.ok(one.terms!.every((term) => terms.has(term)) && !terms.has(one.text), one.text);
  }
  for (const { train, dev } of [sentences, names]) {
    const seen = new Set(train.map((one) => (one as NormalizationExample).text));
    assert.ok(dev.every((one) => !seen.has((one as NormalizationExample).text)));
  }
}, hasNoGraph);

Deno.test("plain answers: known names by what usually holds, the most similar term, the commonest of all", () => {
  const triple = (subject: string, predicate: string, object: string, objectType: string) => ({
    subject,
    subjectType: "疾病",
    predicate,
    object,
    objectType,
  });
  const said = (text: string, ...triples: ReturnType<typeof triple>[]): RelationExample => ({
    key: text,
    record: {},
    text,
    triples,
  });
  const train = [
    said("肺炎见咳嗽", triple("肺炎", "临床表现", "咳嗽", "症状")),
    said("感冒见发热", triple("感冒", "临床表现", "发热", "症状")),
    said("肺炎挂内科", triple("肺炎", "就诊科室", "内科", "其他")),
  ];
  const answers = CHARACTERS.relations(TASKS.CMeIE, train, [said("感冒也咳嗽")], undefined);
  assert.deepEqual(answers, [[{ subject: "感冒", object: "咳嗽", predicate: "临床表现" }]]);
  const name = (text: string, ...terms: string[]): NormalizationExample => ({
    key: text,
    record: {},
    text,
    terms,
  });
  const spellings = [name("糖病", "糖尿病"), name("糖尿", "糖尿病"), name("血压高", "高血压")];
  const asked = [name("高血压病"), name("高血糖尿病")], terms = ["高血压", "糖尿病"];
  assert.deepEqual(CHARACTERS.normalization(TASKS["CHIP-CDN"], spellings, asked, terms), [["高血压"], [
    "糖尿病",
  ]]);
  assert.deepEqual(MAJORITY.normalization(TASKS["CHIP-CDN"], spellings, asked, terms), [["糖尿病"], [
    "糖尿病",
  ]]);
});
