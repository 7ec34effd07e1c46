/** Candidates against scikit-learn, against BM25 summed up plainly, and on real names. */
import assert from "node:assert/strict";
import { aliasesOf, comparisonKey, measureRecall, TermIndex } from "../../lib/cblue/normalization/mod.ts";
import { RandomStream } from "../../lib/packing/mod.ts";
import { hasNames, readNames } from "./normalization_names.ts";

const NAMES = ["高血压", "高血压性肾病", "糖尿病性肾病", "急性胃肠炎", "胃恶性肿瘤", "胃胃胃炎"];

Deno.test("tf-idf cosines are scikit-learn's", async (t) => {
  // TfidfVectorizer(analyzer="char", ngram_range=(1, maxGram)), scikit-learn 1.9.1
  const cosines: [maxGram: number, query: string, expected: number[]][] = [
    [1, "高血压肾病", [0.774596669241, 0.951439485689, 0.460240424699, 0, 0, 0]],
    [1, "慢性胃炎", [0, 0.148931457246, 0.120071180152, 0.655111457562, 0.346326384292, 0.770707410871]],
    [2, "高血压肾病", [0.790569415042, 0.852393313608, 0.365645923274, 0, 0, 0]],
    [2, "慢性胃炎", [0, 0.069103573444, 0.05928587076, 0.488291484613, 0.158692192261, 0.525828735223]],
    [3, "高血压肾病", [0.816496580928, 0.750354411546, 0.295055449424, 0, 0, 0]],
    [3, "慢性胃炎", [0, 0.057352275107, 0.0507423257, 0.412710513096, 0.134937244147, 0.479958064221]],
  ];
  for (const [maxGram, query, expected] of cosines) {
    await t.step(`n-grams up to ${maxGram}, ${query}`, () => {
      const index = new TermIndex(NAMES, { weighting: "tfidf", commonShare: 0, maxGram });
      const found = index.recallOf(query, NAMES);
      for (const [n, cosine] of expected.entries()) {
        assert.ok(Math.abs(found[n]! - cosine) < 1e-11, NAMES[n]!);
      }
      const best = expected.indexOf(Math.max(...expected));
      assert.equal(index.search(query, 1)[0]!.term, NAMES[best]);
    });
  }
});

Deno.test("BM25 and common characters are what plain sums give, ranks and ties too", () => {
  const random = new RandomStream({ seed: 5, purpose: "order", epoch: 0 });
  const letters = [..."甲乙丙丁戊己庚辛𠮷"];
  const name = () => Array.from({ length: 1 + random.below(7) }, () => letters[random.below(9)]!).join("");
  const terms = [...new Set(Array.from({ length: 400 }, name))];
  const index = new TermIndex(terms);
  const grams = (text: string) => {
    const chars = [...text];
    return [...chars, ...chars.slice(1).map((char, i) => chars[i]! + char)];
  };
  const documents = terms.map(grams);
  const average = documents.reduce((sum, { length }) => sum + length, 0) / documents.length;
  const count = (document: string[], gram: string) => document.filter((other) => other === gram).length;
  const bm25 = (query: string[], document: string[]) => {
    let sum = 0;
    for (const gram of query) { // once for every time that it stands in the query
      const df = documents.filter((other) => other.includes(gram)).length;
      if (df === 0) continue;
      const tf = count(document, gram);
      const idf = Math.log(1 + (documents.length - df + 0.5) / (df + 0.5));
      sum += idf * tf * 2.2 / (tf + 1.2 * (0.25 + 0.75 * document.length / average));
    }
    return sum;
  };
  for (let i = 0; i < 20; i++) {
    const query = name();
    const own = bm25(grams(query), grams(query));
    const expected = terms.map((term, n) => {
      const common = new Set(query).intersection(new Set(term)).size;
      const share = common / Math.min(new Set(query).size, new Set(term).size);
      return {
        term,
        common,
        n,
        recall: 0.75 * Math.min(1, bm25(grams(query), documents[n]!) / own) + share / 4,
      };
    }).filter(({ common }) => common > 0);
    // Sums in another order differ in the last digits: equal scores are those equal to ten digits.
    const rank = (recall: number) => Math.round(recall * 1e10);
    expected.sort((a, b) => rank(b.recall) - rank(a.recall) || a.n - b.n);
    for (const k of [1, 10, 1000]) {
      const found = index.search(query, k);
      assert.equal(found.length, Math.min(k, expected.length));
      for (const [place, { recall }] of found.entries()) {
        assert.ok(Math.abs(recall - expected[place]!.recall) < 1e-9);
      }
    }
    const recalls = index.recallOf(query, expected.map(({ term }) => term));
    for (const [n, { recall }] of expected.entries()) assert.ok(Math.abs(recalls[n]! - recall) < 1e-9);
    const found = index.search(query, 1000);
    for (let place = 1; place < found.length; place++) {
      const [a, b] = [found[place - 1]!, found[place]!];
      assert.ok(
        a.recall > b.recall || a.recall === b.recall && terms.indexOf(a.term) < terms.indexOf(b.term),
      );
    }
  }
});

