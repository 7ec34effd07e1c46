import assert from "node:assert/strict";
import { buildVocabulary, generateCorpus, tokenizerFiles, Vocabulary } from "../../lib/text/mod.ts";
import { withFolder } from "./temp_folder.ts";

const TASK = `${import.meta.dirname}/../../tasks/vocab.ts`;

async function runTask(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", TASK, ...args],
    env: { NO_COLOR: "1" },
  }).output();
  return { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
}

Deno.test("the vocab task writes the vocabulary of a folder and prints its coverage", async () => {
  await withFolder(async (folder) => {
    const sentences = [...generateCorpus({ sentences: 400 })];
    await Deno.mkdir(`${folder}/in`);
    await Deno.writeTextFile(`${folder}/in/a.txt`, sentences.slice(0, 300).join("\n") + "\n");
    await Deno.writeTextFile(`${folder}/in/b.csv`, sentences.slice(300).join("\r\n"));
    const output = `${folder}/new/vocab.txt`;
    const { code, stdout, stderr } = await runTask(
      ...["--input-path", `${folder}/in`, "--output_file", output, "--min_count", "3"],
    );
    assert.equal(code, 0, stderr);
    const { vocabulary, coverage } = await buildVocabulary(sentences, { minCount: 3 });
    assert.deepEqual((await Vocabulary.read(output)).tokens, vocabulary.tokens);
    for (const [name, text] of Object.entries(tokenizerFiles(vocabulary))) {
      assert.equal(await Deno.readTextFile(`${folder}/new/${name}`), text);
    }
    assert.match(stdout, /^Text: 400 lines in 2 files, [\d,]+ characters$/m);
    assert.match(stdout, new RegExp(`^Coverage: .*; ${coverage.unknownWords} become \\[UNK\\]$`, "m"));
  });
});

Deno.test("the vocab task says what the vocabulary lacks, on the screen and in a report", async () => {
  await withFolder(async (folder) => {
    await Deno.mkdir(`${folder}/in`);
    const lines = ["发热发热", "鼽衄鼽衄", "鼽 发热", "x鼽😀热发"];
    await Deno.writeTextFile(
      `${folder}/in/a.jsonl`,
      lines.map((body) => JSON.stringify({ body }) + "\n").join(""),
    );
    const { code, stdout, stderr } = await runTask(
      ...["--input_path", `${folder}/in`, "--field", "body", "--min_count", "4"],
      ...["--output_file", `${folder}/vocab.txt`, "--report", `${folder}/made/report.json`],
    );
    assert.equal(code, 0, stderr);
    const expected = [
      "Text: 4 lines in 1 file, 16 characters",
      "Characters: 4 of 6 different ones are in the vocabulary, 81.250 % of the text",
      "Unknown characters: 衄 (U+8844) ×2, 😀 (U+1F600) ×1",
      "Coverage: 81.250 % of 16 words; 3 become [UNK]",
      "Unknown words: 衄 (U+8844) ×2, 😀 (U+1F600) ×1",
    ];
    assert.deepEqual(stdout.trim().split("\n").filter((line) => !line.startsWith("Vocabulary: ")), expected);
    const report = JSON.parse(await Deno.readTextFile(`${folder}/made/report.json`));
    assert.deepEqual(report.commonest_unknown_words, [["衄", 2], ["😀", 1]]);
    assert.deepEqual([report.words, report.unknown_words, report.running_characters], [16, 3, 16]);
    assert.equal(report.vocabulary_sha256, await (await Vocabulary.read(`${folder}/vocab.txt`)).hash());
  });
});

Deno.test("the vocab task refuses bad input in one line and keeps the old vocabulary", async () => {
  await withFolder(async (folder) => {
    await Deno.mkdir(`${folder}/empty`);
    await Deno.mkdir(`${folder}/blank`);
    await Deno.writeTextFile(`${folder}/blank/a.txt`, "\n \n");
    await Deno.writeFile(`${folder}/gb.txt`, new Uint8Array([0xb7, 0xa2, 0xc8, 0xc8, 0x0a]));
    const output = `${folder}/vocab.txt`;
    await Deno.writeTextFile(output, "old");
    const cases: [input: string, message: string][] = [
      ["none", `error: Cannot read text "${folder}/none": no such file or folder`],
      ["empty", `error: Cannot read text folder "${folder}/empty": it holds no file`],
      ["blank", `error: Cannot build vocabulary from "${folder}/blank": it holds no text`],
      [
        "gb.txt",
        `error: Cannot read text "${folder}/gb.txt": line 1 is not UTF-8; convert the file, for example with ` +
        "`iconv -f GB18030 -t UTF-8`",
      ],
    ];
    for (const [input, message] of cases) {
      const { code, stderr } = await runTask("--input_path", `${folder}/${input}`, "--output_file", output);
      assert.deepEqual([code, stderr.trim()], [1, message]);
      assert.equal(await Deno.readTextFile(output), "old");
    }
  });
});

Deno.test("the vocab task spares its input and says which output the system refuses", async () => {
  await withFolder(async (folder) => {
    const [text, blocked] = [`${folder}/in/a.txt`, `${folder}/file/vocab.txt`];
    await Deno.mkdir(`${folder}/in`);
    await Deno.writeTextFile(text, "患者发热\n");
    await Deno.writeTextFile(`${folder}/file`, "");
    const cases: [input: string, output: string, message: string][] = [
      [text, text, `error: Cannot write vocabulary "${text}": it is the input; write to another file`],
      [
        `${folder}/in`,
        text,
        `error: Cannot write vocabulary "${text}": it would lie in the input folder "${folder}/in" and be read as ` +
        "text; write to another folder",
      ],
      [text, blocked, `error: Cannot write "${blocked}": file exists`],
    ];
    for (const [input, output, message] of cases) {
      const { code, stderr } = await runTask("--input_path", input, "--output_file", output);
      assert.deepEqual([code, stderr.trim()], [1, message]);
    }
    assert.equal(await Deno.readTextFile(text), "患者发热\n");
  });
});
