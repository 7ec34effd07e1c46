import assert from "node:assert/strict";
import fixture from "../fixtures/text/tokenizer_hf_golden.json" with { type: "json" };
import original from "../fixtures/text/tokenizer_golden.json" with { type: "json" };
import { UserError } from "../../lib/config/mod.ts";
import { Tokenizer, tokenizerFiles, Vocabulary, writeTokenizerFiles } from "../../lib/text/mod.ts";
import { HARD_STRINGS, randomStrings } from "./hard_strings.ts";
import {
  encodeInPython,
  type Golden,
  HARD_INPUTS,
  hardVocabulary,
  hasTokenizers,
  type Input,
  type Row,
  tokenizerHash,
  UNICODE,
} from "./hugging_face.ts";
import { withFolder } from "./temp_folder.ts";

const golden = fixture as unknown as Golden;
const vocabulary = Vocabulary.fromTokens(golden.vocabulary);
const LIVE = { ignore: !await hasTokenizers() };

/** Position in UTF-16 code units of each code point of a text, and of its end. */
function codeUnitPositions(text: string): number[] {
  const positions = [0];
  for (const char of text) positions.push(positions.at(-1)! + char.length);
  return positions;
}

/** Asserts that our tokenizer gives what Hugging Face's gave. */
function assertSame(tokenizer: Tokenizer, inputs: readonly Input[], rows: readonly Row[]): void {
  assert.equal(inputs.length, rows.length);
  inputs.forEach(([text, pair], i) => {
    const [ids, typeIds, offsets] = rows[i]!;
    const first = codeUnitPositions(text);
    const second = codeUnitPositions(pair ?? "");
    const encoding = tokenizer.encode(text, pair ?? undefined);
    const theirs = offsets.map(([start, end], at) => {
      const positions = typeIds[at] === 0 ? first : second;
      return [positions[start], positions[end]];
    });
    assert.deepEqual(encoding, { ids, typeIds, offsets: theirs }, JSON.stringify([text, pair]).slice(0, 300));
  });
}

Deno.test("the golden table has every hard string and a vocabulary that knows and lacks tokens", () => {
  assert.deepEqual(golden.settings[0]!.inputs, HARD_INPUTS);
  assert(new Set(HARD_STRINGS).size >= 500);
  const ids = golden.settings[0]!.rows.flatMap(([ids]) => ids);
  const unknown = ids.filter((id) => id === vocabulary.unkId).length;
  assert(unknown > ids.length / 20 && unknown < ids.length / 2, `${unknown} of ${ids.length}`);
  assert(new Set(ids).size > 1000);
});

for (const { lowerCase, sha256, inputs, rows } of golden.settings) {
  const name = lowerCase ? "lower-cased" : "cased";

  Deno.test(`ids, type ids and offsets of hard strings are those of Hugging Face's tokenizers, ${name}`, () => {
    assertSame(new Tokenizer(vocabulary, { lowerCase }), inputs, rows);
  });

  // Another Unicode assigns other characters; then the table wants to be made again.
  Deno.test({
    name: `tokenizer.json is the one that Hugging Face's tokenizers loaded, ${name}`,
    ignore: golden.unicode !== UNICODE,
    fn: async () => assert.equal(await tokenizerHash(vocabulary, lowerCase), sha256),
  });

  Deno.test({
    name: `Hugging Face's libraries load the files and give our ids and offsets, ${name}`,
    ...LIVE,
    fn: async () => {
      const fuzz = randomStrings(4000, lowerCase ? 1 : 2);
      const known = await hardVocabulary([...HARD_STRINGS, ...fuzz]);
      const all = [...HARD_INPUTS, ...fuzz.map((text): Input => [text, null])];
      const result = await encodeInPython(known, lowerCase, all, "transformers");
      assertSame(new Tokenizer(known, { lowerCase }), all, result.rows);
      if (result.ids === null) return;
      assert.deepEqual(result.ids, result.rows.map(([ids]) => ids));
      assert.equal(result.max_length, 512);
    },
  });

  Deno.test({
    name: `Hugging Face's tokenizers give the original's tokens of its golden strings, ${name}`,
    ...LIVE,
    fn: async () => {
      const table = lowerCase ? original.lower_cased : original.cased;
      const pieces = Vocabulary.fromTokens(original.vocabulary);
      const { rows } = await encodeInPython(pieces, lowerCase, table.map(({ text }) => [text, null]));
      table.forEach(({ text, tokens }, i) => {
        const theirs = rows[i]![0].slice(1, -1).map((id) => pieces.tokenOf(id));
        assert.deepEqual(theirs, tokens, JSON.stringify(text));
      });
    },
  });
}