Deno.test("a text that seems to name several things is searched for part by part", () => {
  const index = new TermIndex(["糖尿病", "高血压伴心脏病史", "高血压"]);
  const [best] = index.search("高血压，糖尿病", 3);
  assert.equal(best!.recall, 1);
  assert.ok(index.search("高血压，糖尿病", 3, { parts: false })[0]!.recall < 1);
});

Deno.test("abbreviations are found spelled out", () => {
  const index = new TermIndex(["胃息肉", "胃恶性肿瘤", "癌性腹水"]);
  assert.equal(index.search("胃癌", 1)[0]!.term, "胃恶性肿瘤");
});

Deno.test("aliases lead to their terms, and add terms that the list lacks", () => {
  const examples = [
    { key: "", record: {}, text: "心口痛", terms: ["胃痛"] },
    { key: "", record: {}, text: "烧心", terms: ["胃灼热", "胃痛"] },
    { key: "", record: {}, text: "无答案", terms: undefined },
  ];
  const index = new TermIndex(["胃痛", "头痛"], { aliases: aliasesOf(examples) });
  assert.deepEqual(index.terms, ["胃痛", "头痛", "胃灼热"]);
  assert.deepEqual(index.search("烧心", 2), [{ term: "胃痛", recall: 1 }, { term: "胃灼热", recall: 1 }]);
  // As if 烧心 were new, only 心口痛 has a character in common.
  assert.deepEqual(index.search("烧心", 2, { unseen: true }).map(({ term }) => term), ["胃痛"]);
  assert.ok(index.recallOf("烧心", ["胃痛"], { unseen: true })[0]! < 1);
});

Deno.test("nothing in common, nothing to search for, nothing to find", () => {
  const index = new TermIndex(["高血压", "？"]);
  for (const text of ["", "？", "xyz"]) assert.deepEqual(index.search(text, 5), []);
  assert.deepEqual(index.search("高血压", 0), []);
  assert.deepEqual([...index.recallOf("高血压", ["没有的"])], [0]);
  assert.throws(() => new TermIndex([]), {
    name: "UserError",
    message: "Cannot index terms: the list is empty",
  });
});

Deno.test("recall counts terms and whole texts, and terms that are not listed", () => {
  const index = new TermIndex(["高血压", "高血压性肾病", "糖尿病"]);
  const examples = [
    { key: "", record: {}, text: "高血压", terms: ["高血压", "高血压性肾病"] },
    { key: "", record: {}, text: "糖尿病", terms: ["糖尿病"] },
    { key: "", record: {}, text: "烧心", terms: ["胃灼热"] },
    { key: "", record: {}, text: "没有", terms: [] },
  ];
  assert.deepEqual(measureRecall(examples, index, [1, 2]), {
    at: [{ k: 1, terms: 2 / 4, texts: 1 / 3 }, { k: 2, terms: 3 / 4, texts: 2 / 3 }],
    terms: 4,
    unlisted: 1,
  });
});

Deno.test({
  name: "real names: what is recalled of 41,000 terms",
  ignore: !hasNames,
  fn: async () => {
    const { terms, aliases, train, dev } = await readNames();
    const bare = new TermIndex(terms);
    // A term's own name comes first, but for terms that differ in signs only.
    for (const term of terms.slice(0, 300)) {
      assert.equal(comparisonKey(bare.search(term, 1, { parts: false })[0]!.term), comparisonKey(term));
    }
    const at100 = (index: TermIndex, examples: typeof dev) =>
      measureRecall(examples, index, [100]).at[0]!.terms;
    const texts = dev.slice(0, 400);
    const recall = at100(bare, texts);
    assert.ok(recall > 0.93, `${recall}`);
    assert.ok(at100(bare, aliases.slice(0, 400)) > 0.6);
    const taught = at100(new TermIndex(terms, { aliases: aliasesOf(train) }), texts);
    assert.ok(taught > recall + 0.01, `${taught} with aliases, ${recall} without`);
  },
});
