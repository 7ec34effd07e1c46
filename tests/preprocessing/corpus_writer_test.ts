import assert from "node:assert/strict";
import { decodeNpy, decodeNpz } from "../../lib/packing/mod.ts";
import {
  type CorpusFormat,
  CorpusWriter,
  emptyCorpus,
  WorkFolder,
  workFolderPath,
} from "../../lib/preprocessing/mod.ts";
import { Vocabulary } from "../../lib/text/mod.ts";
import { withFolder } from "../folders.ts";

const FIXTURES = `${import.meta.dirname}/../fixtures/text`;
const GOLDEN = JSON.parse(await Deno.readTextFile(`${FIXTURES}/text_golden.json`));
const VOCABULARY = await Vocabulary.read(`${FIXTURES}/vocab.txt`);

function openWork(prefix: string) {
  const options = { fingerprint: {}, initial: emptyCorpus, what: `corpus "${prefix}"` };
  return WorkFolder.open(workFolderPath(prefix), options);
}

/** Writes sentences one by one, each with its marks where there are any. */
async function write(
  prefix: string,
  format: CorpusFormat,
  sentences: readonly { ids: readonly number[]; marks?: readonly number[] }[],
): Promise<void> {
  await using work = await openWork(prefix);
  const writer = new CorpusWriter(work, work.state, format);
  const Ids = format.vocabularySize + 20_902 <= 0x10000 ? Uint16Array : Int32Array;
  for (const { ids, marks } of sentences) {
    const bits = marks === undefined ? {} : { marks: packbits(marks) };
    await writer.append({ ids: Ids.from(ids), lens: Int32Array.of(ids.length), ...bits });
  }
  await writer.complete(new TextEncoder().encode("{}\n"));
  await writer.publish(prefix);
  await work.remove();
}

/** numpy.packbits, the slow way. */
function packbits(bits: readonly number[]): Uint8Array<ArrayBuffer> {
  const text = bits.join("").replace(/.{1,8}/g, (byte) => byte.padEnd(8, "0") + " ").trim();
  return Uint8Array.from(text === "" ? [] : text.split(" "), (byte) => parseInt(byte, 2));
}

function names(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map((entry) => entry.name).sort();
}

Deno.test("the writer's files are the original's, byte for byte", () =>
  withFolder(async (folder) => {
    const format = { vocabularySize: VOCABULARY.size, hasMarks: false };
    await write(`${folder}/made/here/c`, format, GOLDEN.mark_words.rows);
    assert.deepEqual(names(`${folder}/made/here`), ["c_ids.npy", "c_idx.npz", "c_report.json"]);
    for (const name of ["c_ids.npy", "c_idx.npz"]) {
      const [ours, theirs] = [`${folder}/made/here/${name}`, `${FIXTURES}/${name}`];
      assert.deepEqual(await Deno.readFile(ours), await Deno.readFile(theirs), name);
    }
  }));

Deno.test("ids take 16 bits as long as the last suffix id fits", () =>
  withFolder(async (folder) => {
    for (const [vocabularySize, dtype, last] of [[44_634, "u2", 65_535], [44_635, "i4", 65_536]] as const) {
      await write(`${folder}/x`, { vocabularySize, hasMarks: false }, [{ ids: [0, last] }]);
      const array = decodeNpy(await Deno.readFile(`${folder}/x_ids.npy`), "x");
      assert.deepEqual([array.dtype, [...array.data]], [dtype, [0, last]]);
    }
  }));

Deno.test("marks of any lengths are packed as of one piece", () =>
  withFolder(async (folder) => {
    let seed = 7;
    const random = (n: number) => (seed = (seed * 48_271) % 0x7fffffff) % n;
    const sentences = Array.from({ length: 200 }, () => {
      const marks = Array.from({ length: 1 + random(40) }, () => random(2));
      return { ids: marks.map((_, i) => i), marks };
    });
    for (const count of [1, 2, 8, 200]) {
      const some = sentences.slice(0, count);
      await write(`${folder}/m`, { vocabularySize: 100, hasMarks: true }, some);
      const marks = decodeNpy(await Deno.readFile(`${folder}/m_marks.npy`), "marks");
      assert.deepEqual([...marks.data], [...packbits(some.flatMap((sentence) => sentence.marks))]);
      const arrays = decodeNpz(await Deno.readFile(`${folder}/m_idx.npz`), "idx");
      assert.deepEqual([...arrays.get("word_marks")!.data], [1]);
      assert.deepEqual([...arrays.get("lens")!.data], some.map(({ ids }) => ids.length));
    }
  }));

Deno.test("a crash while files take their names leaves nothing that looks whole, and can be mended", () =>
  withFolder(async (folder) => {
    const prefix = `${folder}/s`;
    const marked = { vocabularySize: 100, hasMarks: true };
    const files = ["s_ids.npy", "s_idx.npz", "s_marks.npy", "s_report.json"];
    const read = () => Promise.all(files.map((name) => Deno.readFile(`${folder}/${name}`)));
    const sentences = [{ ids: [5, 6, 7], marks: [0, 1, 1] }];
    await write(prefix, marked, sentences);
    const whole = await read();
    // Before each step of publishing in turn, a folder stands in the way of a name: renaming fails there for real.
    for (
      const [obstacle, there] of [["s_ids.npy", 0], ["s_marks.npy", 1], ["s_report.json", 2], [
        "s_idx.npz",
        0,
      ]] as const
    ) {
      await write(prefix, marked, [{ ids: [9], marks: [0] }]); // an older corpus
      await using work = await openWork(prefix);
      const writer = new CorpusWriter(work, work.state, marked);
      await writer.append({
        ids: Uint16Array.of(5, 6, 7),
        lens: Int32Array.of(3),
        marks: packbits([0, 1, 1]),
      });
      await writer.complete(new TextEncoder().encode("{}\n"));
      await Deno.remove(`${folder}/${obstacle}`);
      await Deno.mkdir(`${folder}/${obstacle}/full`, { recursive: true });
      await assert.rejects(writer.publish(prefix), obstacle);
      assert.ok(!(await Deno.stat(`${prefix}_idx.npz`).then((info) => info.isFile, () => false)), obstacle);
      const moved = await Promise.all(
        ["ids.npy", "marks.npy", "report.json"].map((name) =>
          Deno.stat(work.pathOf(name)).then(() => 0, () => 1)
        ),
      );
      assert.equal(moved.reduce<number>((a, b) => a + b, 0), there, obstacle);
      await Deno.remove(`${folder}/${obstacle}`, { recursive: true });
      await writer.publish(prefix);
      await writer.publish(prefix); // and again, as after a crash just before the work folder goes
      assert.deepEqual(await read(), whole);
      for (const name of files) await Deno.remove(`${folder}/${name}`);
      await assert.rejects(writer.publish(prefix), { name: "UserError", message: /and then it was removed/ });
      await work.remove();
    }
  }));

Deno.test("a corpus without marks takes the file of marks of the one before away", () =>
  withFolder(async (folder) => {
    await write(`${folder}/out/s`, { vocabularySize: 100, hasMarks: true }, [{ ids: [1], marks: [0] }]);
    await write(`${folder}/out/s`, { vocabularySize: 100, hasMarks: false }, [{ ids: [1] }]);
    assert.deepEqual(names(`${folder}/out`), ["s_ids.npy", "s_idx.npz", "s_report.json"]);
  }));
