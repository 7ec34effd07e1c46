import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { UserError } from "../../lib/config/mod.ts";
import { Corpus, decodeNpy, decodeNpz } from "../../lib/packing/mod.ts";
import { Vocabulary } from "../../lib/text/mod.ts";
import { withFolder } from "../folders.ts";
import { corpusFiles, names, readReport, run, sampleLines, VOCABULARY } from "./preprocess_runs.ts";

Deno.test("the worked example: words, suffix ids, order of files, dropped lines, log, report", () =>
  withFolder(async (folder) => {
    const tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ..."糖尿病患者需超检查b"];
    const vocabulary = Vocabulary.fromTokens(tokens);
    const id = (token: string) =>
      token.startsWith("##") ? tokens.length + token.charCodeAt(2) - 0x4e00 : tokens.indexOf(token);
    await Deno.writeTextFile(`${folder}/in/b.txt`, "患者\r\n\n \u3000\n");
    await Deno.mkdir(`${folder}/in/a`);
    await Deno.writeTextFile(`${folder}/in/a/z.md`, "  糖尿病患者需B超检查\u0085");
    const marked = ["糖", "##尿", "##病", "患", "##者", "需", "b", "超", "检", "##查", "患", "##者"];
    for (const wordMarks of ["original", "position"] as const) {
      const log: string[] = [];
      const summary = await run(folder, wordMarks, {
        vocabulary,
        wordMarks,
        loggingSteps: 1,
        onLog: (line) => log.push(line.replace(/[\d.]+(?= sentences\/s| MB)/g, "#")),
      });
      assert.deepEqual(summary, { sentences: 2, tokens: 12 });
      const out = `${folder}/${wordMarks}`;
      const ids = decodeNpy(await Deno.readFile(`${out}/s_ids.npy`), "ids");
      // By position, 超 continues the word B超.
      const expected = wordMarks === "original" ? marked : marked.map((t) => t === "超" ? "##超" : t);
      assert.deepEqual([...ids.data], expected.map(id));
      const lens = decodeNpz(await Deno.readFile(`${out}/s_idx.npz`), "idx").get("lens")!;
      assert.deepEqual([...lens.data], [10, 2]);
      assert.equal(await Deno.readTextFile(`${out}/vocab.txt`), tokens.join("\n") + "\n");
      const marks = wordMarks === "position" ? ["s_marks.npy"] : [];
      assert.deepEqual(names(out), ["s_ids.npy", "s_idx.npz", ...marks, "s_report.json", "vocab.txt"]);
      if (wordMarks === "position") {
        const bits = decodeNpy(await Deno.readFile(`${out}/s_marks.npy`), "marks");
        assert.deepEqual([...bits.data], [0b01101001, 0b01010000]);
      }
      assert.deepEqual(log, [
        `Processing ${folder}/in/a/z.md`,
        `Processing ${folder}/in/b.txt`,
        ...[1, 2, 3, 4].map((n) => `Processed ${n} sentences (# sentences/s, # MB/s).`),
        "Saving tokens to files...",
        "Total sentences num: 2",
        "Total tokens num: 12",
        "Average tokens per sentence: 6.00",
      ]);
      const { vocabulary_sha256, input_sha256, ...report } = await readReport(out);
      assert.match(vocabulary_sha256 + input_sha256, /^[0-9a-f]{128}$/);
      assert.deepEqual(report, {
        version: 1,
        tokenize_tool: "jieba",
        word_marks: wordMarks,
        lexicon: null,
        field: "text",
        min_chars: 0,
        dedup: false,
        input_path: `${folder}/in`,
        files: 2,
        bytes: 46,
        lines: 4,
        sentences: 2,
        tokens: 12,
        empty_lines: 2,
        short_lines: 0,
        duplicate_lines: 0,
        bad_lines: 0,
        unknown_tokens: 0,
        bad_line_examples: [],
        unknown: [],
        shard: "0/1",
      });
    }
  }));

