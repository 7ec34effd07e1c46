import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { UserError } from "../../lib/config/mod.ts";
import { Corpus, decodeNpy, decodeNpz, preprocess } from "../../lib/packing/mod.ts";
import { Vocabulary } from "../../lib/text/mod.ts";
import { withFolder } from "../folders.ts";

const VOCABULARY = await Vocabulary.read(
  fileURLToPath(new URL("../fixtures/text/vocab.txt", import.meta.url)),
);

Deno.test("the worked example: words, suffix ids, order of files, dropped lines", () =>
  withFolder(async (folder) => {
    const tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ..."糖尿病患者需超检查b"];
    const vocabulary = Vocabulary.fromTokens(tokens);
    const id = (token: string) =>
      token.startsWith("##") ? tokens.length + token.charCodeAt(2) - 0x4e00 : tokens.indexOf(token);
    await Deno.writeTextFile(`${folder}/in/b.txt`, "患者\r\n\n \u3000\n");
    await Deno.mkdir(`${folder}/in/a`);
    await Deno.writeTextFile(`${folder}/in/a/z.md`, "  糖尿病患者需B超检查\u0085");
    const log: string[] = [];
    const summary = await preprocess({
      inputPath: `${folder}/in`,
      outputFile: `${folder}/out/samples`,
      vocabulary,
      loggingSteps: 1,
      onLog: (line) => log.push(line.replace(/[\d.]+(?= sentences\/s| MB)/g, "#")),
    });
    assert.deepEqual(summary, { sentences: 2, tokens: 12 });
    const ids = decodeNpy(await Deno.readFile(`${folder}/out/samples_ids.npy`), "ids");
    const marked = ["糖", "##尿", "##病", "患", "##者", "需", "b", "超", "检", "##查", "患", "##者"];
    assert.deepEqual([...ids.data], marked.map(id));
    const lens = decodeNpz(await Deno.readFile(`${folder}/out/samples_idx.npz`), "idx").get("lens")!;
    assert.deepEqual([...lens.data], [10, 2]);
    assert.equal(await Deno.readTextFile(`${folder}/out/vocab.txt`), tokens.join("\n") + "\n");
    assert.deepEqual(log, [
      `Processing ${folder}/in/a/z.md`,
      `Processing ${folder}/in/b.txt`,
      "Processed 1 sentences (# sentences/s, # MB/s).",
      "Processed 2 sentences (# sentences/s, # MB/s).",
      "Saving tokens to files...",
      "Total sentences num: 2",
      "Total tokens num: 12",
      "Average tokens per sentence: 6.00",
    ]);
  }));

Deno.test("any number of workers writes the same bytes", () =>
  withFolder(async (folder) => {
    const parts = [
      "患者因高血压",
      "糖尿病",
      "入院治疗",
      "，",
      "CT示",
      "急性肺炎",
      "每日口服阿司匹林100mg",
      "。",
      "",
    ];
    const lines = Array.from({ length: 3000 }, (_, i) =>
      [0, 1, 2, 3].map((k) => parts[(i * (k + 3) + i % 11) % 9]).join(""));
    await Deno.writeTextFile(`${folder}/in/a.txt`, lines.join("\n"));
    const results: Uint8Array[][] = [];
    for (const workers of [1, 2, 5]) {
      const outputFile = `${folder}/out${workers}/s`;
      let [calls, last] = [0, { bytes: 0, totalBytes: -1 }];
      await preprocess({
        inputPath: `${folder}/in/a.txt`,
        outputFile,
        vocabulary: VOCABULARY,
        workers,
        onProgress: (progress) =>
          [calls, last] = [calls + 1, progress],
      });
      assert.ok(calls > 3000 / 256);
      assert.equal(last.bytes, last.totalBytes);
      results.push(
        await Promise.all([`${outputFile}_ids.npy`, `${outputFile}_idx.npz`].map((p) => Deno.readFile(p))),
      );
      using corpus = await Corpus.open(`${folder}/out${workers}`, VOCABULARY);
      assert.equal(corpus.length, lines.filter((line) => line !== "").length);
    }
    assert.deepEqual(results[1], results[0]);
    assert.deepEqual(results[2], results[0]);
  }));

