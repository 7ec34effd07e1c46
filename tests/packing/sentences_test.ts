import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { Corpus, encodeNpy, encodeNpz, holdOut, type Sentences, splitLong } from "../../lib/packing/mod.ts";
import { TokenFiles } from "../../lib/packing/token_files.ts";
import { Vocabulary } from "../../lib/text/mod.ts";

const FIXTURES = fileURLToPath(new URL("../fixtures/text/", import.meta.url));
const VOCABULARY = Vocabulary.fromTokens(
  [..."[PAD] [UNK] [CLS] [SEP] [MASK]".split(" "), ..."发热咳嗽头痛三天。！？；，、：!?;,.:”）35a"],
);

/** A list of texts, a token a character; a space joins two tokens to a word: "发 热" is one. */
function texts(...lines: string[]): Sentences {
  const sentence = (n: number) => {
    const ids: number[] = [], isSuffix: number[] = [];
    let joined = 0;
    for (const character of lines[n]!) {
      if (character === " ") joined = 1;
      else {
        ids.push(VOCABULARY.idOf(character)!);
        isSuffix.push(joined);
        joined = 0;
      }
    }
    return { ids: Int32Array.from(ids), isSuffix: Uint8Array.from(isSuffix) };
  };
  return { length: lines.length, tokensOf: (n) => sentence(n).ids.length, sentence };
}

function shown(sentences: Sentences): string[] {
  return Array.from({ length: sentences.length }, (_, n) => {
    const { ids, isSuffix } = sentences.sentence(n);
    assert.equal(sentences.tokensOf(n), ids.length);
    return Array.from(ids, (id, i) => (isSuffix[i] ? " " : "") + VOCABULARY.tokenOf(id)).join("");
  });
}

/** Text, room, pieces. */
const SPLITS: [string, number, string[]][] = [
  ["发热三天。", 5, ["发热三天。"]],
  ["发热。咳嗽，头痛。三天", 8, ["发热。", "咳嗽，头痛。三天"]],
  ["发热咳嗽，头痛三天", 6, ["发热咳嗽，", "头痛三天"]],
  ["发热咳嗽!头痛三天", 6, ["发热咳嗽!", "头痛三天"]],
  ["发热咳嗽3.5天头痛", 8, ["发热咳嗽", "3.5天头痛"]],
  ["发热咳嗽三.头痛三天", 8, ["发热咳嗽三.", "头痛三天"]],
  ["发热咳嗽。”头痛三天", 8, ["发热咳嗽。”", "头痛三天"]],
  ["发 热咳 嗽头 痛三 天", 5, ["发 热咳 嗽", "头 痛三 天"]],
  ["发 热 咳 嗽 头 痛三天", 6, ["发 热 咳 嗽 头 痛", "三天"]],
  ["发 热 咳 嗽 头 痛", 4, ["发 热 咳", " 嗽 头 痛"]],
  ["发热", 1, ["发", "热"]],
];

for (const [text, room, pieces] of SPLITS) {
  Deno.test(`"${text}" split to ${room} tokens`, () => {
    assert.deepEqual(shown(splitLong(texts(text), room, VOCABULARY)), pieces);
  });
}

Deno.test("whatever is split, pieces fit, are not tiny and make the sentence again", () => {
  let state = 1;
  const random = (below: number) => (state = state * 48271 % 0x7fffffff) % below; // Lehmer's generator
  const signs = [..."发热咳嗽头痛三天发热咳嗽头痛三天。，、”35."];
  for (let round = 0; round < 200; round++) {
    const lines = Array.from({ length: 5 }, () => {
      const characters = Array.from({ length: 1 + random(80) }, () => signs[random(signs.length)]!);
      return characters.map((sign) => random(3) === 0 ? " " + sign : sign).join("").trim();
    });
    const room = 1 + random(30);
    const whole = texts(...lines);
    const pieces = splitLong(whole, room, VOCABULARY);
    const all = shown(pieces);
    for (let n = 0; n < pieces.length; n++) assert.ok(pieces.tokensOf(n) <= room);
    let next = lines.length; // further pieces follow in the order of their sentences
    const joined = lines.map((_, n) => {
      let text = all[n]!, tokens = pieces.tokensOf(n);
      for (; tokens < whole.tokensOf(n); next++) {
        [text, tokens] = [text + all[next], tokens + pieces.tokensOf(next)];
      }
      return text;
    });
    assert.deepEqual(joined, shown(whole));
    assert.equal(next, pieces.length);
    for (let n = lines.length; n < pieces.length; n++) {
      assert.ok(pieces.tokensOf(n) >= Math.floor(room / 4), `${all[n]} of ${room}`);
    }
  }
});

