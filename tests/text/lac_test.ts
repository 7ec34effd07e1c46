import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { UserError } from "../../lib/config/mod.ts";
import { compileKernel } from "../../lib/text/lac/assembly/build.ts";
import { LacFrontEnd } from "../../lib/text/lac/front_end.ts";
import { readLodTensor } from "../../lib/text/lac/lod_tensor.ts";
import { findLacModels, type GruWeights, type LacWeights, readLacModel } from "../../lib/text/lac/model.ts";
import { LacNetwork, MAX_TOKENS } from "../../lib/text/lac/network.ts";
import { RowCache } from "../../lib/text/lac/row_cache.ts";
import { LacSegmenter } from "../../lib/text/lac/segmenter.ts";
import { createSegmenter } from "../../lib/text/mod.ts";
import { testInFolder } from "../folders.ts";

const ORACLE = `${import.meta.dirname}/../../../shared/oracle/segment/golden.jsonl`;
const KERNEL = new URL("../../lib/text/lac/kernel.wasm", import.meta.url);

Deno.test("the kernel is what its source compiles to", async () => {
  assert.deepEqual(await compileKernel(), await Deno.readFile(KERNEL));
});

Deno.test("the network computes what plain loops compute", async () => {
  for (const sizes of [{ V: 50, D: 10, H: 16, L: 5 }, { V: 30, D: 2, H: 8, L: 17 }]) {
    const weights = randomWeights(sizes);
    const network = await LacNetwork.create(weights);
    // More than a batch, of every length, with none and with one that needs more room than the start has.
    const sentences = [0, ...Array.from({ length: 40 }, (_, i) => i + 1), 1500].map((length) => {
      return Int32Array.from({ length }, () => random() * sizes.V);
    });
    const emissions = network.emissions(sentences);
    const labels = network.label(sentences);
    for (const [index, sentence] of sentences.entries()) {
      const expected = plainEmissions(weights, sentence);
      assert.equal(emissions[index]!.length, expected.length);
      const difference = Math.max(0, ...expected.map((value, i) => Math.abs(value - emissions[index]![i]!)));
      assert(difference < 2e-6, `sentence ${index} of ${JSON.stringify(sizes)}: ${difference}`);
      assert.deepEqual([...labels[index]!], plainViterbi(weights, expected), `sentence ${index}`);
    }
  }
});

Deno.test("of equal paths the one with the first labels is taken", async () => {
  const zeros = randomWeights({ V: 4, D: 2, H: 8, L: 3 }, 0);
  const network = await LacNetwork.create(zeros);
  assert.deepEqual(network.label([new Int32Array(5)]), [new Uint8Array(5)]);
});

Deno.test("a sentence gives the same bits alone and among others", async () => {
  const network = await LacNetwork.create(randomWeights({ V: 200, D: 16, H: 24, L: 9 }));
  const sentences = Array.from({ length: 101 }, (_, i) => {
    return Int32Array.from({ length: 1 + i * 37 % 61 }, () => random() * 200);
  });
  const together = network.emissions(sentences);
  for (const [index, sentence] of sentences.entries()) {
    assert.deepEqual(network.emissions([sentence]), [together[index]]);
  }
  assert.deepEqual(network.emissions(sentences.toReversed()), together.toReversed());
  assert.throws(
    () => network.label([new Int32Array(MAX_TOKENS + 1)]),
    new RangeError("Cannot label 16385 tokens: a sentence has 16384 at most"),
  );
});

Deno.test("a full table of rows starts again", () => {
  const cache = new RowCache(10, 4);
  const add = (...ids: number[]) => {
    const { rows, added, firstAdded } = cache.add(Int32Array.from(ids));
    return [[...rows], added, firstAdded];
  };
  assert.deepEqual(add(7, 3, 7), [[0, 1, 0], [7, 3], 0]);
  assert.deepEqual(add(3, 9), [[1, 2], [9], 2]);
  assert.deepEqual(add(7, 3), [[0, 1], [], 3]);
  assert.deepEqual(add(0, 1), [[0, 1], [0, 1], 0]); // five would not fit
  assert.deepEqual(add(2, 3, 4, 5), [[0, 1, 2, 3], [2, 3, 4, 5], 0]);
});

