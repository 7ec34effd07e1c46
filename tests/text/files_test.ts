import assert from "node:assert/strict";
import { UserError } from "../../lib/config/mod.ts";
import { listTextFiles, readLines } from "../../lib/text/mod.ts";
import { withFolder } from "./temp_folder.ts";

async function texts(path: string): Promise<string[]> {
  return (await Array.fromAsync(readLines(path))).map((line) => line.text);
}

Deno.test("every file of a folder is listed, sub-folders and links to files included, in path order", async () => {
  await withFolder(async (folder) => {
    await Deno.mkdir(`${folder}/b/c`, { recursive: true });
    for (const name of ["z", "b.txt", "b/c/x.csv", "b/a.TXT", "a"]) {
      await Deno.writeTextFile(`${folder}/${name}`, "");
    }
    await Deno.symlink(`${folder}/z`, `${folder}/link`);
    await Deno.symlink(folder, `${folder}/b/loop`);
    for (const name of [".DS_Store", "b/._a.TXT", "b/c/Thumbs.db"]) { // file managers leave them behind
      await Deno.writeFile(`${folder}/${name}`, Uint8Array.of(0, 0xff));
    }
    const expected = ["a", "b.txt", "b/a.TXT", "b/c/x.csv", "link", "z"].map((name) => `${folder}/${name}`);
    assert.deepEqual(await listTextFiles(folder), expected);
    assert.deepEqual(await listTextFiles(`${folder}//`), expected);
    assert.deepEqual(await listTextFiles(`${folder}/a`), [`${folder}/a`]);
  });
});

Deno.test("lines end at LF, CRLF and CR, and the byte order mark is no text", async () => {
  const cases: [content: string, lines: string[]][] = [
    ["", []],
    ["\n", [""]],
    ["发热", ["发热"]],
    ["发热\n咳嗽\n", ["发热", "咳嗽"]],
    ["\ufeff发热\r\n\r\n咳嗽\rCT", ["发热", "", "咳嗽", "CT"]],
    ["a\ufeff\n\ufeffb\u2028c\u0085d", ["a\ufeff", "\ufeffb\u2028c\u0085d"]],
  ];
  await withFolder(async (folder) => {
    for (const [content, lines] of cases) {
      await Deno.writeTextFile(`${folder}/t.txt`, content);
      assert.deepEqual(await texts(folder), lines, JSON.stringify(content));
    }
  });
});

Deno.test("lines longer than a block, and line endings split between blocks, come out whole", async () => {
  const block = 1 << 18; // bytes read at a time
  const long = "糖".repeat(block);
  for (const ending of ["\n", "\r\n", "\r"]) {
    await withFolder(async (folder) => {
      for (const length of [block - 3, block - 2, block - 1, block]) {
        const lines = ["a".repeat(length), "b", long, "c"];
        await Deno.writeTextFile(`${folder}/t.txt`, lines.join(ending) + ending);
        assert.deepEqual(await texts(folder), lines);
      }
    });
  }
});

Deno.test("lines carry their file and number", async () => {
  await withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/1`, "a\n\nb");
    await Deno.writeTextFile(`${folder}/2`, "c\n");
    const lines = await Array.fromAsync(readLines(folder));
    assert.deepEqual(lines.map(({ file, line, text }) => `${file.slice(folder.length)}:${line}:${text}`), [
      "/1:1:a",
      "/1:2:",
      "/1:3:b",
      "/2:1:c",
    ]);
  });
});

Deno.test("the halves of pairs carry the number of their line", async () => {
  await withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/a.tsv`, "发热\t多喝水\r\n\n咳嗽\n胸痛\t住院\n");
    await Deno.writeTextFile(`${folder}/b.jsonl`, '{"question": "头痛\\n头晕", "answer": "休息"}');
    const options = { pairFields: ["question", "answer"] } as const;
    const bad: unknown[] = [];
    const onBadLine = (file: string, line: number) => bad.push([file, line]);
    const lines = await Array.fromAsync(readLines(folder, { ...options, onBadLine }));
    assert.deepEqual(lines.map(({ line, text }) => [line, text]), [
      [1, "发热"],
      [1, "多喝水"],
      [2, ""],
      [2, ""],
      [4, "胸痛"],
      [4, "住院"],
      [1, "头痛 头晕"],
      [1, "休息"],
    ]);
    assert.deepEqual(bad, [[`${folder}/a.tsv`, 3]]);
    await assert.rejects(
      Array.fromAsync(readLines(folder, options)),
      new UserError(
        `Cannot read text "${folder}/a.tsv": line 3 is of 1 column; a pair is a question, a tab and an answer`,
      ),
    );
  });
});

Deno.test("text that is not UTF-8 is refused with file, line and remedy", async () => {
  const remedy = "is not UTF-8; convert the file, for example with `iconv -f GB18030 -t UTF-8`";
  const gb18030 = [0xb7, 0xa2, 0xc8, 0xc8];
  const lines = (count: number) => [...new TextEncoder().encode("发热\r\n".repeat(count))];
  await withFolder(async (folder) => {
    const path = `${folder}/t.txt`;
    // 50,000 lines of 8 bytes: the bad line lies in the second block.
    for (const count of [0, 2, 50_000]) {
      await Deno.writeFile(path, new Uint8Array(lines(count).concat(gb18030, [0x0a], lines(2))));
      await assert.rejects(
        texts(folder),
        new UserError(`Cannot read text "${path}": line ${count + 1} ${remedy}`),
      );
    }
    await Deno.writeFile(path, new TextEncoder().encode("发热").subarray(0, 5)); // cut inside a character
    await assert.rejects(texts(path), new UserError(`Cannot read text "${path}": line 1 ${remedy}`));
  });
});

Deno.test("missing paths, empty folders and forbidden files are refused", async () => {
  await withFolder(async (folder) => {
    await assert.rejects(
      listTextFiles(`${folder}/none`),
      new UserError(`Cannot read text "${folder}/none": no such file or folder`),
    );
    await Deno.mkdir(`${folder}/empty/empty`, { recursive: true });
    await assert.rejects(
      listTextFiles(`${folder}/empty`),
      new UserError(`Cannot read text folder "${folder}/empty": it holds no file`),
    );
    await Deno.symlink(`${folder}/none`, `${folder}/empty/broken`);
    await assert.rejects(
      listTextFiles(`${folder}/empty`),
      new UserError(`Cannot read text "${folder}/empty/broken": no such file or folder`),
    );
  });
});

Deno.test({
  name: "a file without read permission is refused",
  ignore: Deno.build.os === "windows" || Deno.uid() === 0, // the superuser reads everything
  fn: async () => {
    await withFolder(async (folder) => {
      await Deno.writeTextFile(`${folder}/t.txt`, "发热", { mode: 0o000 });
      await assert.rejects(
        texts(folder),
        new UserError(
          `Cannot read text "${folder}/t.txt": permission denied; make it readable for this user`,
        ),
      );
    });
  },
});