Deno.test("any number of workers writes the same bytes", () =>
  withFolder(async (folder) => {
    const lines = sampleLines(4000);
    await Deno.writeTextFile(`${folder}/in/a.txt`, lines.join("\n"));
    for (const workers of [1, 2, 3]) {
      let [calls, last] = [0, { bytes: 0, totalBytes: -1 }];
      await run(folder, `out${workers}`, {
        workers,
        onProgress: (progress) => [calls, last] = [calls + 1, progress],
      });
      assert.ok(calls >= 3, `${calls}`); // at the start, and after each of several blocks
      assert.equal(last.bytes, last.totalBytes);
    }
    const first = await corpusFiles(`${folder}/out1`);
    assert.equal(Object.keys(first).length, 3);
    for (const workers of [2, 3]) assert.deepEqual(await corpusFiles(`${folder}/out${workers}`), first);
    using corpus = await Corpus.open(`${folder}/out1`, VOCABULARY);
    assert.equal(corpus.length, lines.filter((line) => line.trim() !== "").length);
    const report = await readReport(`${folder}/out1`);
    assert.deepEqual([report.lines, report.sentences], [lines.length, corpus.length]);
    assert.ok(report.unknown.some(([spelling]: [string]) => spelling === "constructor"));
  }));

Deno.test("text in other wrappings gives the same corpus", () =>
  withFolder(async (folder) => {
    const lines = sampleLines(1600); // some 160 kB: two blocks
    const gzip = (text: string) => new Uint8Array(gzipSync(text));
    const half = lines.length >> 1;
    const json = (field: string) => lines.map((line) => JSON.stringify({ id: 1, [field]: line })).join("\n");
    const inputs: [string, string, string | Uint8Array, string?][] = [
      ["plain", "a.txt", lines.join("\n")],
      ["a last line ending", "a.txt", lines.join("\n") + "\n"],
      ["BOM", "a.txt", "\ufeff" + lines.join("\n")],
      ["CRLF", "a.txt", lines.join("\r\n") + "\r\n"],
      ["lone CR", "a.txt", lines.join("\r")],
      ["gzip", "a.txt.gz", gzip(lines.join("\r\n"))],
      [
        "gzip in two parts",
        "a.GZ",
        Uint8Array.from([
          ...gzip(lines.slice(0, half).join("\n") + "\n"),
          ...gzip(lines.slice(half).join("\n")),
        ]),
      ],
      ["JSON Lines", "a.jsonl", json("text")],
      ["gzip of JSON Lines", "a.jsonl.gz", gzip(json("内容")), "内容"],
      ["one JSON text of many lines", "a.jsonl", JSON.stringify({ text: lines.join("\n") })],
    ];
    let expected: Record<string, string> | undefined;
    for (const [what, name, content, field] of inputs) {
      for (const old of names(`${folder}/in`)) await Deno.remove(`${folder}/in/${old}`);
      await Deno.writeFile(
        `${folder}/in/${name}`,
        typeof content === "string" ? new TextEncoder().encode(content) : content,
      );
      const options = field === undefined ? {} : { field };
      let last = { bytes: 0, totalBytes: -1 };
      await run(folder, "out", { ...options, onProgress: (progress) => last = progress });
      assert.equal(last.bytes, last.totalBytes, what);
      const files = await corpusFiles(`${folder}/out`);
      expected ??= files;
      assert.deepEqual(files, expected, what);
    }
  }));

