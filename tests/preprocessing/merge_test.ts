import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { UserError } from "../../lib/config/mod.ts";
import { Corpus } from "../../lib/packing/mod.ts";
import { merge, type PreprocessOptions } from "../../lib/preprocessing/mod.ts";
import { Vocabulary } from "../../lib/text/mod.ts";
import { withFolder } from "../folders.ts";
import { allFiles, names, run, sampleLines, VOCABULARY } from "./preprocess_runs.ts";

/** Writes plain, compressed and JSON files, with bad lines. */
async function writeInput(folder: string, sentences = 700): Promise<void> {
  const lines = sampleLines(sentences);
  const bytes = (text: string) => new TextEncoder().encode(text);
  const part = (i: number) => lines.slice(i * lines.length / 4, (i + 1) * lines.length / 4);
  await Deno.writeFile(`${folder}/in/a.txt`, bytes("\ufeff" + part(0).join("\r\n")));
  await Deno.writeFile(`${folder}/in/b.txt.gz`, new Uint8Array(gzipSync(part(1).join("\n"))));
  await Deno.writeFile(
    `${folder}/in/c.jsonl`,
    bytes(part(2).map((text) => JSON.stringify({ text })).join("\n{\n")),
  );
  await Deno.writeFile(
    `${folder}/in/d.txt`,
    Uint8Array.from([...bytes(part(3).join("\n") + "\r"), 0xbb, 0xbc, 10, ...bytes("患者")]),
  );
}

async function runShards(
  folder: string,
  count: number,
  options: Partial<PreprocessOptions> = {},
): Promise<void> {
  for (let index = 0; index < count; index++) {
    await run(folder, "out", { ...options, shard: { index, count } });
  }
}

Deno.test("merged shards are the unsharded run, byte for byte, reports too", async (test) => {
  for (
    const [count, options] of [
      [2, {}],
      [3, { dedup: true, minChars: 4 }],
      [7, { wordMarks: "original", workers: 2 }],
    ] as [number, Partial<PreprocessOptions>][]
  ) {
    await test.step(`${count} shards`, () =>
      withFolder(async (folder) => {
        await writeInput(folder);
        await run(folder, "whole", options);
        await runShards(folder, count, options);
        const outputFile = `${folder}/out/s`;
        using parts = await Corpus.open(`${folder}/out`, VOCABULARY); // readers take the parts as they are
        const summary = await merge({ outputFile, remove: true });
        assert.deepEqual([summary.shards, summary.sentences], [count, parts.length]);
        assert.deepEqual(await allFiles(`${folder}/out`), await allFiles(`${folder}/whole`));
      }));
  }
});

