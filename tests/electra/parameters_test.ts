/** Sizes, names and first values of the model's parameters. */
import { strict as assert } from "node:assert";
import {
  checkConfig,
  countParameters,
  createVariables,
  encode,
  hasWeightDecay,
  initialParameters,
  loadVariables,
  parameterShapes,
  presetConfig,
  stateDict,
} from "../../lib/electra/mod.ts";
import { eager } from "../../lib/tensorflow/binding.ts";
import { UserError } from "../../lib/config/mod.ts";
import { tf } from "../../lib/tensorflow/mod.ts";
import { readFixture } from "./golden.ts";

const count = (keep: (name: string) => boolean) =>
  countParameters(new Map([...parameterShapes(presetConfig("base", 22608))].filter(([name]) => keep(name))));
const words = "generator.electra.embeddings.word_embeddings.weight"; // shared: counted with the discriminator below

/** Published sizes of the original. */
const SIZES: [string, number, number][] = [
  ["whole model", count(() => true), 114_999_073],
  ["trunk", count((name) => name.startsWith("discriminator.electra.") || name === words), 102_813_696],
  ["discriminator", count((name) => name.startsWith("discriminator.") || name === words), 104_707_281],
  ["generator's own", count((name) => name.startsWith("generator.") && name !== words), 10_291_792],
];
for (const [part, ours, published] of SIZES) {
  Deno.test(`${part} of the published size has ${published} parameters`, () => assert.equal(ours, published));
}

for (const variant of ["tiny", "tiny_legacy"] as const) {
  Deno.test(`${variant}: names and shapes are those of the original's state dict, both ways`, async () => {
    const { config, state, info } = await readFixture(variant);
    const variables = loadVariables(config, state, "fixture");
    const saved = stateDict(config, variables);
    assert.deepEqual([...saved.keys()].sort(), [...state.keys()].sort());
    for (const [name, { shape, read }] of saved) {
      assert.deepEqual(shape, state.get(name)!.shape);
      assert.deepEqual(read(), state.get(name)!.data);
    }
    const spared = (info.train as unknown as { no_decay: string[] }).no_decay;
    assert.deepEqual([...variables.keys()].filter((name) => !hasWeightDecay(name)).sort(), spared.toSorted());
    for (const variable of variables.values()) variable.dispose();
  });
}

Deno.test("first values: N(0, 0.02), zeros, ones; the same for the same seed", () => {
  const config = presetConfig("tiny", 2000);
  const values = (seed: number) =>
    new Map(Array.from(initialParameters(config, seed), ([name, tensor]) => {
      const data = tensor.dataSync();
      tensor.dispose();
      return [name, data];
    }));
  const first = values(1), other = values(2);
  assert.deepEqual(first, values(1));
  const table = first.get(words) as Float32Array; // 256,000 values
  const mean = table.reduce((a, b) => a + b) / table.length;
  const deviation = Math.sqrt(table.reduce((sum, x) => sum + (x - mean) ** 2, 0) / table.length);
  assert.ok(Math.abs(mean) < 5 * 0.02 / Math.sqrt(table.length) && Math.abs(deviation / 0.02 - 1) < 0.02);
  assert.notDeepEqual(table, other.get(words));
  for (const [name, data] of first) {
    if (name.endsWith("bias")) assert.ok(data.every((x) => x === 0), name);
    else if (name.includes("norm")) assert.ok(data.every((x) => x === 1), name);
    else if (data.length > 1) assert.notEqual(data[0], data[1], name);
  }
});

Deno.test("a state dict that does not fit is refused by name", async () => {
  const { config, state } = await readFixture("tiny_legacy");
  const cases: [string, (broken: typeof state) => unknown, RegExp][] = [
    [
      "missing",
      (broken) => broken.delete("generator.generator_lm_head_bias"),
      /"w": parameter "generator.generator_lm_head_bias" is missing/,
    ],
    [
      "unexpected",
      (broken) => broken.set("classifier.weight", state.get(words)!),
      /has no parameter "classifier.weight"/,
    ],
    [
      "shape",
      (broken) => broken.set("generator.generator_lm_head_bias", state.get(words)!),
      /has shape \[200,32\], the model needs \[200\]/,
    ],
    [
      "dtype",
      (broken) =>
        broken.set("generator.generator_lm_head_bias", { shape: [200], data: new Uint16Array(200) } as never),
      /parameter "generator.generator_lm_head_bias" is not float32/,
    ],
  ];
  const handles = eager.size;
  for (const [, breakIt, message] of cases) {
    const broken = new Map(state);
    breakIt(broken);
    assert.throws(
      () => loadVariables(config, broken, "w"),
      (error) => error instanceof UserError && message.test(error.message),
    );
  }
  assert.equal(eager.size, handles);
});

const base = presetConfig("tiny", 100);
const refused: [string, Parameters<typeof checkConfig>[0], RegExp][] = [
  [
    "heads",
    { ...base, generator: { ...base.generator, num_attention_heads: 3 } },
    /hidden_size 64 is not a multiple of num_attention_heads 3/,
  ],
  [
    "vocabulary",
    { ...base, generator: { ...base.generator, vocab_size: 99 } },
    /vocab_size differs, 99 and 100/,
  ],
  [
    "shared embeddings",
    { ...base, generator: { ...base.generator, embedding_size: 16 } },
    /embedding_size differs, 16 and 128/,
  ],
  ["selection head", {
    ...base,
    shared_word_embeddings: false,
    discriminator: { ...base.discriminator, embedding_size: 16 },
  }, /must equal its hidden_size 128/],
];
for (const [what, config, message] of refused) {
  Deno.test(`a configuration whose ${what} do not fit is refused with both numbers`, () =>
    assert.throws(() => checkConfig(config), message));
}

Deno.test("padding changes nothing: a row alone equals the same row padded", () => {
  const config = presetConfig("tiny", 50);
  const variables = createVariables(config, 3);
  tf.tidy(() => {
    const p = (name: string) =>
      variables.get(name.startsWith("embeddings.word") ? words : `discriminator.electra.${name}`)!.read();
    const row = (...ids: number[]) => ({
      ids: tf.tensor1d(ids, "int32"),
      groups: [{ rows: 1, width: ids.length }],
    });
    const short = encode(p, config.discriminator, row(2, 7, 8, 3));
    const padded = encode(p, config.discriminator, row(2, 7, 8, 3, 0, 0, 0));
    const difference = tf.max(tf.abs(tf.sub(short, tf.slice(padded, [0, 0], [4, 128])))).dataSync()[0];
    assert.ok(difference < 1e-6, `${difference}`);
    assert.throws(
      () => encode(p, config.discriminator, row(...new Array(513).fill(1))),
      /513 tokens: the model has 512/,
    );
  });
  for (const variable of variables.values()) variable.dispose();
});
