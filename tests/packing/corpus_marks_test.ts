import assert from "node:assert/strict";
import { UserError } from "../../lib/config/mod.ts";
import { Corpus, encodeNpy, encodeNpz } from "../../lib/packing/mod.ts";
import { suffixIdOf, Vocabulary } from "../../lib/text/mod.ts";
import { withFolder } from "../folders.ts";

const VOCABULARY = await Vocabulary.read(`${import.meta.dirname}/../fixtures/text/vocab.txt`);
const V = VOCABULARY.size;
const id = (token: string) => VOCABULARY.idOf(token)!;

// HbA1c高, 血压, 患者; words HbA1c高, 血, 压, 患者: marks 0111 00 01.
const IDS = [
  id("hba"),
  id("##1"),
  id("##c"),
  id("高"),
  id("血"),
  id("压"),
  id("患"),
  suffixIdOf("者", V)!,
  id("##1"),
];
const LENS = [4, 2, 2, 1];
const CONTINUES = [0, 1, 1, 1, 0, 0, 0, 1, 0];
const PACKED = [0b01110001, 0]; // numpy.packbits(CONTINUES) is [113, 0]

async function write(
  prefix: string,
  { marks = PACKED, version = 1 } = {},
): Promise<void> {
  const lens = { dtype: "i4", shape: [LENS.length], data: Int32Array.from(LENS) } as const;
  const word_marks = { dtype: "u1", shape: [1], data: Uint8Array.of(version) } as const;
  await Deno.writeFile(
    `${prefix}_ids.npy`,
    encodeNpy({ dtype: "u2", shape: [IDS.length], data: Uint16Array.from(IDS) }),
  );
  await Deno.writeFile(
    `${prefix}_idx.npz`,
    encodeNpz(version === 0 ? { lens } : { lens, word_marks }),
  );
  await Deno.writeFile(
    `${prefix}_marks.npy`,
    encodeNpy({ dtype: "u1", shape: [marks.length], data: Uint8Array.from(marks) }),
  );
}

Deno.test("marks by position are read for every token, and pieces keep their identity", () =>
  withFolder(async (folder) => {
    await write(`${folder}/a`);
    using corpus = await Corpus.open(folder, VOCABULARY);
    const sentences = Array.from({ length: corpus.length }, (_, i) => corpus.sentence(i));
    assert.deepEqual(sentences.flatMap(({ isSuffix }) => [...isSuffix]), CONTINUES);
    const spellings = sentences.map(({ ids }) => [...ids].map((id) => VOCABULARY.tokenOf(id)).join(" "));
    assert.deepEqual(spellings, ["hba ##1 ##c 高", "血 压", "患 者", "##1"]);
  }));

Deno.test("without the note in the archive a file of marks is not looked at", () =>
  withFolder(async (folder) => {
    await write(`${folder}/a`, { version: 0 });
    using corpus = await Corpus.open(folder, VOCABULARY);
    assert.deepEqual([...corpus.sentence(0).isSuffix], [0, 1, 1, 0]); // by the ids, as in the original's corpus
  }));

Deno.test("the fingerprint tells other marks apart", () =>
  withFolder(async (folder) => {
    const fingerprints = new Set<string>();
    for (const marks of [PACKED, [0b01110000, 0], PACKED]) {
      await write(`${folder}/a`, { marks });
      using corpus = await Corpus.open(folder, VOCABULARY);
      fingerprints.add(corpus.fingerprint);
    }
    assert.equal(fingerprints.size, 2);
  }));

Deno.test("marks that are lost, of another run or of the future are refused", () =>
  withFolder(async (folder) => {
    const refused = async (message: string) => {
      await assert.rejects(Corpus.open(folder, VOCABULARY), (error) => {
        assert(error instanceof UserError);
        assert.equal(error.message.slice(0, message.length), message);
        return true;
      });
    };
    await write(`${folder}/a`, { marks: [1] });
    await refused(
      `Cannot read corpus "${folder}/a_marks.npy": it has 1 bytes of word marks, 9 ids need 2; make the`,
    );
    await write(`${folder}/a`, { version: 2 });
    await refused(
      `Cannot read corpus "${folder}/a_idx.npz": its word marks are of version 2, only 1 is known`,
    );
    await write(`${folder}/a`);
    await Deno.remove(`${folder}/a_marks.npy`);
    await refused(`Cannot read corpus "${folder}/a_marks.npy": `);
  }));

Deno.test("one pair of several can be opened by its name", () =>
  withFolder(async (folder) => {
    await write(`${folder}/a`);
    await write(`${folder}/b`);
    using corpus = await Corpus.open(folder, VOCABULARY, { name: "b" });
    assert.equal(corpus.length, LENS.length);
    await assert.rejects(
      Corpus.open(folder, VOCABULARY, { name: "c" }),
      /it holds no c_idx.npz and c_ids.npy/,
    );
  }));

Deno.test("a corpus whose report tells of another vocabulary is refused", () =>
  withFolder(async (folder) => {
    await write(`${folder}/a`);
    const report = (content: string) => Deno.writeTextFile(`${folder}/a_report.json`, content);
    await report(JSON.stringify({ vocabulary_sha256: await VOCABULARY.hash() }));
    (await Corpus.open(folder, VOCABULARY))[Symbol.dispose]();
    const swapped = VOCABULARY.tokens.toSpliced(-2, 2, VOCABULARY.tokens.at(-1)!, VOCABULARY.tokens.at(-2)!);
    const message = /a_ids\.npy": it was made with another vocabulary, as ".*\/a_report\.json" tells; give/;
    await assert.rejects(Corpus.open(folder, Vocabulary.fromTokens(swapped)), { name: "UserError", message });
    for (const content of ["null", "{"]) {
      await report(content);
      (await Corpus.open(folder, VOCABULARY))[Symbol.dispose]();
    }
  }));