Deno.test("a shard in which no line starts is an empty part", () =>
  withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/in/a.txt`, `患者${"发热".repeat(1000)}\n患者\n`);
    await run(folder, "whole");
    await runShards(folder, 4);
    await merge({ outputFile: `${folder}/out/s` });
    const files = await allFiles(`${folder}/out`);
    assert.equal(Object.keys(files).length, 4 * 4 + 5); // the parts stay without `remove`
    for (const [name, bytes] of Object.entries(await allFiles(`${folder}/whole`))) {
      assert.deepEqual(files[name], bytes, name);
    }
  }));

const part = (index: number, count = 2) => `s-0000${index}-of-0000${count}`;

/** What is wrong, how it comes to be so, and the message after `Cannot merge "%/out/s": `. */
const REFUSALS: [string, (folder: string) => Promise<unknown>, string][] = [
  [
    "no shards",
    (f) =>
      Promise.all(
        names(`${f}/out`).filter((n) => n.startsWith("s-")).map((n) => Deno.remove(`${f}/out/${n}`)),
      ),
    "there are no shards of it",
  ],
  [
    "a missing shard",
    async (f) => {
      for (const file of ["ids.npy", "idx.npz", "marks.npy", "report.json"]) {
        await Deno.remove(`${f}/out/${part(1)}_${file}`);
      }
    },
    `shard "${part(1)}" is missing; make it with --shard 1/2`,
  ],
  [
    "a missing report",
    (f) => Deno.remove(`${f}/out/${part(0)}_report.json`),
    `shard "${part(0)}" lacks its _report.json; make it with --shard 0/2`,
  ],
  [
    "shards of two runs",
    (f) => run(f, "out", { shard: { index: 0, count: 3 } }),
    "there are shards of runs with ",
  ],
  [
    "another option",
    (f) => run(f, "out", { shard: { index: 1, count: 2 }, minChars: 3 }),
    `"${part(1)}" was made with another min_chars than "${part(0)}"`,
  ],
  [
    "another lexicon",
    async (f) => {
      await Deno.writeTextFile(`${f}/terms.txt`, "患者发热\n");
      await run(f, "out", { shard: { index: 1, count: 2 }, lexicon: `${f}/terms.txt` });
    },
    `"${part(1)}" was made with another lexicon than "${part(0)}"`,
  ],
  [
    "another input",
    async (f) => {
      await Deno.writeTextFile(`${f}/in/b.txt`, "患者\n");
      await run(f, "out", { shard: { index: 1, count: 2 } });
    },
    `"${part(1)}" was made with another files than "${part(0)}"`,
  ],
  [
    "another vocabulary",
    async (f) => {
      await Vocabulary.fromTokens([...VOCABULARY.tokens, "x1"]).write(`${f}/out/vocab.txt`);
    },
    "the shards were made with another vocabulary than the vocab.txt beside them",
  ],
];

for (const [what, spoil, message] of REFUSALS) {
  Deno.test(`merging is refused: ${what}`, () =>
    withFolder(async (folder) => {
      await Deno.writeTextFile(`${folder}/in/a.txt`, "患者\n发热\n三天\n");
      await runShards(folder, 2);
      await spoil(folder);
      const before = names(`${folder}/out`);
      await assert.rejects(merge({ outputFile: `${folder}/out/s`, remove: true }), (error: Error) => {
        assert.ok(error instanceof UserError, error.stack);
        const expected = `Cannot merge "${folder}/out/s": ${message}`;
        assert.ok(error.message.startsWith(expected), error.message);
        return true;
      });
      assert.deepEqual(names(`${folder}/out`), before);
    }));
}

Deno.test("merging a shard that is cut short is refused", () =>
  withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/in/a.txt`, "患者\n发热\n三天\n");
    await runShards(folder, 2);
    await Deno.truncate(`${folder}/out/${part(1)}_ids.npy`, 130);
    await assert.rejects(
      merge({ outputFile: `${folder}/out/s` }),
      /Cannot read array .* its header promises 4 bytes/,
    );
    await run(folder, "elsewhere");
    await Deno.copyFile(`${folder}/elsewhere/s_ids.npy`, `${folder}/out/${part(1)}_ids.npy`);
    await assert.rejects(
      merge({ outputFile: `${folder}/out/s` }),
      /its files and its report tell of different sentences/,
    );
    assert.ok(!names(`${folder}/out`).some((name) => /^(\.s|s_)/.test(name)));
  }));

/** A file of the second of two shards, how it is spoilt, and the message. */
const DAMAGES: [string, (path: string) => Promise<unknown>, RegExp][] = [
  ["idx.npz", (path) => Deno.truncate(path, 58 + 128 + 4), /tell of different sentences/],
  ["idx.npz", (path) => Deno.truncate(path, 58 + 128 + 3), /tell of different sentences/],
  [
    "report.json",
    (path) => Deno.writeTextFile(path, "null"),
    /_report\.json": it is not one of a corpus; make/,
  ],
  ["report.json", (path) => Deno.writeTextFile(path, '{"vers'), /_report\.json": it is not JSON; make/],
];

Deno.test("merging shards of which one is damaged is refused, and removes none", () =>
  withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/in/a.txt`, "患者\n发热\n三天\n胸痛\n");
    await runShards(folder, 2);
    for (const [file, damage, message] of DAMAGES) {
      const path = `${folder}/out/${part(1)}_${file}`;
      const whole = await Deno.readFile(path);
      await damage(path);
      const before = names(`${folder}/out`);
      const merging = merge({ outputFile: `${folder}/out/s`, remove: true });
      await assert.rejects(
        merging,
        (error: Error) => error instanceof UserError && message.test(error.message),
      );
      assert.deepEqual(names(`${folder}/out`), before);
      await Deno.writeFile(path, whole);
    }
    assert.equal((await merge({ outputFile: `${folder}/out/s`, remove: true })).sentences, 4);
  }));

Deno.test("a shard that comes to nothing leaves the others their vocabulary", () =>
  withFolder(async (folder) => {
    await Deno.writeFile(`${folder}/in/a.txt`, Uint8Array.of(0xbb, 10));
    const shard = { index: 0, count: 2 };
    await assert.rejects(run(folder, "out", { shard, strict: true }), /line 1 is not UTF-8/);
    assert.deepEqual(names(`${folder}/out`), ["vocab.txt"]);
    await assert.rejects(run(folder, "whole", { strict: true }), /line 1 is not UTF-8/);
    assert.deepEqual(names(`${folder}/whole`), []);
  }));