Deno.test({
  name: "sentences become the tokens that Python's LAC makes of them",
  ignore: !existsSync(ORACLE),
  fn: async () => {
    const rows = (await Deno.readTextFile(ORACLE)).trimEnd().split("\n").map((line) => JSON.parse(line));
    const golden = rows.filter(({ lac_ids }) => lac_ids !== undefined);
    assert(golden.length >= 100);
    for (const kind of ["lac", "seg"] as const) {
      const frontEnd = new LacFrontEnd((await readLacModel(kind, findLacModels())).dictionaries);
      for (const row of golden) {
        const { ids, ends } = frontEnd.encode(row.text);
        assert.deepEqual([...ids], row[`${kind}_ids`], row.text);
        const lengths = [...ends].map((end, i) => [...row.text.slice(ends[i - 1] ?? 0, end)].length);
        assert.deepEqual(
          lengths,
          kind === "lac" ? row.lac_lens : lengths.map(() => 1),
        );
      }
    }
  },
});

Deno.test("a line of any length is cut, and those after it as before", async () => {
  const seg = await createSegmenter("seg");
  const sentences = ["患者发热三天伴咳嗽。", "既往有高血压病史，", "口服阿司匹林100mg"];
  const before = await seg.cut(sentences);
  const words = (await seg.cut([sentences.slice(0, 2).join("").repeat(3000)]))[0]!; // 57,000 characters
  assert.equal(words.join(""), sentences.slice(0, 2).join("").repeat(3000));
  assert.deepEqual(words.slice(1, 5), before.slice(0, 2).flat().slice(1, 5));
  const longest = "，发热".repeat(MAX_TOKENS).slice(0, MAX_TOKENS);
  assert.equal((await seg.cut([longest, "发热"]))[0]!.join(""), longest);
  assert.deepEqual(await seg.cut(sentences), before);
});

testInFolder("a damaged model is refused", async (folder) => {
  const source = `${findLacModels()}/seg_model`;
  const model = `${folder}/seg_model`;
  for (const part of ["conf", "model"]) {
    await Deno.mkdir(`${model}/${part}`, { recursive: true });
    for (const { name } of Deno.readDirSync(`${source}/${part}`)) {
      await Deno.copyFile(`${source}/${part}/${name}`, `${model}/${part}/${name}`);
    }
  }
  await LacSegmenter.load("seg", folder);

  const file = `${model}/model/gru_2.w_0`;
  const bytes = await Deno.readFile(file);
  await Deno.writeFile(file, bytes.with(5000, bytes[5000]! ^ 1));
  const mismatch = new UserError(
    `Cannot use LAC's model in "${model}": its files are not those of LAC 2.1.2 (their sha256 differs); ` +
      "run `deno task setup --only lac --force`",
  );
  await assert.rejects(LacSegmenter.load("seg", folder), mismatch);
  await Deno.writeFile(file, bytes.subarray(1));
  await assert.rejects(LacSegmenter.load("seg", folder), mismatch);
  await Deno.remove(file);
  await assert.rejects(LacSegmenter.load("seg", folder), (error) => {
    assert(error instanceof UserError);
    assert(error.message.startsWith(`Cannot read LAC's model "${file}": `), error.message);
    return true;
  });
});

testInFolder("a folder without the models is refused by name", async (folder) => {
  const before = Deno.env.get("ERNIE_HEALTH_LAC");
  Deno.env.set("ERNIE_HEALTH_LAC", folder);
  try {
    await assert.rejects(
      createSegmenter("lac"),
      new UserError(
        `Cannot use ERNIE_HEALTH_LAC="${folder}": no lac_model and seg_model in it; name a folder that holds them, ` +
          "or unset it and run `deno task setup --only lac`",
      ),
    );
  } finally {
    if (before === undefined) Deno.env.delete("ERNIE_HEALTH_LAC");
    else Deno.env.set("ERNIE_HEALTH_LAC", before);
  }
});

