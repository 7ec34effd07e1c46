import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { Corpus } from "../../lib/packing/mod.ts";
import { Vocabulary } from "../../lib/text/mod.ts";
import { withFolder } from "../folders.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const VOCABULARY = `${ROOT}tests/fixtures/text/vocab.txt`;
const unix = Deno.build.os !== "windows";

interface Outcome {
  code: number;
  err: string;
}

/** Runs the task as a program of its own. */
async function run(args: string[], { largestFile }: { largestFile?: number } = {}): Promise<Outcome> {
  const command = [Deno.execPath(), "run", "-A", "--no-code-cache", `${ROOT}tasks/preprocess.ts`, ...args];
  // The shell's limit on file sizes makes real writes fail, as a full disk does.
  const limited = ["sh", "-c", `trap '' XFSZ; ulimit -f ${largestFile}; exec "$@"`, "sh", ...command];
  const [program, ...rest] = largestFile === undefined ? command : limited;
  const { code, stderr } = await new Deno.Command(program!, { args: rest, env: { NO_COLOR: "1" } }).output();
  return { code, err: new TextDecoder().decode(stderr) };
}

Deno.test("the command works alone: builds a vocabulary, then uses it again", () =>
  withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/in/a.txt`, "患者发热三天。\n患者咳嗽三天。\n");
    const args = ["--input-path", `${folder}/in`, "--output_file", `${folder}/out/samples`, "--num_worker=2"];
    const first = await run(args);
    assert.equal(first.code, 0, first.err);
    assert.match(
      first.err,
      /^Built a vocabulary from the input, for ".*\/out\/vocab.txt": \d+ tokens, \d+\.\d\d % of words/,
    );
    assert.match(
      first.err,
      /\nTotal sentences num: 2\nTotal tokens num: 14\nAverage tokens per sentence: 7\.00\n$/,
    );
    const before = await Deno.readFile(`${folder}/out/samples_ids.npy`);
    const second = await run(args);
    assert.match(second.err, /^Using vocabulary /);
    assert.deepEqual(await Deno.readFile(`${folder}/out/samples_ids.npy`), before);
    using corpus = await Corpus.open(`${folder}/out`, await Vocabulary.read(`${folder}/out/vocab.txt`));
    assert.equal(corpus.length, 2);
  }));

const MISTAKES: [string, string[], string][] = [
  ["no flags", [], "Cannot go on without --input_path: "],
  ["mistyped flag", ["--input_paht=x"], "Unknown option --input_paht: did you mean --input_path?"],
  ["no workers", ["--num_worker", "0"], "Cannot use --num_worker 0: the smallest value is 1"],
  ["missing input", ["--input_path", "%/none"], 'Cannot read text "%/none": no such file or folder'],
  ["empty folder", [], 'Cannot read text folder "%/in": it holds no file'],
  ["missing vocabulary", ["--vocab_file", "%/v.txt"], 'Cannot read vocabulary "%/v.txt": no such file'],
  ["a later segmenter", ["--tokenize_tool", "lac"], 'Cannot segment with "lac": '],
  [
    "no segmenter",
    ["--tokenize_tool", "lca"],
    'Cannot use --tokenize_tool "lca": choose one of jieba, lac, seg',
  ],
];

for (const [what, flags, message] of MISTAKES) {
  Deno.test(`one line and exit code 1: ${what}`, () =>
    withFolder(async (folder) => {
      const base = ["--input_path", `${folder}/in`, "--output_file", `${folder}/out/s`];
      const given = flags.map((flag) => flag.replace("%", folder));
      const { code, err } = await run(what === "no flags" ? [] : [...base, ...given]);
      assert.equal(code, 1);
      assert.ok(err.startsWith(`error: ${message.replaceAll("%", folder)}`), err);
      assert.equal(err.split("\n").length, 2, err);
    }));
}

Deno.test("a text that is not UTF-8 is one line and exit code 1", () =>
  withFolder(async (folder) => {
    await Deno.writeFile(`${folder}/in/gbk.txt`, Uint8Array.of(0xb7, 0xa2, 0xc8, 0xc8, 10));
    const args = ["--input_path", `${folder}/in`, "--output_file", `${folder}/s`, "--vocab_file", VOCABULARY];
    const { code, err } = await run([
      "--output_file",
      `${folder}/out/s`,
      ...args.slice(0, 2),
      ...args.slice(4),
    ]);
    assert.equal(code, 1);
    assert.match(err, /^error: Cannot read text ".*\/in\/gbk\.txt": line 1 is not UTF-8; [^\n]*\n$/);
  }));

Deno.test(
  "a write that the system refuses is one line, and the corpus of before stays",
  { ignore: !unix },
  () =>
    withFolder(async (folder) => {
      const args = [
        "--input_path",
        `${folder}/in`,
        "--output_file",
        `${folder}/out/s`,
        "--vocab_file",
        VOCABULARY,
      ];
      await Deno.writeTextFile(`${folder}/in/a.txt`, "患者发热\n");
      assert.equal((await run(args)).code, 0);
      const names = () => [...Deno.readDirSync(`${folder}/out`)].map((entry) => entry.name).sort();
      const before = await Deno.readFile(`${folder}/out/s_ids.npy`);
      await Deno.writeTextFile(`${folder}/in/a.txt`, "患者发热\n".repeat(5000));
      const { code, err } = await run(args, { largestFile: 8 });
      assert.equal(code, 1, err);
      assert.match(err, /\nerror: Cannot write corpus ".*\/out\/s_ids\.npy": file too large\n$/);
      assert.deepEqual(names(), ["s_ids.npy", "s_idx.npz", "vocab.txt"]);
      assert.deepEqual(await Deno.readFile(`${folder}/out/s_ids.npy`), before);
    }),
);
