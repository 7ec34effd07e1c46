import assert from "node:assert/strict";
import { Corpus } from "../../lib/packing/mod.ts";
import { withFolder } from "../folders.ts";
import { allFiles, readReport, run, VOCABULARY } from "./preprocess_runs.ts";

/** 20,000 lines of which about half were there before, some only after white space is gone; three files. */
function repeatedLines(): string[][] {
  let seed = 11;
  const random = (n: number) => (seed = (seed * 48_271) % 0x7fffffff) % n;
  const line = () => {
    const number = random(12_000);
    const text = [..."患者因高血压入院治疗"].filter((_, i) => number >> i & 1).join("") + number;
    return ["", " ", "\u3000"][random(3)] + text + ["", "\t"][random(2)];
  };
  return [9000, 1, 10_999].map((count) => Array.from({ length: count }, line));
}

Deno.test("of equal lines only the first stays, over all files, blocks and workers", () =>
  withFolder(async (folder) => {
    const files = repeatedLines();
    for (const [i, lines] of files.entries()) await Deno.writeTextFile(`${folder}/in/${i}`, lines.join("\n"));
    const distinct = [...new Set(files.flat().map((line) => line.trim()))];
    assert.ok(distinct.length > 5000 && distinct.length < 11_000, `${distinct.length}`);
    const phases = new Set<string>();
    await run(folder, "out", { dedup: true, workers: 2, onProgress: ({ phase }) => phases.add(phase) });
    assert.deepEqual([...phases], ["dedup", "encode"]);
    const report = await readReport(`${folder}/out`);
    assert.deepEqual([report.sentences, report.duplicate_lines], [distinct.length, 20_000 - distinct.length]);
    // The same corpus as that of the distinct lines.
    for (const i of files.keys()) await Deno.remove(`${folder}/in/${i}`);
    await Deno.writeTextFile(`${folder}/in/0`, distinct.join("\n"));
    await run(folder, "expected");
    for (const name of ["s_ids.npy", "s_idx.npz", "s_marks.npy"]) {
      const [ours, expected] = [`${folder}/out/${name}`, `${folder}/expected/${name}`];
      assert.deepEqual(await Deno.readFile(ours), await Deno.readFile(expected), name);
    }
    using corpus = await Corpus.open(`${folder}/out`, VOCABULARY);
    assert.equal(corpus.length, distinct.length);
  }));

Deno.test("stopped in either pass, the search for duplicates goes on", () =>
  withFolder(async (folder) => {
    const files = repeatedLines();
    for (const [i, lines] of files.entries()) await Deno.writeTextFile(`${folder}/in/${i}`, lines.join("\n"));
    await run(folder, "whole", { dedup: true });
    for (const phase of ["dedup", "encode"]) {
      const abort = new AbortController();
      const stopped = run(folder, phase, {
        dedup: true,
        signal: abort.signal,
        onProgress: (progress) =>
          progress.phase === phase && progress.bytes > 0 && abort.abort(new Error("enough")),
      });
      await assert.rejects(stopped, /enough/);
      let first: { phase: string; resumedBytes: number } | undefined;
      await run(folder, phase, { dedup: true, workers: 2, onProgress: (progress) => first ??= progress });
      assert.equal(first!.phase, phase);
      assert.ok(first!.resumedBytes > 0);
      assert.deepEqual(await allFiles(`${folder}/${phase}`), await allFiles(`${folder}/whole`));
    }
  }));
