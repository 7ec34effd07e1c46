import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { UserError } from "../../lib/config/mod.ts";
import { Corpus, encodeNpy, encodeNpz } from "../../lib/packing/mod.ts";
import { Vocabulary } from "../../lib/text/mod.ts";

const FIXTURES = fileURLToPath(new URL("../fixtures/text/", import.meta.url));
const GOLDEN = JSON.parse(await Deno.readTextFile(`${FIXTURES}/text_golden.json`));
const VOCABULARY = await Vocabulary.read(`${FIXTURES}/vocab.txt`);

/** Runs with a folder that is gone afterwards. */
async function withFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function rejectsWith(promise: Promise<unknown>, message: string): Promise<void> {
  await assert.rejects(promise, (error: Error) => {
    assert.ok(error instanceof UserError, `${error.name}: ${error.message}`);
    assert.ok(error.message.startsWith(message), `${error.message}\n  does not begin with\n${message}`);
    assert.ok(!error.message.includes("\n"));
    return true;
  });
}

/** Writes a pair of files as given. */
async function writePair(prefix: string, ids: number[], lens: number[]): Promise<void> {
  await Deno.writeFile(
    `${prefix}_ids.npy`,
    encodeNpy({ dtype: "i4", shape: [ids.length], data: Int32Array.from(ids) }),
  );
  const data = Int32Array.from(lens);
  await Deno.writeFile(`${prefix}_idx.npz`, encodeNpz({ lens: { dtype: "i4", shape: [data.length], data } }));
}

Deno.test("the reader gives the original's items", async () => {
  using corpus = await Corpus.open(FIXTURES, VOCABULARY, { originalPieces: true });
  assert.equal(corpus.length, GOLDEN.corpus_items.length);
  GOLDEN.corpus_items.forEach((item: { token_ids: number[]; is_suffix: number[] }, i: number) => {
    const { ids, isSuffix } = corpus.sentence(i);
    assert.deepEqual({ token_ids: [...ids], is_suffix: [...isSuffix] }, item);
  });
  assert.throws(() => corpus.sentence(corpus.length), RangeError);
  assert.throws(() => corpus.sentence(-1), RangeError);
  assert.throws(() => corpus.sentence(0.5), RangeError);
});

Deno.test("by default word pieces keep their ids", async () => {
  using corpus = await Corpus.open(FIXTURES, VOCABULARY);
  const { ids, isSuffix } = corpus.sentence(4); // HbA1c 高血压 高血
  assert.deepEqual([...ids].slice(0, 3).map((id) => VOCABULARY.tokenOf(id)), ["hba", "##1", "##c"]);
  assert.deepEqual([...isSuffix], GOLDEN.corpus_items[4].is_suffix);
});

Deno.test("several files are one list in the order of their names", () =>
  withFolder(async (folder) => {
    await writePair(`${folder}/b`, [5, 6, 7], [1, 2]);
    await writePair(`${folder}/a`, [8, 9, 10, 11], [4]);
    await Deno.writeTextFile(`${folder}/vocab.txt`, "not a corpus");
    using corpus = await Corpus.open(folder, VOCABULARY);
    assert.deepEqual([corpus.length, corpus.tokens], [3, 7]);
    assert.deepEqual([0, 1, 2].map((i) => [...corpus.sentence(i).ids]), [[8, 9, 10, 11], [5], [6, 7]]);
    using again = await Corpus.open(folder, VOCABULARY);
    assert.equal(again.fingerprint, corpus.fingerprint);
    await writePair(`${folder}/b`, [5, 6, 7], [2, 1]);
    using other = await Corpus.open(folder, VOCABULARY);
    assert.notEqual(other.fingerprint, corpus.fingerprint);
  }));

const BEYOND = VOCABULARY.size + 20_902;