const BAD_INPUTS: [string, (folder: string) => Promise<unknown>, string][] = [
  [
    "no text",
    (f) => Deno.writeTextFile(`${f}/in/a`, "\n \n\n"),
    'Cannot preprocess "%/in": no line of it gives a token',
  ],
  ["empty folder", () => Promise.resolve(), 'Cannot read text folder "%/in": it holds no file'],
  [
    "not UTF-8",
    (f) => Deno.writeFile(`${f}/in/a`, Uint8Array.of(65, 10, 0xbb, 0xbc)),
    'Cannot read text "%/in/a": line 2',
  ],
  [
    "unreadable",
    (f) => Deno.symlink(`${f}/gone`, `${f}/in/a`),
    'Cannot read text "%/in/a": no such file or folder',
  ],
  ["another vocabulary beside the output", async (f) => {
    await Deno.writeTextFile(`${f}/in/a`, "患者\n");
    await Deno.mkdir(`${f}/out`);
    await Vocabulary.fromTokens([...VOCABULARY.tokens, "x1"]).write(`${f}/out/vocab.txt`);
  }, 'Cannot write corpus "%/out/s": "%/out/vocab.txt" is another vocabulary'],
];

for (const [what, make, message] of BAD_INPUTS) {
  Deno.test(`bad input is refused and leaves no corpus: ${what}`, () =>
    withFolder(async (folder) => {
      await make(folder);
      await assert.rejects(
        preprocess({
          inputPath: `${folder}/in`,
          outputFile: `${folder}/out/s`,
          vocabulary: VOCABULARY,
          workers: 2,
        }),
        (error: Error) => {
          assert.ok(error instanceof UserError, error.stack);
          assert.ok(error.message.startsWith(message.replaceAll("%", folder)), error.message);
          return true;
        },
      );
      const left = await Array.fromAsync(Deno.readDir(`${folder}/out`)).catch(() => []);
      assert.deepEqual(left.map((entry) => entry.name).filter((name) => name !== "vocab.txt"), []);
    }));
}

Deno.test("output inside the input folder is refused", () =>
  withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/in/a`, "患者\n");
    for (const outputFile of [`${folder}/in/s`, `${folder}/in/deep/er/s`]) {
      await assert.rejects(
        preprocess({ inputPath: `${folder}/in`, outputFile, vocabulary: VOCABULARY }),
        /it would lie in the input folder/,
      );
    }
  }));

Deno.test("an output that names a folder is refused", () =>
  withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/in/a`, "患者\n");
    await assert.rejects(
      preprocess({ inputPath: `${folder}/in`, outputFile: `${folder}/out/`, vocabulary: VOCABULARY }),
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
    const options = { inputPath: `${folder}/in`, outputFile: `${folder}/out/s`, vocabulary: VOCABULARY };
    await assert.rejects(
      preprocess({ ...options, tool: "seg", workers: 2 }),
      (error: Error) => error instanceof UserError && error.message.startsWith('Cannot segment with "seg"'),
    );
  }));

Deno.test("an aborted run leaves nothing", () =>
  withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/in/a`, "患者因高血压入院。\n".repeat(5000));
    const abort = new AbortController();
    await assert.rejects(
      preprocess({
        inputPath: `${folder}/in`,
        outputFile: `${folder}/out/s`,
        vocabulary: VOCABULARY,
        signal: abort.signal,
        onProgress: ({ sentences }) => sentences > 0 && abort.abort(new Error("enough")),
      }),
      /enough/,
    );
    assert.deepEqual([...Deno.readDirSync(`${folder}/out`)], []);
  }));
