import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { UserError } from "../../lib/config/mod.ts";
import { type PreprocessOptions, WorkFolder } from "../../lib/preprocessing/mod.ts";
import { withFolder } from "../folders.ts";
import { hasSmallDisks, onSmallDisk } from "../training/small_disk.ts";
import { allFiles, corpusFiles, names, run, sampleLines } from "./preprocess_runs.ts";

/** Four files, some of them compressed, with bad lines; about 450 kB of text. */
async function writeInput(folder: string): Promise<void> {
  const lines = sampleLines(4000);
  const part = (i: number) => lines.slice(i * lines.length / 4, (i + 1) * lines.length / 4).join("\n") + "\n";
  await Deno.writeTextFile(`${folder}/in/a.txt`, part(0) + part(1));
  await Deno.writeFile(`${folder}/in/b.txt.gz`, new Uint8Array(gzipSync(part(2))));
  await Deno.writeFile(
    `${folder}/in/c.txt`,
    Uint8Array.of(0xbb, 0xbc, 10, ...new TextEncoder().encode(part(3))),
  );
}

let expected: Record<string, string> | undefined;

/** The arrays of an uninterrupted run on that input. */
async function expectedFiles(): Promise<Record<string, string>> {
  if (expected === undefined) {
    await withFolder(async (folder) => {
      await writeInput(folder);
      await run(folder, "whole", { workers: 2 });
      expected = await corpusFiles(`${folder}/whole`);
    });
  }
  return expected!;
}

/** Starts a run in a process of its own, and kills it when it is so many milliseconds past so many bytes. */
async function killAt(folder: string, bytes: number, delay: number, options = {}): Promise<string> {
  const args = ["run", "-A", "--no-check", `${import.meta.dirname}/preprocess_child.ts`];
  const given = [
    `${folder}/in`,
    `${folder}/out/s`,
    JSON.stringify({ saveSeconds: 0, workers: 2, ...options }),
  ];
  const child = new Deno.Command(Deno.execPath(), { args: [...args, ...given], stdout: "piped" }).spawn();
  let out = "";
  for await (const piece of child.stdout.pipeThrough(new TextDecoderStream())) {
    const isThere = () => Array.from(out.matchAll(/^at (\d+)\n/gm)).some(([, at]) => Number(at) >= bytes);
    const before = isThere();
    out += piece;
    if (!before && isThere()) setTimeout(() => child.kill("SIGKILL"), delay);
  }
  assert.equal((await child.status).signal, "SIGKILL", out);
  return out;
}

Deno.test("killed at three moments, the same call goes on and writes the same bytes", () =>
  withFolder(async (folder) => {
    await writeInput(folder);
    await run(folder, "whole");
    // In the middle of a file, of a compressed one, and at the end, where files are completed and renamed.
    const sizes = await Promise.all(
      ["a.txt", "b.txt.gz", "c.txt"].map((f) => Deno.stat(`${folder}/in/${f}`)),
    );
    const total = sizes.reduce((sum, { size }) => sum + size, 0);
    const outs: string[] = [];
    for (const bytes of [1, sizes[0]!.size, total - 1]) outs.push(await killAt(folder, bytes, bytes % 5));
    assert.match(outs[1]!, /^Resuming at 0\.[1-9] of 0\.\d MB/m);
    await run(folder, "out", { workers: 2 });
    assert.deepEqual(await allFiles(`${folder}/out`), await allFiles(`${folder}/whole`));
  }));

Deno.test("an aborted run says that the same call goes on, and it does", () =>
  withFolder(async (folder) => {
    await writeInput(folder);
    await run(folder, "whole");
    const abort = new AbortController();
    const log: string[] = [];
    const onLog = (line: string) => log.push(line);
    const stopped = run(folder, "out", {
      signal: abort.signal,
      onLog,
      onProgress: ({ sentences }) => sentences > 0 && abort.abort(new Error("enough")),
    });
    await assert.rejects(stopped, /enough/);
    assert.equal(log.at(-1), "Interrupted: 0.1 MB are done, the same command goes on");
    assert.deepEqual(names(`${folder}/out`), [".s.partial", "vocab.txt"]);
    const again: string[] = [];
    let first: { bytes: number; resumedBytes: number } | undefined;
    await run(folder, "out", { onLog: (line) => again.push(line), onProgress: (p) => first ??= p });
    assert.match(again[0]!, /^Resuming at 0\.1 of 0\.\d MB \(.*\/in\/a\.txt\)$/);
    assert.ok(first!.bytes > 0 && first!.resumedBytes === first!.bytes);
    assert.deepEqual(await allFiles(`${folder}/out`), await allFiles(`${folder}/whole`));
  }));

/** Stops a run after its first block. */
async function interrupt(folder: string): Promise<void> {
  const abort = new AbortController();
  const onProgress = ({ sentences }: { sentences: number }) =>
    sentences > 0 && abort.abort(new Error("enough"));
  await assert.rejects(run(folder, "out", { signal: abort.signal, onProgress }), /enough/);
}

