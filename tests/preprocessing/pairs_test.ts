import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { UserError } from "../../lib/config/mod.ts";
import { Corpus, decodeNpz, encodeNpz } from "../../lib/packing/mod.ts";
import { merge, type PreprocessOptions } from "../../lib/preprocessing/mod.ts";
import { Vocabulary } from "../../lib/text/mod.ts";
import { withFolder } from "../folders.ts";
import { allFiles, corpusFiles, names, readReport, run, sampleLines, VOCABULARY } from "./preprocess_runs.ts";

/** Distinct pairs of sentences. */
function samplePairs(count: number): [string, string][] {
  const lines = [...new Set(sampleLines(2 * count + 2))].filter((line) => line.trim() !== "");
  return Array.from({ length: count }, (_, i) => [lines[2 * i]!, lines[2 * i + 1]!]);
}

const columns = (pairs: readonly (readonly [string, string])[]) => pairs.map((pair) => pair.join("\t"));

Deno.test("questions and answers take turns, and the archive and the report say so", () =>
  withFolder(async (folder) => {
    const pairs = samplePairs(300);
    await Deno.writeTextFile(`${folder}/in/a.tsv`, columns(pairs).join("\r\n"));
    const log: string[] = [];
    const summary = await run(folder, "out", { pairs: true, onLog: (line) => log.push(line) });
    assert.equal(summary.sentences, 600);
    assert.ok(
      log.includes("Total pairs num: 300") && log.includes("Total sentences num: 600"),
      log.join("\n"),
    );

    // The same sentences one a line, without pairs.
    await Deno.writeTextFile(`${folder}/in/a.tsv`, pairs.flat().join("\n"));
    await run(folder, "single");
    const ours = await corpusFiles(`${folder}/out`);
    const { "s_idx.npz": _, ...arrays } = await corpusFiles(`${folder}/single`);
    const { "s_idx.npz": __, ...pairArrays } = ours;
    assert.deepEqual(pairArrays, arrays);
    const archive = await Deno.readFile(`${folder}/out/s_idx.npz`);
    const single = decodeNpz(await Deno.readFile(`${folder}/single/s_idx.npz`), "idx");
    assert.deepEqual([...single.keys()], ["lens", "word_marks"]);
    const note = { dtype: "u1", shape: [1], data: Uint8Array.of(1) } as const;
    assert.deepEqual(archive, encodeNpz({ ...Object.fromEntries(single), pairs: note }));

    const { pairs: isPairs, field, ...report } = await readReport(`${folder}/out`);
    assert.deepEqual([isPairs, field], [true, "question,answer"]);
    assert.deepEqual([report.lines, report.sentences, report.bad_lines], [300, 600, 0]);
    assert.ok(!("pairs" in await readReport(`${folder}/single`)));
    using corpus = await Corpus.open(`${folder}/out`, VOCABULARY);
    using sentences = await Corpus.open(`${folder}/single`, VOCABULARY);
    assert.equal(corpus.length, 300);
    for (const n of [0, 7, 299]) {
      const { partner, ...question } = corpus.sentence(n);
      assert.deepEqual([question, partner], [sentences.sentence(2 * n), sentences.sentence(2 * n + 1)]);
    }
  }));

/** Lines, and which of the report's counts each adds to. */
const LINES: [
  line: string,
  count: "kept" | "empty_lines" | "short_lines" | "duplicate_lines" | "bad_lines",
][] = [
  ["患者发热\t多喝水吧", "kept"],
  [" 患者发热 \t\u3000多喝水吧 ", "duplicate_lines"],
  ["患者发热\t住院治疗", "kept"], // another answer is another pair
  ["多喝水吧\t患者发热", "kept"],
  ["患者发热多喝水吧", "bad_lines"],
  ["患者发热\t\t多喝水吧", "bad_lines"],
  ["患者发热\t多喝水吧\t", "bad_lines"],
  ["", "empty_lines"],
  [" \t ", "empty_lines"],
  ["患者发热\t", "empty_lines"],
  ["\t多喝水吧", "empty_lines"],
  ["龘龘龘\t\u200b\u200b\u200b", "empty_lines"], // no token, though not empty
  ["\u200b\u200b\u200b\t龘龘龘", "empty_lines"],
  ["患者发热\t是的", "short_lines"],
  ["是的\t患者发热", "short_lines"],
  ["患者发热\u200b\t多喝水吧", "kept"],
];

