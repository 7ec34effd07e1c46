import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { Corpus } from "../../lib/packing/mod.ts";
import { Vocabulary } from "../../lib/text/mod.ts";
import { withFolder } from "../folders.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const VOCABULARY = `${ROOT}tests/fixtures/text/vocab.txt`;
const unix = Deno.build.os !== "windows";

/** Input and output, with the segmenter that needs no set-up. */
function paths(folder: string): string[] {
  return ["--input_path", `${folder}/in`, "--output_file", `${folder}/out/s`, "--tokenize_tool", "jieba"];
}

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
    const args = [
      "--input-path",
      `${folder}/in`,
      "--output_file",
      `${folder}/out/samples`,
      "--num_worker=2",
      "--tokenize_tool=jieba",
    ];
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

Deno.test("the command makes a corpus of pairs, and a vocabulary of both fields", () =>
  withFolder(async (folder) => {
    const lines = [{ q: "患者发热", a: "发热住院" }, { q: "患者", a: "患者\n住院" }, { q: "患者" }];
    await Deno.writeTextFile(`${folder}/in/a.jsonl`, lines.map((line) => JSON.stringify(line)).join("\n"));
    const { code, err } = await run([...paths(folder), "--pairs", "--pair_fields", "q,a"]);
    assert.equal(code, 0, err);
    assert.match(err, /\nSkipped line 3 of .*: it is without texts in the fields "q" and "a"; name /);
    assert.match(err, /\nTotal pairs num: 2\nTotal sentences num: 4\nTotal tokens num: 14\n/);
    const vocabulary = await Vocabulary.read(`${folder}/out/vocab.txt`);
    using corpus = await Corpus.open(`${folder}/out`, vocabulary);
    const spell = (ids: Int32Array) => Array.from(ids, (id) => vocabulary.tokenOf(id)).join("");
    const pairs = [0, 1].map((n) => corpus.sentence(n)).map(({ ids, partner }) =>
      [ids, partner!.ids].map(spell)
    );
    assert.deepEqual(pairs, [["患者发热", "发热住院"], ["患者", "患者住院"]]);
  }));

const MISTAKES: [string, string[], string][] = [
  ["no flags", [], "Cannot go on without --input_path: "],
  ["mistyped flag", ["--input_paht=x"], "Unknown option --input_paht: did you mean --input_path?"],
  ["no workers", ["--num_worker", "0"], "Cannot use --num_worker 0: the smallest value is 1"],
  ["missing input", ["--input_path", "%/none"], 'Cannot read text "%/none": no such file or folder'],
  ["empty folder", [], 'Cannot read text folder "%/in": it holds no file'],
  ["missing vocabulary", ["--vocab_file", "%/v.txt"], 'Cannot read vocabulary "%/v.txt": no such file'],
  ["no shard", ["--shard", "2/2"], 'Cannot use --shard "2/2": give the part'],
  ["a shard without a vocabulary", ["--shard", "0/2"], "Cannot preprocess shard 0/2 without a vocabulary: "],
  ...["q", "q,", "q,a,b", "q,q"].map((fields): [string, string[], string] => [
    `no two fields: ${fields}`,
    ["--pairs", "--pair_fields", fields],
    `Cannot use --pair_fields "${fields}": give the names of two fields`,
  ]),
  [
    "no segmenter",
    ["--tokenize_tool", "lca"],
    'Cannot use --tokenize_tool "lca": choose one of lac, seg, jieba',
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

Deno.test("with --strict a text that is not UTF-8 is one line and exit code 1", () =>
  withFolder(async (folder) => {
    await Deno.writeFile(`${folder}/in/gbk.txt`, Uint8Array.of(0xb7, 0xa2, 0xc8, 0xc8, 10));
    for (const vocabulary of [[], ["--vocab_file", VOCABULARY]]) { // one is built, one is there
      const { code, err } = await run([...paths(folder), "--strict", ...vocabulary]);
      assert.equal(code, 1);
      assert.match(err, /(^|\n)error: Cannot .*\/in\/gbk\.txt": line 1 is not UTF-8; [^\n]*\n$/);
    }
  }));

Deno.test("a write that the system refuses is one line, the old corpus stays, the same command goes on", {
  ignore: !unix,
}, () =>
  withFolder(async (folder) => {
    const args = [...paths(folder), "--vocab_file", VOCABULARY];
    const out = (name = "") => `${folder}/out/${name}`;
    const names = () => [...Deno.readDirSync(out())].map((entry) => entry.name).sort();
    await Deno.writeTextFile(`${folder}/in/a.txt`, "患者发热\n");
    assert.equal((await run(args)).code, 0);
    const whole = names();
    const before = await Deno.readFile(out("s_ids.npy"));
    await Deno.writeTextFile(`${folder}/in/a.txt`, "患者发热\n".repeat(50_000));
    const { code, err } = await run(args, { largestFile: 256 });
    assert.equal(code, 1, err);
    assert.match(
      err,
      /\nerror: Cannot write ".*\/out\/\.s\.partial\/ids\.npy": file too large; make room and run the same command again, it goes on where it stopped\n$/,
    );
    assert.deepEqual(names(), [".s.partial", ...whole]);
    assert.deepEqual(await Deno.readFile(out("s_ids.npy")), before);
    const again = await run(args);
    assert.equal(again.code, 0, again.err);
    assert.match(again.err, /^Resuming at 0\.[1-9] of 0\.6 MB /);
    assert.match(again.err, /\nTotal tokens num: 200000\n/);
    assert.deepEqual(names(), whole);
  }));

Deno.test(
  "Ctrl-C says that the same command goes on, and it does",
  { ignore: !unix },
  () =>
    withFolder(async (folder) => {
      const text = "患者因高血压入院治疗，考虑糖尿病可能性大。\n".repeat(60_000);
      await Deno.writeTextFile(`${folder}/in/a.txt`, text);
      const args = [...paths(folder), "--vocab_file", VOCABULARY, "--logging_steps", "2000"];
      const command = [Deno.execPath(), "run", "-A", `${ROOT}tasks/preprocess.ts`, ...args];
      const child = new Deno.Command(command[0]!, { args: command.slice(1), stderr: "piped" }).spawn();
      let err = "";
      for await (const piece of child.stderr.pipeThrough(new TextDecoderStream())) {
        if (!err.includes("Processed 4000 ") && (err + piece).includes("Processed 4000 ")) {
          child.kill("SIGINT");
        }
        err += piece;
      }
      assert.equal((await child.status).code, 130, err);
      assert.match(err, /\nStopping; Ctrl-C again stops at once\n/);
      assert.match(err, /\nInterrupted: 0\.[3-9] MB are done, the same command goes on\n$/);
      const again = await run(args);
      assert.equal(again.code, 0, again.err);
      assert.match(again.err, /Resuming at 0\.[3-9] of 3\.\d MB /);
      assert.match(again.err, /\nTotal sentences num: 60000\n/);
    }),
);
