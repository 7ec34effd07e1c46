import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { stripVTControlCharacters } from "node:util";
import { Corpus, encodeNpz, onePass, paddedLayout } from "../../lib/packing/mod.ts";
import {
  type ExampleSentence,
  exampleSentences,
  exampleText,
  inspectCorpus,
  type Inspection,
  inspectionPicture,
  inspectionText,
  locateCorpus,
} from "../../lib/inspection/mod.ts";
import { suffixIdOf, Vocabulary } from "../../lib/text/mod.ts";
import { withFolder } from "../folders.ts";
import { assertWellFormed, texts } from "../well_formed.ts";
import { writeArrays } from "../preprocessing/write_arrays.ts";

const FIXTURES = fileURLToPath(new URL("../fixtures/text", import.meta.url));
const VOCABULARY = await Vocabulary.read(`${FIXTURES}/vocab.txt`);
const OPTIONS = { vocabulary: VOCABULARY, sample: 1000, maxSeqLength: 128 };
const id = (token: string) => VOCABULARY.idOf(token)!;

/** Writes a corpus of sentences of these lengths, all of one character. */
async function writeLengths(prefix: string, lengths: number[], token = "高"): Promise<void> {
  await writeArrays(prefix, lengths.flatMap((length) => new Array(length).fill(id(token))), lengths);
}

async function inspectLengths(lengths: number[], options = OPTIONS): Promise<Inspection> {
  let inspection: Inspection | undefined;
  await withFolder(async (folder) => {
    await writeLengths(`${folder}/c`, lengths);
    using corpus = await Corpus.open(folder, VOCABULARY);
    inspection = await inspectCorpus(corpus, options);
  });
  return inspection!;
}

Deno.test("the original's corpus, counted by hand", async () => {
  using corpus = await Corpus.open(FIXTURES, VOCABULARY, { name: "c" });
  const { lengths, ...numbers } = await inspectCorpus(corpus, { ...OPTIONS, maxSeqLength: 10 });
  assert.deepEqual(numbers, {
    corpora: [`${FIXTURES}/c`],
    sentences: 6,
    tokens: 54,
    cut: { max_seq_length: 10, sentences: 3 }, // of 15, 12 and 9 tokens
    sampled: 6,
    terms: null,
    unknown: { tokens: 1, share: 1 / 54 },
    words: {
      total: 30,
      by_length: [13, 11, 5, 1],
      share_in_2_or_more: 41 / 54,
      share_in_more_than_4: 0,
    },
    report: null,
  });
  const { histogram, ...rest } = lengths;
  assert.deepEqual(rest, { mean: 9, median: 8, percentile_95: 15, max: 15 });
  const bins = [0, 0, 1, 0, 0, 0, 1, 1, 1, 0, 0, 1, 0, 0, 1]; // lengths 3, 7, 8, 9, 12, 15
  assert.deepEqual(histogram, { width: 1, bins, longer: 0 });
});

Deno.test("quantiles are those of the sorted lengths", async () => {
  for (const size of [1, 2, 3, 19, 20, 21, 100]) {
    const values = Array.from({ length: size }, (_, i) => 1 + (i * 37) % 53);
    const sorted = values.toSorted((a, b) => a - b);
    const { lengths } = await inspectLengths(values);
    assert.equal(lengths.median, sorted[Math.ceil(0.5 * size) - 1], `median of ${size}`);
    assert.equal(lengths.percentile_95, sorted[Math.ceil(0.95 * size) - 1], `95 % of ${size}`);
    assert.equal(lengths.max, sorted.at(-1));
    assert.equal(lengths.mean, values.reduce((a, b) => a + b) / size);
  }
});

const HISTOGRAMS: [string, number[], Inspection["lengths"]["histogram"]][] = [
  ["one sentence", [1], { width: 1, bins: [1], longer: 0 }],
  ["edges of bins", [1, 2, 3, 30, 29], {
    width: 2,
    bins: [2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2],
    longer: 0,
  }],
  ["one giant among many", [...new Array(199).fill(12), 5000], {
    width: 1,
    bins: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 199],
    longer: 1,
  }],
];

