/** Looking into a model: attention and verdicts are those of the model itself. */
import assert from "node:assert/strict";
import { PretrainingModel } from "../../lib/notebook/mod.ts";
import { encode, lookup, presetConfig, under } from "../../lib/electra/mod.ts";
import { tf } from "../../lib/tensorflow/mod.ts";
import { Vocabulary } from "../../lib/text/mod.ts";

const vocabulary = await Vocabulary.read("tests/fixtures/text/vocab.txt");
const config = presetConfig("tiny", vocabulary.size);
const TEXT = vocabulary.tokens.filter((token) => /^\p{Script=Han}$/u.test(token)).slice(0, 12).join("");

Deno.test("attention maps carry values to what the encoder makes of them", async () => {
  using model = PretrainingModel.untrained(config, vocabulary, 7);
  for (const variable of model.variables.values()) { // such that attention is not all alike
    tf.tidy(() => variable.assign(tf.mul(variable.read(), 8)));
  }
  const before = tf.memory().numTensors;
  const maps = await model.attention(TEXT);
  assert.equal(tf.memory().numTensors, before);
  const N = 14, { hidden_size: H, num_attention_heads: A, layer_norm_eps: eps } = config.discriminator;
  assert.deepEqual([maps.tokens.length, maps.weights.length, maps.weights[0]!.length], [N, 2, A]);

  // the first layer once more, from the maps: attention, its residue, the feed-forward layer, its residue
  const difference = tf.tidy(() => {
    const all = lookup(
      config,
      model.variables,
      [...model.variables.values()].map((variable) => variable.read()),
    );
    const p = under(all, "discriminator.electra.");
    const sizes = config.discriminator;
    const ids = tf.tensor1d([...model.tokenizer.encode(TEXT).ids], "int32");
    const inputs = { ids, groups: [{ rows: 1, width: N }] };
    const x = encode(p, { ...sizes, num_hidden_layers: 0 }, inputs);
    const expected = encode(p, { ...sizes, num_hidden_layers: 1 }, inputs);
    const l = under(p, "encoder.layers.0.");
    const linear = (x: tf.Tensor, name: string) =>
      tf.add(tf.matMul(x, l(`${name}.weight`)), l(`${name}.bias`));
    const norm = (x: tf.Tensor, name: string) => {
      const { mean, variance } = tf.moments(x, -1, true);
      return tf.add(
        tf.mul(tf.div(tf.sub(x, mean), tf.sqrt(tf.add(variance, eps))), l(`${name}.weight`)),
        l(`${name}.bias`),
      );
    };
    const values = tf.transpose(tf.reshape(linear(x, "self_attn.v_proj"), [N, A, H / A]), [1, 0, 2]);
    const context = tf.matMul(tf.tensor3d(maps.weights[0] as number[][][]), values); // (A, N, D)
    const joined = tf.reshape(tf.transpose(context, [1, 0, 2]), [N, H]);
    const attended = norm(tf.add(x, linear(joined, "self_attn.out_proj")), "norm1");
    const inner = linear(attended, "linear1");
    const active = tf.mul(tf.mul(inner, 0.5), tf.add(1, tf.erf(tf.mul(inner, Math.SQRT1_2))));
    const made = norm(tf.add(attended, linear(active, "linear2")), "norm2");
    return tf.max(tf.abs(tf.sub(made, expected))).dataSync()[0]!;
  });
  assert.ok(difference < 1e-4, `${difference}`);
  assert.match(String(maps.figure(1)), /layer 2, mean of heads/);
  assert.throws(() => maps.figure(2), /^RangeError: Cannot draw layer 2/);
});

Deno.test("an examined sentence: the words masked as asked, the same for the same seed, nothing left behind", async () => {
  using model = PretrainingModel.untrained(config, vocabulary, 7);
  const whole = {
    name: "whole",
    cut: (texts: readonly string[]) => Promise.resolve(texts.map((text) => [text])),
  };
  const before = tf.memory().numTensors;
  const tokens = await model.examine(TEXT, { seed: 3, mlmProb: 0.5, segmenter: whole });
  assert.equal(tf.memory().numTensors, before);
  assert.equal(tokens.map(({ token }) => token).join(""), TEXT);
  assert.ok(tokens.every(({ seen, proposals }) => seen !== undefined && proposals!.length === 3)); // one word: all of it
  for (const { proposals } of tokens) {
    const [first, second, third] = proposals!.map(({ probability }) => probability);
    assert.ok(1 > first! && first! >= second! && second! >= third! && third! > 0);
  }
  assert.ok(tokens.every(({ suspicion }) => suspicion > 0 && suspicion < 1));
  assert.deepEqual(await model.examine(TEXT, { seed: 3, mlmProb: 0.5, segmenter: whole }), tokens);

  const few = await model.examine(TEXT, { mlmProb: 0.01 }); // at least one, however unlikely
  assert.ok(few.some(({ seen }) => seen !== undefined));
  assert.ok(few.every(({ token, seen, shown }) => seen !== undefined || shown === token));
  await assert.rejects(model.examine(""), /^RangeError: Cannot look at "": it has no tokens$/);
});
