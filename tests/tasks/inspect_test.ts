import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { Vocabulary } from "../../lib/text/mod.ts";
import { withFolder } from "../folders.ts";
import { writeArrays } from "../preprocessing/write_arrays.ts";
import { assertWellFormed } from "../well_formed.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const VOCABULARY = await Vocabulary.read(`${ROOT}tests/fixtures/text/vocab.txt`);

/** Runs the task as a program of its own. */
async function run(args: string[]): Promise<{ code: number; out: string; err: string }> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", `${ROOT}tasks/inspect.ts`, ...args],
    env: { NO_COLOR: "1" },
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, out: text(stdout), err: text(stderr) };
}

/** Runs with a folder that holds two corpora and their vocabulary. */
function withCorpora(body: (folder: string) => Promise<void>): Promise<void> {
  return withFolder(async (folder) => {
    await VOCABULARY.write(`${folder}/vocab.txt`);
    for (const [name, lengths] of [["a", [3, 5]], ["b", [4]]] as const) {
      const ids = lengths.flatMap((length) => new Array(length).fill(VOCABULARY.idOf("高")));
      await writeArrays(`${folder}/${name}`, ids, lengths);
    }
    await body(folder);
  });
}

Deno.test("text and picture of one corpus", () =>
  withCorpora(async (folder) => {
    const { code, out, err } = await run([`${folder}/a`, "--examples=1", "--mlm_prob", "0"]);
    assert.equal(code, 0, err);
    assert.equal(err, "");
    assert.match(
      out,
      /^Sentences +2\nTokens +8\nLength +mean 4\.0, median 3, 95 % at most 5, longest 5 tokens\n/,
    );
    assert.match(out, /\n#[01] +(高 )+高\n +(高 )+高\n\nPicture: .*\/a_inspect\.svg\n$/);
    assert.ok(!out.includes("\x1b"));
    assertWellFormed(await Deno.readTextFile(`${folder}/a_inspect.svg`));
  }));

Deno.test("numbers of a whole folder as JSON, and no picture", () =>
  withCorpora(async (folder) => {
    const { out } = await run(["--json", folder]);
    const { sentences, tokens, words } = JSON.parse(out);
    assert.deepEqual({ sentences, tokens, words: words.by_length }, {
      sentences: 3,
      tokens: 12,
      words: [12],
    });
    const names = [...Deno.readDirSync(folder)].map((entry) => entry.name);
    assert.ok(!names.some((name) => name.endsWith(".svg")));
    await run(["--json", folder, "--picture", `${folder}/p.svg`]);
    assertWellFormed(await Deno.readTextFile(`${folder}/p.svg`));
  }));

const MISTAKES: [string, string[], string][] = [
  ["no corpus", [], "Cannot go on without --corpus: path before _ids.npy"],
  ["missing corpus", ["%/c"], 'Cannot read corpus "%/c": there is neither such a folder nor "%/c_ids.npy"; '],
  [
    "folder without corpus",
    ["%/in", "--vocab_file", "%/vocab.txt"],
    'Cannot read corpus folder "%/in": it holds no',
  ],
  [
    "folder without vocabulary",
    ["%/in"],
    'Cannot inspect corpus "%/in": it has no "vocab.txt"; name its vocabulary',
  ],
  [
    "missing vocabulary",
    ["%/a", "--vocab_file", "%/v.txt"],
    'Cannot read vocabulary "%/v.txt": no such file',
  ],
  [
    "no folder for the picture",
    ["%/a", "--picture", "%/none/p.svg"],
    'Cannot write "%/none/p.svg": no such file',
  ],
  ["half a corpus", ["%/half"], 'Cannot read corpus "%/half_ids.npy": its "half_idx.npz" is missing'],
];

for (const [name, args, message] of MISTAKES) {
  Deno.test(`mistake: ${name}`, () =>
    withCorpora(async (folder) => {
      await Deno.copyFile(`${folder}/a_ids.npy`, `${folder}/half_ids.npy`);
      const { code, err } = await run(args.map((arg) => arg.replace("%", folder)));
      assert.equal(code, 1);
      const expected = `error: ${message.replaceAll("%", folder)}`;
      assert.ok(err.startsWith(expected), `${err}\n  does not begin with\n${expected}`);
      assert.equal(err.trimEnd().split("\n").length, 1);
    }));
}