Deno.test("bad lines are skipped, counted and named; with strict the first one ends the run", () =>
  withFolder(async (folder) => {
    const gbk = [0xbb, 0xbc, 0xd5, 0xdf, 10];
    const utf8 = (text: string) => [...new TextEncoder().encode(text)];
    const good = utf8("患者发热\n".repeat(20_000)); // the bad line is in the second block or later
    await Deno.writeFile(
      `${folder}/in/a.txt`,
      Uint8Array.from([...utf8("患者\r\n"), ...gbk, ...good, ...gbk]),
    );
    await Deno.writeTextFile(
      `${folder}/in/b.jsonl`,
      ['{"text": "患者"}', '{"text": 7}', "[]", '{"tekst": "患者"}', "", "{", "null"].join("\n"),
    );
    const notUtf8 = "not UTF-8; convert the file, for example with `iconv -f GB18030 -t UTF-8`";
    const noField = 'without a text in the field "text"; name the field that has it';
    const bad = [
      ["a.txt", 2, notUtf8],
      ["a.txt", 20_003, notUtf8],
      ...[2, 3, 4].map((line) => ["b.jsonl", line, noField]),
      ["b.jsonl", 6, "not JSON"],
      ["b.jsonl", 7, noField],
    ] as [string, number, string][];
    const log: string[] = [];
    const summary = await run(folder, "out", { workers: 2, onLog: (line) => log.push(line) });
    assert.equal(summary.sentences, 20_002);
    const report = await readReport(`${folder}/out`);
    assert.deepEqual(
      report.bad_line_examples,
      bad.map(([file, line, reason]) => ({ file: `${folder}/in/${file}`, line, reason })),
    );
    assert.deepEqual([report.bad_lines, report.empty_lines, report.lines], [7, 1, 20_010]);
    assert.deepEqual(
      log.filter((line) => line.startsWith("Skipped")),
      [
        ...bad.map(([file, line, reason]) => `Skipped line ${line} of ${folder}/in/${file}: it is ${reason}`),
        `Skipped 7 bad lines; the first are in "${folder}/out/s_report.json"`,
      ],
    );
    await assert.rejects(
      run(folder, "strict", { workers: 2, strict: true }),
      new UserError(`Cannot preprocess "${folder}/in/a.txt": line 2 is ${notUtf8}`),
    );
    assert.deepEqual(await corpusFiles(`${folder}/strict`), {});
  }));

Deno.test("of many bad lines the first twenty are kept", () =>
  withFolder(async (folder) => {
    await Deno.writeTextFile(
      `${folder}/in/a.jsonl`,
      "{\n".repeat(50) + '{"text": "患者"}\n' + "{\n".repeat(50_000),
    );
    const log: string[] = [];
    await run(folder, "out", { onLog: (line) => log.push(line) });
    const report = await readReport(`${folder}/out`);
    assert.equal(report.bad_lines, 50_050);
    assert.deepEqual(
      report.bad_line_examples.map(({ line }: { line: number }) => line),
      [...Array(20).keys()].map((i) => i + 1),
    );
    assert.equal(log.filter((line) => line.startsWith("Skipped line ")).length, 20);
    assert.equal(
      log.filter((line) => line === "More bad lines are skipped and counted, but not shown").length,
      1,
    );
  }));

Deno.test("short lines are left out, by characters", () =>
  withFolder(async (folder) => {
    const lines = ["患者", " 患者 ", "患者热", "𠀀𠀀", "𠀀𠀀𠀀", "", "患者发热三天"];
    await Deno.writeTextFile(`${folder}/in/a.txt`, lines.join("\n"));
    await run(folder, "out", { minChars: 3 });
    const { sentences, short_lines, empty_lines } = await readReport(`${folder}/out`);
    assert.deepEqual([sentences, short_lines, empty_lines], [3, 3, 1]);
  }));

