/** Models in other formats and back: not a bit changes, and names are those that transformers and Paddle write. */
import { strict as assert } from "node:assert";
import { join } from "node:path";
import { parse } from "yaml";
import {
  convertModel,
  describeModel,
  loadTensor,
  misfits,
  readModel,
  readSafetensorsHeader,
  readWeights,
  TARGETS,
  type TensorData,
  type Weights,
} from "../../lib/weights/mod.ts";
import { testInFolder } from "../folders.ts";

async function assertSame(found: Weights, expected: Weights) {
  assert.deepEqual([...found.keys()].sort(), [...expected.keys()].sort());
  for (const [name, tensor] of expected) {
    const [one, other]: TensorData[] = [await loadTensor(found.get(name)!), await loadTensor(tensor)];
    assert.deepEqual([one!.dtype, one!.shape], [other!.dtype, other!.shape], name);
    assert.ok((one!.data as Float32Array).every((value, i) => Object.is(value, other!.data[i])), name);
  }
}

const MODELS = ["fixtures/tiny", "fixtures/tiny_legacy", "fixtures/tiny_proj", "fixtures/weights/torch.bin"];

for (const model of MODELS.map((path) => join("tests", path))) {
  testInFolder(`${model}: through every format and back, bit for bit`, async (folder) => {
    const { tensors } = await readModel(model);
    let from = model;
    for (const to of [...TARGETS, ...TARGETS]) {
      const out = await Deno.makeTempDir({ dir: folder });
      await convertModel(from, to, out);
      await assertSame((await readModel(out)).tensors, tensors);
      from = out;
    }
  });
}

testInFolder("to transformers: its own names, shapes and bytes", async (folder) => {
  await convertModel("tests/fixtures/weights/paddle_protocol2.pdparams", "hf", folder);
  await assertSame(await readWeights(folder), await readWeights("tests/fixtures/weights/shards"));
  const { metadata } = readSafetensorsHeader(join(folder, "model.safetensors"));
  assert.deepEqual(metadata, { format: "pt" }); // without it transformers refuses
});

testInFolder("to Paddle: its own names, shapes and bytes", async (folder) => {
  await convertModel("tests/fixtures/weights/torch_legacy.bin", "paddle", folder);
  await assertSame(
    await readWeights(folder),
    await readWeights("tests/fixtures/weights/paddle_protocol4.pdparams"),
  );
});

testInFolder(
  "configuration, vocabulary and tokenizer go along; heads that transformers lacks stay",
  async (folder) => {
    const from = join(folder, "from"), out = join(folder, "out");
    await Deno.mkdir(from);
    await Deno.copyFile("tests/fixtures/tiny/model.safetensors", join(from, "model.safetensors"));
    await Deno.writeTextFile(join(from, "vocab.txt"), "[PAD]\n");
    const encoder = { vocab_size: 200, hidden_size: 32, num_attention_heads: 4 };
    const pretraining = {
      model_type: "ernie-health",
      discriminator: encoder,
      generator: { hidden_size: 16 },
      csp_dim: 128,
    };
    await Deno.writeTextFile(join(from, "config.json"), JSON.stringify(pretraining));
    const { notes, tensors } = await convertModel(from, "hf", out);
    assert.deepEqual([notes, tensors], [[], 90]);
    assert.deepEqual(JSON.parse(await Deno.readTextFile(join(out, "config.json"))), {
      ...encoder,
      model_type: "electra",
      architectures: ["ElectraForPreTraining"],
      hidden_act: "gelu",
      generator: { hidden_size: 16 },
      csp_dim: 128,
    });
    assert.equal(await Deno.readTextFile(join(out, "vocab.txt")), "[PAD]\n");
    const names = [...(await readWeights(out)).keys()];
    assert.ok(
      names.includes("discriminator_predictions.dense.weight") &&
        names.includes("discriminator_csp.dense.weight"),
    );
    await assert.rejects(
      convertModel(out, "hf", out),
      /^UserError: Cannot convert ".*" to itself; choose another --out$/,
    );
  },
);