/** What is wrong, how the folder comes to be so, and the message with % for the folder. */
const BAD_FOLDERS: [string, (folder: string) => Promise<unknown>, string][] = [
  ["no folder", (f) => Deno.remove(f), 'Cannot read corpus folder "%": no such file or directory'],
  ["empty", () => Promise.resolve(), 'Cannot read corpus folder "%": it holds no _idx.npz and _ids.npy'],
  [".npy without .npz", async (f) => {
    await writePair(`${f}/a`, [5], [1]);
    await Deno.remove(`${f}/a_idx.npz`);
  }, 'Cannot read corpus "%/a_ids.npy": its "a_idx.npz" is missing'],
  [".npz without .npy", async (f) => {
    await writePair(`${f}/a`, [5], [1]);
    await Deno.remove(`${f}/a_ids.npy`);
  }, 'Cannot read corpus "%/a_idx.npz": its "a_ids.npy" is missing'],
  [
    "lengths that do not add up",
    (f) => writePair(`${f}/a`, [5, 6, 7], [1, 1]),
    'Cannot read corpus "%/a_ids.npy": it has 3 ids, but the lengths in "%/a_idx.npz" add up to 2',
  ],
  [
    "an id beyond the vocabulary",
    (f) => writePair(`${f}/a`, [5, VOCABULARY.size - 1, BEYOND], [1, 2]),
    `Cannot read corpus "%/a_ids.npy": id ${BEYOND} in sentence 1 is beyond the ${BEYOND} ids`,
  ],
  [
    "a negative id",
    (f) => writePair(`${f}/a`, [-1], [1]),
    'Cannot read corpus "%/a_ids.npy": id -1 in sentence 0 is beyond',
  ],
  [
    "no sentences",
    (f) => writePair(`${f}/a`, [], []),
    'Cannot read corpus folder "%": it has no sentences',
  ],
  [
    "a part missing",
    (f) => writePair(`${f}/a-00001-of-00002`, [5], [1]),
    'Cannot read corpus folder "%": part "a-00000-of-00002" is missing; make it with `--shard 0/2`',
  ],
  ["parts beside the whole", async (f) => {
    await writePair(`${f}/a-00000-of-00001`, [5], [1]);
    await writePair(`${f}/a`, [5], [1]);
  }, 'Cannot read corpus folder "%": it holds "a" and its part "a-00000-of-00001", the same sentences twice'],
  [
    "an empty sentence",
    (f) => writePair(`${f}/a`, [5], [1, 0]),
    'Cannot read corpus "%/a_idx.npz": sentence 1 has length 0',
  ],
  ["another key", async (f) => {
    await writePair(`${f}/a`, [5], [1]);
    const lengths = { dtype: "i4", shape: [1], data: Int32Array.of(1) } as const;
    await Deno.writeFile(`${f}/a_idx.npz`, encodeNpz({ lengths }));
  }, 'Cannot read corpus "%/a_idx.npz": it has no array "lens", only lengths'],
  ["lengths as floats", async (f) => {
    await writePair(`${f}/a`, [5], [1]);
    const lens = { dtype: "f4", shape: [1], data: Float32Array.of(1) } as const;
    await Deno.writeFile(`${f}/a_idx.npz`, encodeNpz({ lens }));
  }, 'Cannot read corpus "%/a_idx.npz": "lens" is an array of type f4 and shape [1], not a list of lengths'],
  ["ids in two dimensions", async (f) => {
    await writePair(`${f}/a`, [5], [1]);
    await Deno.writeFile(`${f}/a_ids.npy`, encodeNpy({ dtype: "i4", shape: [1, 1], data: Int32Array.of(5) }));
  }, 'Cannot read corpus "%/a_ids.npy": it is an array of type i4 and shape [1,1], not a list of ids'],
  ["ids cut short", async (f) => {
    await writePair(`${f}/a`, [5, 6], [2]);
    await Deno.truncate(`${f}/a_ids.npy`, 132);
  }, 'Cannot read array "%/a_ids.npy": its header promises 8 bytes of data, it has 4'],
  ["an empty ids file", async (f) => {
    await writePair(`${f}/a`, [5, 6], [2]);
    await Deno.truncate(`${f}/a_ids.npy`, 0);
  }, 'Cannot read array "%/a_ids.npy": it is no .npy file'],
  ["an archive cut short", async (f) => {
    await writePair(`${f}/a`, [5, 6], [2]);
    await Deno.truncate(`${f}/a_idx.npz`, 50);
  }, 'Cannot read archive "%/a_idx.npz": it is no .npz file, or damaged'],
];

for (const [what, make, message] of BAD_FOLDERS) {
  Deno.test(`a bad corpus is refused: ${what}`, () =>
    withFolder(async (folder) => {
      await make(folder);
      await rejectsWith(Corpus.open(folder, VOCABULARY), message.replaceAll("%", folder));
      await Deno.mkdir(folder, { recursive: true }); // for the clean-up
    }));
}

Deno.test("the vocabulary of another corpus is refused, larger or smaller", () =>
  withFolder(async (folder) => {
    for (const name of ["c_ids.npy", "c_idx.npz"]) await Deno.copyFile(FIXTURES + name, `${folder}/${name}`);
    const { tokens } = VOCABULARY;
    const others = { larger: [...tokens, "[unused1]"], smaller: tokens.slice(0, -1) };
    for (const [which, other] of Object.entries(others)) {
      await assert.rejects(
        Corpus.open(folder, Vocabulary.fromTokens(other)),
        (error: Error) =>
          error instanceof UserError && /continues a word with a character that .* lacks/.test(error.message),
        which,
      );
    }
  }));
