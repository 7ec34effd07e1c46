/** Tokenizers of other people's models: cased ones, and tokens that were added. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { Tokenizer, Vocabulary, writeTokenizerFiles } from "../../lib/text/mod.ts";
import { testInFolder } from "../folders.ts";

const TOKENS = [
  ...[
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    "热",
    "发",
    "CT",
    "ct",
    "a",
    "b",
    "##b",
    "é",
    "e",
    "<x>",
    "新冠",
  ],
];
/** What transformers 5.23.0 makes of texts, cased, with 新冠, <drug> and <drug2> as added tokens. */
const GOLDEN: [text: string, ids: number[]][] = [
  ["发热CT", [2, 6, 5, 7, 3]],
  ["新冠发热<drug>ab<drug2>", [2, 15, 6, 5, 16, 9, 11, 17, 3]],
  ["é E ct <drug2><drug>", [2, 12, 1, 8, 17, 16, 3]],
  ["<x> 新 冠", [2, 1, 1, 1, 1, 1, 3]],
  ["a<drug>b", [2, 9, 16, 10, 3]],
];
const decoder = {
  0: { content: "[PAD]" },
  15: { content: "新冠" },
  16: { content: "<drug>" },
  17: { content: "<drug2>" },
};
const WAYS: [string, Record<string, unknown>][] = [
  ["tokenizer_config.json", {
    "tokenizer_config.json": { do_lower_case: false, added_tokens_decoder: decoder },
  }],
  ["the older added_tokens.json", {
    "tokenizer_config.json": { do_lower_case: false },
    "added_tokens.json": { "新冠": 15, "<drug2>": 17, "<drug>": 16 },
  }],
];

async function write(folder: string, files: Record<string, unknown>): Promise<string> {
  const path = join(folder, "vocab.txt");
  await Deno.writeTextFile(path, TOKENS.join("\n") + "\n");
  for (const [name, value] of Object.entries(files)) {
    await Deno.writeTextFile(join(folder, name), JSON.stringify(value));
  }
  return path;
}

for (const [name, files] of WAYS) {
  testInFolder(
    `added tokens and case by ${name}, and by what we write of it: as transformers`,
    async (folder) => {
      const vocabulary = await Vocabulary.ofModel(await write(folder, files)), ours = join(folder, "ours");
      await Deno.mkdir(ours);
      await vocabulary.write(join(ours, "vocab.txt"));
      await writeTokenizerFiles(ours, vocabulary);
      for (const one of [vocabulary, await Vocabulary.ofModel(join(ours, "vocab.txt"))]) {
        const tokenizer = new Tokenizer(one);
        for (const [text, ids] of GOLDEN) assert.deepEqual(tokenizer.encode(text).ids, ids, text);
      }
    },
  );
}

const FAULTS: [Record<string, unknown>, RegExp][] = [
  [{ "<drug>": 18 }, /added token "<drug>" has id 18, but there is none with id 16$/],
  [{ "<drug>": 5 }, /added token "<drug>" has id 5, but the vocabulary has "热" there$/],
  [[] as never, /added_tokens\.json": expected a JSON object$/],
];
for (const [added, message] of FAULTS) {
  testInFolder(`refused: ${message.source}`, async (folder) => {
    const path = await write(folder, { "added_tokens.json": added });
    await assert.rejects(Vocabulary.ofModel(path), { name: "UserError", message });
  });
}