Deno.test("only sentences that are too long are read, and none without need", () => {
  const lines = ["发热", "发热咳嗽，头痛三天", "咳嗽"];
  const sentences = texts(...lines);
  const read: number[] = [];
  const watched = { ...sentences, sentence: (n: number) => (read.push(n), sentences.sentence(n)) };
  assert.equal(splitLong(watched, 6, VOCABULARY).length, 4);
  assert.deepEqual(read, [1]);
  assert.equal(splitLong(watched, 9, VOCABULARY), watched);
  const pieces = splitLong(sentences, 6, VOCABULARY);
  assert.throws(() => pieces.sentence(4), RangeError);
  assert.throws(() => splitLong(sentences, 0, VOCABULARY), RangeError);
});

Deno.test("what is held out and what is left are all sentences, each once", () => {
  const sentences: Sentences = {
    length: 1000,
    tokensOf: (n) => n + 1,
    sentence: (n) => ({ ids: Int32Array.of(n), isSuffix: Uint8Array.of(0) }),
  };
  const numbersOf = (part: Sentences) =>
    Array.from({ length: part.length }, (_, n) => part.sentence(n).ids[0]!);
  for (const [share, held] of [[0.1, 100], [0.0001, 1], [0.5, 500], [1, 999]] as const) {
    const { train, evaluation } = holdOut(sentences, share, 7);
    assert.deepEqual([train.length, evaluation.length], [1000 - held, held]);
    for (const part of [train, evaluation]) {
      const numbers = numbersOf(part);
      assert.deepEqual(numbers, numbers.toSorted((a, b) => a - b)); // in stored order
      assert.equal(part.tokensOf(0), numbers[0]! + 1);
      assert.throws(() => part.sentence(part.length), RangeError);
    }
    const all = [...numbersOf(train), ...numbersOf(evaluation)].sort((a, b) => a - b);
    assert.deepEqual(all, Array.from({ length: 1000 }, (_, n) => n));
  }
  const choose = (seed: number) => numbersOf(holdOut(sentences, 0.1, seed).evaluation);
  assert.deepEqual(choose(7), choose(7));
  assert.notDeepEqual(choose(7), choose(8));
  const thirds = [0, 1, 2].map((third) => choose(7).filter((n) => Math.floor(n / 334) === third).length);
  assert.ok(thirds.every((count) => count > 15), `${thirds} of 100 are not from everywhere`);
  assert.throws(() => holdOut({ ...sentences, length: 1 }, 0.5, 7), { name: "UserError" });
});

Deno.test("pieces and parts of a corpus are on disk where they say", async () => {
  const vocabulary = await Vocabulary.read(`${FIXTURES}/vocab.txt`);
  for (const originalPieces of [true, false]) {
    using corpus = await Corpus.open(FIXTURES, vocabulary, { originalPieces });
    const { train, evaluation } = holdOut(corpus, 0.4, 3);
    using files = await TokenFiles.open(corpus.stored.files, vocabulary);
    for (const list of [corpus, train, evaluation].map((part) => splitLong(part, 4, vocabulary))) {
      for (let n = 0; n < list.length; n++) {
        assert.deepEqual(files.sentence(list.stored!.spansOf(n)), list.sentence(n));
        assert.ok(list.tokensOf(n) <= 4);
      }
    }
  }
});

Deno.test("a corpus of pairs", async () => {
  const folder = await Deno.makeTempDir();
  const write = async (name: string, lengths: number[], pairs: boolean) => {
    const total = lengths.reduce((sum, length) => sum + length, 0);
    const ids = encodeNpy({
      dtype: "u2",
      shape: [total],
      data: Uint16Array.from({ length: total }, (_, i) => 5 + i),
    });
    await Deno.writeFile(`${folder}/${name}_ids.npy`, ids);
    const lens = { dtype: "i4", shape: [lengths.length], data: Int32Array.from(lengths) } as const;
    const note = { dtype: "i4", shape: [1], data: Int32Array.of(1) } as const;
    await Deno.writeFile(`${folder}/${name}_idx.npz`, encodeNpz(pairs ? { lens, pairs: note } : { lens }));
  };
  try {
    await write("qa", [1, 3, 4, 2], true);
    using corpus = await Corpus.open(folder, VOCABULARY);
    assert.deepEqual([corpus.length, corpus.pairs, corpus.tokensOf(0), corpus.tokensOf(1)], [2, true, 3, 4]);
    const { ids, partner } = corpus.sentence(1);
    assert.deepEqual([[...ids], [...partner!.ids]], [[9, 10, 11, 12], [13, 14]]);
    assert.equal(splitLong(corpus, 2, VOCABULARY), corpus);
    assert.throws(() => corpus.sentence(2), RangeError);
    await write("texts", [3], false);
    await assert.rejects(Corpus.open(folder, VOCABULARY), {
      name: "UserError",
      message:
        `Cannot read corpus folder "${folder}": "${folder}/qa" is of pairs, "${folder}/texts" is not; keep ` +
        "them in folders of their own",
    });
    await write("qa", [1, 3, 4], true);
    await assert.rejects(Corpus.open(folder, VOCABULARY), {
      message: `Cannot read corpus "${folder}/qa_idx.npz": it is a corpus of pairs, but has 3 sentences`,
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