Deno.test("files that are no float32 parameter are refused", () => {
  const header = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
  const good = [...header, 6, 0, 0, 0, 8, 5, 16, 1, 16, 2, ...[0, 0, 0x80, 0x3f], ...[0, 0, 0, 0xc0]];
  assert.deepEqual(readLodTensor(Uint8Array.from(good)), { shape: [1, 2], values: Float32Array.of(1, -2) });
  const packed = [...header, 6, 0, 0, 0, 8, 5, 18, 2, 1, 2, ...[0, 0, 0x80, 0x3f], ...[0, 0, 0, 0xc0]];
  assert.deepEqual(readLodTensor(Uint8Array.from(packed)), { shape: [1, 2], values: Float32Array.of(1, -2) });
  const cases = [
    [[0, 1], "it is not a LoDTensor of version 0"],
    [[4, 1], "it holds sequences, not a parameter"],
    [[12, 1], "its tensor is not of version 0"],
    [[21, 6], "it is of data type 6, not float32"],
    [[25, 3], "its values take 8 bytes, not the 12 of shape [1,3]"],
    [[24, 24], "its description has an unknown field 3"],
    [[25, 255], "its description is cut short"],
  ] as const;
  for (const [[at, byte], message] of cases) {
    assert.throws(() => readLodTensor(Uint8Array.from(good).with(at, byte)), new RangeError(message));
  }
});

let state = 1;

/** Numbers from 0 to 1, the same in every run (mulberry32). */
function random(): number {
  state = state + 0x6d2b79f5 | 0;
  let t = Math.imul(state ^ state >>> 15, 1 | state);
  t = t + Math.imul(t ^ t >>> 7, 61 | t) ^ t;
  return ((t ^ t >>> 14) >>> 0) / 2 ** 32;
}

function randomWeights({ V, D, H, L }: Record<"V" | "D" | "H" | "L", number>, scale = 1): LacWeights {
  const uniform = (length: number) => Float32Array.from({ length }, () => (random() - 0.5) * scale);
  const direction = (inputs: number) => ({
    input: uniform(inputs * 3 * H),
    bias: uniform(3 * H),
    gates: uniform(H * 2 * H),
    candidate: uniform(H * H),
  });
  return {
    embeddingSize: D,
    hiddenSize: H,
    labelCount: L,
    embedding: uniform(V * D),
    layers: [D, 2 * H].map((inputs) => ({ forward: direction(inputs), backward: direction(inputs) })),
    output: uniform(2 * H * L),
    outputBias: uniform(L),
    starts: uniform(L),
    stops: uniform(L),
    transitions: uniform(L * L),
  };
}

/** x W, row vector times matrix. */
function times(x: number[], matrix: Float32Array): number[] {
  const columns = matrix.length / x.length;
  return Array.from(
    { length: columns },
    (_, c) => x.reduce((sum, v, r) => sum + v * matrix[r * columns + c]!, 0),
  );
}

/** The network by the book, in double precision: (T, L). */
function plainEmissions(weights: LacWeights, ids: Int32Array): number[] {
  const { embedding, embeddingSize: D, hiddenSize: H } = weights;
  const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
  const run = (rows: number[][], { input, bias, gates, candidate }: GruWeights) => {
    let h: number[] = Array(H).fill(0);
    return rows.map((row) => {
      const x = times(row, input).map((value, i) => value + bias[i]!);
      const recurrent = times(h, gates);
      const u = h.map((_, i) => sigmoid(x[i]! + recurrent[i]!));
      const r = h.map((_, i) => sigmoid(x[H + i]! + recurrent[H + i]!));
      const reset = times(h.map((value, i) => value * r[i]!), candidate);
      h = h.map((value, i) => (1 - u[i]!) * value + u[i]! * Math.tanh(x[2 * H + i]! + reset[i]!));
      return h;
    });
  };
  let rows = [...ids].map((id) => [...embedding.subarray(id * D, (id + 1) * D)]);
  for (const { forward, backward } of weights.layers) {
    const there = run(rows, forward);
    const back = run(rows.toReversed(), backward).reverse();
    rows = there.map((row, t) => [...row, ...back[t]!]);
  }
  return rows.flatMap((row) => times(row, weights.output).map((value, i) => value + weights.outputBias[i]!));
}

function plainViterbi(
  { labelCount: L, starts, stops, transitions }: LacWeights,
  emissions: number[],
): number[] {
  let paths = Array.from({ length: L }, (_, label) => ({ sum: starts[label]!, labels: [] as number[] }));
  for (let t = 0; t * L < emissions.length; t++) {
    paths = paths.map((_, to) => {
      const from = paths.map(({ sum }, label) =>
        t === 0 ? (label === to ? sum : -Infinity) : sum + transitions[label * L + to]!
      );
      const best = from.indexOf(Math.max(...from));
      return { sum: from[best]! + emissions[t * L + to]!, labels: [...paths[best]!.labels, to] };
    });
  }
  const ends = paths.map(({ sum }, label) => sum + stops[label]!);
  return paths[ends.indexOf(Math.max(...ends))]!.labels;
}