for (const wordMarks of ["position", "original"] as const) {
  Deno.test(`a pair is kept or left out as a whole, words marked by ${wordMarks}`, () =>
    withFolder(async (folder) => {
      const tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ..."患者发热多喝水吧住院治疗是的"];
      const options = { vocabulary: Vocabulary.fromTokens(tokens), pairs: true, minChars: 3, wordMarks };
      await Deno.writeTextFile(`${folder}/in/a.txt`, LINES.map(([line]) => line).join("\n"));
      await run(folder, "out", { ...options, dedup: true });
      const report = await readReport(`${folder}/out`);
      for (const count of ["empty_lines", "short_lines", "duplicate_lines", "bad_lines"] as const) {
        assert.equal(report[count], LINES.filter(([, expected]) => expected === count).length, count);
      }
      const kept = LINES.filter(([, count]) => count === "kept").map(([line]) => line);
      assert.deepEqual([report.sentences, report.unknown_tokens], [2 * kept.length, 0]);
      const files = await corpusFiles(`${folder}/out`);
      await Deno.writeTextFile(`${folder}/in/a.txt`, kept.join("\n"));
      await run(folder, "kept", options);
      assert.deepEqual(await corpusFiles(`${folder}/kept`), files);
    }));
}

Deno.test("pairs in other wrappings give the same corpus, by any number of workers", () =>
  withFolder(async (folder) => {
    const pairs = samplePairs(900);
    const gzip = (text: string) => new Uint8Array(gzipSync(text));
    const json = (question: string, answer: string, ending = "") =>
      pairs.map(([q, a]) => JSON.stringify({ id: 1, [answer]: ending + a + ending, [question]: q })).join(
        "\n",
      );
    const inputs: [string, string, string | Uint8Array, Partial<PreprocessOptions>?][] = [
      ["plain", "a.tsv", columns(pairs).join("\n") + "\n"],
      ["BOM and lone CR", "a.txt", "\ufeff" + columns(pairs).join("\r"), { workers: 2 }],
      ["gzip", "a.tsv.gz", gzip(columns(pairs).join("\n"))],
      ["JSON Lines", "a.jsonl", json("question", "answer", "\r\n")],
      ["gzip of JSON Lines", "a.jsonl.gz", gzip(json("问", "答")), { pairFields: ["问", "答"] }],
    ];
    let expected: Record<string, string> | undefined;
    for (const [what, name, content, options] of inputs) {
      for (const old of names(`${folder}/in`)) await Deno.remove(`${folder}/in/${old}`);
      const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
      await Deno.writeFile(`${folder}/in/${name}`, bytes);
      await run(folder, "out", { pairs: true, ...options });
      const files = await corpusFiles(`${folder}/out`);
      expected ??= files;
      assert.deepEqual(files, expected, what);
    }
    const { sentences } = await readReport(`${folder}/out`);
    assert.equal(sentences, 1800);
  }));

/** Three files, one compressed, with bad, empty and repeated lines. */
async function writeInput(folder: string): Promise<void> {
  const lines = columns(samplePairs(1500)).flatMap((line, i, all) =>
    i % 10 === 7 ? [line, all[i >> 1]!] : i % 10 === 8 ? [line, "", "患者"] : [line]
  );
  const part = (i: number) => lines.slice(i * lines.length / 3, (i + 1) * lines.length / 3).join("\n") + "\n";
  await Deno.writeTextFile(`${folder}/in/a.tsv`, part(0));
  await Deno.writeFile(`${folder}/in/b.tsv.gz`, new Uint8Array(gzipSync(part(1))));
  await Deno.writeTextFile(`${folder}/in/c.tsv`, part(2));
}