testInFolder("a classifier with tanh is told of: transformers computes gelu", async (folder) => {
  await Deno.copyFile("tests/fixtures/weights/torch.bin", join(folder, "torch.bin"));
  await Deno.writeTextFile(join(folder, "config.json"), JSON.stringify({ head: { activation: "tanh" } }));
  const { notes } = await convertModel(folder, "hf", join(folder, "out"));
  assert.match(notes.join(), /trained with tanh/);
});

Deno.test("what a model is", async () => {
  const { format, names, parameters, bytes, dtypes, parts, uses, unknown } = await describeModel(
    "tests/fixtures/weights/bert.bin",
  );
  assert.deepEqual({ format, names, parameters, bytes, dtypes, unknown, parts }, {
    format: "torch",
    names: "huggingface",
    parameters: 2584,
    bytes: 4 * 2584,
    dtypes: { F32: 23 },
    unknown: ["bert.pooler.dense.weight"],
    parts: [{ part: "model", what: "encoder", parameters: 2584 }],
  });
  assert.ok(uses.some((use) => use.includes("starting fresh")));
  const whole = await describeModel("tests/fixtures/tiny");
  assert.equal(whole.parts.length, 6);
  assert.ok(whole.uses.some((use) => use.includes("all of its parts")));
});

Deno.test("what does not fit a model", () => {
  const tensors = new Map([["a", { shape: [2] }], ["b", { shape: [3] }]]);
  assert.deepEqual(misfits(tensors, new Map([["b", [4]], ["c", [1]]])), {
    missing: ["c"],
    unexpected: ["a"],
    misshapen: [{ name: "b", shape: [3], expected: [4] }],
  });
});

testInFolder("to transformers: a model card of what the run wrote down", async (folder) => {
  const run = join(folder, "run"), checkpoint = join(run, "checkpoint-600"), out = join(folder, "mine");
  await Deno.mkdir(join(checkpoint, "training_state"), { recursive: true });
  await Deno.copyFile("tests/fixtures/weights/torch.bin", join(checkpoint, "pytorch_model.bin"));
  const write = (path: string, value: unknown) => Deno.writeTextFile(path, JSON.stringify(value));
  const task = { name: "KUAKE-QIC", kind: "classification", labels: [{ name: "病情诊断" }] };
  await write(join(checkpoint, "config.json"), {
    hidden_size: 8,
    num_hidden_layers: 1,
    vocab_size: 30,
    task,
  });
  await write(join(checkpoint, "run.json"), {
    data_dir: "/secret/place/qic",
    seed: 7,
    learning_rate: 6e-5,
    ema_decay: 0,
  });
  const best = { step: 600, score: { metric: "accuracy", value: 0.8125 } };
  await write(join(checkpoint, "training_state/run_states.json"), {
    global_step: 600,
    progress: { best },
    data: "abc123",
  });
  const lines = [[600, 0.25], [700, 0.125]].map(([step, loss]) =>
    JSON.stringify({ kind: "training", step, loss }) + "\n"
  );
  await Deno.writeTextFile(join(run, "train.jsonl"), lines.join(""));
  await convertModel(checkpoint, "hf", out);
  const [, head, body] = (await Deno.readTextFile(join(out, "README.md"))).split(/^---$/m);
  const { "model-index": [result], ...facts } = parse(head!) as Record<string, Record<string, unknown>[]>;
  assert.deepEqual(facts, {
    language: "zh",
    library_name: "transformers",
    pipeline_tag: "text-classification",
    tags: ["medical", "electra", "ernie-health"],
  });
  assert.deepEqual(result, {
    name: "mine",
    results: [{
      task: { type: "text-classification" },
      dataset: { name: "KUAKE-QIC", type: "KUAKE-QIC", split: "dev" },
      metrics: [{ type: "accuracy", value: 0.8125 }],
    }],
  });
  for (
    const fact of [
      "| data | qic |",
      "abc123",
      "| updates | 600 |",
      "**81.25**",
      "loss 0.2500",
      "病情诊断",
      "0.00006",
      "2,907 parameters",
    ]
  ) {
    assert.ok(body!.includes(fact), fact);
  }
  assert.doesNotMatch(body!, /secret|ema_decay|0\.1250/); // whose machine it was, what was off, what came later
});
