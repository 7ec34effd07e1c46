import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { UserError } from "../../lib/config/mod.ts";
import { Tokenizer, Vocabulary } from "../../lib/text/mod.ts";
import { withFolder } from "./temp_folder.ts";

const SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];
const FIXTURE = `${import.meta.dirname}/../fixtures/text/vocab.txt`;

Deno.test("a vocabulary maps tokens to line numbers and back", async () => {
  const lines = (await Deno.readTextFile(FIXTURE)).trimEnd().split("\n");
  const vocabulary = await Vocabulary.read(FIXTURE);
  assert.equal(vocabulary.size, lines.length);
  lines.forEach((token, id) => {
    assert.equal(vocabulary.idOf(token), id);
    assert.equal(vocabulary.tokenOf(id), token);
  });
  const { padId, unkId, clsId, sepId, maskId } = vocabulary;
  assert.deepEqual([padId, clsId, sepId, maskId, unkId], [0, 1, 2, 3, 4]); // the fixture's own order
  assert.equal(vocabulary.idOf("龘"), undefined);
  assert.throws(() => vocabulary.tokenOf(lines.length), RangeError);
  assert.throws(() => vocabulary.tokenOf(-1), RangeError);
});

Deno.test("the same vocabulary is read from every tolerated spelling of the file", async () => {
  const tokens = [...SPECIALS, "热", "##ing", "\u3000", "a b"];
  const files: Record<string, string> = {
    plain: tokens.join("\n") + "\n",
    "no final newline": tokens.join("\n"),
    "byte order mark and CRLF": "\ufeff" + tokens.join("\r\n") + "\r\n",
    "empty lines at the end": tokens.join("\n") + "\n\n\n",
    "with ids": tokens.map((token, id) => `${token}\t${id}`).join("\n"),
    "with ids, any order": tokens.map((token, id) => `${token}\t${id}\r\n`).reverse().join(""),
  };
  await withFolder(async (folder) => {
    for (const [name, text] of Object.entries(files)) {
      await Deno.writeTextFile(`${folder}/v.txt`, text);
      assert.deepEqual((await Vocabulary.read(`${folder}/v.txt`)).tokens, tokens, name);
    }
  });
});

/** Distinct ideographs, then the same as continuations: contents of ours in the shape of published vocabularies. */
function ideographs(count: number): string[] {
  return Array.from({ length: count }, (_, i) => {
    const char = String.fromCodePoint(0x4e00 + i % 0x5000);
    return i < 0x5000 ? char : `##${char}`;
  });
}

Deno.test("vocabularies of the published shapes load: Google's Chinese and ERNIE-Health's", async () => {
  const unused = Array.from({ length: 99 }, (_, i) => `[unused${i + 1}]`);
  const google = [
    "[PAD]",
    ...unused,
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    "<S>",
    "<T>",
    ...ideographs(21_022),
  ];
  const words = ideographs(22_603);
  const ernie = [
    "[PAD]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    ...words.slice(0, 17_000),
    "[UNK]",
    ...words.slice(17_000),
  ];
  const cases: [
    name: string,
    tokens: string[],
    size: number,
    [unk: number, cls: number, sep: number, mask: number],
  ][] = [
    ["Google's", google, 21_128, [100, 101, 102, 103]],
    ["ERNIE-Health's", ernie, 22_608, [17_004, 1, 2, 3]],
  ];
  await withFolder(async (folder) => {
    const path = `${folder}/vocab.txt`;
    for (const [name, tokens, size, specials] of cases) {
      for (const [newline, end] of [["\n", "\n"], ["\n", ""], ["\r\n", "\r\n"], ["\r\n", "\r\n\r\n\r\n"]]) {
        await Deno.writeTextFile(path, tokens.join(newline) + end);
        const vocabulary = await Vocabulary.read(path);
        assert.equal(vocabulary.size, size, name);
        assert.deepEqual(vocabulary.tokens, tokens, name);
        const { padId, unkId, clsId, sepId, maskId } = vocabulary;
        assert.deepEqual([padId, unkId, clsId, sepId, maskId], [0, ...specials], name);
        const ids = ["一", "[MASK]", "丁", "[UNK]"].map((token) => vocabulary.idOf(token));
        assert.deepEqual(new Tokenizer(vocabulary).encode("一[MASK]丁😀").ids, [clsId, ...ids, sepId], name);
      }
    }
  });
});

const GOOGLE = `${import.meta.dirname}/../../../shared/data/vocab/vocab.txt`;