for (const [name, values, expected] of HISTOGRAMS) {
  Deno.test(`histogram: ${name}`, async () => {
    assert.deepEqual((await inspectLengths(values)).lengths.histogram, expected);
  });
}

Deno.test("a histogram has every sentence in it and few bins, whatever the lengths", async () => {
  for (const longest of [5, 23, 24, 119, 120, 240, 1000, 70_000]) {
    const values = [1, 2, 3, longest, longest];
    const { histogram: { bins, longer, width } } = (await inspectLengths(values)).lengths;
    assert.equal(bins.reduce((a, b) => a + b) + longer, values.length);
    assert.ok(bins.length <= 30 && bins.length * width >= longest, `${bins.length} bins of ${width}`);
  }
});

Deno.test("the sample is evenly spaced", async () => {
  const inspection = await inspectLengths([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], {
    ...OPTIONS,
    sample: 4,
  });
  const { sampled, words, tokens } = inspection;
  assert.equal(sampled, 4);
  assert.match(inspectionText(inspection), /\n\[UNK\] and words: counted in 4 sentences, evenly spaced;/);
  assert.ok(texts(inspectionPicture(inspection, "x")).includes("Words by length, in 4 sentences"));
  assert.equal(tokens, 55);
  assert.equal(words.total, 1 + 3 + 6 + 8); // sentences 0, 2, 5 and 7
});

Deno.test("words do not go on over the end of a sentence", () =>
  withFolder(async (folder) => {
    const suffix = suffixIdOf("高", VOCABULARY.size)!;
    await writeArrays(`${folder}/c`, [suffix, suffix, id("高"), suffix, suffix, suffix, suffix], [2, 5]);
    using corpus = await Corpus.open(folder, VOCABULARY);
    const { words } = await inspectCorpus(corpus, OPTIONS);
    assert.deepEqual(words, {
      total: 2,
      by_length: [0, 1, 0, 0, 1],
      share_in_2_or_more: 1,
      share_in_more_than_4: 5 / 7,
    });
  }));

const REPORT = {
  version: 1,
  tokenize_tool: "jieba",
  word_marks: "position",
  lines: 13,
  sentences: 2,
  tokens: 5,
  empty_lines: 4,
  short_lines: 3,
  duplicate_lines: 2,
  bad_lines: 2,
  bad_line_examples: [{ file: "a.txt", line: 7, reason: "not UTF-8" }],
  unknown_tokens: 3,
  unknown: [["\x1b[31m", 2], ["龘", 1]],
};