Deno.test("terms of a lexicon are words", () =>
  withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/in/a.txt`, "患者患慢性阻塞性肺疾病急性加重\n");
    await Deno.writeTextFile(`${folder}/terms.txt`, "慢性阻塞性肺疾病急性加重\n");
    await run(folder, "out", { lexicon: `${folder}/terms.txt` });
    const marks = decodeNpy(await Deno.readFile(`${folder}/out/s_marks.npy`), "marks");
    assert.equal(
      Array.from(marks.data as Uint8Array, (byte) => byte.toString(2).padStart(8, "0")).join(""),
      "0100111111111110",
    );
    const { lexicon } = await readReport(`${folder}/out`);
    assert.deepEqual([lexicon.file, lexicon.terms], [`${folder}/terms.txt`, 1]);
  }));

Deno.test("ten megabytes on one line are one sentence", () =>
  withFolder(async (folder) => {
    const characters = 3_500_000;
    const long = "患者因高血压入院治疗。".repeat(characters / 11 + 1).slice(0, characters);
    await Deno.writeTextFile(`${folder}/in/a.txt`, `患者\n${long}\n患者\n`);
    const { sentences, tokens } = await run(folder);
    assert.deepEqual([sentences, tokens], [3, characters + 4]);
    using corpus = await Corpus.open(`${folder}/out`, VOCABULARY);
    assert.equal(corpus.sentence(1).ids.length, characters);
    assert.deepEqual([...corpus.sentence(2).ids], [...corpus.sentence(0).ids]);
  }));

const BAD_INPUTS: [string, (folder: string) => Promise<unknown>, string][] = [
  [
    "no text",
    (f) => Deno.writeTextFile(`${f}/in/a`, "\n \n\n"),
    'Cannot preprocess "%/in": no line of it gives a token',
  ],
  [
    "empty file",
    (f) => Deno.writeTextFile(`${f}/in/a`, ""),
    'Cannot preprocess "%/in": no line of it gives a token',
  ],
  ["empty folder", () => Promise.resolve(), 'Cannot read text folder "%/in": it holds no file'],
  [
    "nothing but bad lines",
    (f) => Deno.writeFile(`${f}/in/a`, Uint8Array.of(0xbb, 0xbc, 10)),
    'Cannot preprocess "%/in": no line',
  ],
  ["a broken link in the middle", async (f) => {
    await Deno.writeTextFile(`${f}/in/a`, "患者\n");
    await Deno.symlink(`${f}/gone`, `${f}/in/b`);
    await Deno.writeTextFile(`${f}/in/c`, "患者\n");
  }, 'Cannot read text "%/in/b": no such file or folder'],
  ["another vocabulary beside the output", async (f) => {
    await Deno.writeTextFile(`${f}/in/a`, "患者\n");
    await Deno.mkdir(`${f}/out`);
    await Vocabulary.fromTokens([...VOCABULARY.tokens, "x1"]).write(`${f}/out/vocab.txt`);
  }, 'Cannot write corpus "%/out/s": "%/out/vocab.txt" is another vocabulary'],
];
if (Deno.build.os === "linux") {
  BAD_INPUTS.push(["a file that opens and cannot be read", async (f) => {
    await Deno.writeTextFile(`${f}/in/a`, "患者\n");
    await Deno.symlink("/proc/self/mem", `${f}/in/b`); // its first bytes are no memory of ours
  }, 'Cannot read text "%/in/b": input/output error']);
}

for (const [what, make, message] of BAD_INPUTS) {
  Deno.test(`bad input is refused and leaves nothing: ${what}`, () =>
    withFolder(async (folder) => {
      await make(folder);
      const before = [...await Array.fromAsync(Deno.readDir(`${folder}/out`)).catch(() => [])];
      await assert.rejects(run(folder, "out", { workers: 2 }), (error: Error) => {
        assert.ok(error instanceof UserError, error.stack);
        assert.ok(error.message.startsWith(message.replaceAll("%", folder)), error.message);
        return true;
      });
      const left = await Array.fromAsync(Deno.readDir(`${folder}/out`)).catch(() => []);
      assert.deepEqual(left, before);
    }));
}

Deno.test("output inside the input folder is refused", () =>
  withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/in/a`, "患者\n");
    for (const name of ["in", "in/deep/er"]) {
      await assert.rejects(run(folder, name), /it would lie in the input folder/);
    }
  }));

Deno.test("an output that names a folder is refused", () =>
  withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/in/a`, "患者\n");
    await assert.rejects(
      run(folder, "out", { outputFile: `${folder}/out/` }),
      new UserError(
        `Cannot write corpus "${folder}/out/": that is a folder; add how the names of its files begin, as in ` +
          `"${folder}/out/samples"`,
      ),
    );
    await assert.rejects(Deno.stat(`${folder}/out`), Deno.errors.NotFound);
  }));

Deno.test("an unknown segmenter is refused by the workers with its own message", () =>
  withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/in/a`, "患者\n");
    await assert.rejects(
      run(folder, "out", { tool: "thulac", workers: 2 }),
      (error: Error) =>
        error instanceof UserError && error.message.startsWith('Cannot segment with "thulac"'),
    );
    await assert.rejects(Deno.stat(`${folder}/out`), Deno.errors.NotFound);
  }));