Deno.test("merged shards of pairs are the unsharded run, byte for byte", () =>
  withFolder(async (folder) => {
    await writeInput(folder);
    const options = { pairs: true, dedup: true };
    await run(folder, "whole", options);
    for (const index of [0, 1, 2]) await run(folder, "out", { ...options, shard: { index, count: 3 } });
    const { sentences } = await merge({ outputFile: `${folder}/out/s`, remove: true });
    assert.equal(sentences, 3000);
    assert.deepEqual(await allFiles(`${folder}/out`), await allFiles(`${folder}/whole`));
  }));

Deno.test("a shard of pairs and one of sentences are not merged", () =>
  withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/in/a.txt`, "患者\t发热\n患者\t咳嗽\n");
    const field = "question,answer";
    await run(folder, "out", { pairs: true, shard: { index: 0, count: 2 } });
    await run(folder, "out", { field, shard: { index: 1, count: 2 } });
    await assert.rejects(
      merge({ outputFile: `${folder}/out/s` }),
      new UserError(
        `Cannot merge "${folder}/out/s": "s-00001-of-00002" was made with another pairs than "s-00000-of-00002"; ` +
          "make all shards with the same options, from the same input",
      ),
    );
  }));

/** Stops a run after its first block. */
async function interrupt(folder: string, options: Partial<PreprocessOptions>): Promise<void> {
  const abort = new AbortController();
  const onProgress = ({ sentences }: { sentences: number }) =>
    sentences > 0 && abort.abort(new Error("enough"));
  await assert.rejects(run(folder, "out", { ...options, signal: abort.signal, onProgress }), /enough/);
}

Deno.test("an interrupted run of pairs goes on; one of single sentences is of no use to it", () =>
  withFolder(async (folder) => {
    await writeInput(folder);
    const options = { pairs: true, dedup: true, saveSeconds: 0 };
    await run(folder, "whole", options);
    await interrupt(folder, { ...options, pairs: false, field: "question,answer" });
    const log: string[] = [];
    const onLog = (line: string) => log.push(line);
    await assert.rejects(run(folder, "out", { ...options, onLog, strict: true }), /of 1 column/);
    assert.equal(log[0], "Starting over: whether lines are pairs changed since the run that was interrupted");
    await interrupt(folder, options);
    await run(folder, "out", { ...options, onLog: (line) => log.push(line) });
    assert.ok(log.some((line) => line.startsWith("Resuming at ")), log.join("\n"));
    assert.deepEqual(await allFiles(`${folder}/out`), await allFiles(`${folder}/whole`));
  }));

Deno.test("lines that are no pairs are skipped, counted and named; with strict the first one ends the run", () =>
  withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/in/a.tsv`, "患者\n患者\t发热\na\tb\tc\n\n");
    const objects = ['{"question": "患者", "answer": "发热"}', '{"question": "患者"}', "", "{", "[1]"];
    await Deno.writeTextFile(`${folder}/in/b.jsonl`, objects.join("\n"));
    const noFields = 'without texts in the fields "question" and "answer"; name the fields that have them';
    await run(folder, "out", { pairs: true });
    const { bad_line_examples, bad_lines, sentences, empty_lines } = await readReport(`${folder}/out`);
    assert.deepEqual([bad_lines, sentences, empty_lines], [5, 4, 2]);
    assert.deepEqual(
      bad_line_examples,
      ([
        ["a.tsv", 1, "of 1 column; a pair is a question, a tab and an answer"],
        ["a.tsv", 3, "of 3 columns; a pair is a question, a tab and an answer"],
        ["b.jsonl", 2, noFields],
        ["b.jsonl", 4, "not JSON"],
        ["b.jsonl", 5, noFields],
      ] as const).map(([file, line, reason]) => ({ file: `${folder}/in/${file}`, line, reason })),
    );
    await assert.rejects(
      run(folder, "strict", { pairs: true, strict: true }),
      new UserError(
        `Cannot preprocess "${folder}/in/a.tsv": line 1 is of 1 column; a pair is a question, a tab and an answer`,
      ),
    );
  }));

Deno.test("an input without a pair is refused and leaves nothing", () =>
  withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/in/a.txt`, "患者发热三天\n");
    await assert.rejects(
      run(folder, "out", { pairs: true }),
      new UserError(`Cannot preprocess "${folder}/in": no line of it gives a question and its answer`),
    );
    assert.deepEqual(names(`${folder}/out`), []);
  }));