Deno.test("reports of several corpora are one, and what a terminal would obey is spelled out", () =>
  withFolder(async (folder) => {
    for (const name of ["a", "b"]) await writeLengths(`${folder}/${name}`, [2, 3], "[UNK]");
    await Deno.writeTextFile(`${folder}/a_report.json`, JSON.stringify(REPORT));
    using corpus = await Corpus.open(folder, VOCABULARY);
    assert.equal((await inspectCorpus(corpus, OPTIONS)).report, null); // b's is missing
    const other = { ...REPORT, unknown: [["龘", 3], ["\u200b", 2]] };
    await Deno.writeTextFile(`${folder}/b_report.json`, JSON.stringify(other));
    const inspection = await inspectCorpus(corpus, OPTIONS);
    assert.deepEqual(inspection.report!.unknown, [["龘", 4], ["\x1b[31m", 2], ["\u200b", 2]]);
    assert.equal(inspection.report!.lines, 26);
    const text = inspectionText(inspection);
    assert.match(text, /\nDropped lines: 22 of 26\n +empty +8 +31 % +█+\n/);
    assert.match(text, /\na.txt:7: not UTF-8\n/);
    assert.match(text, /\n +龘 +4 +67 % +█+\n<U\+001B>\[31m +2 +33 % +█+\n +<U\+200B> +2 /);
    assert.match(text, /\nUnknown +100 % of tokens are \[UNK\]\n/);
    assert.doesNotMatch(text.replaceAll("\n", ""), /\p{C}/u);
  }));

Deno.test("a report of another run is not shown", () =>
  withFolder(async (folder) => {
    await writeLengths(`${folder}/a`, [2, 4]);
    await Deno.writeTextFile(`${folder}/a_report.json`, JSON.stringify(REPORT));
    using corpus = await Corpus.open(folder, VOCABULARY);
    const inspection = await inspectCorpus(corpus, OPTIONS);
    assert.equal(inspection.report, null);
    assert.match(inspectionText(inspection), /\nNo report of this corpus's preprocessing lies beside it/);
  }));

const BROKEN: [string, string][] = [
  ["{", "it is not JSON; remove it"],
  ["null", "its version is undefined, only 1 is known"],
  ['{"version": 2}', "its version is 2, only 1 is known"],
  [JSON.stringify({ ...REPORT, lines: "many" }), 'its "lines" is "many"; remove it'],
  [JSON.stringify({ ...REPORT, unknown: undefined }), 'its "unknown" is undefined; remove it'],
];

for (const [content, reason] of BROKEN) {
  Deno.test(`a broken report: ${reason}`, () =>
    withFolder(async (folder) => {
      await writeLengths(`${folder}/a`, [2, 3]);
      await Deno.writeTextFile(`${folder}/a_report.json`, content);
      using corpus = await Corpus.open(folder, VOCABULARY);
      await assert.rejects(inspectCorpus(corpus, OPTIONS), (error: Error) => {
        assert.equal(error.name, "UserError");
        assert.ok(
          error.message.startsWith(`Cannot read report "${folder}/a_report.json": ${reason}`),
          error.message,
        );
        return true;
      });
    }));
}

Deno.test("examples are masked as the first view of pretraining masks them", async () => {
  using corpus = await Corpus.open(FIXTURES, VOCABULARY, { name: "c" });
  const options = { vocabulary: VOCABULARY, maxSeqLength: 12, mlmProb: 0.9, seed: 1 };
  const examples = exampleSentences(corpus, { ...options, count: 100 });
  assert.deepEqual(examples.map(({ sentence, cut }) => [sentence, cut]), [
    [0, 5],
    [1, 2],
    [2, 0],
    [3, 0],
    [4, 0],
    [5, 0],
  ]);
  const [batch] = onePass(corpus, { ...options, layout: paddedLayout(corpus.length, 12) });
  const { maskedIds, rawIds, labels } = batch!;
  const seen = new Set<string>();
  examples.forEach(({ words }, row) => {
    words.flat().forEach((token, i) => {
      const at = row * 12 + 1 + i;
      assert.equal(id(token.spelling), rawIds[at]);
      assert.equal(id(token.seen), maskedIds[at]);
      assert.equal(token.masking === "none", labels[at] === -100);
      seen.add(token.masking);
    });
    assert.equal(rawIds[row * 12 + 1 + words.flat().length], VOCABULARY.sepId);
  });
  assert.deepEqual(seen, new Set(["none", "mask", "random", "keep"]));
});

/** Writes a corpus of pairs of these lengths, its report beside it. */
async function writePairs(prefix: string, pairs: [number, number][], token = "高"): Promise<void> {
  const lengths = pairs.flat();
  await writeLengths(prefix, lengths, token);
  const lens = { dtype: "i4", shape: [lengths.length], data: Int32Array.from(lengths) } as const;
  const note = { dtype: "u1", shape: [1], data: Uint8Array.of(1) } as const;
  await Deno.writeFile(`${prefix}_idx.npz`, encodeNpz({ lens, pairs: note }));
  const tokens = lengths.reduce((a, b) => a + b);
  const report = JSON.stringify({ ...REPORT, sentences: lengths.length, tokens });
  await Deno.writeTextFile(`${prefix}_report.json`, report);
}

Deno.test("of pairs both halves are sentences", () =>
  withFolder(async (folder) => {
    await writePairs(`${folder}/c`, [[1, 9], [2, 3], [4, 5]], "[UNK]");
    using corpus = await Corpus.open(folder, VOCABULARY);
    const { lengths, ...inspection } = await inspectCorpus(corpus, { ...OPTIONS, maxSeqLength: 7 });
    assert.deepEqual([lengths.mean, lengths.median, lengths.max], [4, 3, 9]);
    const { sentences, pairs, tokens, cut, sampled, words, unknown, report } = inspection;
    assert.deepEqual({ sentences, pairs, tokens, sampled }, {
      sentences: 6,
      pairs: 3,
      tokens: 24,
      sampled: 6,
    });
    assert.deepEqual([cut.sentences, words.total, unknown.tokens], [1, 24, 24]);
    assert.equal(report?.lines, REPORT.lines); // it is the report of this very corpus
    assert.match(
      inspectionText({ lengths, ...inspection }),
      /^Sentences +6, which are 3 pairs of a question and its answer\n/,
    );
    for (const [sample, total] of [[2, 10], [4, 15], [5, 24]] as const) {
      assert.equal((await inspectCorpus(corpus, { ...OPTIONS, sample })).words.total, total, `${sample}`);
    }
  }));

Deno.test("examples of pairs are masked as the two views of pretraining", () =>
  withFolder(async (folder) => {
    await writePairs(`${folder}/c`, [[8, 15], [7, 7], [12, 3]]);
    using corpus = await Corpus.open(folder, VOCABULARY);
    const options = { vocabulary: VOCABULARY, maxSeqLength: 12, mlmProb: 0.5, seed: 1 };
    const examples = exampleSentences(corpus, { ...options, count: 9 });
    assert.deepEqual(examples.map(({ sentence, half, cut }) => [sentence, half, cut]), [
      [0, "question", 0],
      [0, "answer", 5],
      [1, "question", 0],
      [1, "answer", 0],
      [2, "question", 2],
      [2, "answer", 0],
    ]);
    const [batch] = onePass(corpus, { ...options, layout: paddedLayout(corpus.length, 12) });
    const { maskedIds, clsPositions } = batch!;
    for (const { sentence, half, words } of examples) {
      const at = clsPositions[half === "question" ? sentence : corpus.length + sentence]! + 1;
      const seen = words.flat().map((token) => id(token.seen));
      assert.deepEqual(seen, [...maskedIds.subarray(at, at + seen.length)]);
    }
    assert.ok(exampleText(examples[3]!, false).startsWith("#1 answer  高"));
  }));

Deno.test("examples are different sentences, the same for a seed", async () => {
  using corpus = await Corpus.open(FIXTURES, VOCABULARY, { name: "c" });
  const choose = (seed: number) =>
    exampleSentences(corpus, { vocabulary: VOCABULARY, maxSeqLength: 128, mlmProb: 0.15, seed, count: 3 })
      .map(({ sentence }) => sentence);
  const choices = Array.from({ length: 20 }, (_, seed) => choose(seed));
  for (const choice of choices) assert.equal(new Set(choice).size, 3);
  assert.deepEqual(choose(5), choices[5]);
  assert.ok(new Set(choices.map(String)).size > 5);
});

const plain = (spelling: string) => ({ spelling, seen: spelling, masking: "none" }) as const;
const EXAMPLE: ExampleSentence = {
  sentence: 1234,
  cut: 0,
  words: [
    [plain("hba"), plain("##1"), plain("##c"), plain("高")],
    [{ spelling: "血", seen: "[MASK]", masking: "mask" }, {
      spelling: "压",
      seen: "##ing",
      masking: "random",
    }],
    [{ spelling: "##s", seen: "##s", masking: "keep" }],
    [plain("。")],
  ],
};

Deno.test("a sentence shows its words, and beneath them what masking leaves", () => {
  assert.deepEqual(exampleText(EXAMPLE, false).split("\n"), [
    "#1,234  hba1c高 血压 ##s 。",
    "        hba1c高 [MASK][→##ing] [=##s] 。",
  ]);
  const coloured = exampleText(EXAMPLE, true);
  assert.equal(stripVTControlCharacters(coloured), exampleText(EXAMPLE, false));
  assert.ok(coloured.includes("\x1b[33m[MASK]\x1b[0m"));
});

Deno.test("a long sentence ends in how much is not shown", () => {
  const words = Array.from({ length: 100 }, () => [plain("高"), plain("血")]);
  const [spelled, masked] = exampleText({ sentence: 0, cut: 7, words }, false).split("\n");
  assert.equal(spelled, `#0  ${"高血 ".repeat(60)}… 87 tokens more`);
  assert.equal(masked, `    ${"高血 ".repeat(60).trimEnd()}`);
});

/** Left, width and height of the bars of a panel. */
function bars(svg: string, panel: number): [number, number, number][] {
  const rects = svg.split("<g ")[panel]!.matchAll(
    /<rect x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)"/g,
  );
  return [...rects].map(([, x, y, width, height]) => {
    assert.equal(Number(y) + Number(height), 160); // they stand on the axis
    return [Number(x), Number(width), Number(height)];
  });
}

Deno.test("bars of the picture are as high as their counts, from zero", async () => {
  const lengths = [...new Array(100).fill(1), ...new Array(50).fill(2), ...new Array(25).fill(12)];
  const inspection = await inspectLengths(lengths);
  const svg = inspectionPicture(inspection, `a & <b>`);
  assertWellFormed(svg);
  assert.deepEqual(bars(svg, 1).map(([, , height]) => height), [160, 80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 40]);
  const step = 356 / 12;
  bars(svg, 1).forEach(([left], i) => assert.ok(Math.abs(left - i * step) < 0.06, `bar ${i} at ${left}`));
  assert.deepEqual(bars(svg, 2).map(([, , height]) => height), [160]); // 500 words of one token
  for (const label of ["a &amp; &lt;b&gt;", "175 sentences, 500 tokens, 0 % of them [UNK]", "100", "0"]) {
    assert.ok(texts(svg).includes(label), label);
  }
});

Deno.test("all that is longer has a bar of its own in another colour", async () => {
  const inspection = await inspectLengths([...new Array(300).fill(12), 5000, 6000, 7000]);
  const words = { ...inspection.words, by_length: [10, 0, 0, 0, 0, 0, 0, 0, 0, 5], total: 15 };
  const svg = inspectionPicture({ ...inspection, words }, "x");
  assertWellFormed(svg);
  assert.equal(svg.match(/fill="#b6d4f5"/g)!.length, 2);
  assert.ok(texts(svg).includes("&gt; 12") && texts(svg).includes("&gt; 6"));
  assert.deepEqual(bars(svg, 2).map(([, , height]) => height), [160, 0, 0, 0, 0, 0, 80]);
});

Deno.test("a path of a corpus may be its prefix, one of its files, or the folder", () =>
  withFolder(async (folder) => {
    await writeLengths(`${folder}/samples`, [1]);
    const one = { folder, name: "samples" };
    for (const path of ["samples", "samples_ids.npy", "samples_idx.npz", "samples_report.json"]) {
      assert.deepEqual(await locateCorpus(`${folder}/${path}`), one);
    }
    assert.deepEqual(await locateCorpus(folder), { folder });
    await Deno.mkdir(`${folder}/samples`); // the corpus goes before a folder of its name
    assert.deepEqual(await locateCorpus(`${folder}/samples`), one);
    await assert.rejects(locateCorpus(`${folder}/none`), {
      name: "UserError",
      message:
        `Cannot read corpus "${folder}/none": there is neither such a folder nor "${folder}/none_ids.npy"; ` +
        "make it with `deno task preprocess`",
    });
  }));