/** What happens to an interrupted run, the options of the next, and why that starts over. */
const CHANGES: [string, (folder: string) => Promise<unknown>, Partial<PreprocessOptions>, string][] = [
  [
    "other options",
    () => Promise.resolve(),
    { minChars: 9, wordMarks: "original" },
    "word marks, the smallest length changed",
  ],
  [
    "a file that grew",
    (f) => Deno.writeTextFile(`${f}/in/c.txt`, "患者\n", { append: true }),
    {},
    "the input changed",
  ],
  ["a file of another time", (f) => Deno.utime(`${f}/in/c.txt`, 1, 1), {}, "the input changed"],
  ["a file that came", (f) => Deno.writeTextFile(`${f}/in/0.txt`, "患者\n"), {}, "the input changed"],
  [
    "a damaged work folder",
    (f) => Deno.truncate(`${f}/out/.s.partial/ids.npy`, 200),
    {},
    "what the interrupted run left is damaged (ids.npy)",
  ],
  ...['{"fingerprint":{', "null"].map((json): typeof CHANGES[number] => [
    `a state of ${JSON.stringify(json)}`,
    (f) => Deno.writeTextFile(`${f}/out/.s.partial/state.json`, json),
    {},
    "what the interrupted run left is damaged (state.json)",
  ]),
];

for (const [what, change, options, reason] of CHANGES) {
  Deno.test(`an interrupted run is of no use: ${what}`, () =>
    withFolder(async (folder) => {
      await writeInput(folder);
      await interrupt(folder);
      await change(folder);
      const log: string[] = [];
      await run(folder, "out", { ...options, onLog: (line) => log.push(line) });
      assert.ok(log[0]!.startsWith(`Starting over: ${reason}`), log[0]);
      await run(folder, "whole", options);
      assert.deepEqual(await allFiles(`${folder}/out`), await allFiles(`${folder}/whole`));
    }));
}

/** What happens to the input while its first file is read, and the message after the file's name. */
const ACCIDENTS: [string, (folder: string) => Promise<unknown>, string, string][] = [
  [
    "the file grows",
    (f) => Deno.writeTextFile(`${f}/in/a.txt`, "患者", { append: true }),
    "a.txt",
    "it changed while it was read",
  ],
  [
    "the file shrinks",
    (f) => Deno.truncate(`${f}/in/a.txt`, 150_000),
    "a.txt",
    "it changed while it was read",
  ],
  ["the file is touched", (f) => Deno.utime(`${f}/in/a.txt`, 1, 1), "a.txt", "it changed while it was read"],
  ["a later file goes", (f) => Deno.remove(`${f}/in/c.txt`), "c.txt", "no such file or folder"],
  [
    "a later file becomes a folder",
    async (f) => {
      await Deno.remove(`${f}/in/c.txt`);
      await Deno.mkdir(`${f}/in/c.txt`);
    },
    "c.txt",
    "is a directory",
  ],
];

for (const [what, accident, file, reason] of ACCIDENTS) {
  Deno.test(`an accident while text is read is one line, and can be mended: ${what}`, () =>
    withFolder(async (folder) => {
      await writeInput(folder);
      let done: Promise<unknown> | undefined;
      // One worker has three blocks at most: the first file's fourth is not read when the first is back.
      const lines = sampleLines(8000, 5).join("\n");
      await Deno.writeTextFile(`${folder}/in/a.txt`, lines);
      const onProgress = ({ sentences }: { sentences: number }) => {
        if (sentences > 0) done ??= accident(folder);
      };
      await assert.rejects(run(folder, "out", { onProgress }), (error: Error) => {
        assert.ok(error instanceof UserError, error.stack);
        assert.ok(error.message.includes(`"${folder}/in/${file}": ${reason}`), error.message);
        return true;
      });
      await done;
      assert.deepEqual(names(`${folder}/out`), [".s.partial", "vocab.txt"]);
      for (const name of names(`${folder}/in`)) {
        await Deno.remove(`${folder}/in/${name}`, { recursive: true });
      }
      await writeInput(folder);
      await run(folder, "out");
      assert.deepEqual(await corpusFiles(`${folder}/out`), await expectedFiles());
    }));
}

