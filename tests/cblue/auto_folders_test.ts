/** Folders of every origin under the familiar names: which head is taken, which is new, which is left out. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  AutoModelForQuestionAnswering,
  AutoModelForSequenceClassification,
  AutoModelForTokenClassification,
  AutoTokenizer,
  type PretrainedModel,
} from "../../lib/cblue/mod.ts";
import { UserError } from "../../lib/config/mod.ts";
import { readSafetensors, type TensorData, writeSafetensors } from "../../lib/weights/mod.ts";
import { type Fixture, maxDifference, readFixture, type Tensors } from "../electra/golden.ts";
import { testInFolder } from "../folders.ts";

type Variant = "tiny" | "tiny_legacy" | "tiny_proj";
const fixtureFolder = (variant: Variant) => fileURLToPath(new URL(`../fixtures/${variant}`, import.meta.url));
const goldenOf = (variant: Variant) =>
  readSafetensors(join(fixtureFolder(variant), "heads_golden.safetensors"));

/** The recorded encoder and one recorded head, under the names of a released file. */
function finetuned({ state }: Pick<Fixture, "state">, golden: Tensors, head: string): Tensors {
  const tensors = new Map<string, TensorData>(), prefix = `weights.${head}.`;
  for (const [name, tensor] of state) {
    if (name.startsWith("discriminator.electra.")) tensors.set(name.slice("discriminator.".length), tensor);
  }
  for (const [name, tensor] of golden) {
    if (name.startsWith(prefix)) tensors.set(name.slice(prefix.length), tensor);
  }
  return tensors;
}

async function save(folder: string, tensors: Tensors, config: unknown) {
  await writeSafetensors(join(folder, "model.safetensors"), tensors);
  await Deno.writeTextFile(join(folder, "config.json"), JSON.stringify(config));
}

/** The recorded rows without their padding. */
function encodings(golden: Tensors) {
  const [ids, types, lengths] = ["input_ids", "token_type_ids", "lengths"].map((name) =>
    Array.from(golden.get(`in.${name}`)!.data as BigInt64Array, Number)
  ) as [number[], number[], number[]];
  const width = ids.length / lengths.length;
  return lengths.map((length, row) => ({
    ids: ids.slice(width * row, width * row + length),
    typeIds: types.slice(width * row, width * row + length),
  }));
}

function assertLogits(model: PretrainedModel, golden: Tensors, recorded: readonly string[]) {
  const logits = model.forward(encodings(golden));
  assert.equal(logits.length, recorded.length);
  recorded.forEach((name, i) => {
    const difference = maxDifference(logits[i]!.dataSync(), golden.get(name)!.data as Float32Array);
    assert.ok(difference <= 1e-5, `${name}: off by ${difference}`);
    logits[i]!.dispose();
  });
}

/** Where what is said goes. */
function listener() {
  const lines: string[] = [];
  return { lines, say: (line: string) => void lines.push(line) };
}

const SEQUENCES = { architectures: ["ElectraForSequenceClassification"], hidden_act: "gelu" };

const saved = fileURLToPath(
  new URL("../../../shared/oracle/fixtures/tiny/seqcls_safetensors", import.meta.url),
);
Deno.test({
  name: "a folder that PaddleNLP saved gives its logits, without any option",
  ignore: !existsSync(saved),
  fn: async () => {
    const golden = await goldenOf("tiny"), { lines, say } = listener();
    using model = await AutoModelForSequenceClassification.from_pretrained(saved, { say });
    assertLogits(model, golden, ["seqcls.logits"]);
    assert.deepEqual(lines, []);
  },
});

for (const variant of ["tiny", "tiny_legacy", "tiny_proj"] as const) {
  testInFolder(`${variant}: number of classes and activation are the folder's`, async (folder) => {
    const fixture = await readFixture(variant), golden = await goldenOf(variant), { lines, say } = listener();
    const { discriminator: encoder } = fixture.config;
    await save(folder, finetuned(fixture, golden, "seqcls"), { ...encoder, ...SEQUENCES });
    {
      using model = await AutoModelForSequenceClassification.from_pretrained(folder, { say });
      assertLogits(model, golden, ["seqcls.logits"]);
    }
    const ours = { kind: "sequence-classification", classes: 3, activation: "gelu" };
    await save(folder, finetuned(fixture, golden, "seqcls"), { ...encoder, head: ours });
    {
      using model = await AutoModelForSequenceClassification.from_pretrained(folder, { say });
      assertLogits(model, golden, ["seqcls.logits"]);
    }
    await save(folder, finetuned(fixture, golden, "tokcls"), encoder); // before 2.6 nothing told the architecture
    {
      using model = await AutoModelForTokenClassification.from_pretrained(folder, { say });
      assertLogits(model, golden, ["tokcls.logits"]);
    }
    assert.deepEqual(lines, []);
  });
}

testInFolder("another head's layer of the same name and shape is not taken", async (folder) => {
  const fixture = await readFixture("tiny"), golden = await goldenOf("tiny"), { lines, say } = listener();
  const config = { ...fixture.config.discriminator, architectures: ["ElectraForQuestionAnswering"] };
  await save(folder, finetuned(fixture, golden, "qa"), config);
  {
    using model = await AutoModelForTokenClassification.from_pretrained(folder, { say });
    assert.deepEqual(model.fresh, ["classifier.weight", "classifier.bias"]);
    assert.deepEqual(lines, [
      `New in "${folder}", to be trained first: classifier`,
      `Not used of "${folder}": classifier`,
    ]);
  }
  lines.length = 0;
  using model = await AutoModelForQuestionAnswering.from_pretrained(folder, { say });
  assertLogits(model, golden, ["qa.start_logits", "qa.end_logits"]);
  assert.deepEqual(lines, []);
});

testInFolder(
  "of a pretraining folder the discriminator is taken; what is new and what is not used is said",
  async (folder) => {
    const fixture = await readFixture("tiny"), golden = await goldenOf("tiny"), { lines, say } = listener();
    await save(folder, fixture.state, fixture.config);
    using model = await AutoModelForTokenClassification.from_pretrained(folder, { num_classes: 5, say });
    assert.equal(lines[0], `New in "${folder}", to be trained first: classifier`);
    const [start, names] = lines[1]!.split(/(?<=": )/);
    assert.equal(start, `Not used of "${folder}": `);
    const unused = names!.split(", ");
    assert.ok(
      unused.includes("generator.electra") && unused.includes("discriminator.discriminator_rtd"),
      names,
    );
    assert.ok(!unused.includes("discriminator.electra") && lines.length === 2, names);

    for (const name of model.fresh) {
      model.variables.get(name)!.assign(golden.get(`weights.tokcls.${name}`)!.data as Float32Array);
    }
    assertLogits(model, golden, ["tokcls.logits"]);
  },
);

testInFolder("the tokenizer keeps capitals where its folder says so", async (folder) => {
  const tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "CT", "ct"];
  await Deno.writeTextFile(join(folder, "vocab.txt"), tokens.map((token) => `${token}\n`).join(""));
  const idsOf = async () => (await AutoTokenizer.from_pretrained(folder)).encode("CT").ids;
  assert.deepEqual(await idsOf(), [2, 6, 3]);
  const config = join(folder, "tokenizer_config.json");
  await Deno.writeTextFile(config, '{"do_lower_case": false}');
  assert.deepEqual(await idsOf(), [2, 5, 3]);
  await Deno.writeTextFile(config, '{"do_lower_case": ');
  await assert.rejects(
    idsOf(),
    (error) => error instanceof UserError && error.message.includes("tokenizer_config.json"),
  );
});