Deno.test({
  name: "Google's Chinese vocabulary spells Chinese, symbols and Latin",
  ignore: !existsSync(GOOGLE),
  fn: async () => {
    const vocabulary = await Vocabulary.read(GOOGLE);
    const { size, padId, unkId, clsId, sepId, maskId } = vocabulary;
    assert.deepEqual([size, padId, unkId, clsId, sepId, maskId], [21_128, 0, 100, 101, 102, 103]);
    const tokens = new Tokenizer(vocabulary).tokenize("患者38.5℃[MASK]，予Aspirin 100mg").map(({ text }) =>
      text
    );
    assert.deepEqual(tokens.slice(0, 9), ["患", "者", "38", ".", "5", "℃", "[MASK]", "，", "予"]);
    assert(!tokens.includes("[UNK]"));
  },
});

Deno.test("bad vocabulary files are refused with file, line and remedy", async () => {
  const specials = SPECIALS.join("\n");
  const withIds = SPECIALS.map((token, id) => `${token}\t${id}`).join("\n");
  const cases: [content: string | Uint8Array, reason: string][] = [
    ["", "the file is empty; build one with `deno task vocab`"],
    [`${specials}\n中\n国\n中\n`, 'line 8 repeats token "中" of line 6; remove one of them'],
    [`${specials}\n中\n\n国\n`, "line 7 is empty; remove the line"],
    [
      "[PAD]\n[UNK]\n[CLS]\n中\n",
      "[SEP], [MASK] missing among its 4 lines; add what is missing, or build a vocabulary with `deno task vocab`",
    ],
    [
      `中\n${specials}\n`,
      "[PAD] has id 1, but the model masks padding by id 0; make [PAD] the first token",
    ],
    [`${withIds}\n中\t4\n`, "line 6 repeats id 4 of line 5"],
    [`${withIds}\n中\t7\n`, "line 6 has id 7, but 6 tokens need the ids 0 to 5 without gaps"],
    [
      `${withIds}\n中\tx\n`,
      'line 6 is "中\tx", not a token, one tab and an id as on the first line',
    ],
    [`${withIds}\n中\n`, 'line 6 is "中", not a token, one tab and an id as on the first line'],
    [
      new Uint8Array([...new TextEncoder().encode(`${specials}\n`), 0xd6, 0xd0, 0x0a]),
      "line 6 is not UTF-8; convert the file, for example with `iconv -f GB18030 -t UTF-8`",
    ],
  ];
  await withFolder(async (folder) => {
    const path = `${folder}/v.txt`;
    for (const [content, reason] of cases) {
      await Deno.writeFile(path, typeof content === "string" ? new TextEncoder().encode(content) : content);
      await assert.rejects(
        Vocabulary.read(path),
        new UserError(`Cannot read vocabulary "${path}": ${reason}`),
      );
    }
    const missing = `${folder}/missing.txt`;
    await assert.rejects(
      Vocabulary.read(missing),
      new UserError(
        `Cannot read vocabulary "${missing}": no such file; build one with \`deno task vocab\``,
      ),
    );
    await assert.rejects(
      Vocabulary.read(folder),
      new UserError(`Cannot read vocabulary "${folder}": is a directory`),
    );
  });
});

Deno.test("a written vocabulary reads back, replaces the old file and leaves nothing beside it", async () => {
  await withFolder(async (folder) => {
    const vocabulary = Vocabulary.fromTokens([...SPECIALS, "发", "热"]);
    await Deno.writeTextFile(`${folder}/v.txt`, "old");
    await vocabulary.write(`${folder}/v.txt`);
    assert.deepEqual((await Vocabulary.read(`${folder}/v.txt`)).tokens, vocabulary.tokens);
    assert.deepEqual((await Array.fromAsync(Deno.readDir(folder))).map((entry) => entry.name), ["v.txt"]);
    const path = `${folder}/none/v.txt`;
    await assert.rejects(
      vocabulary.write(path),
      new UserError(`Cannot write "${path}": no such file or directory`),
    );
  });
});

Deno.test("the hash is SHA-256 of the tokens joined by newlines", async () => {
  const { createHash } = await import("node:crypto");
  const vocabulary = await Vocabulary.read(FIXTURE);
  const bytes = (await Deno.readTextFile(FIXTURE)).trimEnd();
  assert.equal(await vocabulary.hash(), createHash("sha256").update(bytes).digest("hex"));
});

Deno.test("tokens that cannot make a vocabulary are refused", () => {
  const cases: [tokens: string[], reason: string][] = [
    [[...SPECIALS, "中", "中"], 'ids 5 and 6 are the same token "中"'],
    [
      SPECIALS.toReversed(),
      "[PAD] has id 4, but the model masks padding by id 0; make [PAD] the first token",
    ],
  ];
  for (const [tokens, reason] of cases) {
    assert.throws(() => Vocabulary.fromTokens(tokens), new UserError(`Cannot make vocabulary: ${reason}`));
  }
});