Deno.test("a gzip file cut short or spoilt is one line", () =>
  withFolder(async (folder) => {
    const bytes = gzipSync(sampleLines(2000).join("\n"));
    const path = `${folder}/in/a.txt.gz`;
    const spoilt = bytes.map((byte, i) => i === bytes.length >> 1 ? byte ^ 0xff : byte);
    for (
      const content of [
        bytes.subarray(0, -9),
        bytes.subarray(0, 5),
        spoilt,
        new TextEncoder().encode("患者\n"),
      ]
    ) {
      await Deno.writeFile(path, new Uint8Array(content));
      await assert.rejects(run(folder), (error: Error) => {
        assert.ok(error instanceof UserError, error.stack);
        assert.match(error.message, /^Cannot read text ".*\/a\.txt\.gz": as a gzip file it is damaged \(/);
        return true;
      });
    }
  }));

Deno.test({
  name: "a disk that fills up is one line wherever it strikes, and with room the same call goes on",
  ignore: !await hasSmallDisks(),
  fn: () =>
    withFolder(async (folder) => {
      await writeInput(folder);
      await run(folder, "whole");
      const struck = new Set<string>();
      const sizes = names(`${folder}/whole`).map((name) => Deno.statSync(`${folder}/whole/${name}`).size);
      const whole = sizes.reduce((sum, size) => sum + Math.ceil(size / 4096) * 4, 0); // kB
      for (const room of [0, whole / 2, whole + 8, whole + 16]) {
        await Deno.mkdir(`${folder}/out`);
        const mounted = await onSmallDisk("1m", `${folder}/out`, async () => {
          await Deno.writeFile(`${folder}/out/other`, new Uint8Array((1024 - Math.round(room)) << 10));
          const error = await run(folder, "out", { saveSeconds: 0 }).catch((error: Error) => error);
          if (!(error instanceof Error)) return; // there was room enough
          assert.ok(error instanceof UserError, error.stack);
          const [, file] = /^Cannot write "(.*)": no space left on device/.exec(error.message) ?? [];
          assert.ok(file, error.message);
          struck.add(file.slice(`${folder}/out/`.length));
          await Deno.remove(`${folder}/out/other`);
          await run(folder, "out");
          assert.deepEqual(await allFiles(`${folder}/out`), await allFiles(`${folder}/whole`), `${room} kB`);
        });
        assert.ok(mounted);
        await Deno.remove(`${folder}/out`);
      }
      assert.ok(struck.size >= 2, [...struck].join(", "));
    }),
});

Deno.test("refused while files are completed, a run goes on from there", () =>
  withFolder(async (folder) => {
    await writeInput(folder);
    await run(folder, "whole");
    await interrupt(folder);
    const obstacle = `${folder}/out/.s.partial/idx.npz`;
    await Deno.mkdir(obstacle);
    await assert.rejects(run(folder), { name: "UserError", message: /idx\.npz": is a directory/ });
    await Deno.remove(obstacle);
    const log: string[] = [];
    await run(folder, "out", { onLog: (line) => log.push(line) });
    assert.match(log[0]!, /^Resuming at (0\.\d) of \1 MB/);
    assert.deepEqual(await allFiles(`${folder}/out`), await allFiles(`${folder}/whole`));
  }));

Deno.test("two runs never write one corpus", () =>
  withFolder(async (folder) => {
    await writeInput(folder);
    let second: Promise<void> | undefined;
    await run(folder, "out", {
      onProgress: () => {
        second ??= assert.rejects(run(folder, "out"), {
          name: "UserError",
          message:
            `Cannot use corpus "${folder}/out/s": process ${Deno.pid} on ${Deno.hostname()} is writing to it; ` +
            "wait for it to end, stop it, or choose another --output_file",
        });
      },
    });
    await second;
    assert.ok(!names(`${folder}/out`).includes(".s.partial"));
  }));

Deno.test("a work folder keeps nothing in memory and cuts back what no state knows of", () =>
  withFolder(async (folder) => {
    const options = {
      fingerprint: {},
      initial: () => ({ pieces: 0 }),
      what: "a test",
      saveSeconds: Infinity,
    };
    const piece = (i: number) => new Uint8Array(50_000).fill(i);
    {
      await using work = await WorkFolder.open(`${folder}/work`, options);
      for (let i = 0; i < 3; i++) await work.append("a", piece(i));
      await work.append("b", Uint8Array.of(1));
      work.state.pieces = 3;
      await work.commit();
      await work.save();
      for (let i = 3; i < 9; i++) await work.append("a", piece(i)); // on disk, but of no state
      assert.ok((await Deno.stat(`${folder}/work/a`)).size > 300_000);
    }
    await using work = await WorkFolder.open(`${folder}/work`, options);
    assert.deepEqual([work.isResumed, work.state.pieces, work.sizeOf("a"), work.sizeOf("b")], [
      true,
      3,
      150_000,
      1,
    ]);
    await work.append("a", piece(9));
    await work.finish("a");
    await work.finish("b");
    const bytes = await Deno.readFile(`${folder}/work/a`);
    assert.deepEqual([0, 1, 2, 3].map((i) => bytes[i * 50_000]), [0, 1, 2, 9]);
    assert.deepEqual([bytes.length, (await Deno.stat(`${folder}/work/b`)).size], [200_000, 1]);
    await work.remove();
    assert.deepEqual(names(folder), ["in"]);
  }));
