import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { gzipSync } from "node:zlib";
import { blockTexts, countLines, nextLineStart, readBlocks, type TextBlock } from "../../lib/text/mod.ts";
import { withFolder } from "./temp_folder.ts";

const BLOCK = 1 << 17;
const MiB = 1 << 20;

function blocksOf(path: string, options = {}): Promise<TextBlock[]> {
  return Array.fromAsync(readBlocks(path, options));
}

/** Lines of all lengths, some of several blocks, with every kind of ending. */
function mixedText(): string {
  let seed = 3;
  const random = (n: number) => (seed = (seed * 48_271) % 0x7fffffff) % n;
  const lines = Array.from({ length: 3000 }, (_, i) => {
    const length = i % 500 === 77 ? random(3 * BLOCK) : random(200);
    return "糖尿病abc".repeat(length / 8 + 1).slice(0, length) + ["\n", "\r\n", "\r"][random(3)];
  });
  return lines.join("");
}

Deno.test("blocks are whole lines, and the same wherever reading starts at one's end", () =>
  withFolder(async (folder) => {
    const text = mixedText();
    const bytes = new TextEncoder().encode(text);
    await Deno.writeFile(`${folder}/t.txt`, bytes);
    await Deno.writeFile(`${folder}/t.txt.gz`, new Uint8Array(gzipSync(bytes)));
    const whole = await blocksOf(`${folder}/t.txt`);
    assert.ok(whole.length > 5);
    assert.ok(Buffer.from(bytes).equals(Buffer.concat(whole.map((block) => block.bytes))));
    assert.deepEqual(
      whole.flatMap((block) => blockTexts(block, "lines").texts),
      text.split(/\r\n|\n|\r/).slice(0, -1),
    );
    const places = (blocks: TextBlock[]) => blocks.map(({ start, end }) => [start, end]);
    assert.deepEqual(places(await blocksOf(`${folder}/t.txt.gz`)), places(whole));
    for (const name of ["t.txt", "t.txt.gz"]) {
      for (const [i, { end }] of whole.entries()) {
        const rest = await blocksOf(`${folder}/${name}`, { start: end });
        assert.deepEqual(places(rest), places(whole.slice(i + 1)), `${name} from ${end}`);
      }
    }
    const { end } = whole[3]!;
    assert.deepEqual(places(await blocksOf(`${folder}/t.txt`, { end })), places(whole.slice(0, 4)));
    assert.equal(
      (await blocksOf(`${folder}/t.txt.gz`)).at(-1)!.fileBytes,
      (await Deno.stat(`${folder}/t.txt.gz`)).size,
    );
  }));

Deno.test("a line longer than 64 MiB is a bad line and never in memory; others around it are read", () =>
  withFolder(async (folder) => {
    const path = `${folder}/t.txt`;
    for (
      const [length, ending] of [[64 * MiB + 1, "\r\n"], [65 * MiB, "\r"], [
        64 * MiB + BLOCK - 1,
        "\r\n",
      ]] as const
    ) {
      using file = await Deno.open(path, { write: true, create: true, truncate: true });
      const write = async (text: string | Uint8Array) => {
        const bytes = typeof text === "string" ? new TextEncoder().encode(text) : text;
        for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
      };
      await write(`发热${ending}`);
      const start = 6 + ending.length;
      await write(new Uint8Array(length).fill(97));
      await write(`${ending}咳嗽${ending}CT`);
      const found: unknown[] = [];
      for await (const block of readBlocks(path)) {
        assert.ok(block.bytes.length < MiB);
        const { texts, bad, lines } = blockTexts(block, "lines");
        found.push([block.start, ...texts, ...bad.map(({ index, reason }) => `${index} ${reason}`), lines]);
      }
      const next = start + length + ending.length;
      assert.deepEqual(found, [
        [0, "发热", 1],
        [start, "0 longer than 64 MiB; put line breaks into it", 1],
        [next, "咳嗽", "CT", 2],
      ]);
      assert.deepEqual((await blocksOf(path, { start: next })).length, 1);
    }
    await Deno.truncate(path, 64 * MiB + 100); // the file ends within the line
    const [, bad] = await blocksOf(path);
    assert.deepEqual([bad!.isTooLong, bad!.end], [true, 64 * MiB + 100]);
  }));

Deno.test("the next line and the number of lines before it, at every place of a text", () =>
  withFolder(async (folder) => {
    const path = `${folder}/t.txt`;
    const text = "ab\n\ncd\r\ne\r\r\n\rf";
    await Deno.writeTextFile(path, text);
    const starts = [0, 3, 4, 8, 10, 12, 13]; // by hand
    for (let offset = 0; offset <= text.length; offset++) {
      const expected = starts.find((start) => start >= offset) ?? text.length;
      assert.equal(await nextLineStart(path, offset), expected, `${offset}`);
    }
    for (const [i, start] of starts.entries()) assert.equal(await countLines(path, start), i);
  }));

Deno.test("JSON Lines: one text a line or several, and what is wrong with others", () => {
  const noField = 'without a text in the field "text"; name the field that has it';
  const cases: [line: string, texts: string[], reason?: string][] = [
    ['{"text": "发热", "id": 3}', ["发热"]],
    ['{"text": "发热\\n咳嗽\\r\\nCT\\n"}', ["发热", "咳嗽", "CT"]],
    ['{"text": ""}', [""]],
    [" \t", [""]],
    ['{"toString": "x"}', [], noField],
    ['{"text": null}', [], noField],
    ['"text"', [], noField],
    ["null", [], noField],
    ['{"text": "发热"', [], "not JSON"],
    ["患者", [], "not JSON"],
  ];
  const bytes = new TextEncoder().encode(cases.map(([line]) => line).join("\n"));
  const { texts, origins, lines, bad } = blockTexts({ bytes, isTooLong: false, start: 0 }, "jsonl");
  assert.deepEqual(texts, cases.flatMap((c) => c[1]));
  assert.deepEqual(origins, [0, 1, 1, 1, 2, 3]);
  assert.equal(lines, cases.length);
  assert.deepEqual(
    bad,
    cases.flatMap(([, , reason], index) => reason === undefined ? [] : [{ index, reason }]),
  );
});
