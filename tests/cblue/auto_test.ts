/** Models by their familiar names: the original's logits, and aloud what the file lacks. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  AutoModelForQuestionAnswering,
  AutoModelForSequenceClassification,
  AutoModelForTokenClassification,
  AutoTokenizer,
} from "../../lib/cblue/mod.ts";
import { UserError } from "../../lib/config/mod.ts";
import { readSafetensors, type TensorData, writeSafetensors } from "../../lib/weights/mod.ts";
import { maxDifference, readFixture } from "../electra/golden.ts";
import { testInFolder } from "../folders.ts";

const fixture = await readFixture("tiny");
const golden = await readSafetensors(
  fileURLToPath(new URL("../fixtures/tiny/heads_golden.safetensors", import.meta.url)),
);

/** A folder as the original's tools save one: the recorded encoder with a recorded head. */
async function saveModel(folder: string, head: string) {
  const tensors = new Map<string, TensorData>();
  for (const [name, tensor] of fixture.state) {
    const rest = /^discriminator\.(electra\..*)$/.exec(name)?.[1];
    if (rest) tensors.set(rest, tensor);
  }
  for (const [name, tensor] of golden) {
    const prefix = `weights.${head}.`;
    if (name.startsWith(prefix)) tensors.set(name.slice(prefix.length), tensor);
  }
  await writeSafetensors(join(folder, "model.safetensors"), tensors);
  const config = { model_type: "electra", ...fixture.config.discriminator };
  await Deno.writeTextFile(join(folder, "config.json"), JSON.stringify(config));
  const words = Array.from({ length: 200 - 6 }, (_, i) => `t${i}`);
  const tokens = ["[PAD]", "[CLS]", "[SEP]", "[MASK]", "[UNK]", "热", ...words];
  await Deno.writeTextFile(join(folder, "vocab.txt"), tokens.map((token) => `${token}\n`).join(""));
}

/** The recorded rows, without their padding. */
function encodings() {
  const [ids, types, lengths] = ["input_ids", "token_type_ids", "lengths"].map((name) =>
    Array.from(golden.get(`in.${name}`)!.data as BigInt64Array, Number)
  ) as [number[], number[], number[]];
  return lengths.map((length, row) => ({
    ids: ids.slice(24 * row, 24 * row + length),
    typeIds: types.slice(24 * row, 24 * row + length),
  }));
}

const silent = { say: (line: string) => assert.fail(line) };
const MODELS = [
  [
    "seqcls",
    ["logits"],
    (path: string) =>
      AutoModelForSequenceClassification.from_pretrained(path, {
        num_classes: 3,
        activation: "gelu",
        ...silent,
      }),
  ],
  [
    "tokcls",
    ["logits"],
    (path: string) => AutoModelForTokenClassification.from_pretrained(path, { num_classes: 5, ...silent }),
  ],
  [
    "qa",
    ["start_logits", "end_logits"],
    (path: string) => AutoModelForQuestionAnswering.from_pretrained(path, silent),
  ],
] as const;
for (const [head, outputs, load] of MODELS) {
  testInFolder(`${head}: a saved folder gives the original's logits`, async (folder) => {
    await saveModel(folder, head);
    using model = await load(folder);
    const logits = model.forward(encodings());
    outputs.forEach((output, i) => {
      const theirs = golden.get(`${head}.${output}`)!;
      assert.deepEqual(logits[i]!.shape, theirs.shape);
      assert.ok(maxDifference(logits[i]!.dataSync(), theirs.data as Float32Array) <= 1e-5, output);
      logits[i]!.dispose();
    });
  });
}

testInFolder(
  "a head that the file lacks is said aloud; tokens are those of its vocabulary",
  async (folder) => {
    await saveModel(folder, "seqcls");
    const lines: string[] = [];
    const say = (line: string) => lines.push(line);
    {
      using model = await AutoModelForSequenceClassification.from_pretrained(folder, { num_classes: 7, say });
      assert.deepEqual(model.forward(encodings())[0]!.shape, [3, 7]);
      assert.deepEqual(lines, [`New in "${folder}", to be trained first: classifier.out_proj`]);
    }
    const tokenizer = await AutoTokenizer.from_pretrained(folder);
    assert.deepEqual(tokenizer.encode("热 t3").ids, [1, 5, 9, 2]);
    await assert.rejects(AutoModelForTokenClassification.from_pretrained(join(folder, "none")), UserError);
  },
);