Deno.test("lone surrogates, which Python has no strings for, are dropped", () => {
  const tokenizer = new Tokenizer(Vocabulary.fromTokens(original.vocabulary));
  for (const text of ["a\ud800a", "\udc00aa", "aa\ud83d", "\udfffa\ud800\ud800a"]) {
    assert.deepEqual(tokenizer.tokenize(text).map((token) => token.text), ["aa"], JSON.stringify(text));
  }
});

Deno.test("the files name special tokens, ids and the model's length", async () => {
  await withFolder(async (folder) => {
    await writeTokenizerFiles(folder, vocabulary, { lowerCase: false, maxLength: 256 });
    const read = async (name: string) => JSON.parse(await Deno.readTextFile(`${folder}/${name}`));
    const { added_tokens, model } = await read("tokenizer.json");
    assert.deepEqual(model.vocab, Object.fromEntries(vocabulary.tokens.map((token, id) => [token, id])));
    assert.deepEqual(
      added_tokens.map(({ id, content }: { id: number; content: string }) => [id, content]),
      [[0, "[PAD]"], [100, "[UNK]"], [101, "[CLS]"], [102, "[SEP]"], [103, "[MASK]"]],
    );
    const roles = {
      unk_token: "[UNK]",
      sep_token: "[SEP]",
      pad_token: "[PAD]",
      cls_token: "[CLS]",
      mask_token: "[MASK]",
    };
    assert.deepEqual(await read("special_tokens_map.json"), roles);
    const { model_max_length, do_lower_case, ...config } = await read("tokenizer_config.json");
    assert.deepEqual([model_max_length, do_lower_case], [256, false]);
    for (const [role, token] of Object.entries(roles)) assert.equal(config[role], token);
    const names = Array.from(Deno.readDirSync(folder), ({ name }) => name).sort();
    assert.deepEqual(names, ["special_tokens_map.json", "tokenizer.json", "tokenizer_config.json"]);
  });
});

Deno.test("the patterns are JavaScript's too, so that transformers.js reads them", () => {
  const { normalizer, pre_tokenizer } = JSON.parse(tokenizerFiles(vocabulary)["tokenizer.json"]!);
  const [dropped, accents] = normalizer.normalizers;
  const [, alone] = pre_tokenizer.pretokenizers;
  const matches = ({ pattern }: { pattern: { Regex: string } }, char: string) =>
    new RegExp(`^${pattern.Regex}$`, "u").test(char);
  for (const char of ["\0", "\x7f", "\u200b", "\ufeff", "\ue000", "\u{10ffff}"]) {
    assert(matches(dropped, char) && !matches(alone, char), JSON.stringify(char));
  }
  for (const char of [..."-[]\\^&~#!/中豈𠀀℃😀〇，"]) {
    assert(matches(alone, char) && !matches(dropped, char) && !matches(accents, char), char);
  }
  for (const char of [..."\u0301\u3099\u0e31"]) assert(matches(accents, char) && !matches(alone, char), char);
  for (const char of [..." \t\r\naZ0éあ한\u0903"]) {
    assert(![dropped, alone, accents].some((step) => matches(step, char)), JSON.stringify(char));
  }
});

Deno.test("a folder that is not there is an error", async () => {
  await withFolder(async (folder) => {
    await assert.rejects(writeTokenizerFiles(`${folder}/none`, vocabulary), UserError);
  });
});
